"""Queries and batches of reads: pages, order, and what is asked for."""

from __future__ import annotations

from typing import Any

from tests.conformance.polling import eventually
from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import event_item

LARGE = 90_000
"""Some eleven items of so many bytes fill a page."""


def pages(engine: EngineUnderTest, **query: Any) -> list[list[Any]]:
    return [page["Items"] for page in engine.client.get_paginator("query").paginate(**query)]


def by_time(engine: EngineUnderTest, **more: Any) -> dict[str, Any]:
    """A query of the index as the service makes it."""
    return {
        "TableName": engine.tables["EventsTable"],
        "IndexName": "by_time",
        "KeyConditionExpression": "b = :b AND k BETWEEN :low AND :high",
        "ExpressionAttributeValues": {
            ":b": {"S": "bucket"},
            ":low": {"S": f"{'b':>20}"},
            ":high": {"S": f"{'x':>20}"},
        },
        **more,
    }


def found_keys(engine: EngineUnderTest, **more: Any) -> list[str]:
    """What the index shows, which on AWS lags a little behind the table."""
    return [item["pk"]["S"] for page in pages(engine, **by_time(engine, **more)) for item in page]


def test_a_query_pages_through_everything_in_order(engine: EngineUnderTest) -> None:
    table = engine.tables["UsageTable"]
    for number in range(30):
        item = {"pk": {"S": "p"}, "sk": {"S": f"{number:04d}"}, "d": {"S": "x" * LARGE}}
        engine.client.put_item(TableName=table, Item=item)

    found = pages(
        engine,
        TableName=table,
        KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
        ExpressionAttributeValues={":p": {"S": "p"}, ":a": {"S": "0003"}, ":z": {"S": "0027"}},
        ConsistentRead=True,
    )

    assert [item["sk"]["S"] for page in found for item in page] == [f"{number:04d}" for number in range(3, 28)]
    # 2.25 MB in pages of at most 1 MB
    assert [len(page) for page in found] == [11, 11, 3]


def test_the_index_pages_through_everything_in_order(engine: EngineUnderTest) -> None:
    keys = "abcdefghijklmnopqrstuvwxyz"
    for key in reversed(keys):
        item = event_item(key, d={"S": "x" * LARGE})
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=item)

    eventually(lambda: found_keys(engine), list(keys[1:-2]))
    assert len(pages(engine, **by_time(engine))) == 3


def test_a_page_says_where_the_index_goes_on(engine: EngineUnderTest) -> None:
    for key in "abcd":
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item(key))

    eventually(lambda: found_keys(engine), ["b", "c", "d"])
    first = engine.client.query(**by_time(engine, Limit=2))
    rest = engine.client.query(**by_time(engine, ExclusiveStartKey=first["LastEvaluatedKey"]))

    assert first["LastEvaluatedKey"] == {name: event_item("c")[name] for name in ("pk", "b", "k")}
    assert [item["pk"]["S"] for item in rest["Items"]] == ["d"]
    assert "LastEvaluatedKey" not in rest


def test_the_index_is_read_backwards(engine: EngineUnderTest) -> None:
    for key in "cdb":
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item(key))

    eventually(lambda: found_keys(engine, ScanIndexForward=False), ["d", "c", "b"])


def test_items_without_the_indexs_key_are_not_in_it(engine: EngineUnderTest) -> None:
    unkeyed = {name: value for name, value in event_item("c").items() if name != "k"}
    for item in (unkeyed, event_item("d")):
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=item)

    eventually(lambda: found_keys(engine), ["d"])


def test_a_query_by_prefix_finds_the_prefix_alone(engine: EngineUnderTest) -> None:
    for sort_key in ("m.", "m.b", "m.a", "n.a", "m"):
        item = {"pk": {"S": "p"}, "sk": {"S": sort_key}}
        engine.client.put_item(TableName=engine.tables["CatalogTable"], Item=item)

    answer = engine.client.query(
        TableName=engine.tables["CatalogTable"],
        KeyConditionExpression="pk = :p AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":p": {"S": "p"}, ":prefix": {"S": "m."}},
    )

    assert [item["sk"]["S"] for item in answer["Items"]] == ["m.", "m.a", "m.b"]


def test_100_items_are_read_at_once_those_that_are_not_there_left_out(engine: EngineUnderTest) -> None:
    table = engine.tables["EventsTable"]
    for number in range(0, 100, 2):
        engine.client.put_item(TableName=table, Item=event_item(str(number)))

    wanted = {"Keys": [{"pk": {"S": str(number)}} for number in range(100)], "ProjectionExpression": "pk,h"}
    answer = engine.client.batch_get_item(RequestItems={table: {**wanted, "ConsistentRead": True}})

    found = sorted(answer["Responses"][table], key=lambda item: int(item["pk"]["S"]))
    assert found == [{"pk": {"S": str(number)}, "h": {"B": b"\x00\x01"}} for number in range(0, 100, 2)]
    assert answer.get("UnprocessedKeys", {}) == {}
