"""The embedded engine behaves like DynamoDB where Moto alone does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any


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
