"""Jobs: work that takes longer than a request, cut into chunks that may be killed and repeated. Pure.

Writing a job starts it and every checkpoint continues it, see ``dynameter.rebuild.worker``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

REBUILD = "rebuild"
"""Folds what a generation of a meter has to count from before its ``live_from``."""
RECOMPUTE = "recompute"
"""Counts one usage row again from its raw events."""
VOID = "void"
"""Voids the events of a filter."""
UNVOID = "unvoid"
"""Undoes a void."""
REDRIVE = "redrive"
"""Has the events of quarantined records counted."""
OPERATOR = "00000000-0000-0000-0000-000000000000"
"""In the place of a workspace for jobs that are no workspace's."""


class UnreadableJob(ValueError):
    """An item under a job's key is no job: nothing here writes such a one, and to try again would not mend it."""


class JobState(Enum):
    """Whether a job has more to do."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Given up after faults that no repetition cured; ``Job.reason`` says which."""


@dataclass(frozen=True, slots=True)
class JobKey:
    """Names a job, or the slice of one that works beside the others."""

    workspace: str
    kind: str
    id: str
    slice: int | None = None

    @property
    def whole(self) -> JobKey:
        """The job that the slice is part of."""
        return JobKey(self.workspace, self.kind, self.id)

    def part(self, slice_number: int) -> JobKey:
        """A slice of this job."""
        return JobKey(self.workspace, self.kind, self.id, slice_number)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is stored.

    ``details`` is what its kind needs to know, a JSON object that never changes. ``position`` is how far it has
    come, in a form of its kind's own; ``worked`` counts what it has worked through. ``step`` counts the checkpoints.
    Nothing is done before ``not_before_us``. ``faults`` counts failures since the last checkpoint that were no
    outage of a dependency.
    """

    key: JobKey
    created_at_us: int
    not_before_us: int
    details: Mapping[str, Any] = field(default_factory=dict)
    position: str | None = None
    worked: int = 0
    step: int = 0
    state: JobState = JobState.RUNNING
    faults: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a chunk has brought its job.

    ``position`` is where the next chunk begins; ``worked`` is added to the job's count. The next chunk waits until
    ``not_before_us`` where that is given.
    """

    position: str | None
    done: bool = False
    worked: int = 0
    not_before_us: int | None = None


class Handler(Protocol):
    """What jobs of one kind do. Any call may be repeated, or still run somewhere as a zombie: count nothing twice."""

    def run(self, job: Job, deadline_us: int) -> Progress:
        """Go on from the job's position until it is done or the deadline has passed, whichever comes first.

        Raises ``Unavailable`` where storage fails: the chunk is repeated.
        """

    def finish(self, job: Job) -> None:
        """Hear, at least once, that the job is marked as done. A kind that keeps no done jobs deletes it here."""


class DoneJobs(Protocol):
    """What a kind needs to drop its done jobs."""

    def delete(self, key: JobKey) -> None:
        """Delete the job if it is there."""


def redrive_job(created_at_us: int) -> Job:
    """The job that goes through the quarantine; each is one of its own."""
    return Job(JobKey(OPERATOR, REDRIVE, str(created_at_us)), created_at_us, not_before_us=created_at_us)


def rebuild_key(workspace: str, meter_id: str, generation: int) -> JobKey:
    """The rebuild of one generation of a meter."""
    return JobKey(workspace, REBUILD, f"{meter_id}.{generation}")


def rebuild_job(
    workspace: str, meter_id: str, generation: int, live_from_us: int, settle_us: int, created_at_us: int
) -> Job:
    """The job that makes a generation cover what came before its ``live_from``.

    It begins when no write stamped earlier can still be in flight or missing from the index.
    """
    return Job(
        key=rebuild_key(workspace, meter_id, generation),
        created_at_us=created_at_us,
        not_before_us=live_from_us + settle_us,
        details={"meter": meter_id, "generation": generation},
    )
