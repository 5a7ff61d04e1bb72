"""Records of one shard reach the function in order, at least once, in the way of Lambda's event source mappings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.shard import MAX_STATE_BYTES, Delivery, ShardDelivery, UnsupportedMapping

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/1"
NOON = 1_800_000_000 - 1_800_000_000 % 900
"""The start of a window of 15 minutes."""
WINDOWED = Delivery(batch_size=3, window_s=900, bisect=True, partial_responses=True)
PLAIN = Delivery(batch_size=3)


def record(number: int, arrived: int = NOON, padding: str = "") -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": arrived, "Keys": padding}}


def numbers(event: dict[str, Any]) -> list[int]:
    return [int(one["dynamodb"]["SequenceNumber"]) for one in event.get("Records", [])]


class Function:
    """Keeps its events; ``answer`` says what it does with each."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any] | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer = answer or (lambda event: {"state": event.get("state", {})})

    def __call__(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        return self.answer(event)

    @property
    def batches(self) -> list[list[int]]:
        return [numbers(event) for event in self.events]


def shard(function: Function, delivery: Delivery = WINDOWED) -> ShardDelivery:
    return ShardDelivery(delivery, "shardId-1", ARN, function)


def run(one: ShardDelivery, now: float = NOON, turns: int = 50) -> None:
    """Step through pauses of any length, at most ``turns`` times."""
    for turn in range(turns):
        one.step(now + turn * 10 if now == NOON else now)


def fails_on(*bad: int) -> Callable[[dict[str, Any]], Any]:
    def answer(event: dict[str, Any]) -> Any:
        if set(numbers(event)) & set(bad):
            raise RuntimeError("storage is away")
        return {"state": {}}

    return answer


def test_batches_hold_up_to_the_batch_size_in_order() -> None:
    function = Function()
    one = shard(function)

    one.offer([record(n) for n in range(5)])
    while one.step(NOON):
        pass

    assert function.batches == [[0, 1, 2], [3, 4]]


def test_a_windowed_event_names_shard_window_and_state() -> None:
    function = Function()
    one = shard(function)

    one.offer([record(1, NOON + 5)])
    one.step(NOON + 5)

    assert function.events[0] | {"Records": []} == {
        "Records": [],
        "window": {"start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:15:00Z"},
        "state": {},
        "shardId": "shardId-1",
        "eventSourceARN": ARN,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_without_a_window_the_event_is_records_alone() -> None:
    function = Function(lambda _: None)
    one = shard(function, PLAIN)

    one.offer([record(1)])
    one.step(NOON)

    assert function.events == [{"Records": [record(1)]}]


def test_state_travels_from_one_invocation_to_the_next() -> None:
    function = Function(lambda event: {"state": {"n": event["state"].get("n", 0) + 1}})
    one = shard(function)

    one.offer([record(n) for n in range(9)])
    while one.step(NOON):
        pass

    assert [event["state"] for event in function.events] == [{}, {"n": 1}, {"n": 2}]


def test_a_window_ends_with_a_final_invocation_without_records() -> None:
    function = Function(lambda _: {"state": {"kept": 1}})
    one = shard(function)
    one.offer([record(1)])
    one.step(NOON)

    one.step(NOON + 901)
    assert len(function.events) == 1
    one.step(NOON + 902)

    final = function.events[1]
    assert final["isFinalInvokeForWindow"] is True
    assert final["state"] == {"kept": 1}
    assert "Records" not in final


def test_a_batch_never_spans_two_windows_and_a_new_window_starts_without_state() -> None:
    function = Function(lambda _: {"state": {"kept": 1}})
    one = shard(function)

    one.offer([record(1), record(2, NOON + 900)])
    while one.step(NOON):
        pass

    assert function.batches == [[1], [], [2]]
    assert [event["isFinalInvokeForWindow"] for event in function.events] == [False, True, False]
    assert function.events[2]["state"] == {}


def test_a_final_invocation_that_fails_is_made_again() -> None:
    refusals = iter([True, False])

    def answer(event: dict[str, Any]) -> Any:
        if event["isFinalInvokeForWindow"] and next(refusals):
            raise RuntimeError("away")
        return {"state": {}}

    function = Function(answer)
    one = shard(function)
    one.offer([record(1)])
    one.end()

    run(one)

    assert [event["isFinalInvokeForWindow"] for event in function.events] == [False, True, True]
    assert one.finished


def test_state_over_the_limit_closes_the_window_early() -> None:
    function = Function(lambda event: {"state": "x" * MAX_STATE_BYTES if event.get("Records") else {}})
    one = shard(function)

    one.offer([record(1)])
    one.step(NOON)

    assert [event["isWindowTerminatedEarly"] for event in function.events] == [False, True]


def test_an_answer_without_state_fails_a_windowed_batch() -> None:
    answers = iter([{"batchItemFailures": []}, {"state": {}}])
    function = Function(lambda _: next(answers))
    one = shard(function)

    one.offer([record(1)])
    run(one, turns=3)

    assert function.batches == [[1], [1]]


def test_a_failed_batch_is_halved_until_the_bad_record_stands_alone() -> None:
    function = Function(fails_on(3))
    one = shard(function, Delivery(batch_size=4, window_s=900, bisect=True))

    one.offer([record(n) for n in range(4)])
    run(one, turns=8)

    assert function.batches[:4] == [[0, 1, 2, 3], [0, 1], [2, 3], [2]]
    assert set(map(tuple, function.batches[4:])) == {(3,)}


def test_without_bisecting_the_same_batch_comes_again() -> None:
    answers = iter([RuntimeError("away")])

    def answer(_: dict[str, Any]) -> Any:
        error = next(answers, None)
        if error:
            raise error

    function = Function(answer)
    one = shard(function, PLAIN)

    one.offer([record(n) for n in range(4)])
    run(one, turns=5)

    assert function.batches == [[0, 1, 2], [0, 1, 2], [3]]


def test_the_lowest_reported_failure_is_where_delivery_starts_again() -> None:
    reports = iter([["2", "1"], []])

    def answer(_: dict[str, Any]) -> Any:
        failed = next(reports)
        return {"state": {}, "batchItemFailures": [{"itemIdentifier": one} for one in failed]}

    function = Function(answer)
    one = shard(function)

    one.offer([record(n) for n in range(3)])
    run(one, turns=4)

    assert function.batches == [[0, 1, 2], [1, 2]]


@pytest.mark.parametrize("report", [[{"itemIdentifier": ""}], [{"itemIdentifier": "99"}], [{"other": "1"}], ["1"]])
def test_a_report_that_names_no_record_fails_the_whole_batch(report: list[Any]) -> None:
    function = Function(lambda _: {"state": {}, "batchItemFailures": report})
    one = shard(function, Delivery(batch_size=2, window_s=900, partial_responses=True))

    one.offer([record(0), record(1)])
    run(one, turns=2)

    assert function.batches == [[0, 1], [0, 1]]


def test_attempts_pause_longer_each_time_and_never_end() -> None:
    function = Function(fails_on(1))
    one = shard(function)
    one.offer([record(1)])

    attempts = [moment for moment in range(0, 60_000, 50) if one.step(NOON + moment / 1000) or True]

    assert len(attempts) == 1200
    assert 10 <= len(function.events) <= 20
    assert one.backlog == 1


def test_a_batch_stays_under_lambdas_payload_limit() -> None:
    function = Function()
    one = shard(function, Delivery(batch_size=100, window_s=900))

    one.offer([record(n, padding="x" * 2_500_000) for n in range(5)])
    while one.step(NOON):
        pass

    assert function.batches == [[0, 1], [2, 3], [4]]


def test_an_ended_shard_closes_its_window_and_is_finished() -> None:
    function = Function()
    one = shard(function)
    one.offer([record(1)])
    one.end()

    while one.step(NOON):
        pass

    assert function.batches == [[1], []]
    assert one.finished


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 30),
    batch_size=st.integers(1, 8),
    bisect=st.booleans(),
    faults=st.lists(st.sampled_from(["none", "raise", "report"]), max_size=40),
    places=st.lists(st.integers(0, 7), min_size=40, max_size=40),
)
def test_every_record_is_delivered_in_order_whatever_fails(
    count: int, batch_size: int, bisect: bool, faults: list[str], places: list[int]
) -> None:
    kept: list[int] = []
    coming, where = iter(faults), iter(places)

    def answer(event: dict[str, Any]) -> Any:
        batch, fault = numbers(event), next(coming, "none")
        if fault == "raise":
            raise RuntimeError("away")
        if fault == "report" and batch:
            index = next(where) % len(batch)
            kept.extend(batch[:index])
            return {"state": {}, "batchItemFailures": [{"itemIdentifier": str(batch[index])}]}
        kept.extend(batch)
        return {"state": {}}

    one = shard(Function(answer), Delivery(batch_size, 900, bisect, partial_responses=True))
    one.offer([record(n, NOON + n * 100) for n in range(count)])
    run(one, turns=200)

    assert kept == list(range(count))


@pytest.mark.parametrize(
    "properties",
    [
        {"FilterCriteria": {"Filters": [{"Pattern": '{"eventName": [{"anything-but": "REMOVE"}]}'}]}},
        {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
        {"MaximumRetryAttempts": 3},
        {"ParallelizationFactor": 2, "TumblingWindowInSeconds": 900},
    ],
)
def test_a_mapping_that_the_pump_cannot_honour_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedMapping):
        Delivery.of({"StartingPosition": "TRIM_HORIZON", **properties})
