"""Listing stored events: what can be asked, page by page, each page within bounds.

Events come in the order of their times, ties by their keys, so a page starts at its place in the index and reads
what it shows and little more. A filter that admits few events may need many items to be read; a page then ends early
with a cursor, and the next one goes on from there. Order by time of ingestion has no index: the whole range is read,
and a range of too many events is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from dynameter import filters
from dynameter.clock import MICROSECONDS, Clock
from dynameter.deadline import carry
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.event import Event
from dynameter.events.stored import HistoryPage, StoredEvent
from dynameter.filters import Filter
from dynameter.rfc3339 import EARLIEST_US, LATEST_US

MAX_LIMIT = 100
"""Events of one page."""
MAX_ITEMS_READ = 10_000
"""Items after which a page ends, however few events it has found."""
MAX_SORTED_EVENTS = 10_000
"""Events that a range may hold to be put into the order of their ingestion."""
MAX_PAGE_BYTES = 4_000_000
"""Bytes of events after which a page ends: Lambda answers at most 6 MB."""
TIME_RESERVE_US = 5 * MICROSECONDS
"""Time before the request's deadline at which a page ends."""
MAX_CURSOR_CHARACTERS = 200
WORKERS = 16

_LEAST_ITEMS, _MOST_ITEMS = 8, 500
_EVENTS_A_LOOK = 64
"""Events between two looks at the clock: a filter of many patterns may take milliseconds for each."""
_ENVELOPE_BYTES = 500


class SortBy(Enum):
    """What a list is ordered by; equal ones come in the order of their keys."""

    TIME = "t"
    INGESTED_AT = "i"


@dataclass(frozen=True, slots=True)
class Order:
    """An order of events."""

    by: SortBy = SortBy.TIME
    descending: bool = True

    def place_of(self, stored: StoredEvent) -> Place:
        """Where the event stands in this order."""
        return Place(self, stored.event.ingested_at_us if self.by is SortBy.INGESTED_AT else 0, stored.key)


class InvalidCursor(ValueError):
    """The text is no cursor of this list; the message says why."""


