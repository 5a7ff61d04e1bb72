"""Which subjects have used what a meter counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.deadline import carry
from dynameter.errors import TooLarge
from dynameter.meters.meter import Meter
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.query import UsageQuery, check_query, hours_of
from dynameter.usage.queries.service import WORKERS, UsageRows
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import is_counted
from dynameter.usage.rows.row import HourSpan, Series
from dynameter.usage.windows import Window

MAX_LISTED = 5_000
"""Subjects that may have rows in the months of a range."""


class Presence(Protocol):
    """What is needed of ``dynameter.usage.subjects.store.PresenceStore``."""

    def has_usage(self, series: Series, subject: str, span: HourSpan) -> bool:
        """Whether anything of the subject counts in the hours."""


class UsedSubjects:
    """Lists subjects at a read or few of each, whatever their usage."""

    def __init__(self, rows: UsageRows, presence: Presence, edges: EdgeReader, workers: int = WORKERS) -> None:
        self._rows = rows
        self._presence = presence
        self._edges = edges
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="subjects")

    def list(self, meter: Meter, from_us: int | None, to_us: int | None) -> list[str]:
        """The subjects with an event in the range that the active generation counts, sorted.

        Raises InvalidInput for a range that is none, TooLarge for more than ``MAX_LISTED`` subjects.
        """
        query = UsageQuery(from_us, to_us)
        check_query(query, ())
        series = Series(meter.workspace, meter.id, meter.active)
        found = {one.event.subject for one in self._edges.read(meter, query)}
        whole = query.whole_minutes
        if whole.start_us < whole.end_us:
            budget = ReadBudget()
            listed = self._rows.subjects(series, hours_of(whole), budget, MAX_LISTED)
            if len(listed) > MAX_LISTED:
                message = f"more than {MAX_LISTED} subjects may have usage in the range; ask for a shorter one"
                raise TooLarge(message, code="too_many_subjects")
            unsure = [subject for subject in listed if subject not in found]
            used = self._pool.map(carry(lambda subject: self._is_used(series, subject, whole, budget)), unsure)
            found |= {subject for subject, is_used in zip(unsure, used, strict=True) if is_used}
        return sorted(found)

    def _is_used(self, series: Series, subject: str, whole: Window, budget: ReadBudget) -> bool:
        touched = hours_of(whole)
        cut_hours = [
            hour
            for hour in sorted({touched.first, touched.last})
            if hour * HOUR_US < whole.start_us or whole.end_us < (hour + 1) * HOUR_US
        ]
        inner = HourSpan(touched.first + (touched.first in cut_hours), touched.last - (touched.last in cut_hours))
        if inner.first <= inner.last and self._presence.has_usage(series, subject, inner):
            return True
        return any(self._is_used_inside(series, subject, hour, whole, budget) for hour in cut_hours)

    def _is_used_inside(self, series: Series, subject: str, hour: int, whole: Window, budget: ReadBudget) -> bool:
        """Whether anything counts in the minutes of the hour that lie in the range."""
        rows = self._rows.rows(series, subject, HourSpan(hour, hour), budget, minutes=True)
        return any(
            whole.start_us <= hour * HOUR_US + minute * MINUTE_US < whole.end_us and is_counted(cell)
            for row in rows
            for minute, cell in (row.minutes or {}).items()
        )
