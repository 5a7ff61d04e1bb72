"""Meters and their usage, in OpenMeter v1's form; Zuplo has the same bodies."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.dialects.openmeter_v1.meters import MeterCreate, MeterUpdate
from dynameter.dialects.openmeter_v1.query import MeterQueryRequest
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.parameters import ACCEPT_CSV, CLIENT_ID, FROM, ORDER, STATE, TO, flag, order_by, usage_answer
from dynameter.openapi.shapes import Instant, Number, Ulid

Aggregation = Literal["SUM", "COUNT", "UNIQUE_COUNT", "AVG", "MIN", "MAX", "LATEST"]
WindowSize = Literal["MINUTE", "HOUR", "DAY", "MONTH"]


class Meter(TypedDict):
    """A meter: which events count, and how."""

    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    deletedAt: NotRequired[Instant]
    slug: str
    name: str
    description: NotRequired[str]
    metadata: dict[str, str] | None
    annotations: None
    aggregation: Aggregation
    eventType: str
    eventFrom: NotRequired[Instant]
    valueProperty: NotRequired[str]
    groupBy: NotRequired[dict[str, str]]


class UsageRow(TypedDict):
    """The usage of one window and group."""

    groupBy: dict[str, str]
    subject: str | None
    customerId: NotRequired[Ulid]
    value: Number
    windowStart: Instant
    windowEnd: Instant


# "from" is no name of Python's.
_Echo = TypedDict("_Echo", {"from": NotRequired[Instant], "to": NotRequired[Instant]})


class Usage(_Echo):
    """Usage, by window, subject and groups; a window without events has no row."""

    windowSize: NotRequired[WindowSize]
    data: list[UsageRow]


LIST = (
    ORDER,
    order_by("key", "name", "aggregation", "createdAt", "updatedAt"),
    flag("includeDeleted", "Whether deleted meters are listed, too."),
)
UNPAGED = (Parameter("page", str, "Taken and not used."), Parameter("pageSize", str, "Taken and not used."))
QUERY = (
    FROM,
    TO,
    Parameter("windowSize", WindowSize, "The size of the windows; left out: one window."),
    Parameter("windowTimeZone", str, "The IANA time zone in which days and months begin; UTC by default."),
    Parameter("subject", list[str], "Subjects whose usage counts; each has rows of its own."),
    Parameter("filterCustomerId", list[Ulid], "Customers whose usage counts."),
    Parameter("groupBy", list[str], "Group keys of the meter, `subject` and `customer_id`."),
    Parameter("filterGroupBy", dict[str, str], "The value that a group key must have.", deep=True),
    Parameter("advancedMeterGroupByFilters", str, "A JSON object: group keys to conditions on their values."),
    CLIENT_ID,
    ACCEPT_CSV,
)
EXAMPLE = {
    "slug": "tokens",
    "name": "Tokens",
    "eventType": "completion",
    "aggregation": "SUM",
    "valueProperty": "$.tokens",
    "groupBy": {"model": "$.model"},
}
EXAMPLE_QUERY = {
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "windowSize": "DAY",
    "groupBy": ["model"],
}


def operations(base: str, tag: str, list_parameters: tuple[Parameter, ...]) -> tuple[Operation, ...]:
    """The operations on meters under ``base``."""
    one = f"{base}/{{meterIdOrSlug}}"
    return (
        Operation(
            route=f"POST {base}",
            id="createMeter",
            summary="Create a meter; it covers earlier events, too",
            tag=tag,
            scope=METERS_WRITE,
            body=json_body(MeterCreate, EXAMPLE),
            answers=(json_answer(201, "The meter.", Meter),),
            refusals=(400, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listMeters",
            summary="List meters",
            tag=tag,
            scope=USAGE_READ,
            parameters=list_parameters,
            answers=(json_answer(200, "The meters.", list[Meter]),),
            refusals=(400,),
        ),
        Operation(
            route=f"GET {one}",
            id="getMeter",
            summary="Get a meter",
            tag=tag,
            scope=USAGE_READ,
            answers=(json_answer(200, "The meter.", Meter),),
            refusals=(400, 404),
        ),
        Operation(
            route=f"PUT {one}",
            id="updateMeter",
            summary="Change a meter's names and group keys",
            tag=tag,
            scope=METERS_WRITE,
            description="What is left out is reset, but for the description; new group keys cover earlier events.",
            body=json_body(MeterUpdate, {"name": "Tokens", "groupBy": {"model": "$.model"}}),
            answers=(json_answer(200, "The meter.", Meter),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteMeter",
            summary="Delete a meter",
            tag=tag,
            scope=METERS_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"GET {one}/query",
            id="queryMeter",
            summary="Usage of a meter",
            tag=tag,
            scope=USAGE_READ,
            parameters=QUERY,
            answers=(usage_answer(Usage),),
            refusals=(400, 404, 413),
        ),
        Operation(
            route=f"POST {one}/query",
            id="queryMeterPost",
            summary="Usage of a meter, asked with a body",
            tag=tag,
            scope=USAGE_READ,
            parameters=(ACCEPT_CSV,),
            body=json_body(MeterQueryRequest, EXAMPLE_QUERY),
            answers=(usage_answer(Usage),),
            refusals=(400, 404, 413),
        ),
        Operation(
            route=f"GET {one}/group-by/{{groupByKey}}/values",
            id="listGroupValues",
            summary="The values that a group key has",
            tag=tag,
            scope=USAGE_READ,
            parameters=(
                Parameter("from", Instant, "The first instant, at most 90 days ago; 24 hours ago by default."),
                Parameter("to", Instant, "The instant before which events count, at most 30 days after from."),
            ),
            answers=(json_answer(200, "The values.", list[str], STATE),),
            refusals=(400, 404, 413),
        ),
    )


OPERATIONS = (
    *operations("/api/v1/meters", "Meters", (*LIST, *UNPAGED)),
    Operation(
        route="GET /api/v1/meters/{meterIdOrSlug}/subjects",
        id="listMeterSubjects",
        summary="The subjects that have used a meter",
        tag="Meters",
        scope=USAGE_READ,
        parameters=(FROM, TO),
        answers=(json_answer(200, "The subjects.", list[str], STATE),),
        refusals=(400, 404, 413),
    ),
)
