"""Lanes deliver a shard's records several at once, and those of one item in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import Any

import pytest

from local.lanes import MAX_WAITING, ShardLanes
from local.shard import Delivery

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/1"
PATIENCE_S = 90


def record(item: str, number: int) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": 0, "Keys": {"pk": {"S": item}}}}


class Function:
    """Keeps the records that it gets; one whose item is in ``held`` waits for its event."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.held: dict[str, Event] = {}
        self.faults: dict[str, int] = {}
        self._lock = Lock()

    def __call__(self, event: dict[str, Any]) -> Any:
        (one,) = event["Records"]
        item, number = one["dynamodb"]["Keys"]["pk"]["S"], int(one["dynamodb"]["SequenceNumber"])
        if item in self.held:
            assert self.held[item].wait(PATIENCE_S)
        with self._lock:
            if self.faults.get(item, 0):
                self.faults[item] -= 1
                raise RuntimeError("not now")
            self.seen.append((item, number))
        return {}

    def numbers(self, item: str) -> list[int]:
        with self._lock:
            return [number for name, number in self.seen if name == item]


@pytest.fixture
def function() -> Function:
    return Function()


@pytest.fixture
def lanes(function: Function) -> ShardLanes:
    return ShardLanes(Delivery(batch_size=1, lanes=10), "shardId-1", ARN, function)


def run_until(lanes: ShardLanes, met: Callable[[], bool]) -> None:
    """Step, as the pump does, until the condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < end, "it takes too long"
        lanes.step(time.time())
        time.sleep(0.001)


def test_the_records_of_an_item_arrive_in_order(lanes: ShardLanes, function: Function) -> None:
    items = [f"item-{number}" for number in range(20)]
    lanes.offer([record(item, number) for number in range(30) for item in items])

    run_until(lanes, lambda: len(function.seen) == 600)

    assert all(function.numbers(item) == list(range(30)) for item in items)


def test_an_item_that_waits_holds_up_none_of_another_lane(lanes: ShardLanes, function: Function) -> None:
    function.held["a"] = Event()
    lanes.offer([record("a", 1), record("a", 2)])
    run_until(lanes, lambda: lanes.is_busy)
    others = [f"item-{number}" for number in range(20)]
    lanes.offer([record(item, 3) for item in others])

    run_until(lanes, lambda: len(function.seen) >= 10)
    assert function.numbers("a") == []
    function.held["a"].set()
    run_until(lanes, lambda: len(function.seen) == 22)
    assert function.numbers("a") == [1, 2]


def test_what_fails_comes_again_before_the_next_of_its_item(lanes: ShardLanes, function: Function) -> None:
    function.faults["a"] = 2
    lanes.offer([record("a", 1), record("a", 2)])

    run_until(lanes, lambda: len(function.seen) == 2)

    assert function.numbers("a") == [1, 2]


def test_a_shard_is_finished_when_every_lane_is(lanes: ShardLanes, function: Function) -> None:
    function.held["a"] = Event()
    lanes.offer([record("a", 1)])
    lanes.end()
    run_until(lanes, lambda: lanes.is_busy)
    assert not lanes.finished

    function.held["a"].set()
    run_until(lanes, lambda: lanes.finished)
    assert function.numbers("a") == [1]


def test_no_more_is_read_while_too_many_records_wait(lanes: ShardLanes) -> None:
    lanes.offer([record("a", number) for number in range(MAX_WAITING - 1)])
    assert not lanes.is_full

    lanes.offer([record("a", MAX_WAITING)])
    assert lanes.is_full
