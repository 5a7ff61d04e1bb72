"""Transactions: all or nothing, and which condition failed."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import ABSENT, stored


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": name}}


def put(engine: EngineUnderTest, name: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": engine.tables["CatalogTable"], "Item": key(name), **more}}


def test_a_refused_condition_names_its_place_and_leaves_nothing(engine: EngineUnderTest) -> None:
    engine.client.transact_write_items(TransactItems=[put(engine, "b")])

    with pytest.raises(ClientError) as refused:
        engine.client.transact_write_items(
            TransactItems=[put(engine, "a"), put(engine, "b", ConditionExpression=ABSENT), put(engine, "c")]
        )

    assert refused.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = [one["Code"] for one in refused.value.response["CancellationReasons"]]
    assert reasons == ["None", "ConditionalCheckFailed", "None"]
    assert [stored(engine, "CatalogTable", key(name)) for name in "abc"] == [None, key("b"), None]


def test_100_actions_of_every_kind_are_done_together(engine: EngineUnderTest) -> None:
    table = engine.tables["CatalogTable"]
    engine.client.transact_write_items(TransactItems=[put(engine, "check"), put(engine, "gone")])
    update = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}

    engine.client.transact_write_items(
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": table,
                    "Key": key("check"),
                    "ConditionExpression": "attribute_exists(pk)",
                }
            },
            {"Delete": {"TableName": table, "Key": key("gone")}},
            {"Update": {"TableName": table, "Key": key("counted"), **update}},
            *(put(engine, str(number)) for number in range(97)),
        ]
    )

    assert stored(engine, "CatalogTable", key("gone")) is None
    assert stored(engine, "CatalogTable", key("counted")) == {**key("counted"), "n": {"N": "1"}}
    assert stored(engine, "CatalogTable", key("96")) == key("96")


def test_an_item_cannot_be_in_a_transaction_twice(engine: EngineUnderTest) -> None:
    with pytest.raises(ClientError) as refused:
        engine.client.transact_write_items(TransactItems=[put(engine, "a"), put(engine, "a")])

    assert refused.value.response["Error"]["Code"] == "ValidationException"
