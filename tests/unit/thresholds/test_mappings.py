"""What of the two streams reaches the thresholds function."""

from __future__ import annotations

from typing import Any

from dynameter.usage.rows.row import RowKey, Series, item_key
from local.shard import Delivery
from local.template import Template
from tests.conftest import WORKSPACE

MAPPINGS = {one.table: one for one in Template.load().stream_mappings() if one.function == "ThresholdsFunction"}
SERIES = Series(WORKSPACE, "01KEXM0000000000000000000M", 1)


def admits(table: str, sort_key: str, name: str = "INSERT") -> bool:
    record: dict[str, Any] = {"eventName": name, "dynamodb": {"Keys": {"pk": {"S": "x"}, "sk": {"S": sort_key}}}}
    return Delivery.of(MAPPINGS[table].properties).filter.admits(record)


def test_rows_of_usage_come_and_other_items_of_the_table_do_not() -> None:
    row = item_key(RowKey(SERIES, "s1", 491_218, ("x",)))["sk"]["S"]

    assert admits("UsageTable", row)
    assert admits("UsageTable", row, "MODIFY")
    assert not admits("UsageTable", "=s1")
    assert not admits("UsageTable", "=")


def test_crossings_come_when_they_are_stored_and_not_when_they_change() -> None:
    assert admits("CatalogTable", "bt.e.01KEX")
    assert not admits("CatalogTable", "bt.e.01KEX", "MODIFY")
    assert not admits("CatalogTable", "bt.r.01KEX")
    assert not admits("CatalogTable", "j.rebuild.x")


def test_only_the_looking_can_be_switched_off() -> None:
    assert MAPPINGS["UsageTable"].properties["Enabled"] == {"Ref": "Thresholds"}
    assert "Enabled" not in MAPPINGS["CatalogTable"].properties
