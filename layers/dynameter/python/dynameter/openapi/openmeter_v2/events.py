"""Listing events by filters, in OpenMeter v2's form."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from dynameter.access.principal import USAGE_READ
from dynameter.dialects.openmeter_v2.listing import MAX_FILTER_CHARACTERS
from dynameter.events.listing import MAX_LIMIT
from dynameter.openapi.openmeter_v1.events import INCLUDE_VOIDED, ListedEvent
from dynameter.openapi.operation import Operation, Parameter, json_answer
from dynameter.openapi.parameters import whole

EventFilter = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "contentMediaType": "application/json", "maxLength": MAX_FILTER_CHARACTERS},
    ),
]


class EventPage(TypedDict):
    """Events, and where the list goes on, if it does."""

    items: list[ListedEvent]
    nextCursor: NotRequired[str]


OPERATIONS = (
    Operation(
        route="GET /api/v2/events",
        id="listEvents",
        summary="List stored events by filters, the newest first",
        tag="Events",
        scope=USAGE_READ,
        parameters=(
            Parameter(
                "filter",
                EventFilter,
                "A JSON object: id, source, subject, type, customerId, time or ingestedAt to conditions on it, such as "
                '`{"type":{"$eq":"completion"}}`.',
            ),
            whole("limit", MAX_LIMIT, MAX_LIMIT, "Events of the page."),
            Parameter("cursor", str, "Where to go on: the nextCursor of an answer."),
            INCLUDE_VOIDED,
        ),
        answers=(json_answer(200, "A page of events.", EventPage),),
        refusals=(400,),
    ),
)
