"""Taking events in, in Zuplo's form."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import EVENTS_WRITE
from dynameter.dialects import cloudevents
from dynameter.events.rules import MAX_ID_BYTES, MAX_SOURCE_BYTES, MAX_SUBJECT_BYTES, MAX_TYPE_BYTES
from dynameter.openapi.idempotency import idempotency_key
from dynameter.openapi.openmeter_v1.events import INTAKE_REFUSALS, RESULTS
from dynameter.openapi.operation import JSON, Answer, Body, Operation
from dynameter.openapi.parameters import COUNTED, PREFER
from dynameter.openapi.shapes import Instant


class Event(TypedDict, extra_items=Any):  # type: ignore[call-arg]
    """A CloudEvent, or Zuplo's short shape of one: its source is then zuplo, its id new or the Idempotency-Key's."""

    type: Annotated[str, Field(min_length=1, max_length=MAX_TYPE_BYTES)]
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT_BYTES)]
    data: NotRequired[dict[str, Any] | None]
    id: NotRequired[Annotated[str, Field(min_length=1, max_length=MAX_ID_BYTES)] | None]
    source: NotRequired[Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_BYTES)] | None]
    specversion: NotRequired[str | None]
    time: NotRequired[Instant | None]
    datacontenttype: NotRequired[str | None]
    dataschema: NotRequired[str | None]


EXAMPLE = {
    "type": "api_request",
    "subject": "customer-123",
    "data": {"count": 1, "method": "GET", "route": "/products/:id"},
}

OPERATIONS = (
    Operation(
        route="POST /v3/metering/{bucketId}/events",
        id="ingestEvents",
        summary="Take events in, each exactly once",
        tag="Events",
        scope=EVENTS_WRITE,
        description="One bad event refuses the whole batch before anything is stored. No content type means JSON.",
        parameters=(
            idempotency_key("Events without an id get theirs from it: sent again with the same body, they count once."),
            PREFER,
        ),
        body=Body(
            {cloudevents.SINGLE: Event, cloudevents.BATCH: list[Event], JSON: Event | list[Event]},
            EXAMPLE,
        ),
        answers=(Answer(202, "Every event is stored.", {}, COUNTED), RESULTS),
        refusals=INTAKE_REFUSALS,
    ),
)
