"""Where meters are kept: the catalog table, under the workspace's partition.

    sk          item
    m.<id>      a live meter
    d.<id>      a deleted meter, moved aside so that loading the live ones costs nothing for it
    s.<slug>    the slug's owner: unique among live meters
    v           the workspace's catalog version and its number of live meters

Every change is one transaction over the meter, its slug and the version, so whoever reads a version strongly and
then the meters knows definitions no older than it. The job that rebuilds a new generation is written in it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter import rfc3339
from dynameter.clock import render
from dynameter.errors import AlreadyExists, DynameterError, Unavailable, VersionConflict
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.rules import MAX_METERS
from dynameter.rebuild.job import Job
from dynameter.rebuild.store import job_item
from dynameter.runtime.dynamodb import CONDITION_FAILED, TRANSACTION_CANCELED, error_code, storage_faults, text, whole
from dynameter.runtime.retries import THROTTLES, pause
from dynameter.workspaces import workspace_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LIVE, _DELETED, _SLUG, _VERSION = "m.", "d.", "s.", "v"
_KEYS_A_READ = 100
_ATTEMPTS = 6

_CONFLICT = "TransactionConflict"
_CANCELLED_BY_CONDITION = "ConditionalCheckFailed"
_Item = dict[str, Any]


class MeterStore:
    """Meters in the catalog table; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, pause: Callable[[int], None] = pause) -> None:
        self._client = client
        self._table = table
        self._pause = pause

    # ---- reads

    def versions(self, workspaces: Collection[str]) -> dict[str, int]:
        """The catalog version of each workspace; 0 where nothing was ever defined."""
        names = {_key(one, _VERSION)["pk"]["S"]: one for one in workspaces}
        found = dict.fromkeys(workspaces, 0)
        keys = [_key(one, _VERSION) for one in names.values()]
        for start in range(0, len(keys), _KEYS_A_READ):
            for item in self._read_batch(keys[start : start + _KEYS_A_READ]):
                found[names[text(item, "pk")]] = whole(item, "version")
        return found

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        """Every meter of the workspace that is not deleted."""
        return tuple(_from_item(workspace, item) for item in self._query(workspace, _LIVE))

    def load_deleted(self, workspace: str) -> tuple[Meter, ...]:
        """Every deleted meter of the workspace."""
        return tuple(_from_item(workspace, item) for item in self._query(workspace, _DELETED))

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""
        item = self._get(workspace, _LIVE + meter_id) or self._get(workspace, _DELETED + meter_id)
        return _from_item(workspace, item) if item else None

    def get_by_slug(self, workspace: str, slug: str) -> Meter | None:
        """The live meter of that slug."""
        pointer = self._get(workspace, _SLUG + slug)
        item = self._get(workspace, _LIVE + text(pointer, "id")) if pointer else None
        return _from_item(workspace, item) if item else None

    # ---- changes

    def insert(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Add a meter, and the jobs in the same transaction.

        Raises AlreadyExists where the slug is taken or the workspace is full.
        """
        pointer = {**_key(meter.workspace, _SLUG + meter.slug), "id": {"S": meter.id}}
        self._transact(
            [
                self._put(_to_item(meter), "attribute_not_exists(pk)"),
                self._put(pointer, "attribute_not_exists(pk)"),
                self._count(meter.workspace, 1),
                *self._starting(jobs),
            ],
            [
                AlreadyExists("meter with the same id already exists"),
                AlreadyExists("meter with the same slug already exists"),
                AlreadyExists(f"a workspace holds at most {MAX_METERS} meters", code="meter_limit_exceeded"),
            ],
        )

    def replace(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Write a live meter over its last version, and the jobs in the same transaction.

        Raises VersionConflict where another version is stored.
        """
        self._transact(
            [
                self._put(_to_item(meter), "version = :before", {":before": _number(meter.version - 1)}),
                self._count(meter.workspace, 0),
                *self._starting(jobs),
            ],
            [_changed(meter)],
        )

    def move_deleted(self, meter: Meter) -> None:
        """Set a deleted meter aside and free its slug. Raises VersionConflict like ``replace``."""
        self._transact(
            [
                self._delete(
                    _key(meter.workspace, _LIVE + meter.id), "version = :v", {":v": _number(meter.version - 1)}
                ),
                self._put(_to_item(meter), "attribute_not_exists(pk)"),
                self._delete(_key(meter.workspace, _SLUG + meter.slug), "id = :id", {":id": {"S": meter.id}}),
                self._count(meter.workspace, -1),
            ],
            [_changed(meter)] * 3,
        )

    # ---- DynamoDB

    def _get(self, workspace: str, sort_key: str) -> _Item | None:
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key=_key(workspace, sort_key), ConsistentRead=True)
        return dict(answer["Item"]) if "Item" in answer else None

    def _query(self, workspace: str, prefix: str) -> Iterator[_Item]:
        values = {":pk": _key(workspace, "")["pk"], ":prefix": {"S": prefix}}
        with storage_faults():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=values,
            )
            for page in pages:
                yield from page["Items"]

    def _read_batch(self, keys: list[_Item]) -> Iterator[_Item]:
        waiting: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(attempt)
            with storage_faults():
                answer = self._client.batch_get_item(RequestItems=waiting)
            yield from answer["Responses"].get(self._table, [])
            waiting = answer.get("UnprocessedKeys")
            if not waiting:
                return
        raise Unavailable("storage did not accept the request: catalog versions stay unread")

    def _transact(self, actions: list[Any], refusals: list[DynameterError]) -> None:
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

    def _starting(self, jobs: Sequence[Job]) -> list[_Item]:
        """A job has a new key whenever its meter has a new version, so no condition guards what is there."""
        return [{"Put": {"TableName": self._table, "Item": job_item(job)}} for job in jobs]

    def _put(self, item: _Item, condition: str, values: _Item | None = None) -> _Item:
        return {"Put": self._action({"Item": item}, condition, values)}

    def _delete(self, key: _Item, condition: str, values: _Item) -> _Item:
        return {"Delete": self._action({"Key": key}, condition, values)}

    def _action(self, target: _Item, condition: str, values: _Item | None) -> _Item:
        valued = {"ExpressionAttributeValues": values} if values else {}
        return {"TableName": self._table, "ConditionExpression": condition, **target, **valued}

    def _count(self, workspace: str, added: int) -> _Item:
        """A new catalog version; where meters are added, the limit on live ones is part of the same transaction."""
        update: _Item = {
            "TableName": self._table,
            "Key": _key(workspace, _VERSION),
            "UpdateExpression": "ADD version :one, live_meters :added",
            "ExpressionAttributeValues": {":one": _number(1), ":added": _number(added)},
        }
        if added > 0:
            update["ConditionExpression"] = "attribute_not_exists(live_meters) OR live_meters < :most"
            update["ExpressionAttributeValues"][":most"] = _number(MAX_METERS)
        return {"Update": update}


