"""Jobs in the catalog table, on an engine."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from dynameter.rebuild.job import RECOMPUTE, Job, JobKey, JobState, Progress, UnreadableJob, rebuild_key
from dynameter.rebuild.store import JobStore, job_item, read_job, sort_key
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, ManualClock

pytestmark = pytest.mark.usefixtures("settings")

KEY = JobKey(WORKSPACE, "count", "a.1")
JOB = Job(KEY, created_at_us=5, not_before_us=9, details={"meter": "é", "n": 1, "none": None})
SETTLE_US = 60_000_000


@pytest.fixture
def store(settings: Settings, dynamodb: Any, clock: ManualClock) -> JobStore:
    return JobStore(dynamodb, settings.catalog_table, clock, SETTLE_US)


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        replace(
            JOB,
            key=KEY.part(3),
            position="0.k",
            worked=7,
            step=2,
            state=JobState.FAILED,
            faults=1,
            reason="ValueError: no",
        ),
    ],
    ids=["bare", "full"],
)
def test_a_job_reads_back_as_it_was_written(store: JobStore, job: Job) -> None:
    assert store.put(job)
    assert store.get(job.key) == job


def test_a_job_that_is_there_is_not_written_again(store: JobStore) -> None:
    store.put(JOB)

    assert not store.put(replace(JOB, not_before_us=99))
    assert store.get(KEY) == JOB


def test_a_checkpoint_moves_the_job_on(store: JobStore) -> None:
    store.put(JOB)

    assert store.checkpoint(JOB, Progress("k1", worked=3, not_before_us=77))
    assert store.get(KEY) == replace(JOB, position="k1", worked=3, step=1, not_before_us=77)


def test_a_checkpoint_of_an_earlier_step_is_refused(store: JobStore) -> None:
    store.put(JOB)
    store.checkpoint(JOB, Progress("k2"))

    assert not store.checkpoint(JOB, Progress("k1"))
    assert not store.mark_done(JOB)
    assert not store.postpone(JOB, 1, "late")
    found = store.get(KEY)
    assert found is not None
    assert (found.position, found.state) == ("k2", JobState.RUNNING)


def test_a_done_job_stays_done(store: JobStore) -> None:
    store.put(JOB)

    assert store.mark_done(JOB, worked=4)
    assert not store.checkpoint(JOB, Progress("k1"))
    assert store.get(KEY) == replace(JOB, state=JobState.DONE, worked=4)


def test_a_fault_is_kept_until_the_next_checkpoint(store: JobStore) -> None:
    store.put(JOB)
    store.postpone(JOB, 50, "ValueError: no")
    failed = store.get(KEY)
    assert failed is not None
    assert (failed.faults, failed.step, failed.not_before_us, failed.reason) == (1, 1, 50, "ValueError: no")

    store.checkpoint(failed, Progress("k1"))
    assert store.get(KEY) == replace(failed, faults=0, step=2, position="k1")


def test_a_job_that_is_gone_is_not_brought_back(store: JobStore) -> None:
    store.put(JOB)
    store.delete(KEY)
    store.delete(KEY)

    assert not store.checkpoint(JOB, Progress("k1"))
    assert store.get(KEY) is None


def test_a_job_and_its_slices_are_a_family_of_their_own(store: JobStore) -> None:
    ours, theirs = rebuild_key(WORKSPACE, "m", 1), rebuild_key(WORKSPACE, "m", 10)
    stranger = rebuild_key(str(uuid.uuid4()), "m", 1)
    for key in (ours, ours.part(0), ours.part(15), theirs, theirs.part(1), stranger.part(2)):
        store.put(replace(JOB, key=key))

    whole, slices = store.family(ours.part(4))

    assert whole is not None
    assert whole.key == ours
    assert [one.key.slice for one in slices] == [0, 15]


def test_a_familys_whole_job_may_be_gone(store: JobStore) -> None:
    store.put(replace(JOB, key=KEY.part(0)))

    assert store.family(KEY)[0] is None


def test_a_recompute_is_asked_for_once(store: JobStore, dynamodb: Any, settings: Settings, clock: ManualClock) -> None:
    for hour in (7, 7, 8):
        store.request(WORKSPACE, "m", 1, "customer", ("a", "b"), hour, clock.now + 5)

    items = dynamodb.scan(TableName=settings.catalog_table)["Items"]
    jobs = sorted(map(read_job, items), key=lambda job: job.details["hour"])
    assert [job.details["hour"] for job in jobs] == [7, 8]
    assert jobs[0].key.kind == RECOMPUTE
    assert jobs[0].not_before_us == clock.now + 5 + SETTLE_US
    assert jobs[0].details["groups"] == ["a", "b"]


def test_a_recompute_as_of_the_past_waits_for_what_is_under_way_now(
    store: JobStore, dynamodb: Any, settings: Settings, clock: ManualClock
) -> None:
    store.request(WORKSPACE, "m", 1, None, (), 7, clock.now - 10**9)

    (item,) = dynamodb.scan(TableName=settings.catalog_table)["Items"]
    assert read_job(item).not_before_us == clock.now + SETTLE_US


def test_slices_sort_within_their_job() -> None:
    assert sort_key(KEY) < sort_key(KEY.part(2)) < sort_key(KEY.part(10))


def test_an_item_that_is_no_job_is_refused() -> None:
    for spoiled in (
        {"pk": job_item(JOB)["pk"]},
        job_item(JOB) | {"step": {"N": "1.5"}},
        job_item(JOB) | {"kind": {"L": []}},
    ):
        with pytest.raises(UnreadableJob):
            read_job(spoiled)


def test_a_recompute_that_was_given_up_is_taken_up_when_it_is_asked_for_again(store: JobStore, dynamodb: Any) -> None:
    wanted = (WORKSPACE, "meter", 1, None, (), 7, 99)
    store.request(*wanted)
    (item,) = dynamodb.scan(TableName="CatalogTable")["Items"]
    job = read_job(item)
    store.give_up(job, "ValueError: no")

    store.request(*wanted)

    taken_up = store.get(job.key)
    assert taken_up is not None
    assert (taken_up.state, taken_up.step) == (JobState.RUNNING, job.step + 1)
