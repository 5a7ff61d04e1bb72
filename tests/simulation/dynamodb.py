"""A DynamoDB in memory: fast, exact, with streams of several shards, an index that lags, and faults on demand.

It serves the calls that the stores make and refuses what it does not know. Every call passes ``intercept`` first,
where a test may raise a fault instead (before) or after the call was applied.
"""

from __future__ import annotations

import base64
import zlib
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, holds, project, update

Key = tuple[str, str]
PAGE_BYTES = 1_000_000


@dataclass
class Index:
    """A global secondary index: partition -> keys in order. ``pending`` changes have not reached it yet."""

    partition: str
    sort: str
    entries: dict[str, list[tuple[str, Key]]] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)
    pending: list[tuple[Key, Item | None]] = field(default_factory=list)

    def apply(self, key: Key, item: Item | None) -> None:
        old = self.items.pop(key, None)
        if old is not None:
            self.entries[old[self.partition]["S"]].remove((old[self.sort]["S"], key))
        if item is not None and self.partition in item and self.sort in item:
            insort(self.entries.setdefault(item[self.partition]["S"], []), (item[self.sort]["S"], key))
            self.items[key] = item

    def catch_up(self, changes: int | None = None) -> None:
        """Let the oldest pending changes (all by default) arrive."""
        count = len(self.pending) if changes is None else changes
        for key, item in self.pending[:count]:
            self.apply(key, item)
        del self.pending[:count]


@dataclass
class Table:
    """A table, its indexes and the records of its stream by shard."""

    name: str
    hash_name: str
    range_name: str | None
    indexes: dict[str, Index]
    streams: bool
    items: dict[Key, Item] = field(default_factory=dict)
    order: dict[str, list[str]] = field(default_factory=dict)
    shards: list[list[dict[str, Any]]] = field(default_factory=list)

    def key_of(self, item: Mapping[str, Any]) -> Key:
        return item[self.hash_name]["S"], item[self.range_name]["S"] if self.range_name else ""


@dataclass
class Call:
    """One call, as ``intercept`` sees it."""

    operation: str
    arguments: dict[str, Any]


Intercept = Callable[[Call, Callable[[], dict[str, Any]]], dict[str, Any]]


