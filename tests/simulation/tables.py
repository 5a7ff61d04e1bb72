"""What the DynamoDB of the simulation keeps: tables, and indexes that lag behind them."""

from __future__ import annotations

import base64
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.expressions import Item
from tests.simulation.stream import Stream

Key = tuple[str, str]
INDEX_LAG_US = 15_000_000
"""Sooner or later than this a change is in the index: well within what the service lets history settle."""


@dataclass
class Index:
    """A global secondary index: partition -> keys in order. ``pending`` changes have not reached it yet."""

    partition: str
    sort: str
    entries: dict[str, list[tuple[str, Key]]] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)
    pending: list[tuple[int, Key, Item | None]] = field(default_factory=list)

    def apply(self, key: Key, item: Item | None) -> None:
        old = self.items.pop(key, None)
        if old is not None:
            self.entries[old[self.partition]["S"]].remove((old[self.sort]["S"], key))
        if item is not None and self.partition in item and self.sort in item:
            insort(self.entries.setdefault(item[self.partition]["S"], []), (item[self.sort]["S"], key))
            self.items[key] = item

    def catch_up(self, arrives: Callable[[int, Key], bool] | None = None) -> None:
        """Let pending changes arrive: all, or those that ``arrives`` says (given when and of which item).

        The changes of one item arrive in their order, those of different items in any.
        """
        waiting: list[tuple[int, Key, Item | None]] = []
        for at_us, key, item in self.pending:
            if arrives is None or arrives(at_us, key):
                self.apply(key, item)
            else:
                waiting.append((at_us, key, item))
        self.pending = waiting


@dataclass
class Table:
    """A table, its indexes, and its stream if it has one."""

    name: str
    hash_name: str
    range_name: str | None
    indexes: dict[str, Index]
    stream: Stream | None
    items: dict[Key, Item] = field(default_factory=dict)
    order: dict[str, list[str]] = field(default_factory=dict)

    def key_of(self, item: Mapping[str, Any]) -> Key:
        return item[self.hash_name]["S"], item[self.range_name]["S"] if self.range_name else ""

    def key_item(self, key: Key) -> Item:
        """The key as attributes."""
        return {self.hash_name: {"S": key[0]}, **({self.range_name: {"S": key[1]}} if self.range_name else {})}

    def store(self, key: Key, item: Item | None) -> None:
        """Put the item in its place, or take it away."""
        if item is None:
            del self.items[key]
            self.order[key[0]].remove(key[1])
            return
        self.items[key] = dict(item)
        order = self.order.setdefault(key[0], [])
        at = bisect_left(order, key[1])
        if at == len(order) or order[at] != key[1]:
            order.insert(at, key[1])


def define(definition: Mapping[str, Any], shards: int) -> Table:
    """The empty table of CreateTable's arguments."""
    keys = {entry["KeyType"]: entry["AttributeName"] for entry in definition["KeySchema"]}
    indexes = {}
    for index in definition.get("GlobalSecondaryIndexes", []):
        names = {entry["KeyType"]: entry["AttributeName"] for entry in index["KeySchema"]}
        indexes[index["IndexName"]] = Index(names["HASH"], names["RANGE"])
    stream = Stream(shards) if "StreamSpecification" in definition else None
    return Table(definition["TableName"], keys["HASH"], keys.get("RANGE"), indexes, stream)


def record(table: Table, sequence: int, second: int, key: Key, old: Item | None, new: Item | None) -> dict[str, Any]:
    """A change as a Lambda event tells it."""
    images = {
        name: {attribute: _wire(value) for attribute, value in image.items()}
        for name, image in (("NewImage", new), ("OldImage", old))
        if image is not None
    }
    return {
        "eventID": f"{sequence:x}",
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": second,
            "Keys": table.key_item(key),
            "SequenceNumber": str(sequence),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **images,
        },
    }


def _wire(value: dict[str, Any]) -> dict[str, Any]:
    """Binary as the base64 text that a Lambda event has."""
    ((kind, content),) = value.items()
    return {"B": base64.b64encode(content).decode()} if kind == "B" else value
