"""Where voids are recorded: the catalog table, under the workspace's partition.

    sk        item
    o.<id>    a void; its id is a ULID, so the records lie in the order of their making
    q.<id>    the names of its events, where it names them: a deflated JSON array of [source, id]

A void, its names and the job that resumes it are written in one transaction, so none is ever without the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.corrections.void import EventFilter, EventName, Tally, Void, VoidState
from dynameter.errors import AlreadyExists, VersionConflict
from dynameter.rebuild.job import Job
from dynameter.rebuild.store import job_item
from dynameter.runtime.catalog import Catalog, Item, key
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_VOID, _NAMES = "o.", "q."
_CONDITIONS = ("type", "subject", "source", "from_us", "to_us")


class VoidStore:
    """The records of voids; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._catalog = Catalog(client, table)

    def insert(self, void: Void, names: Sequence[EventName], job: Job) -> None:
        """Record a new void and, in the same transaction, its events' names and its job."""
        items = [_to_item(void), *([_names_item(void, names)] if names else []), job_item(job)]
        puts = [self._catalog.put(item, "attribute_not_exists(pk)") for item in items]
        self._catalog.transact(puts, [AlreadyExists(f"there is a void {void.id} already") for _ in puts])

    def get(self, workspace: str, void_id: str) -> Void | None:
        """The void of that id, undone ones too."""
        item = self._catalog.get(workspace, _VOID + void_id)
        return _from_item(workspace, item) if item else None

    def names(self, void: Void) -> tuple[EventName, ...]:
        """The events that the void names; none where it has a filter."""
        if void.named is None:
            return ()
        item = self._catalog.get(void.workspace, _NAMES + void.id)
        return _from_names(item) if item else ()

    def page(self, workspace: str, limit: int, after: str | None) -> list[Void]:
        """Up to ``limit`` voids, newest first, those made before the void of the id ``after``."""
        values = {
            ":pk": key(workspace, "")["pk"],
            ":first": {"S": _VOID},
            # "~" and "!" sort after and before every character of an id.
            ":last": {"S": _VOID + "~" if after is None else _VOID + after[:-1] + chr(ord(after[-1]) - 1) + "~"},
        }
        found: list[Void] = []
        start: Item = {}
        while True:
            arguments: Item = {
                "TableName": self._table,
                "ConsistentRead": True,
                "ScanIndexForward": False,
                "Limit": limit - len(found),
                "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
                "ExpressionAttributeValues": values,
                **start,
            }
            with storage_faults():
                answer = self._client.query(**arguments)
            found += [_from_item(workspace, cast("Item", item)) for item in answer["Items"]]
            if len(found) >= limit or not answer.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def under_way(self, workspace: str, limit: int) -> int:
        """How many of the newest ``limit`` voids have not come to their end."""
        return sum(not one.state.ends for one in self.page(workspace, limit, None))

    def finish(self, void: Void, tally: Tally, now_us: int) -> Void | None:
        """RUNNING to DONE with what became of its events, UNDOING to UNDONE. None where it has moved on meanwhile."""
        if void.state is VoidState.RUNNING:
            finished = replace(void, state=VoidState.DONE, tally=tally, done_at_us=now_us)
        else:
            finished = replace(void, state=VoidState.UNDONE, undone_at_us=now_us)
        try:
            with storage_faults():
                self._client.put_item(**self._catalog.put(_to_item(finished), *_still(void))["Put"])
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            return None
        return finished

    def begin_undo(self, void: Void, final_at_us: int, job: Job) -> Void | None:
        """RUNNING or DONE to UNDOING, with the job that resumes it. None where it has moved on meanwhile."""
        begun = replace(void, state=VoidState.UNDOING, final_at_us=final_at_us)
        actions = [self._catalog.put(_to_item(begun), *_still(void)), self._catalog.put(job_item(job))]
        try:
            self._catalog.transact(actions, [VersionConflict("the void has moved on")])
        except VersionConflict:
            return None
        return begun


def _still(void: Void) -> tuple[str, Item]:
    return "void_state = :before", {":before": {"S": void.state.value}}


def _names_item(void: Void, names: Sequence[EventName]) -> Item:
    listed = zlib.compress(codec.encode([(one.source, one.id) for one in names]))
    return {**key(void.workspace, _NAMES + void.id), "names": {"B": listed}}


def _from_names(item: Item) -> tuple[EventName, ...]:
    return tuple(EventName(source, id_) for source, id_ in codec.decode(zlib.decompress(bytes(item["names"]["B"]))))


def _to_item(void: Void) -> Item:
    numbers = {
        "created_us": void.created_at_us,
        "final_us": void.final_at_us,
        "done_us": void.done_at_us,
        "undone_us": void.undone_at_us,
        "voided": void.tally.voided,
        "skipped": void.tally.skipped,
        "named": void.named,
    }
    item = key(void.workspace, _VOID + void.id) | {"id": {"S": void.id}, "void_state": {"S": void.state.value}}
    item |= {name: {"N": str(value)} for name, value in numbers.items() if value is not None}
    if void.reason is not None:
        item["reason"] = {"S": void.reason}
    if void.filter is not None:
        wanted = {name: getattr(void.filter, name) for name in _CONDITIONS}
        given = {name: value for name, value in wanted.items() if value is not None}
        item["conditions"] = {"S": codec.encode(given).decode()}
    return item


def _from_item(workspace: str, item: Item) -> Void:
    return Void(
        workspace=workspace,
        id=text(item, "id"),
        created_at_us=whole(item, "created_us"),
        state=VoidState(text(item, "void_state")),
        final_at_us=whole(item, "final_us"),
        reason=text(item, "reason") if "reason" in item else None,
        named=whole(item, "named") if "named" in item else None,
        filter=EventFilter(**codec.decode(text(item, "conditions"))) if "conditions" in item else None,
        tally=Tally(whole(item, "voided"), whole(item, "skipped")),
        done_at_us=whole(item, "done_us") if "done_us" in item else None,
        undone_at_us=whole(item, "undone_us") if "undone_us" in item else None,
    )