def straight(_call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """No fault."""
    return apply()


def refused(code: str, message: str = "", **more: Any) -> ClientError:
    """The error that boto3 raises for a fault of DynamoDB."""
    return ClientError({"Error": {"Code": code, "Message": message or code}, **more}, "call")  # type: ignore[arg-type]


class MemoryDynamoDB:
    """The client. ``definitions`` are CreateTable arguments, ``shards`` the shards of each stream."""

    def __init__(self, definitions: Sequence[Mapping[str, Any]], *, shards: int = 1, index_lags: bool = False) -> None:
        self.tables: dict[str, Table] = {}
        self.intercept: Intercept = straight
        self.index_lags = index_lags
        self.calls = 0
        self.items_read = 0
        self._sequence = 10**20
        for one in definitions:
            keys = {entry["KeyType"]: entry["AttributeName"] for entry in one["KeySchema"]}
            indexes = {}
            for index in one.get("GlobalSecondaryIndexes", []):
                names = {entry["KeyType"]: entry["AttributeName"] for entry in index["KeySchema"]}
                indexes[index["IndexName"]] = Index(names["HASH"], names["RANGE"])
            table = Table(one["TableName"], keys["HASH"], keys.get("RANGE"), indexes, "StreamSpecification" in one)
            table.shards = [[] for _ in range(shards)]
            self.tables[table.name] = table

    # ---- writes

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            table = self.tables[arguments["TableName"]]
            self._check(arguments, table, table.key_of(arguments["Item"]))
            self._store(table, table.key_of(arguments["Item"]), arguments["Item"])
            return {}

        return self._call("put_item", arguments, apply)

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            table = self.tables[arguments["TableName"]]
            key = table.key_of(arguments["Key"])
            self._check(arguments, table, key)
            old = table.items.get(key)
            new = self._updated(arguments, old)
            self._store(table, key, new)
            returned = {"ALL_NEW": new, "ALL_OLD": old or {}}.get(arguments.get("ReturnValues", ""))
            return {} if returned is None else {"Attributes": dict(returned)}

        return self._call("update_item", arguments, apply)

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            table = self.tables[arguments["TableName"]]
            key = table.key_of(arguments["Key"])
            self._check(arguments, table, key)
            old = table.items.get(key)
            self._store(table, key, None)
            return {"Attributes": old} if old is not None and arguments.get("ReturnValues") == "ALL_OLD" else {}

        return self._call("delete_item", arguments, apply)

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            reasons, writes = [], []
            for action in arguments["TransactItems"]:
                ((kind, one),) = action.items()
                table = self.tables[one["TableName"]]
                key = table.key_of(one["Item"] if kind == "Put" else one["Key"])
                old = table.items.get(key)
                ok = holds(
                    one.get("ConditionExpression"),
                    one.get("ExpressionAttributeNames"),
                    one.get("ExpressionAttributeValues"),
                    old or {},
                )
                reason: dict[str, Any] = {"Code": "None" if ok else "ConditionalCheckFailed"}
                if not ok and old is not None and one.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
                    reason["Item"] = dict(old)
                reasons.append(reason)
                if kind == "Put":
                    writes.append((table, key, one["Item"]))
                elif kind == "Delete":
                    writes.append((table, key, None))
                elif kind == "Update":
                    writes.append((table, key, self._updated(one, old) if ok else None))
            if any(reason["Code"] != "None" for reason in reasons):
                raise refused("TransactionCanceledException", CancellationReasons=reasons)
            for table, key, item in writes:
                self._store(table, key, item)
            return {}

        return self._call("transact_write_items", arguments, apply)

    # ---- reads

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            table = self.tables[arguments["TableName"]]
            item = table.items.get(table.key_of(arguments["Key"]))
            self.items_read += 1
            return {} if item is None else {"Item": self._projected(arguments, item)}

        return self._call("get_item", arguments, apply)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            found: dict[str, list[Item]] = {}
            for name, wanted in arguments["RequestItems"].items():
                table = self.tables[name]
                items = [table.items.get(table.key_of(key)) for key in wanted["Keys"]]
                found[name] = [self._projected(wanted, item) for item in items if item is not None]
            return {"Responses": found, "UnprocessedKeys": {}}

        return self._call("batch_get_item", arguments, apply)

    def query(self, **arguments: Any) -> dict[str, Any]:
        return self._call("query", arguments, lambda: self._query(arguments))

    def get_paginator(self, operation: str) -> Any:
        if operation != "query":
            raise ValueError(f"only query has pages here, not {operation}")
        client = self

        class Paginator:
            def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
                start: dict[str, Any] = {}
                while True:
                    page = client.query(**arguments, **start)
                    yield page
                    if "LastEvaluatedKey" not in page:
                        return
                    start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

        return Paginator()

    def _query(self, arguments: dict[str, Any]) -> dict[str, Any]:
        table = self.tables[arguments["TableName"]]
        names, values = arguments.get("ExpressionAttributeNames"), arguments.get("ExpressionAttributeValues")
        index = table.indexes[arguments["IndexName"]] if "IndexName" in arguments else None
        condition = arguments["KeyConditionExpression"]
        partition = self._partition(condition, names, values or {}, index.partition if index else table.hash_name)
        if index is not None:
            source = index.items
            rows = list(index.entries.get(partition, []))
        else:
            source = table.items
            rows = [(sort, (partition, sort)) for sort in table.order.get(partition, [])]
        if not arguments.get("ScanIndexForward", True):
            rows.reverse()
        if "ExclusiveStartKey" in arguments:
            rows = rows[[key for _, key in rows].index(table.key_of(arguments["ExclusiveStartKey"])) + 1 :]
        found: list[Item] = []
        scanned, size, last = 0, 0, None
        for _, key in rows:
            item = source[key]
            if not holds(condition, names, values, item):
                continue
            if scanned == arguments.get("Limit", -1) or size > PAGE_BYTES:
                return self._page(table, arguments, found, scanned, last)
            scanned, last = scanned + 1, key
            size += sum(len(name) + len(str(value)) for name, value in item.items())
            if holds(arguments.get("FilterExpression"), names, values, item):
                found.append(self._projected(arguments, item))
        full = scanned == arguments.get("Limit", -1)
        return self._page(table, arguments, found, scanned, last if full else None)

    def _page(
        self, table: Table, arguments: dict[str, Any], found: list[Item], scanned: int, last: Key | None
    ) -> dict[str, Any]:
        self.items_read += scanned
        page: dict[str, Any] = {"Items": found, "Count": len(found), "ScannedCount": scanned}
        if arguments.get("Select") == "COUNT":
            del page["Items"]
        if last is not None:
            key = {table.hash_name: {"S": last[0]}, **({table.range_name: {"S": last[1]}} if table.range_name else {})}
            if "IndexName" in arguments:
                index = table.indexes[arguments["IndexName"]]
                key |= {name: index.items[last][name] for name in (index.partition, index.sort)}
            page["LastEvaluatedKey"] = key
        return page

    # ---- the world behind

    def catch_up(self) -> None:
        """Let every index see all that was written."""
        for table in self.tables.values():
            for index in table.indexes.values():
                index.catch_up()

    def records(self, table: str, shard: int) -> list[dict[str, Any]]:
        """The shard's records so far, oldest first, as a Lambda event has them."""
        return self.tables[table].shards[shard]

    def _call(self, operation: str, arguments: dict[str, Any], apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.calls += 1
        return self.intercept(Call(operation, arguments), apply)

    def _check(self, arguments: dict[str, Any], table: Table, key: Key) -> None:
        old = table.items.get(key)
        if holds(
            arguments.get("ConditionExpression"),
            arguments.get("ExpressionAttributeNames"),
            arguments.get("ExpressionAttributeValues"),
            old or {},
        ):
            return
        shown = old is not None and arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        raise refused("ConditionalCheckFailedException", **({"Item": dict(old or {})} if shown else {}))

    def _updated(self, arguments: dict[str, Any], old: Item | None) -> Item:
        base = dict(old) if old is not None else dict(arguments["Key"])
        return update(
            arguments["UpdateExpression"],
            arguments.get("ExpressionAttributeNames"),
            arguments.get("ExpressionAttributeValues"),
            base,
        )

    def _projected(self, arguments: Mapping[str, Any], item: Item) -> Item:
        return project(arguments.get("ProjectionExpression"), arguments.get("ExpressionAttributeNames"), item)

    def _partition(self, condition: str, names: Mapping[str, str] | None, values: Mapping[str, Any], name: str) -> str:
        for term in condition.split(" AND "):
            left, _, right = term.partition("=")
            if (names or {}).get(left.strip(), left.strip()) == name:
                return str(values[right.strip()]["S"])
        raise ValueError(f"{condition} names no partition")

    def _store(self, table: Table, key: Key, item: Item | None) -> None:
        old = table.items.get(key)
        if old == item:
            return
        if item is None:
            del table.items[key]
            table.order[key[0]].remove(key[1])
        else:
            table.items[key] = dict(item)
            order = table.order.setdefault(key[0], [])
            at = bisect_left(order, key[1])
            if at == len(order) or order[at] != key[1]:
                order.insert(at, key[1])
        for index in table.indexes.values():
            index.pending.append((key, None if item is None else dict(item)))
            if not self.index_lags:
                index.catch_up()
        if table.streams:
            self._record(table, key, old, item)

    def _record(self, table: Table, key: Key, old: Item | None, new: Item | None) -> None:
        self._sequence += 7
        images = {
            name: {attribute: _wire(value) for attribute, value in image.items()}
            for name, image in (("NewImage", new), ("OldImage", old))
            if image is not None
        }
        keys = {table.hash_name: {"S": key[0]}, **({table.range_name: {"S": key[1]}} if table.range_name else {})}
        record = {
            "eventID": f"{self._sequence:x}",
            "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_768_384_800,
                "Keys": keys,
                "SequenceNumber": str(self._sequence),
                "StreamViewType": "NEW_AND_OLD_IMAGES",
                **images,
            },
        }
        table.shards[zlib.crc32(key[0].encode()) % len(table.shards)].append(record)


def _wire(value: dict[str, Any]) -> dict[str, Any]:
    """Binary as the base64 text that a Lambda event has."""
    ((kind, content),) = value.items()
    return {"B": base64.b64encode(content).decode()} if kind == "B" else value
