"""A DynamoDB in memory: fast, exact, with streams of several shards, an index that lags, and faults on demand.

It serves the calls that the stores make and refuses what it does not know. Every call passes ``intercept`` first,
where a test may raise a fault instead (before) or after the call was applied, or have it answered in part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, holds, project, update
from tests.simulation.stream import hash_of
from tests.simulation.tables import INDEX_LAG_US, Index, Key, Table, define, record

PAGE_BYTES = 1_000_000
SCANNED_ITEMS = 25
"""Items of a scan's page, so that there are several."""
_INSERT = re.compile(r"INSERT INTO \"([^\"]+)\" VALUE \{(.*)\}")
_PLACE = re.compile(r"'([^']+)': \?")


@dataclass
class Call:
    """One call, as ``intercept`` sees it.

    Of a batch, ``left_out`` is the reason for which every other part is not done: it says so part by part.
    """

    operation: str
    arguments: dict[str, Any]
    left_out: str | None = None

    def leaves_out(self, part: int) -> bool:
        """Whether a batch's part is left undone; at least one is done, so that trying again comes to an end."""
        return self.left_out is not None and part % 2 == 1


Apply = Callable[[], dict[str, Any]]
Row = tuple[str, Key]
Intercept = Callable[[Call, Apply], dict[str, Any]]


def straight(_call: Call, apply: Apply) -> dict[str, Any]:
    """No fault."""
    return apply()


def refused(code: str, **more: Any) -> ClientError:
    """The error that boto3 raises for a fault of DynamoDB."""
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, "call")


