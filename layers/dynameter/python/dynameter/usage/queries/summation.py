"""Summing rows and raw events into the answer of one query. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import FieldError, InvalidInput, TooLarge
from dynameter.meters.meter import Aggregation
from dynameter.usage.queries.edges import CountedEvent
from dynameter.usage.queries.query import UsageAnswer, UsageQuery, UsageRow
from dynameter.usage.queries.values import Tally
from dynameter.usage.rows.cells import Cell, cell_of, is_counted, moment_of
from dynameter.usage.rows.row import HourRow
from dynameter.usage.windows import Calendar, load_zone

MAX_ROWS = 10_000
"""Rows of one answer."""

_NARROW = "ask for a shorter range, a larger window, fewer subjects or fewer groups"
_COUNTS = frozenset({Aggregation.COUNT, Aggregation.UNIQUE_COUNT})
_Whose = tuple[str | None, str | None]
"""A customer and a subject, each None where the answer does not tell them apart."""
_Key = tuple[int, int, _Whose, tuple[str, ...]]


class _Row:
    """What one row of the answer has come to, and the time it spans as far as it is known."""

    __slots__ = ("first_us", "last_us", "tally")

    def __init__(self, tally: Tally, at_us: int) -> None:
        self.tally = tally
        self.first_us = self.last_us = at_us

    def add(self, cell: Cell, groups: tuple[str, ...], at_us: int) -> None:
        self.tally.add(cell, groups)
        self.first_us = min(self.first_us, at_us)
        self.last_us = max(self.last_us, at_us)


class Summation:
    """Sums what was counted into the answer of one checked query. ``keys`` are the meter's group-by keys, sorted."""

    def __init__(self, query: UsageQuery, aggregation: Aggregation, keys: Sequence[str]) -> None:
        self._query = query
        self._aggregation = aggregation
        self._asked = [key for key in keys if key in query.group_by]
        self._places = [keys.index(key) for key in self._asked]
        self._filters = [(keys.index(key), one) for key, one in query.filters.items()]
        size = query.window_size
        self._calendar = None if size is None else Calendar(size, load_zone(query.time_zone))
        self._whole = query.whole_minutes
        self._owners: dict[str, list[str]] = {}
        for customer, subjects in query.customers.items():
            for subject in subjects:
                self._owners.setdefault(subject, []).append(customer)
        self._rows: dict[_Key, _Row] = {}
        self._admitted: dict[tuple[str, ...], bool] = {}

    def hours_too_coarse(self, rows: Iterable[HourRow]) -> set[int]:
        """The hours among one partition's rows whose totals cannot be used: their minutes must be read.

        They are hours that an end of the range or of a window cuts, and those in which the first and last event of a
        row without a window lie, where the query leaves that end open.
        """
        found: set[int] = set()
        spans: dict[tuple[str, ...], list[int]] = {}
        for row in self._wanted(rows):
            start_us = row.hour * HOUR_US
            whole = self._whole.start_us <= start_us and start_us + HOUR_US <= self._whole.end_us
            if not whole or (self._calendar and self._calendar.containing(start_us).end_us < start_us + HOUR_US):
                found.add(row.hour)
            spans.setdefault(self._groups(row.groups), []).append(row.hour)
        if self._calendar is None:
            if self._query.from_us is None:
                found |= {min(hours) for hours in spans.values()}
            if self._query.to_us is None:
                found |= {max(hours) for hours in spans.values()}
        return found

    def add(self, subject: str | None, rows: Iterable[HourRow]) -> None:
        """Add rows of one partition; ``subject`` is None for the total's. Raises TooLarge past ``MAX_ROWS``."""
        whose = self._whose(subject)
        for row in self._wanted(rows):
            start_us = row.hour * HOUR_US
            if row.minutes is None:
                self._add(start_us, HOUR_US, whose, row.groups, row.total)
                continue
            for minute, cell in row.minutes.items():
                at_us = start_us + minute * MINUTE_US
                if is_counted(cell) and self._whole.start_us <= at_us < self._whole.end_us:
                    self._add(at_us, MINUTE_US, whose, row.groups, cell)

    def add_events(self, events: Iterable[CountedEvent]) -> None:
        """Add events of the range's edges. Raises TooLarge past ``MAX_ROWS``."""
        for one in events:
            groups = one.reading.groups
            if self._admits(groups):
                whose = self._whose(one.event.subject)
                cell = cell_of(self._aggregation, one.reading.value, moment_of(one.event))
                self._add(one.event.time_us, 0, whose, groups, cell)

    def answer(self) -> UsageAnswer:
        """The answer over all that was added."""
        rows = [self._row(key, self._rows[key]) for key in sorted(self._rows, key=_order)]
        return UsageAnswer(self._query, tuple(rows) or self._empty())

    def _wanted(self, rows: Iterable[HourRow]) -> Iterator[HourRow]:
        for row in rows:
            if is_counted(row.total) and self._admits(row.groups):
                yield row

    def _admits(self, groups: tuple[str, ...]) -> bool:
        if not self._filters:
            return True
        # A meter has few tuples of groups and many rows of each.
        admitted = self._admitted.get(groups)
        if admitted is None:
            admitted = all(one.matches(groups[place]) for place, one in self._filters)
            self._admitted[groups] = admitted
        return admitted

    def _whose(self, subject: str | None) -> Sequence[_Whose]:
        """The rows that a subject's usage belongs to: one, or one for each of the named customers that have it.

        A deleted customer may have had a subject that is another's now; each is answered with all of it.
        """
        shown = subject if self._query.by_subject else None
        if not self._query.customers:
            return ((None, shown),)
        return [(customer, shown) for customer in self._owners.get(subject or "", ())]

    def _groups(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(groups[place] for place in self._places)

    def _add(self, at_us: int, length_us: int, whose: Sequence[_Whose], groups: tuple[str, ...], cell: Cell) -> None:
        start_us = end_us = 0
        if self._calendar:
            window = self._calendar.containing(at_us)
            start_us, end_us = window.start_us, window.end_us
            if at_us + length_us > end_us:
                raise InvalidInput(
                    "the time zone's offset then has seconds, and usage is kept by the minute",
                    fields=(FieldError(("body", "time_zone"), "invalid_time_zone", "has an offset with seconds then"),),
                )
        for one in whose:
            key = (start_us, end_us, one, self._groups(groups))
            row = self._rows.get(key)
            if row is None:
                if len(self._rows) >= MAX_ROWS:
                    raise TooLarge(f"the answer has more than {MAX_ROWS} rows; {_NARROW}", code="too_many_rows")
                row = self._rows[key] = _Row(Tally(self._aggregation), at_us)
            row.add(cell, groups, at_us)

    def _row(self, key: _Key, found: _Row) -> UsageRow:
        start_us, end_us, (customer, subject), groups = key
        if self._calendar is None:
            first_us, last_us = (at_us // MINUTE_US * MINUTE_US for at_us in (found.first_us, found.last_us))
            start_us = first_us if self._query.from_us is None else self._query.from_us
            end_us = last_us + MINUTE_US if self._query.to_us is None else self._query.to_us
        named = dict(zip(self._asked, groups, strict=True))
        return UsageRow(start_us, end_us, subject, named, found.tally.answer(), customer)

    def _empty(self) -> tuple[UsageRow, ...]:
        """Counting nothing, undivided, is 0; every other empty answer has no row."""
        query = self._query
        divided = self._calendar is not None or query.group_by or query.by_subject or query.customers
        if self._aggregation not in _COUNTS or divided:
            return ()
        asked = self._query.range
        end_us = asked.start_us + MINUTE_US if self._query.to_us is None else asked.end_us
        return (UsageRow(asked.start_us, end_us, None, {}, Decimal(0)),)


def _order(key: _Key) -> tuple[int, str, str, tuple[str, ...]]:
    start_us, _, (customer, subject), groups = key
    return start_us, customer or "", subject or "", groups
