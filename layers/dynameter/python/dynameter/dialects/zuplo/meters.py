"""Meters as Zuplo has them: OpenMeter v1's bodies under a bucket, with lists in pages."""

from __future__ import annotations

from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.openmeter_v1.meters import (
    create_meter,
    delete_meter,
    get_meter,
    read_list,
    render_meter,
    update_meter,
)
from dynameter.dialects.parameters import read_whole
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.service import MeterService

__all__ = ["create_meter", "delete_meter", "get_meter", "list_meters", "update_meter"]

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
MAX_PAGE = 1_000_000


def list_meters(request: Request, meters: MeterService) -> Response:
    """GET meters: the page's meters as a bare array; a page past the end is empty."""
    page = read_whole(request, "page", 1, 1, MAX_PAGE)
    size = read_whole(request, "pageSize", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE)
    found = read_list(request, meters)
    shown = [render_meter(one) for one in found[(page - 1) * size : page * size]]
    return refuse_large(json_response(200, shown), "ask for a smaller pageSize")
