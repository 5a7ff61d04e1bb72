"""Reading the usage of an entitlement's segments in bounded reads.

Whatever the number of segments: each subject's hours are read once, by one Query; the hours that a boundary cuts again
with their minutes, as at most ``MAX_STRETCHES`` stretches; and of the cut minutes that have usage the raw events, as
at most so many stretches again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from dynameter.billing.entitlements.segment_sums import SegmentSums, stretches
from dynameter.billing.features.feature import Feature
from dynameter.billing.metering import Meters, usage_filters
from dynameter.clock import HOUR_US, MINUTE_US, Clock
from dynameter.deadline import carry
from dynameter.errors import TooLarge
from dynameter.meters.meter import Meter
from dynameter.usage.queries.edges import CountedEvent
from dynameter.usage.queries.query import UsageQuery, hours_of
from dynameter.usage.queries.service import UsageRows
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.row import HourRow, HourSpan, Series
from dynameter.usage.windows import Window

MAX_STRETCHES = 64
"""Stretches of hours read with their minutes, and of minutes whose raw events are read, a subject."""
STRETCHES_AT_ONCE = 4
"""Stretches of raw events that share one limit (``usage.queries.edges.MAX_EDGE_EVENTS``)."""
WORKERS = 16

_DAY_US = 24 * HOUR_US
_EXPIRING_US = HOUR_US
"""Events so close to their expiry are not looked for."""


class RawEdges(Protocol):
    """What is needed of ``dynameter.usage.queries.edges.EdgeReader``."""

    def read(self, meter: Meter, query: UsageQuery) -> list[CountedEvent]:
        """The events in the query's edges that count. Raises TooLarge."""


@dataclass(frozen=True, slots=True)
class RawStretches(UsageQuery):
    """A query for the raw events of some stretches of time."""

    stretches: tuple[Window, ...] = ()

    @property
    def edges(self) -> tuple[Window, ...]:
        """The stretches."""
        return self.stretches


class SegmentUsage:
    """Usage between instants, exact to the microsecond. ``retention_days`` is how long events are kept, 0 for ever."""

    def __init__(self, meters: Meters, rows: UsageRows, edges: RawEdges, clock: Clock, retention_days: int) -> None:
        self._meters = meters
        self._rows = rows
        self._edges = edges
        self._clock = clock
        self._retention_us = retention_days * _DAY_US
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="segments")

    def between(
        self, feature: Feature, subjects: Sequence[str], points: Sequence[int], starts: Collection[int]
    ) -> list[Decimal]:
        """The usage of the subjects between each two neighbouring points; those of ``starts`` begin a usage period.

        Raises TooLarge where there is too much to read, and what ``usage_filters`` raises. A cut minute whose events
        have expired counts as if all of it had happened at the minute's end.
        """
        if feature.meter_id is None or not subjects or len(points) < 2:
            return [Decimal(0)] * (len(points) - 1)
        meter = self._meters.find(feature.workspace, feature.meter_id)
        sums = SegmentSums(meter, usage_filters(meter, feature), points, starts)
        budget, span = ReadBudget(), hours_of(Window(points[0], points[-1]))
        read = carry(lambda subject: self._read(meter, subject, span, sums, budget))
        for rows in self._pool.map(read, subjects):
            sums.add(rows)
        self._add_cut_minutes(meter, subjects, sums)
        return sums.usages()

    def _read(self, meter: Meter, subject: str, span: HourSpan, sums: SegmentSums, budget: ReadBudget) -> list[HourRow]:
        """The rows of a subject: hour totals, and minutes where the hour is cut."""
        series = Series(meter.workspace, meter.id, meter.active)
        rows = self._rows.rows(series, subject, span, budget, minutes=False)
        cut = sums.hours_cut(rows)
        found = [row for row in rows if row.hour not in cut]
        for first, last in stretches(cut, MAX_STRETCHES):
            fine = self._rows.rows(series, subject, HourSpan(first, last), budget, minutes=True)
            found += [row for row in fine if row.hour in cut]
        return found

    def _add_cut_minutes(self, meter: Meter, subjects: Sequence[str], sums: SegmentSums) -> None:
        oldest_us = self._clock.now_us() - self._retention_us + _EXPIRING_US if self._retention_us else 0
        expired = [minute for minute in sums.cut_minutes if minute * MINUTE_US < oldest_us]
        kept = sums.cut_minutes[len(expired) :]
        sums.add_whole(expired)
        wanted = frozenset(kept)
        windows = [Window(one * MINUTE_US, (last + 1) * MINUTE_US) for one, last in stretches(kept, MAX_STRETCHES)]
        for first in range(0, len(windows), STRETCHES_AT_ONCE):
            some = tuple(windows[first : first + STRETCHES_AT_ONCE])
            sums.add_events(wanted, self._raw(meter, subjects, some))

    def _raw(self, meter: Meter, subjects: Sequence[str], windows: tuple[Window, ...]) -> list[CountedEvent]:
        try:
            return self._edges.read(meter, RawStretches(subjects=tuple(subjects), stretches=windows))
        except TooLarge:
            raise TooLarge(
                "too many events lie in the minutes in which a grant or a usage period begins or ends",
                code="edge_too_large",
            ) from None
