"""Rebuilding a generation of a meter: what came before its ``live_from`` is folded from the raw history.

One job for each generation. When the time has come it writes a slice for every bucket of the history that holds
events and is done; a slice folds its bucket page by page. Whoever is the last to be done, the job or a slice, sees
all of them done, and completes the generation.

Each event counts once: a bucket is read in the order of its keys, and every usage row keeps, as for a shard of the
stream, the last key that the slice has folded into it. What is folded is the state of each event just before
``live_from``, which no longer changes when the job begins: a chunk that is repeated, by a zombie too, folds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from dynameter.clock import Clock
from dynameter.errors import Unavailable, VersionConflict
from dynameter.events.stored import HistoryPage
from dynameter.meters.generations import is_settled, with_complete
from dynameter.meters.meter import Generation, Meter
from dynameter.rebuild.job import Handler, Job, JobKey, JobState, Progress
from dynameter.rfc3339 import LATEST_US
from dynameter.usage.folding.fold import Fault, fold_history
from dynameter.usage.rows.delta import Deltas

BUCKETS = 16
"""Slices of a rebuild: the buckets of ``dynameter.events.history``."""
_ATTEMPTS = 8


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""

    def replace(self, meter: Meter) -> None:
        """Write the next version; VersionConflict where another request was faster."""


class Jobs(Protocol):
    """What is needed of ``dynameter.rebuild.store.JobStore``."""

    def put(self, job: Job) -> bool:
        """Write a new job."""

    def family(self, key: JobKey) -> tuple[Job | None, Sequence[Job]]:
        """The whole job and its slices."""

    def delete(self, key: JobKey) -> None:
        """Delete a job."""


class History(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(
        self,
        workspace: str,
        bucket: int,
        start_us: int,
        end_us: int,
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> HistoryPage:
        """One page of one bucket, in the order of keys."""


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def apply(self, shard: str, rows: Deltas, now_us: int) -> None:
        """Add each contribution to its row unless the row has it."""


class GoingLive(Protocol):
    """What is needed of ``dynameter.meters.going_live.GoingLive``."""

    def begin_again(self, meter: Meter) -> None:
        """Put a later generation in the newest one's place."""


ReportFaults = Callable[[Sequence[Fault]], None]


class GenerationRebuild(Handler):
    """What jobs of the kind ``rebuild`` do."""

    def __init__(
        self,
        meters: Meters,
        jobs: Jobs,
        history: History,
        rows: Rows,
        going_live: GoingLive,
        clock: Clock,
        report_faults: ReportFaults,
    ) -> None:
        """``report_faults`` hears of events that a meter's reader raised on; they do not count in it."""
        self._meters = meters
        self._jobs = jobs
        self._history = history
        self._rows = rows
        self._going_live = going_live
        self._clock = clock
        self._report_faults = report_faults

    def run(self, job: Job, deadline_us: int) -> Progress:
        """See ``dynameter.rebuild.job.Handler``; a position is a key of the history."""
        meter = self._meter(job)
        if meter is None:
            return Progress(job.position, done=True)
        if not meter.generation(_number(job)).confirmed:
            # Whoever committed it is dead by now, and nobody knows whether the stream has missed something.
            self._going_live.begin_again(meter)
            return Progress(None, done=True)
        if job.key.slice is None:
            self._write_slices(job, meter)
            return Progress(None, done=True)
        return self._fold(job, job.key.slice, meter, meter.generation(_number(job)), deadline_us)

    def finish(self, job: Job) -> None:
        """Complete the generation if this was the last of its jobs, and drop them."""
        whole, slices = self._jobs.family(job.key)
        if self._meter(job) is not None:
            everyone_done = whole is not None and all(one.state is JobState.DONE for one in (whole, *slices))
            if not everyone_done:
                return
            self._complete(job)
        # Its own item goes last: while it is there, this may be repeated.
        others = [one.key for one in (whole, *slices) if one is not None and one.key != job.key]
        for key in (*others, job.key):
            self._jobs.delete(key)

    def _meter(self, job: Job) -> Meter | None:
        """The meter, None where the generation needs no rebuild any more."""
        meter = self._meters.get(job.key.workspace, str(job.details["meter"]))
        return None if meter is None or is_settled(meter, _number(job)) else meter

    def _write_slices(self, job: Job, meter: Meter) -> None:
        """Start a slice for each bucket that holds anything."""
        for bucket in range(BUCKETS):
            page = self._history.page(meter.workspace, bucket, _start_us(meter), LATEST_US, limit=1)
            if page.next is None and not page.events:
                continue
            first_us = page.events[0].event.time_us if page.events else _start_us(meter)
            now = self._clock.now_us()
            self._jobs.put(Job(job.key.part(bucket), now, now, {**job.details, "first": first_us}))

    def _fold(self, job: Job, bucket: int, meter: Meter, generation: Generation, deadline_us: int) -> Progress:
        shard = f"{job.key.kind}.{job.key.id}.{bucket}"
        after = job.position
        worked = 0
        while True:
            page = self._history.page(meter.workspace, bucket, _start_us(meter), LATEST_US, after=after)
            folded = fold_history(meter, generation, page.events, generation.live_from_us)
            self._report_faults(folded.faults)
            self._rows.apply(shard, folded.rows, self._clock.now_us())
            worked += len(page.events)
            if page.next is None:
                return Progress(after, done=True, worked=worked)
            after = page.next
            if self._clock.now_us() >= deadline_us:
                return Progress(after, worked=worked)

    def _complete(self, job: Job) -> None:
        for _ in range(_ATTEMPTS):
            meter = self._meter(job)
            if meter is None:
                return
            try:
                self._meters.replace(replace(with_complete(meter, _number(job)), version=meter.version + 1))
            except VersionConflict:
                continue
            return
        raise Unavailable("the meter is being changed by other requests")


def _number(job: Job) -> int:
    return int(job.details["generation"])


def _start_us(meter: Meter) -> int:
    """The time of the first event that the meter may count."""
    return 0 if meter.event_from_us is None else meter.event_from_us