def _may_repeat(error: ClientError, refusals: list[DynameterError]) -> bool:
    """Whether it only met another transaction or a limit; raises the refusal of the first condition that failed."""
    if error_code(error) != TRANSACTION_CANCELED:
        return False
    response: Mapping[str, Any] = error.response
    codes = [reason.get("Code") for reason in response.get("CancellationReasons", [])]
    for code, refusal in zip(codes, refusals, strict=False):
        if code in (_CANCELLED_BY_CONDITION, CONDITION_FAILED):
            raise refusal from None
    if _CONFLICT in codes:
        return True
    return set(codes) - {"None", None} <= THROTTLES


def _changed(meter: Meter) -> VersionConflict:
    return VersionConflict(f"meter {meter.slug} was changed by another request")


def live_meter_key(workspace: str, meter_id: str) -> _Item:
    """The key of a live meter's item, for the transactions of what uses the meter."""
    return _key(workspace, _LIVE + meter_id)


# ---- mapping


def _key(workspace: str, sort_key: str) -> _Item:
    return {"pk": {"S": "w." + workspace_key(workspace)}, "sk": {"S": sort_key}}


def _to_item(meter: Meter) -> _Item:
    prefix = _LIVE if meter.deleted_at_us is None else _DELETED
    item: _Item = {
        **_key(meter.workspace, prefix + meter.id),
        "id": {"S": meter.id},
        "slug": {"S": meter.slug},
        "name": {"S": meter.name},
        "event_type": {"S": meter.event_type},
        "aggregation": {"S": meter.aggregation.value},
        "group_by": _texts(meter.group_by),
        "metadata": _texts(meter.metadata),
        "created_at": {"S": render(meter.created_at_us)},
        "updated_at": {"S": render(meter.updated_at_us)},
        "generations": {"L": [{"M": _to_generation(one)} for one in meter.generations]},
        "active_generation": _number(meter.active),
        "version": _number(meter.version),
    }
    optional = {
        "description": meter.description,
        "value_property": meter.value_property,
        "event_from": None if meter.event_from_us is None else render(meter.event_from_us),
        "deleted_at": None if meter.deleted_at_us is None else render(meter.deleted_at_us),
    }
    return item | {name: {"S": value} for name, value in optional.items() if value is not None}


def _from_item(workspace: str, item: _Item) -> Meter:
    return Meter(
        workspace=workspace,
        id=text(item, "id"),
        slug=text(item, "slug"),
        name=text(item, "name"),
        description=text(item, "description") if "description" in item else None,
        event_type=text(item, "event_type"),
        aggregation=Aggregation(text(item, "aggregation")),
        value_property=text(item, "value_property") if "value_property" in item else None,
        group_by=_from_texts(item["group_by"]),
        event_from_us=_instant(item, "event_from"),
        metadata=_from_texts(item["metadata"]),
        created_at_us=rfc3339.parse(text(item, "created_at")),
        updated_at_us=rfc3339.parse(text(item, "updated_at")),
        deleted_at_us=_instant(item, "deleted_at"),
        generations=tuple(_from_generation(one["M"]) for one in item["generations"]["L"]),
        active=whole(item, "active_generation"),
        version=whole(item, "version"),
    )


def _to_generation(one: Generation) -> _Item:
    item: _Item = {
        "number": _number(one.number),
        "group_by": _texts(one.group_by),
        "live_from": {"S": render(one.live_from_us)},
        "complete": {"BOOL": one.complete},
    }
    return item if one.confirmed else item | {"unconfirmed": {"BOOL": True}}


def _from_generation(item: _Item) -> Generation:
    return Generation(
        number=whole(item, "number"),
        group_by=_from_texts(item["group_by"]),
        live_from_us=rfc3339.parse(text(item, "live_from")),
        complete=bool(item["complete"]["BOOL"]),
        confirmed="unconfirmed" not in item,
    )


def _texts(values: Mapping[str, str]) -> _Item:
    return {"M": {key: {"S": values[key]} for key in sorted(values)}}


def _from_texts(attribute: _Item) -> dict[str, str]:
    """The mapping with its keys sorted; DynamoDB keeps no order."""
    return {key: attribute["M"][key]["S"] for key in sorted(attribute["M"])}


def _instant(item: _Item, name: str) -> int | None:
    return rfc3339.parse(text(item, name)) if name in item else None


def _number(value: int) -> _Item:
    return {"N": str(value)}
