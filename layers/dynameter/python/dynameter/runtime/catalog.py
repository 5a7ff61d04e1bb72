"""The catalog table as stores use it: the items of a workspace, and transactions over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter.errors import DynameterError, Unavailable
from dynameter.runtime.dynamodb import CONDITION_FAILED, TRANSACTION_CANCELED, error_code, storage_faults
from dynameter.runtime.retries import THROTTLES, pause
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 8
_CONFLICT = "TransactionConflict"
_FAILED = ("ConditionalCheckFailed", CONDITION_FAILED)

Item = dict[str, Any]


class Catalog:
    """The catalog table; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, pause: Callable[[int], None] = pause) -> None:
        self._client = client
        self._table = table
        self._pause = pause

    def get(self, workspace: str, sort_key: str) -> Item | None:
        """The item; one read unit for 4 KB."""
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key=key(workspace, sort_key), ConsistentRead=True)
        return dict(answer["Item"]) if "Item" in answer else None

    def query(self, workspace: str, prefix: str) -> Iterator[Item]:
        """Every item whose sort key begins so, in its order."""
        values = {":pk": key(workspace, "")["pk"], ":prefix": {"S": prefix}}
        with storage_faults():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=values,
            )
            for page in pages:
                yield from page["Items"]

    def transact(self, actions: Sequence[Any], refusals: Sequence[DynameterError]) -> None:
        """Run one transaction; ``refusals`` are what to raise where the action of that place fails its condition."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(attempt)
            try:
                with storage_faults():
                    self._client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                if not _may_repeat(error, refusals):
                    raise
            else:
                return
        raise Unavailable("storage did not accept the request: too many changes at once")

    def put(self, item: Item, condition: str = "", values: Item | None = None) -> Item:
        """An action of a transaction: write the item."""
        return {"Put": self._action({"Item": item}, condition, values)}

    def delete(self, item_key: Item, condition: str = "", values: Item | None = None) -> Item:
        """An action of a transaction: delete the item."""
        return {"Delete": self._action({"Key": item_key}, condition, values)}

    def add(self, item_key: Item, added: Mapping[str, int], condition: str = "", most: int | None = None) -> Item:
        """An action of a transaction: add to numbers; ``:most`` in the condition is ``most``."""
        values = {f":{name}": number(value) for name, value in added.items()}
        if most is not None:
            values[":most"] = number(most)
        expression = "ADD " + ", ".join(f"{name} :{name}" for name in added)
        target = {"Key": item_key, "UpdateExpression": expression}
        return {"Update": self._action(target, condition, values)}

    def _action(self, target: Item, condition: str, values: Item | None) -> Item:
        valued = {"ExpressionAttributeValues": values} if values else {}
        conditional = {"ConditionExpression": condition} if condition else {}
        return {"TableName": self._table, **conditional, **target, **valued}


def key(workspace: str, sort_key: str) -> Item:
    """The key of a workspace's item."""
    return {"pk": {"S": "w." + workspace_key(workspace)}, "sk": {"S": sort_key}}


def number(value: int) -> Item:
    """A whole number as an attribute."""
    return {"N": str(value)}


def _may_repeat(error: ClientError, refusals: Sequence[DynameterError]) -> bool:
    """Whether it only met another transaction or a limit; raises the refusal of the first condition that failed."""
    if error_code(error) != TRANSACTION_CANCELED:
        return False
    response: Mapping[str, Any] = error.response
    codes = [reason.get("Code") for reason in response.get("CancellationReasons", [])]
    for code, refusal in zip(codes, refusals, strict=False):
        if code in _FAILED:
            raise refusal from None
    if _CONFLICT in codes:
        return True
    return set(codes) - {"None", None} <= THROTTLES
