"""Works through jobs in the background: rebuilds of meters, recomputes of usage rows, voids of many events.

The catalog table's stream brings every job that is written or has made a checkpoint, one a record. What raises is
brought again, for as long as the stream keeps it; only storage that fails raises.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.corrections.jobs import Candidates, VoidWorker
from dynameter.corrections.store import VoidStore
from dynameter.deadline import end_of_invocation, within
from dynameter.events.history import EventHistory
from dynameter.events.marks import EventMarks
from dynameter.events.store import decode_item
from dynameter.meters.going_live import GoingLive
from dynameter.meters.store import MeterStore
from dynameter.rebuild.generation import GenerationRebuild
from dynameter.rebuild.job import REBUILD, RECOMPUTE, REDRIVE, UNVOID, VOID, Handler, Job, UnreadableJob
from dynameter.rebuild.recompute import Recompute
from dynameter.rebuild.redrive import Redrive
from dynameter.rebuild.store import JobStore, read_job
from dynameter.rebuild.worker import Result, Worker, read_trigger
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import logger, publish_counts
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.fold import Fault
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.usage.rows.store import UsageStore

CHUNK_MS = 240_000
"""A chunk makes its checkpoint after so long: what a killed one has to do again is bounded by it."""
RESERVE_MS = 60_000
"""What is left of the invocation's time for the page under way and the checkpoint."""
STORAGE_RESERVE_US = 5 * MICROSECONDS
"""What is left of it for the answer of a call that was begun at the last moment."""

_clock = SystemClock()


@lru_cache(maxsize=1)
def worker() -> Worker:
    """The one worker of this process."""
    settings = Settings.from_env(os.environ)
    client = create_client(settings)
    jobs = JobStore(client, settings.catalog_table, _clock, settings.settle_ms * 1_000)
    meters = MeterStore(client, settings.catalog_table)
    history = EventHistory(client, settings)
    rows = UsageStore(client, settings.usage_table, jobs=jobs)
    marks = EventMarks(client, settings, _clock)
    voids = VoidWorker(VoidStore(client, settings.catalog_table), marks, Candidates(marks, history), jobs, _clock)
    going_live = GoingLive(meters, _clock, settings.clock_skew_ms, settings.settle_ms)
    handlers: dict[str, Handler] = {
        REBUILD: GenerationRebuild(meters, jobs, history, rows, going_live, _clock, _report_faults),
        RECOMPUTE: Recompute(meters, jobs, history, rows, _clock),
        VOID: voids,
        UNVOID: voids,
        REDRIVE: Redrive(
            QuarantineStore(client, settings.usage_table),
            history.find_item,
            decode_item,
            meters,
            rows,
            jobs,
            _clock,
            settings.settle_ms * 1_000,
            settings.event_retention_days,
        ),
    }
    return Worker(jobs, handlers, _clock, _report_job_fault)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run a chunk of each job in the invocation; the mapping's batches have one."""
    left_ms = context.get_remaining_time_in_millis()
    room_ms = min(CHUNK_MS, max(left_ms - RESERVE_MS, left_ms // 2))
    deadline_us = _clock.now_us() + room_ms * 1_000
    for record in event["Records"]:
        with within(end_of_invocation(context, _clock, STORAGE_RESERVE_US), _clock):
            result = _run(record, deadline_us)
        publish_counts({f"jobs_{result.value}": 1})
    return {"batchItemFailures": []}


def _run(record: Mapping[str, Any], deadline_us: int) -> Result:
    try:
        trigger = read_trigger(record, read_job)
        return Result.IDLE if trigger is None else worker().run(trigger, deadline_us)
    except UnreadableJob as error:
        logger.error("an item under a job's key is no job", extra={"error": str(error)})
        return Result.FAILED


def _report_job_fault(job: Job, error: Exception) -> None:
    logger.error(
        "a job's chunk failed",
        extra={"workspace": job.key.workspace, "kind": job.key.kind, "job": job.key.id, "slice": job.key.slice},
        exc_info=error,
    )


def _report_faults(faults: Sequence[Fault]) -> None:
    for fault in faults:
        logger.error(
            "a meter's reader raised; the event does not count in it",
            extra={"meter": fault.series.meter_id, "key": fault.position, "error": type(fault.error).__name__},
        )
