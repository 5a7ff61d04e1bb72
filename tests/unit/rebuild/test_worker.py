"""A chunk of a job: it goes on where the last checkpoint says, once, whatever is brought again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dynameter.clock import MICROSECONDS
from dynameter.errors import Unavailable
from dynameter.rebuild.job import Handler, Job, JobKey, JobState, Progress
from dynameter.rebuild.worker import MAX_FAULTS, Result, Trigger, Worker
from tests.conftest import WORKSPACE, ManualClock

KEY = JobKey(WORKSPACE, "count", "1")


class MemoryJobs:
    """One job; ``loses_answer`` makes the next change be done and yet look refused."""

    def __init__(self, job: Job | None) -> None:
        self.job = job
        self.loses_answer = False

    def get(self, key: JobKey) -> Job | None:
        return self.job

    def checkpoint(self, job: Job, progress: Progress) -> bool:
        return self._change(
            job,
            step=job.step + 1,
            position=progress.position,
            worked=job.worked + progress.worked,
            not_before_us=job.not_before_us if progress.not_before_us is None else progress.not_before_us,
            faults=0,
        )

    def mark_done(self, job: Job, worked: int = 0) -> bool:
        return self._change(job, state=JobState.DONE, worked=job.worked + worked)

    def postpone(self, job: Job, not_before_us: int, reason: str) -> bool:
        return self._change(job, step=job.step + 1, faults=job.faults + 1, not_before_us=not_before_us, reason=reason)

    def give_up(self, job: Job, reason: str) -> bool:
        return self._change(job, state=JobState.FAILED, reason=reason)

    def _change(self, job: Job, **changes: object) -> bool:
        if self.job is None or (self.job.step, self.job.state) != (job.step, JobState.RUNNING):
            return False
        self.job = replace(self.job, **changes)  # type: ignore[arg-type]
        return not self.loses_answer


class Counting(Handler):
    """Does what it is told, and keeps what it was called with."""

    def __init__(self, *answers: Progress | Exception) -> None:
        self.answers = list(answers)
        self.ran: list[Job] = []
        self.finished: list[Job] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def run(self, job: Job, deadline_us: int) -> Progress:
        self.ran.append(job)
        self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def finish(self, job: Job) -> None:
        self.finished.append(job)


class World:
    def __init__(self, handler: Counting, job: Job | None) -> None:
        self.clock = ManualClock()
        self.jobs = MemoryJobs(job)
        self.reported: list[Exception] = []
        self.worker = Worker(self.jobs, {"count": handler}, self.clock, lambda _, error: self.reported.append(error))

    @property
    def job(self) -> Job:
        assert self.jobs.job is not None
        return self.jobs.job

    def run(self, step: int | None = None, room_s: int = 60) -> Result:
        """Bring the record of that step, by default of the step that the job is at."""
        deadline_us = self.clock.now + room_s * MICROSECONDS
        return self.worker.run(Trigger(KEY, self.job.step if step is None else step), deadline_us)


def world(*answers: Progress | Exception, **changes: object) -> tuple[World, Counting]:
    handler = Counting(*answers)
    job = replace(Job(KEY, created_at_us=0, not_before_us=0), **changes)  # type: ignore[arg-type]
    return World(handler, job), handler


def test_a_chunk_that_is_not_the_last_leaves_a_checkpoint() -> None:
    found, handler = world(Progress("k7", worked=3))

    assert found.run() is Result.CONTINUED
    assert (found.job.position, found.job.step, found.job.worked) == ("k7", 1, 3)
    assert handler.finished == []


def test_the_last_chunk_marks_the_job_as_done_and_tells_its_kind() -> None:
    found, handler = world(Progress(None, done=True, worked=2))

    assert found.run() is Result.DONE
    assert (found.job.state, found.job.worked) == (JobState.DONE, 2)
    assert len(handler.finished) == 1


def test_a_record_of_an_earlier_step_does_nothing() -> None:
    found, handler = world(step=2)

    assert found.run(step=1) is Result.IDLE
    assert handler.ran == []


def test_the_record_of_a_done_job_tells_its_kind_again() -> None:
    found, handler = world(state=JobState.DONE)

    assert found.run(step=0) is Result.DONE
    assert (handler.ran, len(handler.finished)) == ([], 1)


def test_a_job_that_is_gone_or_given_up_does_nothing() -> None:
    gone, given_up = World(Counting(), None), world(state=JobState.FAILED)[0]

    assert gone.run(step=0) is Result.IDLE
    assert given_up.run() is Result.IDLE


def test_a_job_waits_for_its_time() -> None:
    found, handler = world(Progress(None, done=True), not_before_us=ManualClock().now + 5 * MICROSECONDS)

    found.run()

    assert found.clock.now == found.job.not_before_us
    assert len(handler.ran) == 1


def test_a_job_whose_time_is_after_the_deadline_goes_on_waiting_in_another_invocation() -> None:
    found, handler = world(Progress(None, done=True), not_before_us=ManualClock().now + 100 * MICROSECONDS)

    assert found.run(room_s=60) is Result.CONTINUED
    assert (handler.ran, found.job.step) == ([], 1)
    assert found.run(room_s=60) is Result.DONE
    assert found.clock.now == found.job.not_before_us


def test_a_zombies_checkpoint_changes_nothing() -> None:
    found, handler = world(Progress("k7"))
    handler.meanwhile = lambda: setattr(found.jobs, "job", replace(found.job, step=5, position="k9"))

    assert found.run() is Result.IDLE
    assert (found.job.position, found.job.step) == ("k9", 5)


def test_a_zombie_that_comes_to_the_end_marks_nothing_as_done() -> None:
    found, handler = world(Progress(None, done=True))
    handler.meanwhile = lambda: setattr(found.jobs, "job", replace(found.job, step=5))

    assert found.run() is Result.IDLE
    assert (found.job.state, handler.finished) == (JobState.RUNNING, [])


def test_a_job_marked_as_done_by_a_write_whose_answer_was_lost_is_finished_all_the_same() -> None:
    found, handler = world(Progress(None, done=True))
    found.jobs.loses_answer = True

    assert found.run() is Result.DONE
    assert len(handler.finished) == 1


def test_an_outage_is_raised_so_that_the_record_comes_again() -> None:
    found, _ = world(Unavailable("away"))

    with pytest.raises(Unavailable):
        found.run()

    assert (found.job.step, found.job.faults, found.reported) == (0, 0, [])


def test_a_bug_is_told_and_the_chunk_tried_again_later() -> None:
    found, _ = world(ValueError("what"), Progress("k1"))

    assert found.run() is Result.POSTPONED
    assert (found.job.faults, found.job.reason) == (1, "ValueError: what")
    assert found.job.not_before_us > found.clock.now
    assert len(found.reported) == 1
    assert found.run() is Result.CONTINUED
    assert found.job.faults == 0


def test_a_job_that_fails_time_and_again_is_given_up() -> None:
    found, _ = world(*(ValueError(str(number)) for number in range(MAX_FAULTS)))

    results = [found.run(room_s=1_000) for _ in range(MAX_FAULTS)]

    assert results == [Result.POSTPONED] * (MAX_FAULTS - 1) + [Result.FAILED]
    assert (found.job.state, found.job.reason) == (JobState.FAILED, f"ValueError: {MAX_FAULTS - 1}")


def test_a_kind_that_nobody_knows_is_postponed_like_a_bug() -> None:
    found, _ = world()
    found.worker = Worker(found.jobs, {}, found.clock, lambda _, error: found.reported.append(error))

    assert found.run() is Result.POSTPONED
