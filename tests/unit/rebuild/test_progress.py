"""How far a rebuild is, told from its jobs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from dynameter.clock import HOUR_US
from dynameter.meters.meter import Generation
from dynameter.rebuild.job import Job, JobKey, JobState, rebuild_key
from dynameter.rebuild.progress import RebuildProgress
from tests.conftest import WORKSPACE
from tests.unit.usage.builders import NOON, make_meter

METER = make_meter(generations=(Generation(1, {}, NOON, complete=True), Generation(2, {}, NOON, complete=False)))
KEY = rebuild_key(WORKSPACE, METER.id, 2)
FIRST = NOON - 10 * HOUR_US
WHOLE = Job(KEY, 0, 0, {"meter": METER.id, "generation": 2}, state=JobState.DONE)


class Family:
    def __init__(self, whole: Job | None, *slices: Job) -> None:
        self.jobs = whole, slices

    def family(self, key: JobKey) -> tuple[Job | None, tuple[Job, ...]]:
        assert key == KEY
        return self.jobs


def part(number: int, hours: int | None = None, state: JobState = JobState.RUNNING) -> Job:
    """A slice that has come so many hours far."""
    position = None if hours is None else f"{FIRST + hours * HOUR_US:018d}.abc"
    return Job(KEY.part(number), 0, 0, {**WHOLE.details, "first": FIRST}, position=position, state=state)


def progress(*jobs: Job | None) -> Decimal:
    whole, *slices = jobs
    return RebuildProgress(Family(whole, *[one for one in slices if one])).state_of(METER).progress


def test_a_complete_generation_is_live() -> None:
    live = replace(METER, generations=(METER.generations[0],))

    state = RebuildProgress(Family(None)).state_of(live)

    assert (state.generation, state.is_live, state.progress, state.live_from_us) == (1, True, 1, NOON)


def test_the_newest_generation_is_told_of() -> None:
    state = RebuildProgress(Family(WHOLE)).state_of(METER)

    assert (state.generation, state.is_live) == (2, False)


def test_nothing_is_done_before_the_slices_are_known() -> None:
    assert progress(replace(WHOLE, state=JobState.RUNNING)) == 0
    assert progress(replace(WHOLE, state=JobState.RUNNING), part(1, state=JobState.DONE)) == 0


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ((part(0), part(1)), "0"),
        ((part(0, state=JobState.DONE), part(1)), "0.5"),
        ((part(0, state=JobState.DONE), part(1, hours=5)), "0.75"),
        ((part(0, hours=1), part(1, hours=1), part(2)), "0.0666"),
        ((part(0, hours=99),), "0.9999"),
        ((part(0, hours=-1),), "0"),
        ((part(0, state=JobState.DONE),), "0.9999"),
    ],
)
def test_slices_count_alike_and_each_by_the_time_it_has_come_to(slices: tuple[Job, ...], expected: str) -> None:
    assert progress(WHOLE, *slices) == Decimal(expected)


def test_a_slice_whose_events_lie_in_the_future_is_not_begun() -> None:
    future = part(0, hours=10_000)
    late = replace(future, details={**future.details, "first": NOON + HOUR_US})

    assert 0 <= progress(WHOLE, late) < 1
