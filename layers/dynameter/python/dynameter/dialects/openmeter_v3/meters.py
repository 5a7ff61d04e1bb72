"""Meters as OpenMeter v3 and Kong Konnect have them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dynameter.clock import render
from dynameter.dialects.bodies import Instant, read_body, renamed_fields
from dynameter.dialects.openmeter_v1 import problems as v1_problems
from dynameter.dialects.openmeter_v3 import problems
from dynameter.dialects.openmeter_v3.filters import read_filters
from dynameter.dialects.openmeter_v3.labels import read_labels
from dynameter.dialects.openmeter_v3.lists import page_response, read_page, read_sort
from dynameter.dialects.openmeter_v3.texts import Dimensions, Labels
from dynameter.dialects.texts import Description, Name, Slug
from dynameter.errors import AlreadyExists, DynameterError, NotFound, VersionConflict
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Aggregation, Meter, MeterChange, MeterDraft
from dynameter.meters.rules import is_id
from dynameter.meters.service import MeterOrder, MeterService

_NO_ENTITY = "entity_not_found"
_NAMES = {"slug": "key", "group_by": "dimensions", "metadata": "labels"}
_ORDERS = {one.value: one for one in MeterOrder}


class UpdateMeterRequest(BaseModel):
    """The body of an update; keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Name
    description: Description | None = None
    labels: Labels | None = None
    dimensions: Dimensions | None = None


class CreateMeterRequest(UpdateMeterRequest):
    """The body of a creation."""

    key: Slug
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
        metadata=read_labels(body.labels, "invalid meter"),
    )
    with renamed_fields("invalid meter", _NAMES):
        meter = meters.create(request.principal.workspace, draft)
    return json_response(201, render_meter(meter))


def list_meters(request: Request, meters: MeterService) -> Response:
    """GET meters: a page of the live ones that pass the filters, and how many there are."""
    page = read_page(request)
    order_by, descending = read_sort(request, _ORDERS, MeterOrder.CREATED_AT)
    filters = read_filters(request, ("key", "name"))
    found = [
        meter
        for meter in meters.list(request.principal.workspace, order_by=order_by, descending=descending)
        if all(one.admits({"key": meter.slug, "name": meter.name}) for one in filters)
    ]
    return page_response(page, found, render_meter)


def get_meter(request: Request, meters: MeterService) -> Response:
    """GET a meter, deleted ones too."""
    return json_response(200, render_meter(meters.find(request.principal.workspace, meter_id(request))))


def update_meter(request: Request, meters: MeterService) -> Response:
    """PUT a meter; labels and dimensions that are missing are dropped, a missing description stays."""
    identity = meter_id(request)
    body = read_body(request, UpdateMeterRequest)
    change = MeterChange(body.name, body.description, read_labels(body.labels, "invalid meter"), body.dimensions or {})
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
    return read_id(request, "meterId")


def read_id(request: Request, name: str) -> str:
    """The id in a path parameter, in its own spelling. Raises NotFound where the text is no ULID."""
    text = request.path.get(name, "")
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
