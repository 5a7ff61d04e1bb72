"""Usage queries: what may be asked, and what is answered. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import FieldError, InvalidInput
from dynameter.filters import Filter
from dynameter.usage.rows.row import LAST_HOUR, HourSpan
from dynameter.usage.windows import UnknownZone, Window, WindowSize, keeps_whole_hours, load_zone

MAX_SUBJECTS = 1_000
"""Subjects that a query grouped by subject may span."""
MAX_ENTRIES = 100
"""Subjects or group-by keys that a query may name (OpenMeter's limit)."""

SUBJECT = "subject"
CUSTOMER = "customer_id"
END_US = (LAST_HOUR + 1) * HOUR_US
"""The end of a range whose end is open."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A question about one meter's usage.

    ``from_us`` counts, ``to_us`` does not; None leaves that end open. No ``window_size`` gives one row a group.
    ``subjects`` filters and groups by subject. ``group_by`` names keys of the meter and ``subject``.
    ``customers`` maps the id of each customer to its subjects; it filters, beside ``subjects``, and groups by customer.
    ``filters`` keeps the events whose value of each key, "" where it is missing, matches.
    """

    from_us: int | None = None
    to_us: int | None = None
    window_size: WindowSize | None = None
    time_zone: str = "UTC"
    subjects: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, Filter[str]] = field(default_factory=dict)
    customers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def by_subject(self) -> bool:
        """Whether the answer tells subjects apart."""
        return bool(self.subjects) or SUBJECT in self.group_by

    @property
    def named_subjects(self) -> frozenset[str] | None:
        """The only subjects whose usage is asked for; None where anybody's is."""
        theirs = frozenset(subject for subjects in self.customers.values() for subject in subjects)
        if not self.subjects:
            return theirs if self.customers else None
        return theirs & {*self.subjects} if self.customers else frozenset(self.subjects)

    @property
    def range(self) -> Window:
        """The range with both ends."""
        return Window(0 if self.from_us is None else self.from_us, END_US if self.to_us is None else self.to_us)

    @property
    def whole_minutes(self) -> Window:
        """The part of the range that usage rows can answer; empty where it has no whole minute."""
        return cut(self.range)[0]

    @property
    def edges(self) -> tuple[Window, ...]:
        """The parts of the range that only raw events can answer."""
        return cut(self.range)[1]

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
class UsageRow:
    """One row of an answer; ``groups`` maps the keys asked for, sorted, to their values.

    ``customer`` is the id of the customer whose usage it is, None where none were named.
    """

    start_us: int
    end_us: int
    subject: str | None
    groups: Mapping[str, str]
    value: Decimal
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """The rows, ordered by window, customer, subject and groups, and the question."""

    query: UsageQuery
    rows: tuple[UsageRow, ...]


def cut(whole: Window) -> tuple[Window, tuple[Window, ...]]:
    """The whole minutes of a range (its start is its end where there are none) and the edges that are left."""
    first_us = -(-whole.start_us // MINUTE_US) * MINUTE_US
    last_us = whole.end_us // MINUTE_US * MINUTE_US
    if last_us < first_us:
        return Window(first_us, first_us), (whole,)
    edges = (Window(whole.start_us, first_us), Window(last_us, whole.end_us))
    return Window(first_us, last_us), tuple(edge for edge in edges if edge.start_us < edge.end_us)


def hours_of(window: Window) -> HourSpan:
    """The hours that a stretch of time touches."""
    return HourSpan(window.start_us // HOUR_US, (window.end_us - 1) // HOUR_US)


def check_query(query: UsageQuery, keys: Collection[str]) -> None:
    """Raise InvalidInput naming every field that is wrong; ``keys`` are the meter's group-by keys.

    Their locations are ``("body", <the name in UsageQuery, without _us>, ...)``.
    """
    errors = [*_range_errors(query), *_zone_errors(query), *_entry_errors(query), *_group_errors(query, keys)]
    if errors:
        raise InvalidInput("; ".join(error.message for error in errors), fields=tuple(errors))


def _range_errors(query: UsageQuery) -> Iterator[FieldError]:
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
    if len(query.customers) > MAX_ENTRIES:
        yield FieldError(("body", "customers"), "max_items", f"at most {MAX_ENTRIES} customers can be named")
    elif sum(map(len, query.customers.values())) > MAX_SUBJECTS:
        message = f"the customers have more than {MAX_SUBJECTS} subjects together; name fewer of them"
        yield FieldError(("body", "customers"), "max_items", message)
    if len(query.group_by) > MAX_ENTRIES:
        yield FieldError(("body", "group_by"), "max_items", f"at most {MAX_ENTRIES} group by keys can be named")


def _group_errors(query: UsageQuery, keys: Collection[str]) -> Iterator[FieldError]:
    for index, key in enumerate(query.group_by[:MAX_ENTRIES]):
        if key == CUSTOMER:
            if query.customers:
                continue
            reason = "invalid group by: customer_id needs a customer filter"
            yield FieldError(("body", "group_by", index), "invalid_group_by", reason, key)
        elif key != SUBJECT and key not in keys:
            yield FieldError(("body", "group_by", index), "invalid_group_by", f"invalid group by: {key[:64]}", key[:64])
    for key in query.filters:
        if key not in keys:
            location = ("body", "filters", key[:64])
            yield FieldError(location, "invalid_filter", f"invalid filter: the meter has no group by {key[:64]}")
