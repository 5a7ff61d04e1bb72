"""Items and calls that several of the engines' tests make."""

from __future__ import annotations

import time
from typing import Any

from tests.integration.conftest import EngineUnderTest

Item = dict[str, dict[str, Any]]

KEY: Item = {"pk": {"S": "p"}, "sk": {"S": "s"}}
ABSENT = "attribute_not_exists(pk)"
PATIENCE_S = 90
POLL_S = 0.1


def event_item(key: str, **more: Any) -> Item:
    """What an event's item looks like to the table and its index."""
    return {"pk": {"S": key}, "b": {"S": "bucket"}, "k": {"S": f"{key:>20}"}, "h": {"B": b"\x00\x01"}, **more}


def sized(sort_key: str, size: int) -> Item:
    """A row whose names and values are ``size`` bytes together."""
    rest = size - len("pk") - len("p") - len("sk") - len(sort_key) - len("d")
    return {"pk": {"S": "p"}, "sk": {"S": sort_key}, "d": {"S": "x" * rest}}


def stored(engine: EngineUnderTest, table: str, key: Item) -> Any:
    """The item, read strongly consistent; None where there is none."""
    answer = engine.client.get_item(TableName=engine.tables[table], Key=key, ConsistentRead=True)
    return answer.get("Item")


def add(engine: EngineUnderTest, amount: str) -> str:
    """Add to a row's number; what it comes to."""
    answer = engine.client.update_item(
        TableName=engine.tables["UsageTable"],
        Key=KEY,
        UpdateExpression="ADD n :n",
        ExpressionAttributeValues={":n": {"N": amount}},
        ReturnValues="ALL_NEW",
    )
    return str(answer["Attributes"]["n"]["N"])


def insert(engine: EngineUnderTest, *items: Item, **options: Any) -> Any:
    """Insert events by one BatchExecuteStatement, as the service does."""
    table = engine.tables["EventsTable"]
    statements = []
    for item in items:
        names = ", ".join(f"'{name}': ?" for name in item)
        statements.append(
            {
                "Statement": f'INSERT INTO "{table}" VALUE {{{names}}}',
                "Parameters": list(item.values()),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        )
    return engine.client.batch_execute_statement(Statements=statements, **options)


def stream_records(engine: EngineUnderTest, table: str, last: str) -> list[Any]:
    """The stream's records from its beginning, read until one has the partition key ``last``."""
    arn = engine.client.describe_table(TableName=engine.tables[table])["Table"]["LatestStreamArn"]
    found: list[Any] = []
    for shard in engine.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = engine.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += _read(engine, iterator, last)
    return found


def _read(engine: EngineUnderTest, iterator: str | None, last: str) -> list[Any]:
    found: list[Any] = []
    deadline = time.monotonic() + PATIENCE_S
    while iterator is not None and time.monotonic() < deadline:
        answer = engine.streams.get_records(ShardIterator=iterator)
        found += answer["Records"]
        if any(one["dynamodb"]["Keys"]["pk"]["S"] == last for one in answer["Records"]):
            break
        iterator = answer.get("NextShardIterator")
        time.sleep(POLL_S)
    return found
