"""Answering usage queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Protocol

from dynameter.deadline import carry
from dynameter.errors import NotSupported, TooLarge
from dynameter.meters.meter import Meter
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.query import MAX_SUBJECTS, UsageAnswer, UsageQuery, check_query, hours_of
from dynameter.usage.queries.summation import Summation
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.row import MAX_SUBJECT_BYTES, HourRow, HourSpan, Series

WORKERS = 16
SUBJECTS_AT_ONCE = 64
"""Subjects whose rows are held in memory together."""
MAX_RUNS = 400
"""Stretches of hours read again on their own (a year of days in India); were there more, they are read as one."""


class UsageRows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``; all reads strongly consistent."""

    def rows(
        self, series: Series, subject: str | None, span: HourSpan, budget: ReadBudget, *, minutes: bool
    ) -> list[HourRow]:
        """The rows of a subject, or of the total, in the order of hours."""

    def subjects(self, series: Series, span: HourSpan, budget: ReadBudget, limit: int) -> list[str]:
        """Subjects that may have rows in the hours, sorted; stops once there are more than ``limit``."""


class UsageService:
    """Answers queries from usage rows: the cost is that of the hours and groups, not of the events in them.

    Only for an end inside a minute are events read, those of that minute, by ``edges``; without it such an end is not
    served.
    """

    def __init__(self, store: UsageRows, edges: EdgeReader | None = None, workers: int = WORKERS) -> None:
        self._store = store
        self._edges = edges
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="query")

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from the meter's active generation.

        Raises InvalidInput for a query that cannot be asked, TooLarge for one whose answer or reading is over a
        limit.
        """
        keys = sorted(meter.active_generation.group_by)
        check_query(query, keys)
        summation = Summation(query, meter.aggregation, keys)
        if query.edges:
            if self._edges is None:
                raise NotSupported("from and to must be whole minutes")
            summation.add_events(self._edges.read(meter, query))
        if query.whole_minutes.start_us < query.whole_minutes.end_us:
            self._add_rows(meter, query, summation)
        return summation.answer()

    def _add_rows(self, meter: Meter, query: UsageQuery, summation: Summation) -> None:
        series = Series(meter.workspace, meter.id, meter.active)
        span = hours_of(query.whole_minutes)
        budget = ReadBudget()
        for subjects in _chunks(self._partitions(series, query, span, budget)):
            for subject, rows in zip(
                subjects,
                self._pool.map(carry(lambda one: self._rows(series, one, query, span, summation, budget)), subjects),
                strict=True,
            ):
                summation.add(subject, rows)

    def _partitions(
        self, series: Series, query: UsageQuery, span: HourSpan, budget: ReadBudget
    ) -> Sequence[str | None]:
        named = query.named_subjects
        if named is not None:
            # An engine refuses to look for what is too long for a key, and no event has such a subject.
            return sorted(one for one in named if 0 < len(one.encode()) <= MAX_SUBJECT_BYTES)
        if not query.by_subject:
            return (None,)
        subjects = self._store.subjects(series, span, budget, MAX_SUBJECTS)
        if len(subjects) > MAX_SUBJECTS:
            raise TooLarge(
                f"more than {MAX_SUBJECTS} subjects have usage in the range; name subjects or ask for a shorter range",
                code="too_many_subjects",
            )
        return subjects

    def _rows(
        self,
        series: Series,
        subject: str | None,
        query: UsageQuery,
        span: HourSpan,
        summation: Summation,
        budget: ReadBudget,
    ) -> list[HourRow]:
        """One partition's rows: hour totals, and minutes where totals are too coarse."""
        if query.needs_every_minute:
            return self._store.rows(series, subject, span, budget, minutes=True)
        rows = self._store.rows(series, subject, span, budget, minutes=False)
        for run in _runs(summation.hours_too_coarse(rows)):
            fine = self._store.rows(series, subject, run, budget, minutes=True)
            rows = [row for row in rows if not run.first <= row.hour <= run.last] + fine
        return rows


def _runs(hours: Iterable[int]) -> list[HourSpan]:
    """The hours as stretches without a gap."""
    runs: list[HourSpan] = []
    for hour in sorted(hours):
        if runs and runs[-1].last == hour - 1:
            runs[-1] = HourSpan(runs[-1].first, hour)
        else:
            runs.append(HourSpan(hour, hour))
    return runs if len(runs) <= MAX_RUNS else [HourSpan(runs[0].first, runs[-1].last)]


def _chunks(partitions: Sequence[str | None]) -> Iterator[list[str | None]]:
    waiting = iter(partitions)
    while chunk := list(islice(waiting, SUBJECTS_AT_ONCE)):
        yield chunk
