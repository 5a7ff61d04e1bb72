"""Taking events in and listing them, in OpenMeter v3's form."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE, USAGE_READ
from dynameter.dialects import cloudevents
from dynameter.events.rules import MAX_ID_BYTES, MAX_SOURCE_BYTES, MAX_SUBJECT_BYTES, MAX_TYPE_BYTES
from dynameter.openapi.openmeter_v1.events import EXAMPLE, INCLUDE_VOIDED, INTAKE_REFUSALS, RESULTS
from dynameter.openapi.openmeter_v3.lists import SIZE, event_filters, sort
from dynameter.openapi.operation import JSON, Answer, Body, Operation, Parameter, json_answer
from dynameter.openapi.parameters import COUNTED, PREFER
from dynameter.openapi.shapes import Instant, Ulid


@with_config(ConfigDict(extra="forbid"))
class MeteringEvent(TypedDict):
    """A CloudEvent 1.0 in JSON without extensions. Its source and id are its identity: sent again, it counts once."""

    specversion: NotRequired[Annotated[Literal["1.0", "0.3"] | None, Field(description="1.0 where it is left out.")]]
    id: Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)]
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_BYTES)]
    type: Annotated[str, Field(min_length=1, max_length=MAX_TYPE_BYTES)]
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_BYTES)]
    time: NotRequired[Instant | None]
    datacontenttype: NotRequired[Annotated[str | None, Field(description="application/json or nothing.")]]
    dataschema: NotRequired[str | None]
    data: NotRequired[dict[str, Any] | None]
    data_base64: NotRequired[None]


class ShownEvent(TypedDict):
    """A CloudEvent as it was stored, without its extensions."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: NotRequired[Literal["application/json"]]
    data: NotRequired[dict[str, Any]]


class EventCustomer(TypedDict):
    """Whose event it is."""

    id: Ulid


class EventProblem(TypedDict):
    """Why a meter could not use the event, or nobody is billed for it."""

    code: Literal["validation_error"]
    message: str


class IngestedEvent(TypedDict):
    """A stored event with what is known of it."""

    event: ShownEvent
    customer: NotRequired[EventCustomer]
    ingested_at: Instant
    stored_at: Instant
    validation_errors: NotRequired[list[EventProblem]]
    voided: NotRequired[Literal[True]]


class Cursors(TypedDict):
    """The places of the page's ends; ``next`` is null where the list ends."""

    first: str | None
    last: str | None
    next: str | None
    previous: None
    size: int


class CursorMeta(TypedDict):
    """About the page."""

    page: Cursors


class EventPage(TypedDict):
    """A page of events."""

    data: list[IngestedEvent]
    meta: CursorMeta


_SORT = sort(("time", "ingested_at", "stored_at"), "time desc")


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on events."""
    return (
        Operation(
            route=f"POST {prefix}/events",
            id="ingestEvents",
            summary="Take events in, each exactly once",
            tag="Events",
            scope=EVENTS_WRITE,
            description="One bad event refuses the whole batch before anything is stored.",
            parameters=(PREFER,),
            body=Body(
                {
                    cloudevents.SINGLE: MeteringEvent,
                    cloudevents.BATCH: list[MeteringEvent],
                    JSON: MeteringEvent | list[MeteringEvent],
                },
                EXAMPLE,
            ),
            answers=(Answer(202, "Every event is stored.", {}, COUNTED), RESULTS),
            refusals=INTAKE_REFUSALS,
        ),
        Operation(
            route=f"GET {prefix}/events",
            id="listEvents",
            summary="List stored events, the newest first",
            tag="Events",
            scope=USAGE_READ,
            description="A field alone sorts in descending order. Pages go forward only: `page[before]` is refused.",
            parameters=(
                SIZE,
                Parameter("page[after]", str, "Where to go on: `meta.page.next` of an answer in the same order."),
                _SORT,
                *event_filters(
                    ("id", "source", "subject", "type"), ("customer_id",), ("time", "ingested_at", "stored_at")
                ),
                INCLUDE_VOIDED,
            ),
            answers=(json_answer(200, "A page of events.", EventPage),),
            refusals=(400,),
        ),
    )
