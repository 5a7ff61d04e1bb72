"""Meters as OpenMeter v1 has them; Zuplo has the same bodies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import Instant, read_body, renamed_fields
from dynameter.dialects.parameters import read_choice, read_flag
from dynameter.errors import FieldError, InvalidInput
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.meter import Aggregation, Meter, MeterChange, MeterDraft
from dynameter.meters.rules import is_id, is_slug
from dynameter.meters.service import MeterOrder, MeterService

MAX_LISTED = 1_000
"""Meters that one list answers, as OpenMeter does whatever page is asked for."""

_NAMES = {"event_type": "eventType", "value_property": "valueProperty", "group_by": "groupBy"}
_ORDERS = {
    "key": MeterOrder.KEY,
    "name": MeterOrder.NAME,
    "aggregation": MeterOrder.AGGREGATION,
    "createdAt": MeterOrder.CREATED_AT,
    "updatedAt": MeterOrder.UPDATED_AT,
}


class MeterUpdate(BaseModel):
    """The body of an update; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None
    group_by: dict[str, str] | None = Field(default=None, alias="groupBy")


class MeterCreate(MeterUpdate):
    """The body of a creation."""

    slug: str
    aggregation: Literal["SUM", "COUNT", "UNIQUE_COUNT", "AVG", "MIN", "MAX", "LATEST"]
    event_type: str = Field(alias="eventType")
    event_from: Instant | None = Field(default=None, alias="eventFrom")
    value_property: str | None = Field(default=None, alias="valueProperty")


def create_meter(request: Request, meters: MeterService) -> Response:
    """POST meters: 201, which the Python SDK insists on."""
    body = read_body(request, MeterCreate)
    draft = MeterDraft(
        slug=body.slug,
        event_type=body.event_type,
        aggregation=Aggregation(body.aggregation),
        name=body.name,
        description=body.description,
        value_property=body.value_property,
        group_by=body.group_by or {},
        event_from_us=body.event_from,
        metadata=body.metadata or {},
    )
    with renamed_fields("invalid meter", _NAMES):
        meter = meters.create(request.principal.workspace, draft)
    return json_response(201, render_meter(meter))


def list_meters(request: Request, meters: MeterService) -> Response:
    """GET meters: a bare array; OpenMeter ignores ``page`` and ``pageSize`` and so does this."""
    found = [render_meter(one) for one in read_list(request, meters)[:MAX_LISTED]]
    return refuse_large(json_response(200, found), "v3 lists meters in pages")


def get_meter(request: Request, meters: MeterService) -> Response:
    """GET a meter by slug (live ones) or id (deleted ones too)."""
    return json_response(200, render_meter(meters.find(request.principal.workspace, meter_reference(request))))


def update_meter(request: Request, meters: MeterService) -> Response:
    """PUT a meter. What is missing is reset (name, metadata, groupBy), but for the description."""
    reference = meter_reference(request)
    body = read_body(request, MeterUpdate)
    change = MeterChange(body.name, body.description, body.metadata or {}, body.group_by or {})
    with renamed_fields("invalid meter", _NAMES):
        meter = meters.update(request.principal.workspace, reference, change)
    return json_response(200, render_meter(meter))


def delete_meter(request: Request, meters: MeterService) -> Response:
    """DELETE a meter: 204; again by slug 404, again by id 204."""
    meters.delete(request.principal.workspace, meter_reference(request))
    return Response(204)


def read_list(request: Request, meters: MeterService) -> tuple[Meter, ...]:
    """The meters that a list asks for by ``order``, ``orderBy`` and ``includeDeleted``."""
    order = read_choice(request, "order", ("ASC", "DESC"), "ASC")
    order_by = read_choice(request, "orderBy", tuple(_ORDERS), "key")
    return meters.list(
        request.principal.workspace,
        include_deleted=read_flag(request, "includeDeleted"),
        order_by=_ORDERS[order_by],
        descending=order == "DESC",
    )


def meter_reference(request: Request) -> str:
    """The path's slug or id. Raises InvalidInput where the text can be neither."""
    text = request.path.get("meterIdOrSlug", "")
    if is_slug(text) or is_id(text):
        return text
    message = "must be a meter's slug or ULID"
    field = FieldError(("path", "meterIdOrSlug"), "pattern", message, text[:64])
    raise InvalidInput(f"invalid path parameter meterIdOrSlug: {message}", fields=(field,))


def render_meter(meter: Meter) -> dict[str, Any]:
    """The meter as v1 shows it: unset metadata and annotations are null, other unset fields are left out."""
    optional = {
        "deletedAt": None if meter.deleted_at_us is None else render(meter.deleted_at_us),
        "description": meter.description,
        "eventFrom": None if meter.event_from_us is None else render(meter.event_from_us),
        "valueProperty": meter.value_property,
        "groupBy": dict(meter.group_by) or None,
    }
    shown = {
        "id": meter.id,
        "createdAt": render(meter.created_at_us),
        "updatedAt": render(meter.updated_at_us),
        "slug": meter.slug,
        "name": meter.name,
        "metadata": dict(meter.metadata) or None,
        "annotations": None,
        "aggregation": meter.aggregation.value,
        "eventType": meter.event_type,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}
