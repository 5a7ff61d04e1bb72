"""Listing the external events that were taken in, newest first, with how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dynameter import codec
from dynameter.errors import InvalidInput, Unavailable
from dynameter.events.event import Event
from dynameter.events.listing import Listing, ListingQuery
from dynameter.filters import Every, Filter, Operator, condition, escape_like
from dynameter.gateway.external import SOURCE_PREFIX
from dynameter.gateway.usage import EVENT_TYPE

MAX_COUNTED = 10_000
"""Events that a list may have: all of them are read to be counted."""
MAX_ROUNDS = 20
"""Reads of up to 10,000 items each that a list may take, whatever they find."""
_EVENTS_A_ROUND = 1_000


class Lister(Protocol):
    """What is needed of ``dynameter.events.listing.EventLister``."""

    def list(self, workspace: str, query: ListingQuery, deadline_us: int) -> Listing:
        """One page."""


@dataclass(frozen=True, slots=True)
class ExternalQuery:
    """Which events are wanted, and which page of them; the end of the time is excluded."""

    start_us: int
    end_us: int
    number: int
    size: int
    user_id: str | None = None
    event_type: str | None = None
    resource_type: str | None = None

    def admits(self, data: Mapping[str, Any]) -> bool:
        """Whether an event with this data is wanted."""
        wanted = {"event_type": self.event_type, "resource_type": self.resource_type}
        return all(value is None or data.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class ExternalPage:
    """A page of events, each with its data, and how many there are in all."""

    events: Sequence[tuple[Event, Mapping[str, Any]]]
    total: int


def list_external(lister: Lister, workspace: str, query: ExternalQuery, deadline_us: int) -> ExternalPage:
    """The page asked for. Raises InvalidInput where there is more to be read than a list may take."""
    first = (query.number - 1) * query.size
    page: list[tuple[Event, Mapping[str, Any]]] = []
    total, place = 0, None
    for _ in range(MAX_ROUNDS):
        found = lister.list(workspace, _listing(query, place), deadline_us)
        for stored in found.events:
            data = codec.decode(stored.event.data or "{}")
            if query.admits(data):
                if first <= total < first + query.size:
                    page.append((stored.event, data))
                total += 1
        if total > MAX_COUNTED:
            break
        if found.next is None:
            return ExternalPage(page, total)
        if found.next == place:
            raise Unavailable("the time is over before all events were read; ask for a shorter time")
        place = found.next
    raise InvalidInput(
        f"there are more than {MAX_COUNTED} events to be counted; narrow start_date and end_date, or name a user_id",
        code="too_many_events",
    )


def _listing(query: ExternalQuery, after: Any) -> ListingQuery:
    time: Filter[int] = Every((condition(Operator.GTE, query.start_us), condition(Operator.LT, query.end_us)))
    return ListingQuery(
        limit=_EVENTS_A_ROUND,
        after=after,
        type=condition(Operator.EQ, EVENT_TYPE),
        source=condition(Operator.LIKE, escape_like(SOURCE_PREFIX) + "%"),
        subject=None if query.user_id is None else condition(Operator.EQ, query.user_id),
        time=time,
    )
