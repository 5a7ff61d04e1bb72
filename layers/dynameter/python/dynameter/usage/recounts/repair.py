"""Holding usage beside a fresh count of its raw events, and restoring the rows that differ.

A repair starts an epoch in every row of the range's hours that is not what the raw events make it, rows that should
be there and are not among them; see ``usage.rows.epoch``. A recompute job for each then counts it anew, exactly
once, while events keep coming; until it is done the row answers what it answered before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from dynameter.clock import HOUR_US, MICROSECONDS, Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, TooLarge
from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.quantity import split
from dynameter.rfc3339 import LATEST_US
from dynameter.usage.folding.fold import fold_history
from dynameter.usage.queries.query import MAX_SUBJECTS, UsageAnswer, UsageQuery, hours_of
from dynameter.usage.recounts.recount import Comparison, Counts, RawReader, Recount, compare
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import EXTREME, Cell, Cells, Extreme, combine
from dynameter.usage.rows.delta import Contribution, Delta
from dynameter.usage.rows.row import HourRow, HourSpan, RowKey, Series
from dynameter.usage.windows import Window

MAX_REPAIRED = 1_000
"""Rows that one request repairs, if there is time for so many; asking again repairs the next ones."""
LAST_START_US = 2 * MICROSECONDS
"""No row is begun with so little of the request's time left: what is begun already is to be told."""
MAX_GROUPS = 1_000
"""Groups that differ and are named in one answer."""
MAX_ROWS = 20_000
"""Rows of single subjects that a repair compares."""
LEAST_MARGIN_US = 250_000
"""How far past the present an epoch lies at least."""
_AS_IT_IS = LATEST_US
"""An instant after every fact: events count as they do now."""


class Usage(Protocol):
    """What is needed of ``dynameter.usage.queries.service.UsageService``."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from the meter's active generation."""


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def rows(
        self, series: Series, subject: str | None, span: HourSpan, budget: ReadBudget, *, minutes: bool
    ) -> list[HourRow]:
        """The rows of a subject, or of the total."""

    def subjects(self, series: Series, span: HourSpan, budget: ReadBudget, limit: int) -> list[str]:
        """Subjects that may have rows in the hours."""

    def start_epoch(self, row: RowKey, aggregation: Aggregation, epoch_us: int, now_us: int) -> int:
        """Start an epoch of the row and ask for its recompute."""


@dataclass(frozen=True, slots=True)
class RecountQuestion:
    """A range of a meter, of one subject or of all: ``from_us`` counts, ``to_us`` does not."""

    from_us: int
    to_us: int
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """A group whose aggregate and recount differ; ``groups`` maps the meter's keys to its values."""

    groups: Mapping[str, str]
    values: Comparison


@dataclass(frozen=True, slots=True)
class RecountAnswer:
    """What the usage rows say beside what the raw events say; ``groups`` are those that differ, sorted.

    ``by_groups`` says whether the meter has groups at all, ``truncated`` whether more differ than are named.
    """

    question: RecountQuestion
    total: Comparison
    by_groups: bool
    groups: tuple[GroupComparison, ...]
    truncated: bool


