"""The DynamoDB of the simulation answers as Moto does, call for call."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.template import Template
from tests.simulation.dynamodb import MemoryDynamoDB

TABLE = "UsageTable"
KEYS = st.fixed_dictionaries({"pk": st.sampled_from("ab"), "sk": st.sampled_from(["1", "2", "3"])})
VALUES = st.integers(-5, 5)


def key(names: dict[str, str]) -> dict[str, Any]:
    return {name: {"S": text} for name, text in names.items()}


def add(names: dict[str, str], value: int, bound: int) -> tuple[str, dict[str, Any]]:
    return "update_item", {
        "TableName": TABLE,
        "Key": key(names),
        "UpdateExpression": "SET w = :w, v = list_append(if_not_exists(v, :none), :one) ADD n :n",
        "ConditionExpression": "attribute_not_exists(w) OR w < :w AND NOT n = :w2",
        "ExpressionAttributeValues": {
            ":w": {"S": f"{bound:03d}"},
            ":w2": {"N": str(value)},
            ":n": {"N": str(value)},
            ":none": {"L": []},
            ":one": {"L": [{"N": str(value)}]},
        },
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def put(names: dict[str, str], value: int) -> tuple[str, dict[str, Any]]:
    item = {**key(names), "n": {"N": str(value)}}
    condition = "attribute_not_exists(pk)"
    return "put_item", {
        "TableName": TABLE,
        "Item": item,
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def remove(names: dict[str, str]) -> tuple[str, dict[str, Any]]:
    return "delete_item", {"TableName": TABLE, "Key": key(names), "ConditionExpression": "attribute_exists(n)"}


def read(low: str, high: str, limit: int) -> tuple[str, dict[str, Any]]:
    return "query", {
        "TableName": TABLE,
        "KeyConditionExpression": "pk = :p AND sk BETWEEN :l AND :h",
        "ExpressionAttributeValues": {":p": {"S": "a"}, ":l": {"S": low}, ":h": {"S": high}},
        "Limit": limit,
    }


def drop(first: dict[str, str], second: dict[str, str]) -> tuple[str, dict[str, Any]]:
    keys = [key(first)] if first == second else [key(first), key(second)]
    return "batch_write_item", {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": one}} for one in keys]}}


def look() -> tuple[str, dict[str, Any]]:
    return "scan", {"TableName": TABLE, "ProjectionExpression": "pk, sk"}


CALLS = st.one_of(
    st.builds(add, KEYS, VALUES, st.integers(0, 20)),
    st.builds(put, KEYS, VALUES),
    st.builds(remove, KEYS),
    st.builds(drop, KEYS, KEYS),
    st.builds(look),
    st.builds(read, st.sampled_from("12"), st.sampled_from("23"), st.integers(1, 3)),
)


def answer(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    try:
        found = getattr(client, operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Item")
    if operation == "scan":  # in the order of hashes, which are each engine's own
        found["Items"].sort(key=str)
    # LastEvaluatedKey is left out: DynamoDB gives it whenever Limit was reached, Moto only where more follows.
    return {name: found[name] for name in ("Attributes", "Items", "Count") if name in found}


@pytest.mark.usefixtures("settings")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=12))
def test_random_calls_answer_alike(dynamodb: Any, calls: list[tuple[str, dict[str, Any]]]) -> None:
    memory = MemoryDynamoDB(Template.load().table_definitions())
    for one in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={"pk": one["pk"], "sk": one["sk"]})

    for operation, arguments in calls:
        assert answer(memory, operation, arguments) == answer(dynamodb, operation, arguments)