_CURSOR = re.compile(r"1([ti])([+-])(\d{1,18})\.(\d{18}\.[A-Za-z0-9_-]{11})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an order: that of the event with this key. Its text is opaque to callers."""

    order: Order
    ingested_at_us: int
    key: str

    def text(self) -> str:
        """The place as a cursor."""
        sign = "-" if self.order.descending else "+"
        plain = f"1{self.order.by.value}{sign}{self.ingested_at_us}.{self.key}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, order: Order) -> Place:
        """The place in a cursor. Raises ``InvalidCursor``, also for a cursor of another order."""
        try:
            if len(text) > MAX_CURSOR_CHARACTERS:
                raise ValueError
            plain = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode()
            match = _CURSOR.fullmatch(plain)
        except (ValueError, binascii.Error):
            match = None
        if match is None:
            raise InvalidCursor("is no cursor that this service gave")
        place = cls(Order(SortBy(match[1]), match[2] == "-"), int(match[3]), match[4])
        if place.order != order:
            raise InvalidCursor("belongs to a list in another order")
        return place


@dataclass(frozen=True, slots=True)
class ListingQuery:
    """A page of a list: events that meet every filter, after the place ``after``."""

    order: Order = Order()
    limit: int = MAX_LIMIT
    after: Place | None = None
    id: Filter[str] | None = None
    source: Filter[str] | None = None
    subject: Filter[str] | None = None
    type: Filter[str] | None = None
    time: Filter[int] | None = None
    ingested_at: Filter[int] | None = None
    include_voided: bool = False

    def admits(self, event: Event) -> bool:
        """Whether the event belongs to the list."""
        return (
            (self.include_voided or not event.voided)
            and (self.type is None or self.type.matches(event.type))
            and (self.subject is None or self.subject.matches(event.subject))
            and (self.id is None or self.id.matches(event.id))
            and (self.source is None or self.source.matches(event.source))
            and (self.time is None or self.time.matches(event.time_us))
            and (self.ingested_at is None or self.ingested_at.matches(event.ingested_at_us))
        )

    @property
    def span(self) -> tuple[int, int]:
        """The event times that can be admitted, the end excluded."""
        return (EARLIEST_US, LATEST_US) if self.time is None else filters.span(self.time, EARLIEST_US, LATEST_US)

    @property
    def subjects(self) -> frozenset[str] | None:
        """The only subjects that can be admitted, None where any may."""
        return None if self.subject is None else filters.only_values(self.subject)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list, and where the next one goes on (None where there is none)."""

    query: ListingQuery
    events: tuple[StoredEvent, ...]
    next: Place | None


class History(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(
        self,
        workspace: str,
        bucket: int,
        start_us: int,
        end_us: int,
        *,
        after: str | None,
        descending: bool,
        limit: int | None,
    ) -> HistoryPage:
        """One page of one bucket."""

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> Sequence[int]:
        """The buckets that hold the subjects' events."""


class EventLister:
    """Lists the events of a workspace."""

    def __init__(self, history: History, clock: Clock, workers: int = WORKERS) -> None:
        self._history = history
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="listing")

    def list(self, workspace: str, query: ListingQuery, deadline_us: int) -> Listing:
        """One page. Raises InvalidInput where the order asked for would need too much to be read."""
        end_us = deadline_us - TIME_RESERVE_US
        if query.order.by is SortBy.TIME:
            return self._by_time(workspace, query, end_us)
        return self._by_ingestion(workspace, query, end_us)

    def _by_time(self, workspace: str, query: ListingQuery, end_us: int) -> Listing:
        merge = self._merge(workspace, query, query.after.key if query.after else None, query.order.descending)
        found: list[StoredEvent] = []
        last: StoredEvent | None = None
        room = MAX_PAGE_BYTES
        while not merge.finished:
            if last is not None and (merge.items_read >= MAX_ITEMS_READ or self._clock.now_us() >= end_us):
                return Listing(query, tuple(found), query.order.place_of(last))
            merge.fill(self._pool)
            for count, last in enumerate(merge.ready(), 1):
                if query.admits(last.event):
                    found.append(last)
                    room -= _weight(last.event)
                    if len(found) == query.limit or room <= 0:
                        following = None if merge.finished else query.order.place_of(last)
                        return Listing(query, tuple(found), following)
                if count % _EVENTS_A_LOOK == 0 and self._clock.now_us() >= end_us:
                    break
        return Listing(query, tuple(found), None)

    def _by_ingestion(self, workspace: str, query: ListingQuery, end_us: int) -> Listing:
        """Read the whole range and keep the page that is asked for, in the order of ingestion."""

        def rank(stored: StoredEvent) -> tuple[int, str]:
            return stored.event.ingested_at_us, stored.key

        descending = query.order.descending
        after = (query.after.ingested_at_us, query.after.key) if query.after else None
        merge = self._merge(workspace, query, None, descending)
        found: list[StoredEvent] = []
        while not merge.finished:
            if self._clock.now_us() >= end_us:
                raise _unsortable()
            merge.fill(self._pool)
            if merge.items_read > MAX_SORTED_EVENTS:
                raise _unsortable()
            for count, stored in enumerate(merge.ready(), 1):
                if count % _EVENTS_A_LOOK == 0 and self._clock.now_us() >= end_us:
                    raise _unsortable()
                is_after = after is None or (rank(stored) < after if descending else rank(stored) > after)
                if is_after and query.admits(stored.event):
                    found.append(stored)
            found = sorted(found, key=rank, reverse=descending)[: query.limit + 1]
        page = tuple(_within_room(found[: query.limit]))
        return Listing(query, page, query.order.place_of(page[-1]) if len(page) < len(found) else None)

    def _merge(self, workspace: str, query: ListingQuery, after: str | None, descending: bool) -> _Merge:
        buckets = self._history.buckets(workspace, query.subjects)
        start_us, end_us = query.span

        def read(bucket: int, after: str | None, limit: int) -> HistoryPage:
            return self._history.page(
                workspace, bucket, start_us, end_us, after=after, descending=descending, limit=limit
            )

        wanted = query.limit if query.order.by is SortBy.TIME else MAX_SORTED_EVENTS
        # The events of a page are spread over the buckets; what proves too little is read again, twice as much.
        items = min(max(2 * wanted // max(len(buckets), 1), _LEAST_ITEMS), _MOST_ITEMS)
        return _Merge(read, [_Bucket(one, after, items) for one in buckets], descending)


@dataclass(slots=True)
class _Bucket:
    """How far one bucket has been read; ``items`` is what the next read asks for."""

    number: int
    after: str | None
    items: int
    open: bool = True
    waiting: deque[StoredEvent] | None = None

    @property
    def starved(self) -> bool:
        return self.open and not self.waiting


class _Merge:
    """Several buckets read in parallel and merged into one order, as far as all of them are known."""

    def __init__(
        self, read: Callable[[int, str | None, int], HistoryPage], buckets: list[_Bucket], descending: bool
    ) -> None:
        self._read = read
        self._buckets = buckets
        self._choose = max if descending else min
        self.items_read = 0

    @property
    def finished(self) -> bool:
        """Whether every event has been given."""
        return not any(one.open or one.waiting for one in self._buckets)

    def fill(self, pool: Executor) -> None:
        """Read the next page of each bucket of which nothing is waiting."""
        starved = [one for one in self._buckets if one.starved]
        pages = pool.map(carry(lambda one: self._read(one.number, one.after, one.items)), starved)
        for bucket, page in zip(starved, list(pages), strict=True):
            bucket.waiting = deque(page.events)
            bucket.after = page.next
            bucket.open = page.next is not None
            bucket.items = min(2 * bucket.items, _MOST_ITEMS)
            self.items_read += page.items_read

    def ready(self) -> Iterator[StoredEvent]:
        """The events that no unread one can precede."""
        while not any(one.starved for one in self._buckets):
            heads = [(one.waiting[0].key, index) for index, one in enumerate(self._buckets) if one.waiting]
            if not heads:
                return
            waiting = self._buckets[self._choose(heads)[1]].waiting
            assert waiting is not None
            yield waiting.popleft()


def _weight(event: Event) -> int:
    """Bytes the event takes in an answer, in which the body is a JSON string and so escaped."""
    return _ENVELOPE_BYTES + len(
        json.dumps((event.id, event.source, event.type, event.subject, event.data, event.extensions))
    )


def _within_room(events: Sequence[StoredEvent]) -> Iterator[StoredEvent]:
    room = MAX_PAGE_BYTES
    for stored in events:
        if room <= 0:
            return
        room -= _weight(stored.event)
        yield stored


def _unsortable() -> InvalidInput:
    message = (
        f"this order needs a range of at most {MAX_SORTED_EVENTS} events: narrow it by a filter on the events' time "
        "or on subjects, or sort by time"
    )
    return InvalidInput(message, fields=(FieldError(("query", "sort"), "range", message),))
