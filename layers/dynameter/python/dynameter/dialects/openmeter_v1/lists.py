"""Lists in pages as OpenMeter v1 has them: ``page``, ``pageSize``, ``totalCount``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.parameters import read_whole
from dynameter.http.message import Request, Response, json_response

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000
MAX_PAGE = 1_000_000

T = TypeVar("T")


def read_page(request: Request) -> tuple[int, int]:
    """The page's number, from 1, and its size."""
    page = read_whole(request, "page", 1, 1, MAX_PAGE)
    return page, read_whole(request, "pageSize", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE)


def page_response(page: tuple[int, int], found: Sequence[T], render: Callable[[T], Any]) -> Response:
    """200 with that page of what was found, and how much there is."""
    number, size = page
    items = [render(one) for one in found[(number - 1) * size : number * size]]
    body = {"totalCount": len(found), "page": number, "pageSize": size, "items": items}
    return refuse_large(json_response(200, body), "ask for a smaller page")
