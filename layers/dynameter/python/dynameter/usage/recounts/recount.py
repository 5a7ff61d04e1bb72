"""A fresh count of raw events, to be held beside what the usage rows say. Pure but for reading the events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Protocol

from dynameter.clock import Clock
from dynameter.errors import TooLarge
from dynameter.events.event import Event
from dynameter.events.stored import HistoryPage, StoredEvent
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Skip
from dynameter.usage.folding.fold import Counting, make_record
from dynameter.usage.queries.values import Tally
from dynameter.usage.rows.cells import cell_of, moment_of
from dynameter.usage.rows.row import Series

MAX_EVENTS = 50_000
"""Stored events, of whatever type, that one recount reads."""
PAGE_EVENTS = 2_000

_NOTHING_IS_ZERO = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE_COUNT})
# Wide enough for every two values: 34 digits of a mean of the smallest values beside the largest sum.
_WIDE = Context(prec=400)


class History(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(
        self, workspace: str, bucket: int, start_us: int, end_us: int, *, after: str | None, limit: int | None
    ) -> HistoryPage:
        """One page of one bucket: events with start <= time < end, after the key ``after``."""

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> tuple[int, ...]:
        """The buckets that hold the events of these subjects, of all subjects where none are named."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The usage of a range, in all and by the meter's groups; ``total`` is None where nothing counts."""

    total: Decimal | None = None
    groups: Mapping[tuple[str, ...], Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values for the same usage; None where there is none."""

    one: Decimal | None
    other: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """The one less the other: 0 where both say the same, None where just one of them says anything."""
        if self.one is None and self.other is None:
            return Decimal(0)
        if self.one is None or self.other is None:
            return None
        return _WIDE.subtract(self.one, self.other)


def compare(aggregation: Aggregation, one: Decimal | None, other: Decimal | None) -> Comparison:
    """Hold two values beside each other; where nothing is summed or counted, that is 0."""
    nothing = Decimal(0) if aggregation in _NOTHING_IS_ZERO else None
    return Comparison(nothing if one is None else one, nothing if other is None else other)


class Recount:
    """Counts events of one meter as its active generation reads them, in all and by its groups."""

    def __init__(self, meter: Meter) -> None:
        generation = meter.active_generation
        reader = compile_reader(meter.aggregation, meter.value_property, generation.group_by)
        series = Series(meter.workspace, meter.id, generation.number)
        self._counting = Counting(meter, generation, reader, series)
        self._keys = len(generation.group_by)
        self._total: Tally | None = None
        self._groups: dict[tuple[str, ...], Tally] = {}

    def add(self, event: Event) -> bool:
        """Count the event, voided or not, if it is one of the meter's; whether it is."""
        meter = self._counting.meter
        since = meter.event_from_us
        if event.type != meter.event_type or (since is not None and event.time_us < since):
            return False
        try:
            record = make_record("", event, ())
        except ValueError:
            # The stream has it in quarantine, and it was never counted.
            return False
        reading = self._counting.read(record.data)
        if isinstance(reading, Skip):
            return False
        cell = cell_of(meter.aggregation, reading.value, moment_of(event))
        if self._total is None:
            self._total = Tally(meter.aggregation)
        self._total.add(cell, reading.groups)
        if self._keys:
            self._tally(reading.groups[: self._keys]).add(cell, reading.groups)
        return True

    def counts(self) -> Counts:
        """What it has come to."""
        total = None if self._total is None else self._total.answer()
        return Counts(total, {groups: tally.answer() for groups, tally in self._groups.items()})

    def _tally(self, groups: tuple[str, ...]) -> Tally:
        if groups not in self._groups:
            self._groups[groups] = Tally(self._counting.meter.aggregation)
        return self._groups[groups]


class RawReader:
    """Reads the raw events of a range, no more than ``most`` of them."""

    def __init__(self, history: History, clock: Clock, most: int = MAX_EVENTS) -> None:
        self._history = history
        self._clock = clock
        self._most = most

    def read(
        self, workspace: str, start_us: int, end_us: int, subject: str | None, deadline_us: int
    ) -> list[StoredEvent]:
        """The events with start <= time < end, of the subject or of all. Raises TooLarge where they are too many."""
        found: list[StoredEvent] = []
        read = 0
        for bucket in self._history.buckets(workspace, None if subject is None else (subject,)):
            after: str | None = None
            while True:
                if read > self._most or self._clock.now_us() >= deadline_us:
                    raise _too_many(self._most)
                page = self._history.page(workspace, bucket, start_us, end_us, after=after, limit=PAGE_EVENTS)
                read += page.items_read
                found += (one for one in page.events if subject is None or one.event.subject == subject)
                after = page.next
                if after is None:
                    break
        if read > self._most:
            raise _too_many(self._most)
        return found


def _too_many(most: int) -> TooLarge:
    return TooLarge(
        f"the range holds more raw events than can be read in one request (at most {most}); "
        "ask for a shorter range or for one subject",
        code="too_many_events",
    )
