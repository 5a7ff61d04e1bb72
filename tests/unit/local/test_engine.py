"""The embedded engine behaves like DynamoDB where Moto alone does not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError


def test_parallel_additions_lose_nothing_and_keep_38_digits(dynamodb: Any) -> None:
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}

    def add(amount: str) -> None:
        values = {":v": {"N": amount}}
        dynamodb.update_item(
            TableName="UsageTable", Key=key, UpdateExpression="ADD n :v", ExpressionAttributeValues=values
        )

    add("12345678901234567890123456789012345670")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, ["1"] * 80))

    stored = dynamodb.get_item(TableName="UsageTable", Key=key)["Item"]["n"]["N"]
    assert int(stored) == 12345678901234567890123456789012345750


def put(key: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "CatalogTable", "Item": {"pk": {"S": key}, "sk": {"S": "x"}}, **more}}


def open_stream(dynamodb: Any, table: str) -> Callable[[], list[str]]:
    """Reads the keys of the stream's records from its beginning, all with the one iterator made here."""
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    client = boto3.client("dynamodbstreams")
    (shard,) = client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = client.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")

    def read() -> list[str]:
        records = client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        return [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]

    return read


@pytest.mark.usefixtures("settings")
def test_a_refused_transaction_leaves_neither_items_nor_records_and_the_stream_goes_on(dynamodb: Any) -> None:
    streamed = open_stream(dynamodb, "CatalogTable")
    dynamodb.transact_write_items(TransactItems=[put("a"), put("b")])

    with pytest.raises(ClientError, match="TransactionCanceled"):
        dynamodb.transact_write_items(
            TransactItems=[put("c"), put("a", ConditionExpression="attribute_not_exists(pk)")]
        )
    dynamodb.transact_write_items(TransactItems=[put("d")])

    stored = dynamodb.scan(TableName="CatalogTable")["Items"]
    assert sorted(item["pk"]["S"] for item in stored) == ["a", "b", "d"]
    assert streamed() == ["a", "b", "d"]
