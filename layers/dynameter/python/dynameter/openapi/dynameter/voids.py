"""Taking events back, seeing what that would change, and undoing it."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.corrections.service import MAX_LISTED
from dynameter.dialects.dynameter.voids import DEFAULT_LISTED, VoidBody
from dynameter.openapi.openmeter_v1.meters import Aggregation
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.parameters import whole
from dynameter.openapi.shapes import DecimalText, Instant, Ulid


class EventName(TypedDict):
    """An event by its identity."""

    source: str
    id: str


class TakenEvent(EventName):
    """An event that another void has."""

    void: Ulid


# "from" is no name of Python's.
_Span = TypedDict("_Span", {"from": NotRequired[Instant], "to": NotRequired[Instant]})
_Range = TypedDict("_Range", {"from": Instant, "to": Instant})


class Filter(_Span):
    """Conditions that an event must meet all of."""

    type: NotRequired[str]
    subject: NotRequired[str]
    source: NotRequired[str]


class Void(TypedDict):
    """Events that are not to count, by name or by a filter."""

    id: Ulid
    state: Literal["running", "done", "undoing", "undone"]
    created_at: Instant
    reason: str | None
    filter: Filter | None
    named: Annotated[int | None, Field(description="How many events it names; null where it has a filter.")]
    events: Annotated[int, Field(description="Events that are, or until it was undone were, voided.")]
    skipped: Annotated[int, Field(description="Events that another void has, or that were voided too often.")]
    done_at: Instant | None
    undone_at: Instant | None


class _Report(TypedDict):
    # Where events are named.
    not_found: NotRequired[list[EventName]]
    already_voided: NotRequired[list[TakenEvent]]
    over_limit: NotRequired[list[EventName]]


class MadeVoid(Void, _Report):
    """A void just made; where it names events, those that it could not void."""


class NamedVoid(Void):
    """A void with the events that it names."""

    names: list[EventName] | None


class VoidPage(TypedDict):
    """A page of voids, the newest first."""

    items: list[Void]
    next_cursor: Ulid | None


class MeterChange(_Range):
    """What would become of a meter's usage over the minutes of the events; null is no usage, or too much to count."""

    slug: str
    id: Ulid
    aggregation: Aggregation
    events: int
    before: DecimalText | None
    after: DecimalText | None
    difference: DecimalText | None


class Preview(_Report):
    """What a void would change."""

    dry_run: Literal[True]
    events: int
    skipped: int
    truncated: bool
    meters: list[MeterChange]


BASE = "/v1/{workspace_id}/voids"
ONE = f"{BASE}/{{void_id}}"
EXAMPLE = {
    "events": [{"source": "my-service", "id": "5c10fade-1c9e-4d6c-8275-c52c36731d3c"}],
    "reason": "sent twice under two ids",
}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createVoid",
        summary="Take events back, or see what that would change",
        tag="Voids",
        scope=METERS_WRITE,
        description="Either events or filter, which covers what was stored before the request.",
        body=json_body(VoidBody, EXAMPLE),
        answers=(
            json_answer(200, "Of a dry run: what would change.", Preview),
            json_answer(201, "All of the events are voided.", MadeVoid),
            json_answer(202, "The events are being voided.", MadeVoid),
        ),
        refusals=(400, 409),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listVoids",
        summary="List voids, the newest first",
        tag="Voids",
        scope=USAGE_READ,
        parameters=(
            whole("limit", DEFAULT_LISTED, MAX_LISTED, "Voids of a page."),
            Parameter("cursor", Ulid, "Where to go on: next_cursor of the page before."),
        ),
        answers=(json_answer(200, "The voids.", VoidPage),),
        refusals=(400,),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getVoid",
        summary="Get a void and the events that it names",
        tag="Voids",
        scope=USAGE_READ,
        answers=(json_answer(200, "The void.", NamedVoid),),
        refusals=(400, 404),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="undoVoid",
        summary="Undo a void: its events count again",
        tag="Voids",
        scope=METERS_WRITE,
        answers=(no_content("It is undone."), json_answer(202, "It is being undone.", Void)),
        refusals=(400, 404, 409),
    ),
)
