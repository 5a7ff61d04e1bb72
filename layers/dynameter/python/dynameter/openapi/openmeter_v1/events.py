"""Taking events in and listing them, in OpenMeter v1's form."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE, USAGE_READ
from dynameter.dialects import cloudevents
from dynameter.events.listing import MAX_LIMIT
from dynameter.openapi.operation import JSON, Answer, Body, Operation, Parameter, json_answer, no_content
from dynameter.openapi.parameters import CLIENT_ID, COUNTED, PREFER, flag, whole
from dynameter.openapi.shapes import CloudEvent, EventResults, Instant, StoredEvent, Ulid

EXAMPLE = {
    "specversion": "1.0",
    "id": "5c10fade-1c9e-4d6c-8275-c52c36731d3c",
    "source": "my-service",
    "type": "completion",
    "subject": "customer-1",
    "time": "2026-11-22T10:00:00Z",
    "data": {"tokens": 1250, "model": "gpt-4"},
}
INTAKE = Body(
    {cloudevents.SINGLE: CloudEvent, cloudevents.BATCH: list[CloudEvent], JSON: CloudEvent | list[CloudEvent]}, EXAMPLE
)
INTAKE_REFUSALS = (400, 413)
RESULTS = Answer(200, "What became of each event, where Prefer asks for it.", {JSON: EventResults}, COUNTED)


NEXT_CURSOR = {"dynameter-next-cursor": "Where the list goes on, if it does."}


class ListedEvent(TypedDict):
    """A stored event, and why a meter could not use it."""

    event: StoredEvent
    customerId: NotRequired[Ulid]
    validationError: NotRequired[str]
    ingestedAt: Instant
    storedAt: Instant
    voided: NotRequired[bool]


INCLUDE_VOIDED = flag("includeVoided", "Whether voided events are listed, too, marked.")

OPERATIONS = (
    Operation(
        route="POST /api/v1/events",
        id="ingestEvents",
        summary="Take events in, each exactly once",
        tag="Events",
        scope=EVENTS_WRITE,
        description="One bad event refuses the whole batch before anything is stored.",
        parameters=(PREFER,),
        body=INTAKE,
        answers=(no_content("Every event is stored.", COUNTED), RESULTS),
        refusals=INTAKE_REFUSALS,
    ),
    Operation(
        route="GET /api/v1/events",
        id="listEvents",
        summary="List stored events, the newest first",
        tag="Events",
        scope=USAGE_READ,
        parameters=(
            Parameter("from", Instant, "The first event time; 32 days ago at the earliest, and by default."),
            Parameter("to", Instant, "The event time before which events are listed."),
            Parameter("ingestedAtFrom", Instant, "The first instant of storing."),
            Parameter("ingestedAtTo", Instant, "The instant of storing before which events are listed."),
            Parameter("id", str, "A part of the event's id."),
            Parameter("subject", str, "The subject."),
            Parameter("customerId", list[str], "Customers whose events are listed."),
            whole("limit", MAX_LIMIT, MAX_LIMIT, "Events of the answer."),
            Parameter("cursor", str, "Where to go on: the header dynameter-next-cursor of an answer."),
            INCLUDE_VOIDED,
            CLIENT_ID,
        ),
        answers=(
            json_answer(
                200,
                "The events.",
                list[ListedEvent],
                NEXT_CURSOR,
            ),
        ),
        refusals=(400,),
    ),
)
