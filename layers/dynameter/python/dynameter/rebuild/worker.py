"""One chunk of one job: what the function does with each record of the catalog's stream.

A job is an item, and writing it starts it: the stream brings its image here. A chunk works until the job is done or
the invocation's time is short and then writes a checkpoint, and that write brings the next chunk. A chunk that is
killed, or raises because storage failed, is brought again by Lambda and begins where the last checkpoint says.

    record of step n -> the job is at step n        work, then checkpoint n + 1, or done
                     -> the job is past step n      nothing: the record of the later step goes on
                     -> the job is done             tell its kind once more: the last time may have been cut short
                     -> there is no job             nothing

Two workers on one job, one of them a zombie, do no harm: both fold from the same position what watermarks let count
once, and only one of their checkpoints meets its condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.errors import Unavailable
from dynameter.rebuild.job import Handler, Job, JobKey, JobState, Progress

MAX_FAULTS = 8
"""Failures of one chunk, other than of a dependency, after which the job is given up."""
FIRST_PAUSE_US = 1 * MICROSECONDS


class Jobs(Protocol):
    """What is needed of ``dynameter.rebuild.store.JobStore``."""

    def get(self, key: JobKey) -> Job | None:
        """The job as it is now."""

    def checkpoint(self, job: Job, progress: Progress) -> bool:
        """Write where the next chunk begins."""

    def mark_done(self, job: Job, worked: int = 0) -> bool:
        """Mark the job as done."""

    def postpone(self, job: Job, not_before_us: int, reason: str) -> bool:
        """Write that a chunk failed and when to try it again."""

    def give_up(self, job: Job, reason: str) -> bool:
        """Mark the job as failed."""


class Result(Enum):
    """What became of a chunk; the names are metrics."""

    IDLE = "idle"
    """There was nothing to do."""
    CONTINUED = "continued"
    DONE = "done"
    POSTPONED = "postponed"
    """The chunk failed and will be tried again."""
    FAILED = "failed"
    """The job is given up."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The job of a stream record, at the step that the record shows."""

    key: JobKey
    step: int


ReportFault = Callable[[Job, Exception], None]


class Worker:
    """Runs chunks. ``handlers`` maps each kind of job to what its jobs do."""

    def __init__(self, jobs: Jobs, handlers: Mapping[str, Handler], clock: Clock, report_fault: ReportFault) -> None:
        self._jobs = jobs
        self._handlers = handlers
        self._clock = clock
        self._report_fault = report_fault

    def run(self, trigger: Trigger, deadline_us: int) -> Result:
        """Run one chunk; it begins no work after the deadline. Raises ``Unavailable`` where storage fails,
        ``UnreadableJob`` where what is stored is none."""
        job = self._jobs.get(trigger.key)
        if job is None or job.state is JobState.FAILED:
            return Result.IDLE
        if job.state is JobState.DONE:
            return self._finish(job)
        if job.step != trigger.step:
            return Result.IDLE
        if not self._wait(job, deadline_us):
            return self._continue(job, Progress(job.position))
        try:
            progress = self._handlers[job.key.kind].run(job, deadline_us)
        except Unavailable:
            raise
        except Exception as error:
            # A bug must hold up neither the other jobs of the shard nor, for ever, the bill.
            return self._fault(job, error)
        if not progress.done:
            return self._continue(job, progress)
        if self._jobs.mark_done(job, progress.worked):
            return self._finish(job)
        # Refused also where the write was done and only its answer lost: then nobody else would finish.
        found = self._jobs.get(job.key)
        return self._finish(found) if found is not None and found.state is JobState.DONE else Result.IDLE

    def _wait(self, job: Job, deadline_us: int) -> bool:
        """Sleep until the job may begin; False where that is after the deadline."""
        now = self._clock.now_us()
        until = min(job.not_before_us, deadline_us)
        if until > now:
            self._clock.sleep((until - now) / MICROSECONDS)
        return job.not_before_us <= deadline_us

    def _finish(self, job: Job) -> Result:
        self._handlers[job.key.kind].finish(job)
        return Result.DONE

    def _continue(self, job: Job, progress: Progress) -> Result:
        return Result.CONTINUED if self._jobs.checkpoint(job, progress) else Result.IDLE

    def _fault(self, job: Job, error: Exception) -> Result:
        self._report_fault(job, error)
        reason = f"{type(error).__name__}: {error}"
        if job.faults + 1 >= MAX_FAULTS:
            self._jobs.give_up(job, reason)
            return Result.FAILED
        self._jobs.postpone(job, self._clock.now_us() + FIRST_PAUSE_US * 2**job.faults, reason)
        return Result.POSTPONED


def read_trigger(record: Mapping[str, Any], read_job: Callable[[Mapping[str, Any]], Job]) -> Trigger | None:
    """The job in one record of the catalog's stream; None for anything else.

    Raises ``UnreadableJob`` for an item under a job's key that is none.
    """
    image = record["dynamodb"].get("NewImage")
    if not image or not image["sk"]["S"].startswith("j."):
        return None
    job = read_job(image)
    return Trigger(job.key, job.step)
