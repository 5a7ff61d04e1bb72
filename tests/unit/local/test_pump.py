"""The stream pump reads every shard, parents first, and goes on after faults of the stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.filters import RecordFilter
from local.pump import StreamPump, lambda_record
from local.shard import Delivery

ARRIVED_S = 1_768_384_800
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/1"


def stream_record(number: int) -> dict[str, Any]:
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": datetime.fromtimestamp(ARRIVED_S, UTC),
            "SequenceNumber": str(number),
            "NewImage": {"h": {"B": b"\x00\xff"}, "m": {"M": {"s": {"BS": [b"1"]}}}},
        },
    }


class Stream:
    """A streams client: shards with records, closed ones end; ``faults`` are raised by the next reads."""

    def __init__(self, shards: dict[str, tuple[str | None, list[int], bool]]) -> None:
        self.shards = shards
        self.faults: list[str] = []
        self.asked: list[dict[str, Any]] = []

    def describe_stream(self, **asked: Any) -> dict[str, Any]:
        names = list(self.shards)
        at = names.index(asked["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in asked else 0
        parent = self.shards[names[at]][0]
        found: dict[str, Any] = {
            "Shards": [{"ShardId": names[at], **({"ParentShardId": parent} if parent else {})}],
            **({"LastEvaluatedShardId": names[at]} if at + 1 < len(names) else {}),
        }
        return {"StreamDescription": found}

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        records = self.shards[asked["ShardId"]][1]
        at = records.index(int(asked["SequenceNumber"])) + 1 if "SequenceNumber" in asked else 0
        return {"ShardIterator": f"{asked['ShardId']}/{at}"}

    def get_records(self, **asked: Any) -> dict[str, Any]:
        if self.faults:
            raise ClientError({"Error": {"Code": self.faults.pop(0)}}, "GetRecords")
        name, _, at = asked["ShardIterator"].partition("/")
        _, records, closed = self.shards[name]
        batch = records[int(at) : int(at) + 2]
        after = int(at) + len(batch)
        ended = closed and after == len(records)
        return {
            "Records": [stream_record(one) for one in batch],
            **({} if ended else {"NextShardIterator": f"{name}/{after}"}),
        }


class Collector:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        return {"state": {}}

    @property
    def numbers(self) -> list[int]:
        return [int(one["dynamodb"]["SequenceNumber"]) for event in self.events for one in event.get("Records", [])]


def pump(stream: Stream, function: Collector, **options: Any) -> StreamPump:
    return StreamPump(
        stream, ARN, Delivery(batch_size=10, window_s=900), function, wall_clock=lambda: ARRIVED_S, **options
    )


def test_a_record_becomes_what_lambda_sends() -> None:
    identity = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

    sent = lambda_record({**stream_record(7), "userIdentity": identity}, ARN)

    assert sent["eventSourceARN"] == ARN
    assert sent["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert sent["dynamodb"] == {
        "ApproximateCreationDateTime": ARRIVED_S,
        "SequenceNumber": "7",
        "NewImage": {"h": {"B": "AP8="}, "m": {"M": {"s": {"BS": ["MQ=="]}}}},
    }


def test_every_record_of_an_open_shard_is_delivered_once() -> None:
    stream, function = Stream({"a": (None, [1, 2, 3, 4, 5], False)}), Collector()
    one = pump(stream, function)

    moved = [one.turn(now) for now in range(5)]

    assert function.numbers == [1, 2, 3, 4, 5]
    assert moved == [True, True, True, False, False]


def test_a_child_shard_waits_for_its_parent() -> None:
    shards = {"child": ("parent", [10, 11], False), "parent": (None, [1, 2, 3], True)}
    stream, function = Stream(shards), Collector()
    one = pump(stream, function)

    for now in range(6):
        one.turn(now)

    assert function.numbers == [1, 2, 3, 10, 11]


def test_the_last_window_of_a_closed_shard_ends_before_its_child_begins() -> None:
    shards = {"parent": (None, [1], True), "child": ("parent", [10], False)}
    stream, function = Stream(shards), Collector()
    one = pump(stream, function)

    for now in range(4):
        one.turn(now)

    seen = [(event["shardId"], event["isFinalInvokeForWindow"]) for event in function.events]
    assert seen[:3] == [("parent", False), ("parent", True), ("child", False)]


def test_new_shards_are_found_in_time() -> None:
    stream, function = Stream({"a": (None, [1], False)}), Collector()
    one = pump(stream, function)
    one.turn(0)
    stream.shards["b"] = (None, [2], False)

    one.turn(5)
    assert function.numbers == [1]
    one.turn(10)
    assert function.numbers == [1, 2]


def test_an_expired_iterator_is_replaced_after_the_last_record_read() -> None:
    stream, function = Stream({"a": (None, [1, 2, 3], False)}), Collector()
    one = pump(stream, function)
    one.turn(0)
    stream.faults = ["ExpiredIteratorException"]

    with pytest.raises(ClientError):
        one.turn(1)
    one.turn(2)

    assert function.numbers == [1, 2, 3]
    assert stream.asked[-1]["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"


def test_trimmed_records_let_the_pump_go_on_from_the_oldest_left() -> None:
    stream, function = Stream({"a": (None, [1, 2, 3], False)}), Collector()
    one = pump(stream, function)
    one.turn(0)
    stream.faults = ["TrimmedDataAccessException"]

    with pytest.raises(ClientError):
        one.turn(1)
    one.turn(2)

    assert stream.asked[-1]["ShardIteratorType"] == "TRIM_HORIZON"
    assert set(function.numbers) == {1, 2}


def test_a_passing_fault_keeps_the_iterator() -> None:
    stream, function = Stream({"a": (None, [1, 2, 3], False)}), Collector()
    one = pump(stream, function)
    one.turn(0)
    stream.faults = ["ThrottlingException"]

    with pytest.raises(ClientError):
        one.turn(1)
    one.turn(2)

    assert function.numbers == [1, 2, 3]
    assert len(stream.asked) == 1


def test_records_that_the_filter_keeps_back_are_passed_over() -> None:
    stream, function = Stream({"a": (None, [1, 2, 3], False)}), Collector()
    nothing = RecordFilter.of({"Filters": [{"Pattern": '{"eventName": ["MODIFY"]}'}]})
    one = StreamPump(stream, ARN, Delivery(batch_size=10, filter=nothing), function)

    moved = [one.turn(now) for now in range(3)]

    assert (function.numbers, moved) == ([], [True, True, False])


def test_used_iterators_are_let_go() -> None:
    forgotten: list[str] = []
    one = pump(Stream({"a": (None, [1, 2, 3], False)}), Collector(), forget_iterator=forgotten.append)

    for now in range(3):
        one.turn(now)

    assert forgotten == ["a/0", "a/2", "a/3"]
