"""Meters as OpenMeter v3 and Kong Konnect have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dynameter.clock import render
from dynameter.dialects.bodies import Instant, read_body, refuse, renamed_fields
from dynameter.dialects.openmeter_v1 import problems as v1_problems
from dynameter.dialects.openmeter_v3 import problems
from dynameter.dialects.openmeter_v3.filters import read_filters
from dynameter.dialects.parameters import read_whole, refuse_parameter
from dynameter.errors import AlreadyExists, DynameterError, FieldError, NotFound, VersionConflict
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Aggregation, Meter, MeterChange, MeterDraft
from dynameter.meters.rules import is_id
from dynameter.meters.service import MeterOrder, MeterService

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_PAGE = 1_000_000
MAX_LABELS = 50
MAX_LABEL_CHARACTERS = 63
RESERVED_LABEL_PREFIXES = ("_", "kong", "konnect", "insomnia", "mesh", "kic", "kuma", "openmeter")

_LABEL_PATTERN = "^[a-z0-9A-Z]{1}([a-z0-9A-Z-._]*[a-z0-9A-Z]+)?$"
_LABEL = re.compile(r"[a-z0-9A-Z](?:[a-z0-9A-Z\-._]*[a-z0-9A-Z])?")
_NO_ENTITY = "entity_not_found"
_NAMES = {"slug": "key", "group_by": "dimensions", "metadata": "labels"}
_ORDERS = {one.value: one for one in MeterOrder}
_DIRECTIONS = {"": False, "asc": False, "desc": True}


class UpdateMeterRequest(BaseModel):
    """The body of an update; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: str
    description: str | None = None
    labels: dict[str, str] | None = None
    dimensions: dict[str, str] | None = None


class CreateMeterRequest(UpdateMeterRequest):
    """The body of a creation."""

    key: str
    aggregation: Literal["sum", "count", "unique_count", "avg", "min", "max", "latest"]
    event_type: str
    events_from: Instant | None = None
    value_property: str | None = None


def create_meter(request: Request, meters: MeterService) -> Response:
    """POST meters: 201."""
    body = read_body(request, CreateMeterRequest)
    draft = MeterDraft(
        slug=body.key,
        event_type=body.event_type,
        aggregation=Aggregation(body.aggregation.upper()),
        name=body.name,
        description=body.description,
        value_property=body.value_property,
        group_by=body.dimensions or {},
        event_from_us=body.events_from,
        metadata=_read_labels(body.labels),
    )
    with renamed_fields("invalid meter", _NAMES):
        meter = meters.create(request.principal.workspace, draft)
    return json_response(201, render_meter(meter))


def list_meters(request: Request, meters: MeterService) -> Response:
    """GET meters: a page of the live ones that pass the filters, and how many there are."""
    size = read_whole(request, "page[size]", DEFAULT_PAGE_SIZE, 1, MAX_PAGE_SIZE)
    number = read_whole(request, "page[number]", 1, 1, MAX_PAGE)
    order_by, descending = _read_sort(request)
    filters = read_filters(request, ("key", "name"))
    found = [
        meter
        for meter in meters.list(request.principal.workspace, order_by=order_by, descending=descending)
        if all(one.admits({"key": meter.slug, "name": meter.name}) for one in filters)
    ]
    data = [render_meter(meter) for meter in found[(number - 1) * size : number * size]]
    return json_response(200, {"data": data, "meta": {"page": {"size": size, "number": number, "total": len(found)}}})


def get_meter(request: Request, meters: MeterService) -> Response:
    """GET a meter, deleted ones too."""
    return json_response(200, render_meter(meters.find(request.principal.workspace, meter_id(request))))


def update_meter(request: Request, meters: MeterService) -> Response:
    """PUT a meter; labels and dimensions that are missing are dropped, a missing description stays."""
    identity = meter_id(request)
    body = read_body(request, UpdateMeterRequest)
    change = MeterChange(body.name, body.description, _read_labels(body.labels), body.dimensions or {})
    with renamed_fields("invalid meter", _NAMES):
        meter = meters.update(request.principal.workspace, identity, change)
    return json_response(200, render_meter(meter))


def delete_meter(request: Request, meters: MeterService) -> Response:
    """DELETE a meter: 204, however often."""
    meters.delete(request.principal.workspace, meter_id(request))
    return Response(204)


def problem(error: DynameterError, request_id: str) -> Response:
    """v3's problem, but 404 and 409 of meters come in v1's shape, as OpenMeter's v3 has them."""
    of_domain = isinstance(error, NotFound | AlreadyExists | VersionConflict) and error.code != _NO_ENTITY
    return v1_problems.problem(error, request_id) if of_domain else problems.problem(error, request_id)


def meter_id(request: Request) -> str:
    """The path's meter id in its own spelling. Raises NotFound where the text is no ULID: v3 knows no slugs there."""
    text = request.path.get("meterId", "")
    if not is_id(text):
        raise NotFound("The requested entity was not found", code=_NO_ENTITY)
    # In upper case it can be taken for an id alone, never for a slug of 26 characters.
    return text.upper()


def render_meter(meter: Meter) -> dict[str, Any]:
    """The meter as v3 shows it: labels are always an object, other unset fields are left out."""
    fields = {
        "id": meter.id,
        "name": meter.name,
        "description": meter.description,
        "labels": dict(meter.metadata),
        "created_at": render(meter.created_at_us),
        "updated_at": render(meter.updated_at_us),
        "deleted_at": None if meter.deleted_at_us is None else render(meter.deleted_at_us),
        "key": meter.slug,
        "aggregation": meter.aggregation.value.lower(),
        "event_type": meter.event_type,
        "events_from": None if meter.event_from_us is None else render(meter.event_from_us),
        "value_property": meter.value_property,
        "dimensions": dict(meter.group_by) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _read_sort(request: Request) -> tuple[MeterOrder, bool]:
    given = request.query_values("sort")
    if not given:
        return MeterOrder.CREATED_AT, False
    field, _, direction = given[-1].strip().partition(" ")
    if field not in _ORDERS or direction.strip() not in _DIRECTIONS:
        message = f"must be one of {', '.join(_ORDERS)}, with asc or desc after it or neither"
        raise refuse_parameter("sort", "enum", message, given[-1], tuple(_ORDERS))
    return _ORDERS[field], _DIRECTIONS[direction.strip()]


def _read_labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    errors = tuple(_check_labels(labels or {}))
    if errors:
        raise refuse("invalid meter", errors)
    return dict(labels or {})


def _check_labels(labels: Mapping[str, str]) -> Iterator[FieldError]:
    if len(labels) > MAX_LABELS:
        yield FieldError(("body", "labels"), "max_items", f"must have at most {MAX_LABELS} entries")
        return
    for key, value in labels.items():
        place = ("body", "labels", key[:MAX_LABEL_CHARACTERS])
        for what, text in (("key", key), ("value", value)):
            if len(text) > MAX_LABEL_CHARACTERS or not _LABEL.fullmatch(text):
                message = f"{what} must have 1 to {MAX_LABEL_CHARACTERS} characters and match {_LABEL_PATTERN}"
                yield FieldError(place, "pattern", message)
        if key.startswith(RESERVED_LABEL_PREFIXES):
            message = f"key must not start with {', '.join(RESERVED_LABEL_PREFIXES)}"
            yield FieldError(place, "reserved", message)
