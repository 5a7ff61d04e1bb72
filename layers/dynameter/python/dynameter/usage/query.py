"""Usage queries: what may be asked, and the summing of rows into the answer. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import FieldError, InvalidInput, TooLarge
from dynameter.meters.meter import Aggregation
from dynameter.usage import additive
from dynameter.usage.additive import Cells
from dynameter.usage.row import LAST_HOUR, HourSpan
from dynameter.usage.windows import Calendar, UnknownZone, WindowSize, keeps_whole_hours, load_zone

MAX_SUBJECTS = 1_000
"""Subjects that a query grouped by subject may span."""
MAX_ENTRIES = 100
"""Subjects, group-by keys or values of one filter that a query may name (OpenMeter's limit)."""
MAX_ROWS = 10_000
"""Rows of one answer."""

SUBJECT = "subject"
CUSTOMER = "customer_id"
_NARROW = "ask for a shorter range, a larger window, fewer subjects or fewer groups"


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A question about one meter's usage.

    ``from_us`` counts, ``to_us`` does not; None leaves that end open. No ``window_size`` gives one row a group.
    ``subjects`` filters and groups by subject. ``group_by`` names keys of the meter and ``subject``.
    ``filter_group_by`` keeps the events whose value of each key is among the given ones.
    """

    from_us: int | None = None
    to_us: int | None = None
    window_size: WindowSize | None = None
    time_zone: str = "UTC"
    subjects: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    filter_group_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def by_subject(self) -> bool:
        """Whether the answer tells subjects apart."""
        return bool(self.subjects) or SUBJECT in self.group_by

    @property
    def hours(self) -> HourSpan:
        """The hours that the range touches."""
        first = 0 if self.from_us is None else self.from_us // HOUR_US
        return HourSpan(first, LAST_HOUR if self.to_us is None else (self.to_us - 1) // HOUR_US)

    @property
    def needs_every_minute(self) -> bool:
        """Whether hour totals are too coarse for all windows; where they are for some, those hours are read again."""
        if self.window_size is WindowSize.MINUTE:
            return True
        if self.window_size is not WindowSize.HOUR:
            return False
        zone = load_zone(self.time_zone)
        return not all(keeps_whole_hours(zone, end) for end in (self.from_us, self.to_us) if end is not None)


@dataclass(frozen=True, slots=True)
class HourRow:
    """One row as read; ``minutes`` is None where only the hour's total was asked for."""

    hour: int
    groups: tuple[str, ...]
    total: Cells
    minutes: Mapping[int, Cells] | None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One row of an answer; ``groups`` maps the keys asked for, sorted, to their values."""

    start_us: int
    end_us: int
    subject: str | None
    groups: Mapping[str, str]
    value: Decimal


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """The rows, ordered by window, subject and groups, and the question."""

    query: UsageQuery
    rows: tuple[UsageRow, ...]


def check_query(query: UsageQuery, keys: Collection[str]) -> None:
    """Raise InvalidInput naming every field that is wrong; ``keys`` are the meter's group-by keys.

    Their locations are ``("body", <the name in UsageQuery, without _us>, ...)``.
    """
    errors = [*_range_errors(query), *_zone_errors(query), *_entry_errors(query), *_group_errors(query, keys)]
    if errors:
        raise InvalidInput("; ".join(error.message for error in errors), fields=tuple(errors))


def _range_errors(query: UsageQuery) -> Iterator[FieldError]:
    for name, instant_us in (("from", query.from_us), ("to", query.to_us)):
        if instant_us is not None and instant_us % MINUTE_US:
            yield FieldError(("body", name), "whole_minute", f"{name} must be a whole minute for now")
    if query.from_us is not None and query.to_us is not None and query.from_us >= query.to_us:
        yield FieldError(("body", "to"), "range", "from must be before to")
    if query.to_us is not None and query.to_us <= 0:
        yield FieldError(("body", "to"), "range", "to must be after 1970-01-01T00:00:00Z")


def _zone_errors(query: UsageQuery) -> Iterator[FieldError]:
    try:
        load_zone(query.time_zone)
    except UnknownZone:
        reason = "time zone must be the name of an IANA time zone"
        yield FieldError(("body", "time_zone"), "invalid_time_zone", reason, query.time_zone[:64])


def _entry_errors(query: UsageQuery) -> Iterator[FieldError]:
    if len(query.subjects) > MAX_ENTRIES:
        yield FieldError(("body", "subjects"), "max_items", f"at most {MAX_ENTRIES} subjects can be named")
    if len(query.group_by) > MAX_ENTRIES:
        yield FieldError(("body", "group_by"), "max_items", f"at most {MAX_ENTRIES} group by keys can be named")


def _group_errors(query: UsageQuery, keys: Collection[str]) -> Iterator[FieldError]:
    for index, key in enumerate(query.group_by[:MAX_ENTRIES]):
        if key == CUSTOMER:
            reason = "invalid group by: customer_id needs a customer filter"
            yield FieldError(("body", "group_by", index), "invalid_group_by", reason, key)
        elif key != SUBJECT and key not in keys:
            yield FieldError(("body", "group_by", index), "invalid_group_by", f"invalid group by: {key[:64]}", key[:64])
    for key, values in query.filter_group_by.items():
        location = ("body", "filter_group_by", key[:64])
        if key not in keys:
            yield FieldError(location, "invalid_filter", f"invalid filter: the meter has no group by {key[:64]}")
        if not 0 < len(values) <= MAX_ENTRIES:
            yield FieldError(location, "max_items", f"a filter must name 1 to {MAX_ENTRIES} values")


class _Sum:
    """What one row of the answer has come to, and the minutes it spans as far as they are known."""

    __slots__ = ("count", "first_us", "fraction", "integer", "last_us")

    def __init__(self, at_us: int) -> None:
        self.count = self.integer = self.fraction = 0
        self.first_us = self.last_us = at_us

    def add(self, cells: Cells, at_us: int) -> None:
        self.count += cells.count
        self.integer += cells.integer
        self.fraction += cells.fraction
        self.first_us = min(self.first_us, at_us)
        self.last_us = max(self.last_us, at_us)

    def cells(self) -> Cells:
        return Cells(self.count, self.integer, self.fraction)


class Summation:
    """Sums rows into the answer of one checked query. ``keys`` are the meter's group-by keys, sorted."""

    def __init__(self, query: UsageQuery, aggregation: Aggregation, keys: Sequence[str]) -> None:
        self._query = query
        self._aggregation = aggregation
        self._asked = [key for key in keys if key in query.group_by]
        self._places = [keys.index(key) for key in self._asked]
        self._filters = [(keys.index(key), frozenset(values)) for key, values in query.filter_group_by.items()]
        size = query.window_size
        self._calendar = None if size is None else Calendar(size, load_zone(query.time_zone))
        self._from_us = 0 if query.from_us is None else query.from_us
        self._to_us = (LAST_HOUR + 1) * HOUR_US if query.to_us is None else query.to_us
        self._sums: dict[tuple[int, int, str | None, tuple[str, ...]], _Sum] = {}

    def hours_too_coarse(self, rows: Iterable[HourRow]) -> set[int]:
        """The hours among one partition's rows whose totals cannot be used: their minutes must be read.

        They are hours that an end of the range or of a window cuts, and those in which the first and last event of a
        row without a window lie, where the query leaves that end open.
        """
        found: set[int] = set()
        spans: dict[tuple[str, ...], list[int]] = {}
        for row in self._wanted(rows):
            start_us = row.hour * HOUR_US
            whole = self._from_us <= start_us and start_us + HOUR_US <= self._to_us
            if not whole or (self._calendar and self._calendar.containing(start_us).end_us < start_us + HOUR_US):
                found.add(row.hour)
            spans.setdefault(self._groups(row), []).append(row.hour)
        if self._calendar is None:
            if self._query.from_us is None:
                found |= {min(hours) for hours in spans.values()}
            if self._query.to_us is None:
                found |= {max(hours) for hours in spans.values()}
        return found

    def add(self, subject: str | None, rows: Iterable[HourRow]) -> None:
        """Add rows of one partition; ``subject`` is None for the total's. Raises TooLarge past ``MAX_ROWS``."""
        for row in self._wanted(rows):
            groups = self._groups(row)
            start_us = row.hour * HOUR_US
            if row.minutes is None:
                self._add(start_us, HOUR_US, subject, groups, row.total)
                continue
            for minute, cells in row.minutes.items():
                at_us = start_us + minute * MINUTE_US
                if cells.count and self._from_us <= at_us < self._to_us:
                    self._add(at_us, MINUTE_US, subject, groups, cells)

    def answer(self) -> UsageAnswer:
        """The answer over all that was added."""
        rows = [self._row(key, self._sums[key]) for key in sorted(self._sums, key=_order)]
        return UsageAnswer(self._query, tuple(rows) or self._empty())

    def _wanted(self, rows: Iterable[HourRow]) -> Iterator[HourRow]:
        for row in rows:
            if row.total.count and all(row.groups[place] in values for place, values in self._filters):
                yield row

    def _groups(self, row: HourRow) -> tuple[str, ...]:
        return tuple(row.groups[place] for place in self._places)

    def _add(self, at_us: int, length_us: int, subject: str | None, groups: tuple[str, ...], cells: Cells) -> None:
        start_us = end_us = 0
        if self._calendar:
            window = self._calendar.containing(at_us)
            start_us, end_us = window.start_us, window.end_us
            if at_us + length_us > end_us:
                raise InvalidInput(
                    "the time zone's offset then has seconds, and usage is kept by the minute",
                    fields=(FieldError(("body", "time_zone"), "invalid_time_zone", "has an offset with seconds then"),),
                )
        key = (start_us, end_us, subject, groups)
        if key not in self._sums:
            if len(self._sums) >= MAX_ROWS:
                raise TooLarge(f"the answer has more than {MAX_ROWS} rows; {_NARROW}", code="too_many_rows")
            self._sums[key] = _Sum(at_us)
        self._sums[key].add(cells, at_us)

    def _row(self, key: tuple[int, int, str | None, tuple[str, ...]], found: _Sum) -> UsageRow:
        start_us, end_us, subject, groups = key
        if self._calendar is None:
            start_us = found.first_us if self._query.from_us is None else self._query.from_us
            end_us = found.last_us + MINUTE_US if self._query.to_us is None else self._query.to_us
        value = additive.answer(self._aggregation, found.cells())
        return UsageRow(start_us, end_us, subject, dict(zip(self._asked, groups, strict=True)), value)

    def _empty(self) -> tuple[UsageRow, ...]:
        """Counting nothing, undivided, is 0; every other empty answer has no row (openmeter.md 3.3)."""
        divided = self._calendar is not None or self._query.group_by or self._query.by_subject
        if self._aggregation is not Aggregation.COUNT or divided:
            return ()
        start_us = self._from_us
        end_us = start_us + MINUTE_US if self._query.to_us is None else self._to_us
        return (UsageRow(start_us, end_us, None, {}, Decimal(0)),)


def _order(key: tuple[int, int, str | None, tuple[str, ...]]) -> tuple[int, str, tuple[str, ...]]:
    return key[0], key[2] or "", key[3]
