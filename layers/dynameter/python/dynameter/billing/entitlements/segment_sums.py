"""Summing usage rows and raw events into segments of time, whichever instants lie between them. Pure.

An hour's total serves where no boundary lies inside the hour, else its minutes do; a minute that is cut and has usage
is counted from its raw events. UNIQUE_COUNT and LATEST do not add up: there a segment's usage is what the period has
come to at its end, less what it had come to at its start.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from dynameter.billing.pricing.money import WORKING
from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.filters import Filter
from dynameter.meters.meter import Aggregation, Meter
from dynameter.usage.queries.edges import CountedEvent
from dynameter.usage.queries.values import Tally
from dynameter.usage.rows.cells import Cell, cell_of, is_counted, moment_of
from dynameter.usage.rows.row import HourRow

_ADDITIVE = frozenset({Aggregation.SUM, Aggregation.COUNT})
_ZERO = Decimal(0)
_Counted = tuple[Cell, tuple[str, ...]]


class SegmentSums:
    """What a meter has counted between each two neighbouring ``points``; those of ``starts`` begin a usage period."""

    def __init__(
        self, meter: Meter, filters: Mapping[str, Filter[str]], points: Sequence[int], starts: Collection[int]
    ) -> None:
        keys = sorted(meter.active_generation.group_by)
        self._aggregation = meter.aggregation
        self._filters = [(keys.index(key), one) for key, one in filters.items()]
        self._points = points
        self._starts = frozenset(starts)
        self._found: list[list[_Counted]] = [[] for _ in pairwise(points)]
        self._cut: dict[int, list[_Counted]] = {}
        self._admitted: dict[tuple[str, ...], bool] = {}

    @property
    def cut_minutes(self) -> list[int]:
        """The minutes (since the epoch) that have usage and a boundary inside, in their order."""
        return sorted(self._cut)

    def hours_cut(self, rows: Iterable[HourRow]) -> set[int]:
        """The hours among the rows whose totals cannot be used: their minutes must be read."""
        return {row.hour for row in self._wanted(rows) if self._cuts(row.hour * HOUR_US, HOUR_US)}

    def add(self, rows: Iterable[HourRow]) -> None:
        """Add rows of a subject, each hour once: with its minutes where it is cut."""
        for row in self._wanted(rows):
            start_us = row.hour * HOUR_US
            if row.minutes is None:
                self._put(start_us, (row.total, row.groups))
                continue
            for minute, cell in row.minutes.items():
                at_us = start_us + minute * MINUTE_US
                if not is_counted(cell):
                    continue
                if self._cuts(at_us, MINUTE_US):
                    self._cut.setdefault(at_us // MINUTE_US, []).append((cell, row.groups))
                else:
                    self._put(at_us, (cell, row.groups))

    def add_events(self, minutes: Collection[int], events: Iterable[CountedEvent]) -> None:
        """Count these cut minutes from the raw events, which may hold some of other minutes."""
        for one in events:
            if one.event.time_us // MINUTE_US in minutes and self._admits(one.reading.groups):
                cell = cell_of(self._aggregation, one.reading.value, moment_of(one.event))
                self._put(one.event.time_us, (cell, one.reading.groups))

    def add_whole(self, minutes: Iterable[int]) -> None:
        """Count these cut minutes as if all their usage had happened at their end."""
        for minute in minutes:
            for counted in self._cut[minute]:
                self._put((minute + 1) * MINUTE_US - 1, counted)

    def usages(self) -> list[Decimal]:
        """The usage of each segment, in their order."""
        found: list[Decimal] = []
        tally, before = Tally(self._aggregation), _ZERO
        some = False
        for start_us, counted in zip(self._points, self._found, strict=False):
            if self._aggregation in _ADDITIVE or start_us in self._starts:
                tally, before, some = Tally(self._aggregation), _ZERO, False
            for cell, groups in counted:
                tally.add(cell, groups)
                some = True
            after = tally.answer() if some else _ZERO
            found.append(WORKING.subtract(after, before))
            before = after
        return found

    def _wanted(self, rows: Iterable[HourRow]) -> Iterable[HourRow]:
        return (row for row in rows if is_counted(row.total) and self._admits(row.groups))

    def _admits(self, groups: tuple[str, ...]) -> bool:
        admitted = self._admitted.get(groups)
        if admitted is None:
            admitted = all(one.matches(groups[place]) for place, one in self._filters)
            self._admitted[groups] = admitted
        return admitted

    def _cuts(self, start_us: int, length_us: int) -> bool:
        """Whether a point lies inside the stretch, its start excluded."""
        place = bisect_right(self._points, start_us)
        return place < len(self._points) and self._points[place] < start_us + length_us

    def _put(self, at_us: int, counted: _Counted) -> None:
        place = bisect_right(self._points, at_us) - 1
        if 0 <= place < len(self._found):
            self._found[place].append(counted)


def stretches(places: Iterable[int], most: int) -> list[tuple[int, int]]:
    """The places as at most so many stretches, both ends included; the narrowest gaps are bridged first."""
    ordered = sorted(set(places))
    if not ordered:
        return []
    apart = [at for at in range(1, len(ordered)) if ordered[at] - ordered[at - 1] > 1]
    cuts = sorted(sorted(apart, key=lambda at: ordered[at - 1] - ordered[at])[: most - 1])
    starts, ends = [0, *cuts], [*cuts, len(ordered)]
    return [(ordered[start], ordered[end - 1]) for start, end in zip(starts, ends, strict=True)]