class RecountService:
    """Compares and repairs. ``settle_us``: no write begun by now is under way any longer then.

    ``retention_days`` is how long events are kept, 0 for ever: usage outlives its events, and what is counted again
    from the events that are left would be less.
    """

    def __init__(
        self, usage: Usage, rows: Rows, raw: RawReader, clock: Clock, settle_us: int, retention_days: int
    ) -> None:
        self._usage = usage
        self._rows = rows
        self._raw = raw
        self._clock = clock
        self._margin_us = max(settle_us, LEAST_MARGIN_US)
        self._retention_us = retention_days * 24 * HOUR_US

    def recount(self, meter: Meter, question: RecountQuestion, deadline_us: int) -> RecountAnswer:
        """Compare the usage of a range. What is stored in the last moments may be on one side only.

        Raises InvalidInput, and TooLarge where the range holds too many raw events or rows.
        """
        _check(question)
        keys = sorted(meter.active_generation.group_by)
        aggregate = self._aggregate(meter, question, keys)
        raw = self._raw.read(meter.workspace, question.from_us, question.to_us, question.subject, deadline_us)
        recount = _recount(meter, raw)
        differing = [
            GroupComparison(dict(zip(keys, groups, strict=True)), values)
            for groups in sorted(aggregate.groups.keys() | recount.groups.keys())
            if (
                values := compare(meter.aggregation, aggregate.groups.get(groups), recount.groups.get(groups))
            ).difference
            != 0
        ]
        return RecountAnswer(
            question,
            compare(meter.aggregation, aggregate.total, recount.total),
            bool(keys),
            tuple(differing[:MAX_GROUPS]),
            len(differing) > MAX_GROUPS,
        )

    def repair(self, meter: Meter, question: RecountQuestion, deadline_us: int) -> int:
        """Restore the range's hours; answers how many rows are being recomputed.

        With a subject these are its rows and, because they are made of the same events, those of the total. Raises
        AlreadyExists while the meter is being rebuilt, and what ``recount`` raises.
        """
        _check(question)
        if not meter.active_generation.complete:
            raise AlreadyExists("the meter is being rebuilt from its raw events, so there is nothing to repair yet")
        series = Series(meter.workspace, meter.id, meter.active)
        span = hours_of(Window(question.from_us, question.to_us))
        start_us, end_us = span.first * HOUR_US, (span.last + 1) * HOUR_US
        if self._retention_us and start_us < self._clock.now_us() - self._retention_us:
            message = "from must lie within EventRetentionDays: older events may be gone, though usage has them"
            raise InvalidInput(message, fields=(FieldError(("body", "from"), "range", message),))
        # The total is compared too, and it is made of all subjects' events.
        raw = self._raw.read(meter.workspace, start_us, end_us, None, deadline_us)
        folded = fold_history(meter, meter.active_generation, raw, _AS_IT_IS)
        expected = {row: _expected(row, delta) for row, delta in folded.rows.items() if _wanted(row, question)}
        stored = self._stored(series, span, question, {row.subject for row in expected})
        wrong = sorted(
            (row for row in expected.keys() | stored.keys() if not _alike(stored.get(row), expected.get(row))),
            key=lambda row: (row.subject or "", row.hour, row.groups),
        )
        started = 0
        for row in wrong[:MAX_REPAIRED]:
            now_us = self._clock.now_us()
            if started and now_us >= deadline_us - LAST_START_US:
                break
            # Not before this very write can be under way any longer: what is folded until then is stamped earlier.
            self._rows.start_epoch(row, meter.aggregation, now_us + self._margin_us, now_us)
            started += 1
        return started

    def _aggregate(self, meter: Meter, question: RecountQuestion, keys: Sequence[str]) -> Counts:
        asked = UsageQuery(
            from_us=question.from_us,
            to_us=question.to_us,
            subjects=() if question.subject is None else (question.subject,),
        )
        whole = self._usage.query(meter, asked).rows
        groups: dict[tuple[str, ...], Decimal] = {}
        if keys:
            by_groups = UsageQuery(asked.from_us, asked.to_us, subjects=asked.subjects, group_by=tuple(keys))
            rows = self._usage.query(meter, by_groups).rows
            groups = {tuple(row.groups[key] for key in keys): row.value for row in rows}
        return Counts(whole[0].value if whole else None, groups)

    def _stored(
        self, series: Series, span: HourSpan, question: RecountQuestion, expected: set[str | None]
    ) -> dict[RowKey, HourRow]:
        budget = ReadBudget()
        subjects: Iterable[str | None] = (question.subject, None)
        if question.subject is None:
            listed = self._rows.subjects(series, span, budget, MAX_SUBJECTS)
            subjects = {*listed, *expected, None}
            if len(subjects) > MAX_SUBJECTS + 1:
                raise TooLarge(
                    f"more than {MAX_SUBJECTS} subjects have usage in the range; name one or ask for a shorter range",
                    code="too_many_subjects",
                )
        found: dict[RowKey, HourRow] = {}
        for subject in subjects:
            for row in self._rows.rows(series, subject, span, budget, minutes=True):
                found[RowKey(series, subject, row.hour, row.groups)] = row
            if len(found) > MAX_ROWS:
                raise TooLarge(f"the range has more than {MAX_ROWS} rows; ask for a shorter one", code="too_many_rows")
        return found


def _check(question: RecountQuestion) -> None:
    if question.from_us >= question.to_us:
        message = "from must be before to"
        raise InvalidInput(message, fields=(FieldError(("body", "to"), "range", message),))


def _recount(meter: Meter, raw: Iterable[StoredEvent]) -> Counts:
    recount = Recount(meter)
    for stored in raw:
        if not stored.event.voided:
            recount.add(stored.event)
    return recount.counts()


def _wanted(row: RowKey, question: RecountQuestion) -> bool:
    return question.subject is None or row.subject in (None, question.subject)


def _expected(row: RowKey, delta: Delta) -> HourRow:
    """The row that the contributions make by themselves."""
    minutes: dict[int, list[Cell]] = {}
    for one in delta.contributions:
        minutes.setdefault(one.minute, []).append(_alone(delta.aggregation, one))
    cells = {minute: combine(delta.aggregation, found) for minute, found in minutes.items()}
    return HourRow(row.hour, row.groups, combine(delta.aggregation, cells.values()), cells)


def _alone(aggregation: Aggregation, one: Contribution) -> Cell:
    number = one.value if isinstance(one.value, Decimal) else None
    if aggregation in EXTREME:
        return Extreme(1, number, one.moment)
    return Cells(1) if number is None else Cells(1, *split(number))


def _alike(stored: HourRow | None, expected: HourRow | None) -> bool:
    """Whether the row is what it should be; one in which nothing is left is as good as none."""
    return _content(stored) == _content(expected)


def _content(row: HourRow | None) -> tuple[Cell, Mapping[int, Cell]] | None:
    if row is None:
        return None
    minutes = {minute: cell for minute, cell in (row.minutes or {}).items() if cell.count}
    empty = not minutes and row.total in (Cells(), Extreme())
    return None if empty else (row.total, minutes)
