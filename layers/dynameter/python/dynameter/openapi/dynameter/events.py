"""What became of an event."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import USAGE_READ
from dynameter.openapi.operation import Operation, Parameter, json_answer
from dynameter.openapi.shapes import Instant, StoredEvent, Ulid


class VoidedBy(TypedDict):
    """The void that an event carries, and since when."""

    id: Ulid
    at: Instant


class Toggle(TypedDict):
    """When an event was voided, or came to count again."""

    at: Instant
    voided: bool


class Windows(TypedDict):
    """The starts of the windows in UTC that an event lies in."""

    minute: Instant
    hour: Instant
    day: Instant
    month: Instant


class _Verdict(TypedDict):
    slug: str
    id: Ulid
    generation: int
    state: Literal["live", "rebuilding"]


class Counted(_Verdict):
    """A meter that counts the event; the value is text with every digit."""

    counted: Literal[True]
    value: str
    groups: dict[str, str]
    windows: Windows


class NotCounted(_Verdict):
    """A meter of the event's type that does not count it."""

    counted: Literal[False]
    reason: str


class Explanation(TypedDict):
    """An event, and what each meter of its type makes of it; the outer reason is there where no meter is."""

    event: StoredEvent
    ingested_at: Instant
    voided: bool
    void: VoidedBy | None
    toggles: list[Toggle]
    meters: list[Counted | NotCounted]
    reason: NotRequired[str]


_Text = Annotated[str, Field(min_length=1)]

OPERATIONS = (
    Operation(
        route="GET /v1/{workspace_id}/events/explain",
        id="explainEvent",
        summary="See what each meter makes of an event",
        tag="Events",
        scope=USAGE_READ,
        parameters=(
            Parameter("source", _Text, "The event's source.", required=True),
            Parameter("id", _Text, "The event's id.", required=True),
        ),
        answers=(json_answer(200, "The event and its meters.", Explanation),),
        refusals=(400, 404, 413),
    ),
)
