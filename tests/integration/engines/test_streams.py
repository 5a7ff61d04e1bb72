"""Streams: every change once and in order, with what the table says a record carries."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from botocore.exceptions import ClientError

from local.engine import forget_iterator
from local.pump import StreamPump
from local.shard import Delivery
from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import ABSENT, KEY, event_item, stream_records

PATIENCE_S = 90


def put(engine: EngineUnderTest, item: Any, **options: Any) -> None:
    engine.client.put_item(TableName=engine.tables["EventsTable"], Item=item, **options)


def test_the_pump_delivers_what_is_written_in_order(engine: EngineUnderTest) -> None:
    seen: list[dict[str, Any]] = []
    complete = threading.Event()

    def collect(event: dict[str, Any]) -> Any:
        seen.extend(event.get("Records", []))
        if len(seen) >= 60:
            complete.set()
        return {"state": {}}

    stream = engine.client.describe_table(TableName=engine.tables["EventsTable"])["Table"]["LatestStreamArn"]
    forget = forget_iterator if engine.engine.is_embedded else lambda _: None
    pump = StreamPump(engine.streams, stream, Delivery(window_s=900), collect, forget_iterator=forget)
    pump.start()
    try:
        for number in range(60):
            put(engine, event_item(f"{number:02d}"))
        assert complete.wait(PATIENCE_S)
    finally:
        pump.stop()

    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in seen] == [f"{number:02d}" for number in range(60)]
    assert {one["eventName"] for one in seen} == {"INSERT"}
    assert seen[0]["dynamodb"]["NewImage"]["h"] == {"B": "AAE="}
    sequences = [int(one["dynamodb"]["SequenceNumber"]) for one in seen]
    assert sequences == sorted(set(sequences))


def test_a_change_of_an_event_carries_both_its_images(engine: EngineUnderTest) -> None:
    put(engine, event_item("a"))
    put(engine, event_item("a", i={"S": "void"}))
    put(engine, event_item("z"))

    records = stream_records(engine, "EventsTable", last="z")

    assert [one["eventName"] for one in records] == ["INSERT", "MODIFY", "INSERT"]
    change = records[1]["dynamodb"]
    assert (change["OldImage"], change["NewImage"]) == (event_item("a"), event_item("a", i={"S": "void"}))


def test_records_of_usage_rows_carry_their_keys_alone(engine: EngineUnderTest) -> None:
    engine.client.put_item(TableName=engine.tables["UsageTable"], Item={**KEY, "n": {"N": "1"}})

    (record,) = stream_records(engine, "UsageTable", last="p")

    assert record["dynamodb"]["Keys"] == KEY
    assert record["dynamodb"].keys().isdisjoint({"NewImage", "OldImage"})


def test_a_refused_put_leaves_the_stream_alone(engine: EngineUnderTest) -> None:
    put(engine, event_item("a"))
    with contextlib.suppress(ClientError):
        put(engine, event_item("a", y={"S": "other"}), ConditionExpression=ABSENT)
    put(engine, event_item("z"))

    records = stream_records(engine, "EventsTable", last="z")

    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in records] == ["a", "z"]


def test_a_put_that_changes_nothing_leaves_the_stream_alone(engine: EngineUnderTest) -> None:
    for key in ("a", "a", "z"):
        put(engine, event_item(key))

    records = stream_records(engine, "EventsTable", last="z")

    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in records] == ["a", "z"]


def test_a_transaction_reaches_the_stream(engine: EngineUnderTest) -> None:
    table = engine.tables["EventsTable"]
    engine.client.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": event_item(key)}} for key in ("a", "b")]
    )
    put(engine, event_item("z"))

    records = stream_records(engine, "EventsTable", last="z")

    assert sorted(one["dynamodb"]["Keys"]["pk"]["S"] for one in records) == ["a", "b", "z"]


def test_reading_goes_on_after_a_sequence_number(engine: EngineUnderTest) -> None:
    for key in ("a", "b", "z"):
        put(engine, event_item(key))
    first = stream_records(engine, "EventsTable", last="z")[0]["dynamodb"]["SequenceNumber"]
    arn = engine.client.describe_table(TableName=engine.tables["EventsTable"])["Table"]["LatestStreamArn"]
    (shard,) = engine.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]

    where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": first}
    iterator = engine.streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], **where)["ShardIterator"]
    records = engine.streams.get_records(ShardIterator=iterator)["Records"]

    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in records] == ["b", "z"]
