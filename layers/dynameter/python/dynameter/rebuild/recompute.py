"""Recomputing a usage row: its hour is counted from the raw history as of the row's epoch.

The result goes into the row in one write, so a job is one chunk, however many events the hour has: what it reads and
folds is bounded by an hour of one meter, and only what the row counts is kept in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from dynameter.clock import HOUR_US, MINUTE_US, Clock
from dynameter.events.stored import HistoryPage
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.rebuild.job import DoneJobs, Handler, Job, Progress
from dynameter.usage.folding.fold import fold_history
from dynameter.usage.rows.delta import Contribution
from dynameter.usage.rows.epoch import Finish
from dynameter.usage.rows.row import RowKey, Series

PATIENCE_US = 10 * MINUTE_US
"""How long a row may take to get into the epoch that its job is for; a writer that slow is dead."""
FIRST_PAUSE_US = 100_000
LONGEST_PAUSE_US = MINUTE_US


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""


class History(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(self, workspace: str, bucket: int, start_us: int, end_us: int, *, after: str | None = None) -> HistoryPage:
        """One page of one bucket, in the order of keys."""

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> Sequence[int]:
        """The buckets that hold the events of these subjects, or all."""


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def finish_epoch(
        self, row: RowKey, aggregation: Aggregation, epoch_us: int, recomputed: Sequence[Contribution], now_us: int
    ) -> Finish:
        """End the row's epoch with what the history holds for it."""


class Recompute(Handler):
    """What jobs of the kind ``recompute`` do."""

    def __init__(self, meters: Meters, jobs: DoneJobs, history: History, rows: Rows, clock: Clock) -> None:
        self._meters = meters
        self._jobs = jobs
        self._history = history
        self._rows = rows
        self._clock = clock

    def run(self, job: Job, deadline_us: int) -> Progress:  # noqa: ARG002 (one chunk, see above)
        """See ``dynameter.rebuild.job.Handler``; a position is the number of tries that came too early."""
        meter = self._meters.get(job.key.workspace, str(job.details["meter"]))
        number = int(job.details["generation"])
        generation = next((one for one in meter.generations if one.number == number), None) if meter else None
        if meter is None or generation is None or meter.deleted_at_us is not None:
            return Progress(job.position, done=True)
        row = RowKey(
            Series(meter.workspace, meter.id, number),
            job.details["subject"],
            int(job.details["hour"]),
            tuple(job.details["groups"]),
        )
        epoch_us = int(job.details["epoch"])
        recomputed: list[Contribution] = []
        worked = 0
        for page in self._pages(row):
            worked += len(page.events)
            recomputed += _of_row(meter, generation, page, row, epoch_us)
        now = self._clock.now_us()
        found = self._rows.finish_epoch(row, meter.aggregation, epoch_us, recomputed, now)
        if found is not Finish.NOT_STARTED or now > job.created_at_us + PATIENCE_US:
            return Progress(job.position, done=True, worked=worked)
        tries = int(job.position or 0)
        pause_us = min(LONGEST_PAUSE_US, FIRST_PAUSE_US * 2**tries)
        return Progress(str(tries + 1), not_before_us=now + pause_us)

    def finish(self, job: Job) -> None:
        """Nobody needs a recompute's job once it is done."""
        self._jobs.delete(job.key)

    def _pages(self, row: RowKey) -> Iterator[HistoryPage]:
        workspace = row.series.workspace
        start_us = row.hour * HOUR_US
        for bucket in self._history.buckets(workspace, None if row.subject is None else (row.subject,)):
            after = None
            while True:
                page = self._history.page(workspace, bucket, start_us, start_us + HOUR_US, after=after)
                yield page
                if page.next is None:
                    break
                after = page.next


def _of_row(
    meter: Meter, generation: Generation, page: HistoryPage, row: RowKey, epoch_us: int
) -> Sequence[Contribution]:
    delta = fold_history(meter, generation, page.events, epoch_us).rows.get(row)
    return () if delta is None else delta.contributions
