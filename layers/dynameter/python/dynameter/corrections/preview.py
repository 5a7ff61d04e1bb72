"""What a void would change, told before it is made: how many events, and each meter's usage before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dynameter.clock import MINUTE_US, Clock
from dynameter.corrections.jobs import Candidates, Report
from dynameter.corrections.void import EventName, Void
from dynameter.errors import TooLarge
from dynameter.events.event import Event
from dynameter.events.marked import MAX_TOGGLES
from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Meter
from dynameter.usage.recounts.recount import Comparison, RawReader, Recount, compare
from dynameter.usage.windows import Window

MAX_READ = 50_000
"""Events that a preview looks at to find those a filter covers."""
EVENTS_AT_ONCE = 1_000
"""Events that are counted between two looks at the clock."""


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def load_live(self, workspace: str) -> Iterable[Meter]:
        """The workspace's meters that are not deleted."""


@dataclass(frozen=True, slots=True)
class MeterChange:
    """What a meter's usage over ``window``, the whole minutes from the first to the last event, would become.

    ``events`` of the events count in the meter now. ``values`` are after and before; None where the window holds too
    many raw events to be counted.
    """

    meter: Meter
    events: int
    window: Window
    values: Comparison | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a void would do.

    ``truncated`` says that it would void still more events than were looked at, or change more meters than are told.
    """

    events: int
    report: Report
    meters: tuple[MeterChange, ...]
    truncated: bool


class Previewer:
    """Counts what voids would change, from raw events, and writes nothing."""

    def __init__(
        self, candidates: Candidates, raw: RawReader, meters: Meters, clock: Clock, most: int = MAX_READ
    ) -> None:
        self._candidates = candidates
        self._raw = raw
        self._meters = meters
        self._clock = clock
        self._most = most

    def preview(self, void: Void, names: Sequence[EventName], deadline_us: int) -> Preview:
        """What the void, not recorded yet, would change, as far as it can be told by the deadline."""
        live = sorted(self._meters.load_live(void.workspace), key=lambda meter: meter.slug)
        began_us = self._clock.now_us()
        # The other half is for counting.
        read_by_us = began_us + (deadline_us - began_us) // 2
        report = Report()
        affected: list[Event] = []
        truncated = False
        read = 0
        for chunk in self._candidates.chunks(void, names):
            # As many as may be read were: this chunk only tells whether there are more.
            if truncated := read >= self._most and bool(chunk.names):
                break
            affected += _affected(chunk.names, chunk.events, report)
            read = chunk.following.read if chunk.following is not None else read
            truncated = chunk.following is not None and (read > self._most or self._clock.now_us() >= read_by_us)
            if truncated:
                break
        counting = _Counting(self._raw, void.workspace, self._clock, deadline_us)
        changes: list[MeterChange] = []
        try:
            for meter in live:
                changes += counting.change(meter, affected)
        except _TooLate:
            truncated = True
        return Preview(len(affected), report, tuple(changes), truncated)


class _TooLate(Exception):
    """The deadline has passed."""


class _Counting:
    """Counts meter by meter. The raw events of a window are read once; most meters of a type ask for the same one."""

    def __init__(self, raw: RawReader, workspace: str, clock: Clock, deadline_us: int) -> None:
        self._raw = raw
        self._workspace = workspace
        self._clock = clock
        self._deadline_us = deadline_us
        self._found: dict[Window, list[StoredEvent] | None] = {}

    def change(self, meter: Meter, affected: Sequence[Event]) -> Iterator[MeterChange]:
        """What the meter's usage would become; nothing where none of the events counts in it. Raises ``_TooLate``."""
        probe = Recount(meter)
        counted = [event for event in self._in_time(affected) if probe.add(event)]
        if not counted:
            return
        first = min(event.time_us for event in counted) // MINUTE_US * MINUTE_US
        last = max(event.time_us for event in counted) // MINUTE_US * MINUTE_US
        window = Window(first, last + MINUTE_US)
        found = self._read(window)
        if found is None:
            yield MeterChange(meter, len(counted), window, None)
            return
        before, after = Recount(meter), Recount(meter)
        gone = {(event.source, event.id) for event in counted}
        for event in self._in_time([stored.event for stored in found]):
            if event.voided:
                continue
            before.add(event)
            if (event.source, event.id) not in gone:
                after.add(event)
        values = compare(meter.aggregation, after.counts().total, before.counts().total)
        yield MeterChange(meter, len(counted), window, values)

    def _in_time(self, events: Sequence[Event]) -> Iterator[Event]:
        """The events, as long as there is time for them."""
        for start in range(0, len(events), EVENTS_AT_ONCE):
            if self._clock.now_us() >= self._deadline_us:
                raise _TooLate
            yield from events[start : start + EVENTS_AT_ONCE]

    def _read(self, window: Window) -> list[StoredEvent] | None:
        """The events; None where they are too many."""
        if window not in self._found:
            try:
                self._found[window] = self._raw.read(
                    self._workspace, window.start_us, window.end_us, None, self._deadline_us
                )
            except TooLarge:
                self._found[window] = None
        return self._found[window]


def _affected(names: Sequence[EventName], events: Sequence[Event | None], report: Report) -> list[Event]:
    """The events that would be voided; the others go to the report."""
    found: list[Event] = []
    for name, event in zip(names, events, strict=True):
        if event is None:
            report.missing.append(name)
        elif event.voided:
            report.taken.append((name, event.voided_by))
        elif len(event.toggles) >= MAX_TOGGLES:
            report.spent.append(name)
        else:
            found.append(event)
    return found
