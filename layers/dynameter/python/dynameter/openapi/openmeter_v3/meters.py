"""Meters and their usage, in OpenMeter v3's form."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.dialects.openmeter_v3.meters import CreateMeterRequest, UpdateMeterRequest
from dynameter.dialects.openmeter_v3.query import QueryRequest
from dynameter.meters.service import MeterOrder
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer, sort
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.parameters import ACCEPT_CSV, usage_answer
from dynameter.openapi.shapes import DecimalText, Instant, Ulid


class Meter(TypedDict):
    """A meter: which events count, and how."""

    id: Ulid
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    deleted_at: NotRequired[Instant]
    key: str
    aggregation: Literal["sum", "count", "unique_count", "avg", "min", "max", "latest"]
    event_type: str
    events_from: NotRequired[Instant]
    value_property: NotRequired[str]
    dimensions: NotRequired[dict[str, str]]


# "from" is no name of Python's.
_Window = TypedDict("_Window", {"from": Instant, "to": Instant})
_Echo = TypedDict("_Echo", {"from": NotRequired[Instant], "to": NotRequired[Instant]})


class UsageRow(_Window):
    """The usage of one window and group; the window's ends are in the query's time zone."""

    value: DecimalText
    dimensions: dict[str, str]


class Usage(_Echo):
    """Usage, by window and dimensions; a window without events has no row."""

    data: list[UsageRow]


EXAMPLE = {
    "key": "tokens",
    "name": "Tokens",
    "event_type": "completion",
    "aggregation": "sum",
    "value_property": "$.tokens",
    "dimensions": {"model": "$.model"},
}
EXAMPLE_QUERY = {
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "granularity": "P1D",
    "group_by_dimensions": ["model"],
    "filters": {"dimensions": {"model": {"eq": "gpt-4"}}},
}


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on meters."""
    base, one = f"{prefix}/meters", f"{prefix}/meters/{{meterId}}"
    return (
        Operation(
            route=f"POST {base}",
            id="createMeter",
            summary="Create a meter; it covers earlier events, too",
            tag="Meters",
            scope=METERS_WRITE,
            body=json_body(CreateMeterRequest, EXAMPLE),
            answers=(json_answer(201, "The meter.", Meter),),
            refusals=(400, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listMeters",
            summary="List meters",
            tag="Meters",
            scope=USAGE_READ,
            parameters=(*PAGE, sort((order.value for order in MeterOrder), "created_at"), *filters("key", "name")),
            answers=(page_answer("A page of meters.", Meter),),
            refusals=(400, 413),
        ),
        Operation(
            route=f"GET {one}",
            id="getMeter",
            summary="Get a meter, deleted ones too",
            tag="Meters",
            scope=USAGE_READ,
            answers=(json_answer(200, "The meter.", Meter),),
            refusals=(404,),
        ),
        Operation(
            route=f"PUT {one}",
            id="updateMeter",
            summary="Change a meter's names and dimensions",
            tag="Meters",
            scope=METERS_WRITE,
            description="What is left out is reset, but for the description; new dimensions cover earlier events.",
            body=json_body(UpdateMeterRequest, {"name": "Tokens", "dimensions": {"model": "$.model"}}),
            answers=(json_answer(200, "The meter.", Meter),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteMeter",
            summary="Delete a meter; its events stay",
            tag="Meters",
            scope=METERS_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(404, 409),
        ),
        Operation(
            route=f"POST {one}/query",
            id="queryMeter",
            summary="Usage of a meter",
            tag="Meters",
            scope=USAGE_READ,
            description="The dimensions `subject` and `customer_id` are filtered by `eq` and `in` only.",
            parameters=(ACCEPT_CSV,),
            body=json_body(QueryRequest, EXAMPLE_QUERY),
            answers=(usage_answer(Usage),),
            refusals=(400, 404, 413),
        ),
    )
