"""The units that calls consume: what the cost model and the prices of the documents are computed from."""

from __future__ import annotations

from typing import Any

from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import KEY, event_item, sized

KB = 1024


def units(answer: Any) -> float:
    """The units of an answer, which reports one table or a list of them."""
    found = answer["ConsumedCapacity"]
    return float(sum(one["CapacityUnits"] for one in (found if isinstance(found, list) else [found])))


def put(engine: EngineUnderTest, size: int) -> float:
    table = engine.tables["UsageTable"]
    return units(engine.client.put_item(TableName=table, Item=sized("s", size), ReturnConsumedCapacity="TOTAL"))


def get(engine: EngineUnderTest, *, consistent: bool) -> float:
    options = {"ConsistentRead": consistent, "ReturnConsumedCapacity": "TOTAL"}
    return units(engine.client.get_item(TableName=engine.tables["UsageTable"], Key=KEY, **options))


def test_a_put_of_a_kilobyte_consumes_a_unit(engine: EngineUnderTest) -> None:
    assert put(engine, KB) == 1


def test_a_larger_put_consumes_a_unit_a_kilobyte_begun(engine: EngineUnderTest) -> None:
    assert [put(engine, KB + 1), put(engine, 3 * KB)] == [2, 3]


def test_an_item_in_an_index_consumes_as_much_again(engine: EngineUnderTest) -> None:
    answer = engine.client.put_item(
        TableName=engine.tables["EventsTable"], Item=event_item("a"), ReturnConsumedCapacity="INDEXES"
    )

    found = answer["ConsumedCapacity"]
    assert units(answer) == 2
    assert found["Table"]["CapacityUnits"] == found["GlobalSecondaryIndexes"]["by_time"]["CapacityUnits"] == 1


def test_a_consistent_read_consumes_a_unit_any_other_half_of_one(engine: EngineUnderTest) -> None:
    put(engine, 4 * KB)

    assert [get(engine, consistent=False), get(engine, consistent=True)] == [0.5, 1]


def test_a_read_consumes_by_the_4_kb(engine: EngineUnderTest) -> None:
    put(engine, 5 * KB)

    assert [get(engine, consistent=False), get(engine, consistent=True)] == [1, 2]


def test_a_query_consumes_by_the_bytes_it_reads(engine: EngineUnderTest) -> None:
    table = engine.tables["UsageTable"]
    for number in range(10):
        engine.client.put_item(TableName=table, Item=sized(f"{number:02d}", 2 * KB))

    answer = engine.client.query(
        TableName=table,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "p"}},
        ConsistentRead=True,
        ReturnConsumedCapacity="TOTAL",
    )

    assert units(answer) == 5


def test_a_transaction_consumes_twice_the_units(engine: EngineUnderTest) -> None:
    table = engine.tables["UsageTable"]

    answer = engine.client.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": sized(key, KB)}} for key in ("a", "b")],
        ReturnConsumedCapacity="TOTAL",
    )

    assert units(answer) == 4
