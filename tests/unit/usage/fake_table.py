"""An in-memory table that speaks the part of DynamoDB's client that usage needs, fast, with faults on demand."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]


def refusal(code: str, item: Item | None = None) -> ClientError:
    """DynamoDB's error of that name."""
    response: Any = {"Error": {"Code": code, "Message": code}}
    if item is not None:
        response["Item"] = item
    return ClientError(response, "Operation")


MAX_EXPRESSION_CHARACTERS = 4_096
"""What DynamoDB takes as one expression."""


class FakeTable:
    """One table with keys pk and sk. ``before_write`` may raise, or do something else first, at every write."""

    def __init__(self, page_items: int = 1_000_000) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.writes: list[str] = []
        self.queries: list[dict[str, Any]] = []
        self.before_write: Callable[[str, dict[str, Any]], None] = lambda operation, arguments: None
        self.after_write: Callable[[str, dict[str, Any]], None] = lambda operation, arguments: None
        self.sends_refused_item = True
        self._page_items = page_items
        self._lock = threading.RLock()

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        with self._lock:
            self.before_write("put", arguments)
            self.apply_put(arguments)
            self.after_write("put", arguments)
            return {}

    def apply_put(self, arguments: dict[str, Any]) -> None:
        """The put itself, under its condition if it has one."""
        item = arguments["Item"]
        place = item["pk"]["S"], item["sk"]["S"]
        self._check(place, self.items.get(place, {}), arguments)
        self.items[place] = dict(item)
        self.writes.append("put")

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        with self._lock:
            self.before_write("update", arguments)
            for name in ("UpdateExpression", "ConditionExpression"):
                if len(arguments.get(name, "")) > MAX_EXPRESSION_CHARACTERS:
                    raise refusal("ValidationException")
            answer = self.apply_update(arguments)
            self.after_write("update", arguments)
            return answer

    def apply_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The update itself: its condition, then SET, ADD or REMOVE."""
        key = arguments["Key"]
        place = key["pk"]["S"], key["sk"]["S"]
        item = dict(self.items.get(place, key))
        self._check(place, self.items.get(place, {}), arguments)
        _change(arguments["UpdateExpression"], item, arguments.get("ExpressionAttributeValues", {}))
        self.items[place] = item
        self.writes.append("update")
        return {"Attributes": dict(item)} if arguments.get("ReturnValues") == "ALL_NEW" else {}

    def _check(self, place: tuple[str, str], item: Item, arguments: dict[str, Any]) -> None:
        if "ConditionExpression" not in arguments:
            return
        if not _holds(arguments["ConditionExpression"], item, arguments.get("ExpressionAttributeValues", {})):
            old = item if self.sends_refused_item and place in self.items else None
            raise refusal("ConditionalCheckFailedException", old)

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["ConsistentRead"]
        key = arguments["Key"]
        item = self.items.get((key["pk"]["S"], key["sk"]["S"]))
        return {} if item is None else {"Item": dict(item)}

    def query(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["ConsistentRead"]
        self.queries.append(arguments)
        values = {name: typed["S"] for name, typed in arguments["ExpressionAttributeValues"].items()}
        first, last = values.get(":first", ""), values.get(":last", "\U0010ffff")
        if "ExclusiveStartKey" in arguments:
            first = arguments["ExclusiveStartKey"]["sk"]["S"] + "\0"
        found = sorted(sk for pk, sk in self.items if pk == values[":pk"] and first <= sk <= last)
        page = found[: min(arguments.get("Limit", self._page_items), self._page_items)]
        names = arguments.get("ProjectionExpression")
        wanted = None if names is None else set(names.split(", "))
        items = [
            {name: typed for name, typed in self.items[values[":pk"], sk].items() if wanted is None or name in wanted}
            for sk in page
        ]
        answer: dict[str, Any] = {"Items": items}
        if len(page) < len(found):
            answer["LastEvaluatedKey"] = {"pk": {"S": values[":pk"]}, "sk": {"S": page[-1]}}
        return answer


def _holds(condition: str, item: Item, values: Item) -> bool:
    """AND over terms; a term in brackets is an OR."""
    return all(_term_holds(term, item, values) for term in condition.split(" AND "))


def _term_holds(term: str, item: Item, values: Item) -> bool:
    if term.startswith("("):
        return any(_term_holds(part, item, values) for part in term[1:-1].split(" OR "))
    if term.startswith("attribute_"):
        function, name = term[:-1].split("(")
        return (name in item) is (function == "attribute_exists")
    name, operator, value = term.split(" ")
    if name not in item:
        return False
    if operator == "<":
        return bool(item[name]["S"] < values[value]["S"])
    assert operator == "="
    return item[name] == values[value]


def _change(expression: str, item: Item, values: Item) -> None:
    for clause in re.split(r" (?=(?:SET|ADD|REMOVE) )", expression):
        verb, _, terms = clause.partition(" ")
        for term in terms.split(", "):
            _change_one(verb, term, item, values)


def _change_one(verb: str, term: str, item: Item, values: Item) -> None:
    if verb == "REMOVE":
        item.pop(term, None)
    elif verb == "SET":
        name, value = term.split(" = ")
        item[name] = values[value]
    else:
        assert verb == "ADD"
        name, value = term.split(" ")
        before = int(item[name]["N"]) if name in item else 0
        item[name] = {"N": str(before + int(values[value]["N"]))}