class MemoryDynamoDB:
    """The client. ``definitions`` are CreateTable arguments, ``shards`` those that each stream begins with.

    ``now_us`` tells the time by which an index catches up. ``tells_taken``: whether PartiQL's refusal of a taken key
    brings the item, as AWS's does and some engines' does not.
    """

    def __init__(
        self,
        definitions: Sequence[Mapping[str, Any]],
        *,
        shards: int = 1,
        index_lags: bool = False,
        tells_taken: bool = True,
        now_us: Callable[[], int] = lambda: 0,
    ) -> None:
        self.tables: dict[str, Table] = {one["TableName"]: define(one, shards) for one in definitions}
        self.intercept: Intercept = straight
        self.index_lags = index_lags
        self.tells_taken = tells_taken
        self.calls = 0
        self.items_read = 0
        self._now_us = now_us
        self._sequence = 10**20

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

    def batch_execute_statement(self, **arguments: Any) -> dict[str, Any]:
        call = Call("batch_execute_statement", arguments)

        def apply() -> dict[str, Any]:
            statements = arguments["Statements"]
            return {"Responses": [self._insert(call, at, statement) for at, statement in enumerate(statements)]}

        return self._pass(call, apply)

    def _insert(self, call: Call, at: int, statement: Mapping[str, Any]) -> dict[str, Any]:
        """One INSERT of a batch: what became of it."""
        match = _INSERT.fullmatch(statement["Statement"])
        if match is None:
            raise ValueError(f"{statement['Statement']} is not served")
        table = self.tables[match[1]]
        if call.leaves_out(at):
            return {"Error": {"Code": call.left_out, "Message": "not done"}, "TableName": table.name}
        item = dict(zip(_PLACE.findall(match[2]), statement["Parameters"], strict=True))
        old = table.items.get(table.key_of(item))
        if old is None:
            self._store(table, table.key_of(item), item)
            return {"TableName": table.name}
        error: dict[str, Any] = {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}
        if self.tells_taken and statement.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            error["Item"] = dict(old)
        return {"Error": error, "TableName": table.name}

    def batch_write_item(self, **arguments: Any) -> dict[str, Any]:
        call = Call("batch_write_item", arguments)

        def apply() -> dict[str, Any]:
            left: dict[str, list[Any]] = {}
            for name, requests in arguments["RequestItems"].items():
                table = self.tables[name]
                for at, request in enumerate(requests):
                    if call.leaves_out(at):
                        left.setdefault(name, []).append(request)
                    else:
                        self._store(table, table.key_of(request["DeleteRequest"]["Key"]), None)
            return {"UnprocessedItems": left}

        return self._pass(call, apply)

    # ---- reads

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        def apply() -> dict[str, Any]:
            table = self.tables[arguments["TableName"]]
            item = table.items.get(table.key_of(arguments["Key"]))
            self.items_read += 1
            return {} if item is None else {"Item": self._projected(arguments, item)}

        return self._call("get_item", arguments, apply)

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        call = Call("batch_get_item", arguments)

        def apply() -> dict[str, Any]:
            found: dict[str, list[Item]] = {}
            unprocessed: dict[str, Any] = {}
            for name, wanted in arguments["RequestItems"].items():
                table, keys = self.tables[name], wanted["Keys"]
                items = [table.items.get(table.key_of(key)) for at, key in enumerate(keys) if not call.leaves_out(at)]
                found[name] = [self._projected(wanted, item) for item in items if item is not None]
                left = [key for at, key in enumerate(keys) if call.leaves_out(at)]
                if left:
                    unprocessed[name] = {**wanted, "Keys": left}
            return {"Responses": found, "UnprocessedKeys": unprocessed}

        return self._pass(call, apply)

    def query(self, **arguments: Any) -> dict[str, Any]:
        return self._call("query", arguments, lambda: self._query(arguments))

    def scan(self, **arguments: Any) -> dict[str, Any]:
        return self._call("scan", arguments, lambda: self._scan(arguments))

    def get_paginator(self, operation: str) -> Any:
        call = {"query": self.query, "scan": self.scan}[operation]

        class Paginator:
            def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
                start: dict[str, Any] = {}
                while True:
                    page = call(**arguments, **start)
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
            now_us = self._now_us()
            index.catch_up(lambda at_us, _: at_us + INDEX_LAG_US <= now_us)
            source = index.items
            rows = list(index.entries.get(partition, []))
        else:
            source = table.items
            rows = [(sort, (partition, sort)) for sort in table.order.get(partition, [])]
        if not arguments.get("ScanIndexForward", True):
            rows.reverse()
        if "ExclusiveStartKey" in arguments:
            rows = self._behind(rows, arguments, table, index, partition)
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

    def _scan(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """A page of a segment: its items in the order of their hashes, a few at a time."""
        table = self.tables[arguments["TableName"]]
        segments = arguments.get("TotalSegments", 1)
        places = sorted((hash_of(key), key) for key in table.items)
        places = [one for one in places if one[0] % segments == arguments.get("Segment", 0)]
        if "ExclusiveStartKey" in arguments:
            start = table.key_of(arguments["ExclusiveStartKey"])
            places = [one for one in places if one > (hash_of(start), start)]
        page = [key for _, key in places[:SCANNED_ITEMS]]
        found = [self._projected(arguments, table.items[key]) for key in page]
        last = page[-1] if len(places) > SCANNED_ITEMS else None
        return self._page(table, arguments, found, len(page), last)

    def _behind(
        self, rows: list[Row], arguments: Mapping[str, Any], table: Table, index: Index | None, partition: str
    ) -> list[Row]:
        """The rows after a place of the partition, whether or not anything is there."""
        start = arguments["ExclusiveStartKey"]
        key = table.key_of(start)
        if (start[index.partition]["S"] if index else key[0]) != partition:
            raise refused("ValidationException")
        place = (start[index.sort]["S"] if index else key[1], key)
        forward = arguments.get("ScanIndexForward", True)
        return [row for row in rows if (row > place if forward else row < place)]

    def _page(
        self, table: Table, arguments: dict[str, Any], found: list[Item], scanned: int, last: Key | None
    ) -> dict[str, Any]:
        self.items_read += scanned
        page: dict[str, Any] = {"Items": found, "Count": len(found), "ScannedCount": scanned}
        if arguments.get("Select") == "COUNT":
            del page["Items"]
        if last is not None:
            key = table.key_item(last)
            if "IndexName" in arguments:
                index = table.indexes[arguments["IndexName"]]
                key |= {name: index.items[last][name] for name in (index.partition, index.sort)}
            page["LastEvaluatedKey"] = key
        return page

    # ---- the world behind

    def remove(self, table: str, chosen: Callable[[Key, Item], bool]) -> None:
        """Somebody deletes the items that are chosen."""
        found = self.tables[table]
        for key in [key for key, item in found.items.items() if chosen(key, item)]:
            self._store(found, key, None)

    def catch_up(self, arrives: Callable[[int, Key], bool] | None = None) -> None:
        """Let every index see all that was written, or the changes that ``arrives`` says."""
        for table in self.tables.values():
            for index in table.indexes.values():
                index.catch_up(arrives)

    def _call(self, operation: str, arguments: dict[str, Any], apply: Apply) -> dict[str, Any]:
        return self._pass(Call(operation, arguments), apply)

    def _pass(self, call: Call, apply: Apply) -> dict[str, Any]:
        self.calls += 1
        return self.intercept(call, apply)

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
        table.store(key, item)
        now_us = self._now_us()
        for index in table.indexes.values():
            index.pending.append((now_us, key, None if item is None else dict(item)))
            if not self.index_lags:
                index.catch_up()
        if table.stream is not None:
            self._sequence += 7
            table.stream.write(key, record(table, self._sequence, now_us // 1_000_000, key, old, item))
