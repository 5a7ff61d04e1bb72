"""Conditional writes: one winner, and the losers are told what is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import ABSENT, KEY, add, event_item, stored

REFUSED = "ConditionalCheckFailedException"


def put_once(engine: EngineUnderTest, item: Any) -> str:
    """Put the item where its key is free; the error's code, empty where it was put."""
    try:
        engine.client.put_item(TableName=engine.tables["EventsTable"], Item=item, ConditionExpression=ABSENT)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_refused_put_returns_the_item_that_is_there(engine: EngineUnderTest) -> None:
    put_once(engine, event_item("a"))

    with pytest.raises(ClientError) as refused:
        engine.client.put_item(
            TableName=engine.tables["EventsTable"],
            Item=event_item("a", y={"S": "other"}),
            ConditionExpression=ABSENT,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    response: Any = refused.value.response
    assert (response["Error"]["Code"], response["Item"]) == (REFUSED, event_item("a"))


def test_of_16_who_put_at_once_one_wins(engine: EngineUnderTest) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda who: put_once(engine, event_item("a", y={"S": str(who)})), range(16)))

    assert sorted(answers) == ["", *[REFUSED] * 15]
    assert stored(engine, "EventsTable", {"pk": {"S": "a"}})["y"] == {"S": str(answers.index(""))}


def test_a_refused_update_returns_the_row_that_is_there(engine: EngineUnderTest) -> None:
    update = {
        "TableName": engine.tables["UsageTable"],
        "Key": KEY,
        "UpdateExpression": "SET w = :last ADD n :one",
        "ConditionExpression": "attribute_not_exists(w) OR w < :first",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ExpressionAttributeValues": {":first": {"S": "05"}, ":last": {"S": "07"}, ":one": {"N": "1"}},
    }
    engine.client.update_item(**update)

    with pytest.raises(ClientError) as refused:
        engine.client.update_item(**update)

    response: Any = refused.value.response
    assert response["Item"] == {**KEY, "w": {"S": "07"}, "n": {"N": "1"}}


def test_a_refused_update_of_what_is_not_there_returns_no_item(engine: EngineUnderTest) -> None:
    with pytest.raises(ClientError) as refused:
        engine.client.update_item(
            TableName=engine.tables["UsageTable"],
            Key=KEY,
            UpdateExpression="SET n = :one",
            ConditionExpression="attribute_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    assert (refused.value.response["Error"]["Code"], refused.value.response.get("Item")) == (REFUSED, None)
    assert stored(engine, "UsageTable", KEY) is None


def test_a_list_grows_only_from_the_length_that_was_read(engine: EngineUnderTest) -> None:
    """How an event is voided: the mark's condition is the number of marks before it."""
    engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item("a", v={"L": [{"N": "1"}]}))

    def mark(*stamps: str) -> None:
        engine.client.update_item(
            TableName=engine.tables["EventsTable"],
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET v = :marks REMOVE y",
            ConditionExpression="attribute_exists(pk) AND size(v) = :size",
            ExpressionAttributeValues={
                ":marks": {"L": [{"N": one} for one in stamps]},
                ":size": {"N": str(len(stamps) - 1)},
            },
        )

    mark("1", "2")
    with pytest.raises(ClientError, match=REFUSED):
        mark("1", "3")

    assert stored(engine, "EventsTable", {"pk": {"S": "a"}})["v"] == {"L": [{"N": "1"}, {"N": "2"}]}


def test_parallel_additions_lose_nothing(engine: EngineUnderTest) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: add(engine, "0.1"), range(80)))

    assert Decimal(stored(engine, "UsageTable", KEY)["n"]["N"]) == 8
