"""What a void would change, told before it is made: how many events, and each meter's usage before and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """What a void would do. ``truncated`` says that it would void still more events than were looked at."""

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
        """What the void, not recorded yet, would change."""
        report = Report()
        affected: list[Event] = []
        truncated = False
        read = 0
        for chunk in self._candidates.chunks(void, names):
            affected += _affected(chunk.names, chunk.events, report)
            read = chunk.following.read if chunk.following is not None else read
            truncated = chunk.following is not None and (read >= self._most or self._clock.now_us() >= deadline_us)
            if truncated:
                break
        live = sorted(self._meters.load_live(void.workspace), key=lambda meter: meter.slug)
        raw = _RawWindows(self._raw, void.workspace, deadline_us)
        changes = (_change(meter, affected, raw) for meter in live)
        return Preview(len(affected), report, tuple(one for one in changes if one is not None), truncated)


class _RawWindows:
    """The raw events of windows, each read once; most meters of a type ask for the same one."""

    def __init__(self, raw: RawReader, workspace: str, deadline_us: int) -> None:
        self._raw = raw
        self._workspace = workspace
        self._deadline_us = deadline_us
        self._found: dict[Window, list[StoredEvent] | None] = {}

    def read(self, window: Window) -> list[StoredEvent] | None:
        """The events; None where they are too many."""
        if window not in self._found:
            try:
                self._found[window] = self._raw.read(
                    self._workspace, window.start_us, window.end_us, None, self._deadline_us
                )
            except TooLarge:
                self._found[window] = None
        return self._found[window]


def _change(meter: Meter, affected: Sequence[Event], raw: _RawWindows) -> MeterChange | None:
    """What the meter's usage would become; None where none of the events counts in it."""
    probe = Recount(meter)
    counted = [event for event in affected if probe.add(event)]
    if not counted:
        return None
    first = min(event.time_us for event in counted) // MINUTE_US * MINUTE_US
    last = max(event.time_us for event in counted) // MINUTE_US * MINUTE_US
    window = Window(first, last + MINUTE_US)
    found = raw.read(window)
    if found is None:
        return MeterChange(meter, len(counted), window, None)
    before, after = Recount(meter), Recount(meter)
    gone = {(event.source, event.id) for event in counted}
    for event in (stored.event for stored in found):
        if event.voided:
            continue
        before.add(event)
        if (event.source, event.id) not in gone:
            after.add(event)
    values = compare(meter.aggregation, after.counts().total, before.counts().total)
    return MeterChange(meter, len(counted), window, values)


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
