"""A workspace gets through what its limit says and a bounded bit more, and storage is asked rarely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.admission.bucket import Limit
from dynameter.admission.limiter import FAILED, LIMITED, WORKSPACES_KNOWN, Limiter
from dynameter.deadline import time_left_us
from dynameter.errors import RateLimited, Unavailable
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock

LIMIT = Limit(rate=100, burst=500)
MOST = 50
"""Events of the largest request here."""


@dataclass
class Buckets:
    """The shared buckets, as the store keeps them."""

    earned: dict[str, int] = field(default_factory=dict)
    spends: int = 0
    fails: bool = False
    times: list[int | None] = field(default_factory=list)

    def spend(self, workspace: str, cost_us: int, now_us: int, last_us: int) -> int:
        self.spends += 1
        self.times.append(time_left_us())
        if self.fails:
            raise Unavailable("not now")
        self.earned[workspace] = max(self.earned.get(workspace, 0), now_us) + cost_us
        return self.earned[workspace]


@dataclass
class Fleet:
    """Processes with one limit."""

    clock: ManualClock
    limit: Limit = LIMIT
    buckets: Buckets = field(default_factory=Buckets)
    counted: Counter[str] = field(default_factory=Counter)
    warned: list[Exception] = field(default_factory=list)

    def process(self) -> Limiter:
        return Limiter(self.buckets, self.limit, self.clock, self._count, self.warned.append)

    def _count(self, counts: Mapping[str, float]) -> None:
        self.counted.update({name: int(value) for name, value in counts.items()})


@pytest.fixture
def fleet(clock: ManualClock) -> Fleet:
    return Fleet(clock)


def admits(limiter: Limiter, events: int = 1, workspace: str = WORKSPACE) -> bool:
    try:
        limiter.admit(workspace, events)
    except RateLimited:
        return False
    return True


def test_usual_traffic_asks_storage_for_a_twentieth_of_a_seconds_events_at_a_time(fleet: Fleet) -> None:
    limiter = fleet.process()

    assert all(admits(limiter) for _ in range(200))
    assert fleet.buckets.spends == 200 // 5


def test_a_burst_passes_and_then_the_rate_does(fleet: Fleet, clock: ManualClock) -> None:
    limiter = fleet.process()
    burst = sum(admits(limiter) for _ in range(1_000))

    passed = 0
    for _ in range(1_000):
        clock.advance(0.01)
        passed += sum(admits(limiter) for _ in range(3))

    assert LIMIT.burst <= burst <= LIMIT.burst + LIMIT.unreported
    assert passed == pytest.approx(10 * LIMIT.rate, abs=LIMIT.unreported)


def test_a_refusal_says_when_to_come_again_and_then_is_none(fleet: Fleet, clock: ManualClock) -> None:
    limiter = fleet.process()
    limiter.admit(WORKSPACE, LIMIT.burst + 250)

    with pytest.raises(RateLimited, match="more than 100 events a second") as refused:
        limiter.admit(WORKSPACE, 1)

    assert refused.value.retry_after_s == 3
    clock.advance(2.4)
    assert not admits(limiter)
    clock.advance(0.6)
    assert admits(limiter)


def test_a_refused_request_costs_nothing_and_asks_nobody(fleet: Fleet) -> None:
    limiter = fleet.process()
    limiter.admit(WORKSPACE, LIMIT.burst + 10)
    before = fleet.buckets.earned[WORKSPACE], fleet.buckets.spends

    assert not any(admits(limiter, 100) for _ in range(50))
    assert (fleet.buckets.earned[WORKSPACE], fleet.buckets.spends) == before
    assert fleet.counted[LIMITED] == 5_000


def test_workspaces_do_not_disturb_each_other(fleet: Fleet) -> None:
    limiter = fleet.process()
    limiter.admit(WORKSPACE, LIMIT.burst + 10)

    assert not admits(limiter)
    assert admits(limiter, workspace=OTHER_WORKSPACE)


def test_what_another_process_has_spent_is_learned_with_the_next_report(fleet: Fleet) -> None:
    one, other = fleet.process(), fleet.process()
    one.admit(WORKSPACE, LIMIT.burst + 10)

    assert sum(admits(other) for _ in range(100)) == LIMIT.unreported


def test_storage_that_fails_lets_everything_pass_and_is_told(fleet: Fleet) -> None:
    fleet.buckets.fails = True
    limiter = fleet.process()

    assert all(admits(limiter, 100) for _ in range(100))
    assert fleet.counted == {FAILED: 1}
    assert len(fleet.warned) == 1


def test_storage_that_fails_is_asked_once_a_second_and_told_all_in_the_end(fleet: Fleet, clock: ManualClock) -> None:
    fleet.buckets.fails = True
    limiter = fleet.process()
    failed_at_us = clock.now_us()
    for _ in range(30):
        limiter.admit(WORKSPACE, 100)
        clock.advance(0.1)
    assert fleet.buckets.spends == 3

    fleet.buckets.fails = False
    clock.advance(1)
    limiter.admit(WORKSPACE, 100)

    assert not admits(limiter)
    assert fleet.buckets.earned[WORKSPACE] == failed_at_us + LIMIT.cost_us(3_100)


def test_a_workspace_within_its_limit_owes_nothing_after_storage_has_failed(fleet: Fleet, clock: ManualClock) -> None:
    limiters = [fleet.process() for _ in range(3)]
    for second in range(180):
        fleet.buckets.fails = 10 <= second < 170
        clock.advance(1)

        assert all(admits(limiter, LIMIT.rate // 8) for limiter in limiters for _ in range(2))


def test_a_report_may_not_hold_up_its_request(fleet: Fleet) -> None:
    fleet.process().admit(WORKSPACE, 100)

    assert fleet.buckets.times == [500_000]


def test_a_limit_below_one_report_a_request_still_holds(clock: ManualClock) -> None:
    fleet = Fleet(clock, Limit(1, 3))
    limiter = fleet.process()

    assert [admits(limiter) for _ in range(6)] == [True, True, True, True, False, False]


def test_no_more_workspaces_are_remembered_than_fit(fleet: Fleet) -> None:
    limiter = fleet.process()
    for number in range(WORKSPACES_KNOWN + 10):
        limiter.admit(f"00000000-0000-4000-8000-{number:012d}", 1)

    assert len(limiter._known) == WORKSPACES_KNOWN


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    processes=st.integers(1, 6),
    rate=st.integers(1, 500),
    burst=st.integers(0, 1_000),
    dies=st.booleans(),
)
def test_no_traffic_gets_more_through_than_the_formula(
    seed: int, processes: int, rate: int, burst: int, dies: bool
) -> None:
    chance, clock = Random(seed), ManualClock()
    fleet = Fleet(clock, Limit(rate, burst))
    running = [fleet.process() for _ in range(processes)]
    started, ran, passed = clock.now_us(), processes, 0
    for _ in range(400):
        clock.advance(chance.random() / 20)
        place = chance.randrange(processes)
        events = chance.randint(1, MOST)
        passed += events * admits(running[place], events)
        if dies and chance.random() < 0.02:
            running[place], ran = fleet.process(), ran + 1

    seconds = (clock.now_us() - started) / 1_000_000
    assert passed <= burst + rate * seconds + ran * (max(1, rate / 20) + MOST) + 1


@given(rate=st.integers(1, 10**6), events=st.integers(0, 10**6))
def test_costs_are_whole_and_never_too_high(rate: int, events: int) -> None:
    cost: Any = Limit(rate, 0).cost_us(events)

    assert isinstance(cost, int)
    assert 0 <= events * 1_000_000 / rate - cost < 1
