"""Answering usage queries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Protocol

from dynameter.errors import NotSupported, TooLarge
from dynameter.meters.meter import Meter
from dynameter.usage import additive
from dynameter.usage.budget import ReadBudget
from dynameter.usage.query import MAX_SUBJECTS, HourRow, Summation, UsageAnswer, UsageQuery, check_query
from dynameter.usage.row import HourSpan, Series

WORKERS = 16
SUBJECTS_AT_ONCE = 64
"""Subjects whose rows are held in memory together."""
MAX_RUNS = 400
"""Stretches of hours read again on their own (a year of days in India); were there more, they are read as one."""


class UsageRows(Protocol):
    """What is needed of ``dynameter.usage.store.UsageStore``; all reads strongly consistent."""

    def rows(
        self, series: Series, subject: str | None, span: HourSpan, budget: ReadBudget, *, minutes: bool
    ) -> list[HourRow]:
        """The rows of a subject, or of the total, in the order of hours."""

    def subjects(self, series: Series, span: HourSpan, budget: ReadBudget, limit: int) -> list[str]:
        """Subjects that may have rows in the hours, sorted; stops once there are more than ``limit``."""


class UsageService:
    """Answers queries from usage rows: the cost is that of the hours and groups, not of the events in them."""

    def __init__(self, store: UsageRows, workers: int = WORKERS) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="query")

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from the meter's active generation.

        Raises InvalidInput for a query that cannot be asked, TooLarge for one whose answer or reading is over a
        limit, NotSupported for an aggregation that is not folded.
        """
        keys = sorted(meter.active_generation.group_by)
        check_query(query, keys)
        if meter.aggregation not in additive.AGGREGATIONS:
            raise NotSupported(f"usage of {meter.aggregation.value} meters cannot be queried yet")
        series = Series(meter.workspace, meter.id, meter.active)
        budget = ReadBudget()
        summation = Summation(query, meter.aggregation, keys)
        for subjects in _chunks(self._partitions(series, query, budget)):
            for subject, rows in zip(
                subjects,
                self._pool.map(lambda one: self._rows(series, one, query, summation, budget), subjects),
                strict=True,
            ):
                summation.add(subject, rows)
        return summation.answer()

    def _partitions(self, series: Series, query: UsageQuery, budget: ReadBudget) -> Sequence[str | None]:
        if query.subjects:
            return sorted(set(query.subjects))
        if not query.by_subject:
            return (None,)
        subjects = self._store.subjects(series, query.hours, budget, MAX_SUBJECTS)
        if len(subjects) > MAX_SUBJECTS:
            raise TooLarge(
                f"more than {MAX_SUBJECTS} subjects have usage in the range; name subjects or ask for a shorter range",
                code="too_many_subjects",
            )
        return subjects

    def _rows(
        self, series: Series, subject: str | None, query: UsageQuery, summation: Summation, budget: ReadBudget
    ) -> list[HourRow]:
        """One partition's rows: hour totals, and minutes where totals are too coarse."""
        if query.needs_every_minute:
            return self._store.rows(series, subject, query.hours, budget, minutes=True)
        rows = self._store.rows(series, subject, query.hours, budget, minutes=False)
        for span in _runs(summation.hours_too_coarse(rows)):
            fine = self._store.rows(series, subject, span, budget, minutes=True)
            rows = [row for row in rows if not span.first <= row.hour <= span.last] + fine
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
