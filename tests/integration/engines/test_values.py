"""What is stored comes back: types, digits, and items whose time is over."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import KEY, add, event_item, stored

DIGITS = "12345678901234567890123456789012345678"


def test_every_kind_of_value_comes_back_as_it_was_put(engine: EngineUnderTest) -> None:
    item = {
        **KEY,
        "empty": {"S": ""},
        "number": {"N": "-12345678901234567890.000000000000001"},
        "binary": {"B": b"\x00\xff"},
        "false": {"BOOL": False},
        "nothing": {"NULL": True},
        "list": {"L": [{"S": "a"}, {"M": {"n": {"N": "0"}}}]},
        "map": {"M": {}},
        "texts": {"SS": ["a", "b"]},
    }

    engine.client.put_item(TableName=engine.tables["CatalogTable"], Item=item)

    found = stored(engine, "CatalogTable", KEY)
    found["texts"]["SS"].sort()
    assert found == item


def test_a_number_of_38_digits_is_kept(engine: EngineUnderTest) -> None:
    engine.client.put_item(TableName=engine.tables["UsageTable"], Item={**KEY, "n": {"N": DIGITS}})

    assert stored(engine, "UsageTable", KEY)["n"] == {"N": DIGITS}


def test_a_number_of_39_digits_is_refused(engine: EngineUnderTest) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        engine.client.put_item(TableName=engine.tables["UsageTable"], Item={**KEY, "n": {"N": DIGITS + "9"}})


def test_a_number_comes_back_in_its_shortest_form(engine: EngineUnderTest) -> None:
    engine.client.put_item(TableName=engine.tables["UsageTable"], Item={**KEY, "n": {"N": "001.50"}})

    assert stored(engine, "UsageTable", KEY)["n"] == {"N": "1.5"}


def test_additions_keep_38_digits(engine: EngineUnderTest) -> None:
    add(engine, DIGITS)

    assert add(engine, "1") == str(int(DIGITS) + 1)


def test_whole_numbers_past_28_digits_are_added_exactly_in_two_parts(engine: EngineUnderTest) -> None:
    """The usage rows keep sums as whole numbers of at most 20 digits a value, because some engines round at 28."""
    largest = 10**20 - 1

    for _ in range(50):
        engine.client.update_item(
            TableName=engine.tables["UsageTable"],
            Key=KEY,
            UpdateExpression="ADD i :i, f :f",
            ExpressionAttributeValues={":i": {"N": str(largest)}, ":f": {"N": "-999999999999999"}},
        )

    row = stored(engine, "UsageTable", KEY)
    assert (int(row["i"]["N"]), int(row["f"]["N"])) == (50 * largest, 50 * -999_999_999_999_999)


def test_a_time_to_live_can_be_set(engine: EngineUnderTest) -> None:
    table = engine.tables["EventsTable"]

    engine.client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "x"})

    found = engine.client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (found["AttributeName"], found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")) == ("x", True)


def test_an_item_whose_time_is_over_still_takes_its_key(engine: EngineUnderTest) -> None:
    """DynamoDB deletes it some day; until then it is there, and nothing may rely on its absence."""
    engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item("a", x={"N": "1"}))

    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        engine.client.put_item(
            TableName=engine.tables["EventsTable"],
            Item=event_item("a"),
            ConditionExpression="attribute_not_exists(pk)",
        )
