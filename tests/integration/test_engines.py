"""What the service relies on in DynamoDB holds on every engine that is offered for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.engine import forget_iterator
from local.pump import StreamPump
from local.shard import Delivery

if TYPE_CHECKING:
    from tests.integration.conftest import EngineUnderTest

PATIENCE_S = 20


def event_item(key: str, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": key}, "b": {"S": "bucket"}, "k": {"S": f"{key:>20}"}, "h": {"B": b"\x00\x01"}, **more}


def test_a_refused_put_returns_the_item_that_is_there(engine: EngineUnderTest) -> None:
    table = engine.tables["EventsTable"]
    engine.client.put_item(TableName=table, Item=event_item("a"), ConditionExpression="attribute_not_exists(pk)")

    with pytest.raises(ClientError) as refused:
        engine.client.put_item(
            TableName=table,
            Item=event_item("a", y={"S": "other"}),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert refused.value.response["Item"] == event_item("a")


def test_every_kind_of_value_comes_back_as_it_was_put(engine: EngineUnderTest) -> None:
    item = {
        "pk": {"S": "p"},
        "sk": {"S": "s"},
        "empty": {"S": ""},
        "number": {"N": "-12345678901234567890.000000000000001"},
        "binary": {"B": b"\x00\xff"},
        "false": {"BOOL": False},
        "nothing": {"NULL": True},
        "list": {"L": [{"S": "a"}, {"M": {"n": {"N": "0"}}}]},
        "map": {"M": {}},
        "texts": {"SS": ["a", "b"]},
    }
    table = engine.tables["CatalogTable"]

    engine.client.put_item(TableName=table, Item=item)

    key = {"pk": item["pk"], "sk": item["sk"]}
    found = engine.client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    found["texts"]["SS"].sort()
    assert found == item


def test_a_refused_update_returns_the_row_that_is_there(engine: EngineUnderTest) -> None:
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    update = {
        "TableName": engine.tables["UsageTable"],
        "Key": key,
        "UpdateExpression": "SET w = :last ADD n :one",
        "ConditionExpression": "attribute_not_exists(w) OR w < :first",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeValues": {":first": {"S": "05"}, ":last": {"S": "07"}, ":one": {"N": "1"}},
    }
    engine.client.update_item(**update)

    with pytest.raises(ClientError) as refused:
        engine.client.update_item(**update)

    assert refused.value.response["Item"] == {**key, "w": {"S": "07"}, "n": {"N": "1"}}


def test_partiql_inserts_report_each_duplicate_and_overwrite_nothing(engine: EngineUnderTest) -> None:
    if engine.engine.is_embedded:
        pytest.skip("Moto's PartiQL overwrites; the service writes by PutItem there")
    table = engine.tables["EventsTable"]
    engine.client.put_item(TableName=table, Item=event_item("1", y={"S": "first"}))
    try:
        answer = engine.client.batch_execute_statement(
            Statements=[
                {
                    "Statement": f"INSERT INTO \"{table}\" VALUE {{'pk': ?, 'b': ?, 'k': ?, 'y': ?}}",
                    "Parameters": [{"S": key}, {"S": "bucket"}, {"S": key}, {"S": "second"}],
                }
                for key in ("0", "1", "2")
            ]
        )
    except ClientError as error:
        pytest.skip(f"no PartiQL here: {error}")

    assert [one.get("Error", {}).get("Code") for one in answer["Responses"]] == [None, "DuplicateItem", None]
    kept = engine.client.get_item(TableName=table, Key={"pk": {"S": "1"}})["Item"]
    assert kept["y"] == {"S": "first"}


def test_whole_numbers_past_28_digits_are_added_exactly_in_two_parts(engine: EngineUnderTest) -> None:
    """The usage rows keep sums as whole numbers of at most 20 digits a value, because some engines round at 28."""
    key = {"pk": {"S": "p"}, "sk": {"S": "s"}}
    largest = 10**20 - 1

    for _ in range(50):
        engine.client.update_item(
            TableName=engine.tables["UsageTable"],
            Key=key,
            UpdateExpression="ADD i :i, f :f",
            ExpressionAttributeValues={":i": {"N": str(largest)}, ":f": {"N": "-999999999999999"}},
        )

    row = engine.client.get_item(TableName=engine.tables["UsageTable"], Key=key, ConsistentRead=True)["Item"]
    assert (int(row["i"]["N"]), int(row["f"]["N"])) == (50 * largest, 50 * -999_999_999_999_999)


def test_a_query_pages_through_everything_in_order(engine: EngineUnderTest) -> None:
    table = engine.tables["UsageTable"]
    for number in range(30):
        item = {"pk": {"S": "p"}, "sk": {"S": f"{number:04d}"}, "d": {"S": "x" * 90_000}}
        engine.client.put_item(TableName=table, Item=item)

    pages = engine.client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
        ExpressionAttributeValues={":p": {"S": "p"}, ":a": {"S": "0003"}, ":z": {"S": "0027"}},
        ConsistentRead=True,
    )
    found = [[item["sk"]["S"] for item in page["Items"]] for page in pages]

    assert [one for page in found for one in page] == [f"{number:04d}" for number in range(3, 28)]
    assert len(found) > 1


def test_the_index_lists_events_by_time(engine: EngineUnderTest) -> None:
    for key in ("c", "a", "b"):
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item(key))

    answer = engine.client.query(
        TableName=engine.tables["EventsTable"],
        IndexName="by_time",
        KeyConditionExpression="b = :b",
        ExpressionAttributeValues={":b": {"S": "bucket"}},
    )

    assert [item["pk"]["S"] for item in answer["Items"]] == ["a", "b", "c"]


def test_the_pump_delivers_what_is_written_in_order(engine: EngineUnderTest) -> None:
    seen: list[dict[str, Any]] = []
    complete = threading.Event()

    def collect(event: dict[str, Any]) -> Any:
        seen.extend(event.get("Records", []))
        if len(seen) >= 60:
            complete.set()
        return {"state": {}}

    table = engine.tables["EventsTable"]
    stream = engine.client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    forget = forget_iterator if engine.engine.is_embedded else lambda _: None
    pump = StreamPump(engine.streams, stream, Delivery(window_s=900), collect, forget_iterator=forget)
    pump.start()
    try:
        for number in range(60):
            engine.client.put_item(TableName=table, Item=event_item(f"{number:02d}"))
        assert complete.wait(PATIENCE_S)
    finally:
        pump.stop()

    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in seen] == [f"{number:02d}" for number in range(60)]
    assert {one["eventName"] for one in seen} == {"INSERT"}
    assert seen[0]["dynamodb"]["NewImage"]["h"] == {"B": "AAE="}
    sequences = [int(one["dynamodb"]["SequenceNumber"]) for one in seen]
    assert sequences == sorted(set(sequences))
