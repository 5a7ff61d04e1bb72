"""The ends of a range that lie inside a minute: usage is kept by the minute, so there the raw events are counted.

An edge counts what is stored and not void now, by the reader of the generation that the query reads. It costs by
the workspace's events in that minute, so it is bounded; ends on whole minutes cost nothing of the kind.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Protocol

from dynameter import codec
from dynameter.clock import HOUR_US, Clock
from dynameter.deadline import carry
from dynameter.errors import FieldError, InvalidInput, TooLarge
from dynameter.events.event import Event
from dynameter.events.stored import HistoryPage
from dynameter.meters.meter import Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading
from dynameter.usage.folding.fold import Counting
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.rows.row import Series
from dynameter.usage.windows import Window

MAX_EDGE_EVENTS = 20_000
"""Stored events, of whatever type, that the cut minutes of one query may hold."""
EDGE_TOO_LARGE = "edge_too_large"
"""The code of more than that."""
PAGE_EVENTS = 1_000
WORKERS = 16

_DAY_US = 24 * HOUR_US


class RawEvents(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(
        self, workspace: str, bucket: int, start_us: int, end_us: int, *, after: str | None, limit: int | None
    ) -> HistoryPage:
        """One page of one bucket: events with start <= time < end, after the key ``after``."""

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> tuple[int, ...]:
        """The buckets that hold the events of these subjects, of all subjects where none are named."""


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """A raw event that counts, and what it counts with: UNIQUE_COUNT's value is the last of the groups."""

    event: Event
    reading: Reading


class EdgeReader:
    """Reads the edges of queries. ``retention_days`` is how long events are kept, 0 for ever."""

    def __init__(self, history: RawEvents, clock: Clock, retention_days: int, workers: int = WORKERS) -> None:
        self._history = history
        self._clock = clock
        self._retention_us = retention_days * _DAY_US
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="edges")

    def read(self, meter: Meter, query: UsageQuery) -> list[CountedEvent]:
        """The events in the query's edges that count, of its subjects where it names some.

        Raises TooLarge where more than ``MAX_EDGE_EVENTS`` are stored there, InvalidInput where some may have expired.
        """
        edges = query.edges
        if not edges:
            return []
        self._refuse_expired(query)
        generation = meter.active_generation
        reader = compile_reader(meter.aggregation, meter.value_property, generation.group_by)
        counting = Counting(meter, generation, reader, Series(meter.workspace, meter.id, generation.number))
        wanted = query.named_subjects
        allowance = _Allowance()
        parts = product(edges, self._history.buckets(meter.workspace, wanted))
        read = carry(lambda part: list(self._counted(counting, wanted, part[0], part[1], allowance)))
        return list(chain.from_iterable(self._pool.map(read, parts)))

    def _refuse_expired(self, query: UsageQuery) -> None:
        """An expired event would be missing at the end of a range, though usage has it."""
        oldest_us = self._clock.now_us() - self._retention_us
        for edge in query.edges if self._retention_us else ():
            if edge.start_us < oldest_us:
                name = "from" if edge.start_us == query.from_us else "to"
                reason = f"{name} must be a whole minute: events so old are not kept"
                raise InvalidInput(reason, fields=(FieldError(("body", name), "whole_minute", reason),))

    def _counted(
        self, counting: Counting, subjects: Collection[str] | None, edge: Window, bucket: int, allowance: _Allowance
    ) -> Iterator[CountedEvent]:
        workspace = counting.meter.workspace
        after: str | None = None
        while True:
            page = self._history.page(workspace, bucket, edge.start_us, edge.end_us, after=after, limit=PAGE_EVENTS)
            allowance.spend(page.items_read)
            for event in (stored.event for stored in page.events):
                if subjects is not None and event.subject not in subjects:
                    continue
                if (reading := _count(counting, event)) is not None:
                    # Without its data: those of all events could be more than the memory.
                    yield CountedEvent(replace(event, data=None), reading)
            if page.next is None:
                return
            after = page.next


def _count(counting: Counting, event: Event) -> Reading | None:
    since = counting.meter.event_from_us
    if event.type != counting.meter.event_type or event.voided or (since is not None and event.time_us < since):
        return None
    reading = counting.read(None if event.data is None else codec.decode(event.data))
    return reading if isinstance(reading, Reading) else None


class _Allowance:
    """Counts what the reads of one query's edges have brought; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events = 0

    def spend(self, events: int) -> None:
        with self._lock:
            self._events += events
            spent = self._events > MAX_EDGE_EVENTS
        if spent:
            raise TooLarge(
                f"more than {MAX_EDGE_EVENTS} events lie in the minutes that from and to cut; ask for whole minutes",
                code=EDGE_TOO_LARGE,
            )
