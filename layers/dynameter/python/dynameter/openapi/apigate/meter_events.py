"""External usage events, as APIGate's metering API has them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE, USAGE_READ
from dynameter.dialects.apigate.meter_events import MAX_PAGE_NUMBER, MAX_PAGE_SIZE, PAGE_SIZE
from dynameter.dialects.apigate.problems import MEDIA_TYPE
from dynameter.events.rules import MAX_BATCH_EVENTS, MAX_ID_BYTES, MAX_SUBJECT_BYTES
from dynameter.gateway.external import MAX_RESOURCE_CHARACTERS, MULTIPLIERS
from dynameter.openapi.apigate.jsonapi import Error, answer, number
from dynameter.openapi.idempotency import idempotency_key
from dynameter.openapi.operation import JSON, Body, Operation, Parameter
from dynameter.openapi.parameters import whole
from dynameter.openapi.shapes import Instant, Number

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
UserId = Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_BYTES)]
ResourceText = Annotated[str, Field(max_length=MAX_RESOURCE_CHARACTERS)]
EventType = Annotated[str, Field(description=f"One of {', '.join(sorted(MULTIPLIERS))}, or begins with custom.")]
Quantity = Annotated[Any, number(exclusiveMinimum=0)]


class UsageAttributes(TypedDict):
    """What was used. A field that is null is not there."""

    id: NotRequired[Id | None]
    user_id: UserId
    event_type: EventType
    resource_id: NotRequired[ResourceText | None]
    resource_type: NotRequired[ResourceText | None]
    quantity: NotRequired[Annotated[Quantity | None, Field(description="1 where it is absent.")]]
    metadata: NotRequired[dict[str, Any] | None]
    timestamp: NotRequired[Annotated[Instant | None, Field(description="At most 7 days ago; now where it is absent.")]]


class UsageEvent(TypedDict):
    """Usage that is no request. Its id, here or among the attributes, counts once for the key that sends it."""

    type: NotRequired[Literal["usage_events"]]
    id: NotRequired[Id | None]
    attributes: UsageAttributes


Unusable = Annotated[Any, Field(description="What is no usage event is rejected by itself; meta.errors says why.")]


class UsageEvents(TypedDict):
    """Usage events."""

    data: Annotated[list[UsageEvent | Unusable], Field(min_length=1, max_length=MAX_BATCH_EVENTS)] | UsageEvent


class RejectedEvent(TypedDict):
    """Why an event was not taken."""

    index: int
    id: str | None
    code: str
    detail: str


class TakenMeta(TypedDict):
    """How many events were taken, and why others were not."""

    accepted: int
    rejected: int
    errors: list[RejectedEvent]


class Taken(TypedDict):
    """What became of the events."""

    meta: TakenMeta


class Refused(TypedDict):
    """No event was taken; meta is there where each was looked at."""

    errors: list[Error]
    meta: NotRequired[TakenMeta]


class StoredAttributes(TypedDict):
    """What was used, and the units that it counts."""

    user_id: str
    event_type: str | None
    resource_id: str | None
    resource_type: str | None
    quantity: Number | None
    units: Number | None
    metadata: dict[str, Any]
    service_key: str | None
    timestamp: Instant


class StoredUsage(TypedDict):
    """Usage that was stored."""

    type: Literal["usage_events"]
    id: str
    attributes: StoredAttributes


class UsageMeta(TypedDict):
    """Which page of how many."""

    total_count: int
    page_count: int
    page: int
    per_page: int


class UsageLinks(TypedDict):
    """This page and the next."""

    self: str
    next: NotRequired[str]


class UsagePage(TypedDict):
    """A page of usage, the newest first."""

    data: list[StoredUsage]
    meta: UsageMeta
    links: UsageLinks


class Filter(TypedDict, total=False):
    """JSON:API's spelling of the parameters."""

    start_date: str
    end_date: str
    user_id: str
    event_type: str
    resource_type: str


_DATE = "An RFC 3339 date-time, or a date, which is the whole UTC day."
EXAMPLE = {
    "data": [
        {
            "type": "usage_events",
            "attributes": {
                "id": "evt-1",
                "user_id": "user-1",
                "event_type": "compute.minutes",
                "quantity": 12.5,
                "resource_id": "vm-7",
                "resource_type": "vm",
            },
        }
    ]
}

OPERATIONS = (
    Operation(
        route="POST /api/v1/meter",
        id="recordUsage",
        summary="Take usage in that is no request",
        tag="Metering",
        scope=EVENTS_WRITE,
        description="Good events are taken whatever is wrong with others, unless there is an Idempotency-Key.",
        parameters=(
            idempotency_key("The batch is whole or not at all, and the same batch again has the same result."),
        ),
        body=Body({MEDIA_TYPE: UsageEvents, JSON: UsageEvents}, EXAMPLE),
        answers=(
            answer(202, "What became of the events.", Taken),
            answer(422, "Every event was rejected, or the key came before with another body.", Refused),
        ),
        refusals=(400, 413),
    ),
    Operation(
        route="GET /api/v1/meter",
        id="listUsage",
        summary="List usage that was no request, the newest first",
        tag="Metering",
        scope=USAGE_READ,
        parameters=(
            Parameter("start_date", str, f"The first instant. {_DATE}"),
            Parameter("end_date", str, f"The instant before which usage is listed. {_DATE}"),
            Parameter("user_id", str, "The user."),
            Parameter("event_type", str, "The type."),
            Parameter("resource_type", str, "The type of the resource."),
            Parameter("filter", Filter, "The same as the parameters of these names.", deep=True),
            whole("page[number]", 1, MAX_PAGE_NUMBER, "The page."),
            whole("page[size]", PAGE_SIZE, MAX_PAGE_SIZE, "Events of a page."),
        ),
        answers=(answer(200, "The usage.", UsagePage),),
        refusals=(400, 413, 422),
    ),
)
