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

from dynameter import rfc3339
from dynameter.clock import render
from dynameter.errors import AlreadyExists, Unavailable, VersionConflict
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.rules import MAX_METERS
from dynameter.rebuild.job import Job
from dynameter.rebuild.store import job_item
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import storage_faults, text, whole
from dynameter.runtime.retries import pause

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LIVE, _DELETED, _SLUG, _VERSION = "m.", "d.", "s.", "v"
_KEYS_A_READ = 100
_ATTEMPTS = 6


class MeterStore:
    """Meters in the catalog table; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, pause: Callable[[int], None] = pause) -> None:
        self._client = client
        self._table = table
        self._pause = pause
        self._catalog = Catalog(client, table, pause)

    # ---- reads

    def versions(self, workspaces: Collection[str]) -> dict[str, int]:
        """The catalog version of each workspace; 0 where nothing was ever defined."""
        names = {key(one, _VERSION)["pk"]["S"]: one for one in workspaces}
        found = dict.fromkeys(workspaces, 0)
        keys = [key(one, _VERSION) for one in names.values()]
        for start in range(0, len(keys), _KEYS_A_READ):
            for item in self._read_batch(keys[start : start + _KEYS_A_READ]):
                found[names[text(item, "pk")]] = whole(item, "version")
        return found

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        """Every meter of the workspace that is not deleted."""
        return tuple(_from_item(workspace, item) for item in self._catalog.query(workspace, _LIVE))

    def load_deleted(self, workspace: str) -> tuple[Meter, ...]:
        """Every deleted meter of the workspace."""
        return tuple(_from_item(workspace, item) for item in self._catalog.query(workspace, _DELETED))

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""
        item = self._catalog.get(workspace, _LIVE + meter_id) or self._catalog.get(workspace, _DELETED + meter_id)
        return _from_item(workspace, item) if item else None

    def get_by_slug(self, workspace: str, slug: str) -> Meter | None:
        """The live meter of that slug."""
        pointer = self._catalog.get(workspace, _SLUG + slug)
        item = self._catalog.get(workspace, _LIVE + text(pointer, "id")) if pointer else None
        return _from_item(workspace, item) if item else None

    # ---- changes

    def insert(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Add a meter, and the jobs in the same transaction.

        Raises AlreadyExists where the slug is taken or the workspace is full.
        """
        pointer = {**key(meter.workspace, _SLUG + meter.slug), "id": {"S": meter.id}}
        self._catalog.transact(
            [
                self._catalog.put(_to_item(meter), "attribute_not_exists(pk)"),
                self._catalog.put(pointer, "attribute_not_exists(pk)"),
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
        self._catalog.transact(
            [
                self._catalog.put(_to_item(meter), "version = :before", {":before": number(meter.version - 1)}),
                self._count(meter.workspace, 0),
                *self._starting(jobs),
            ],
            [_changed(meter)],
        )

    def move_deleted(self, meter: Meter) -> None:
        """Set a deleted meter aside and free its slug. Raises VersionConflict like ``replace``."""
        self._catalog.transact(
            [
                self._catalog.delete(
                    key(meter.workspace, _LIVE + meter.id), "version = :v", {":v": number(meter.version - 1)}
                ),
                self._catalog.put(_to_item(meter), "attribute_not_exists(pk)"),
                self._catalog.delete(key(meter.workspace, _SLUG + meter.slug), "id = :id", {":id": {"S": meter.id}}),
                self._count(meter.workspace, -1),
            ],
            [_changed(meter)] * 3,
        )

    # ---- DynamoDB

    def _read_batch(self, keys: list[Item]) -> Iterator[Item]:
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

    def _starting(self, jobs: Sequence[Job]) -> list[Item]:
        """A job has a new key whenever its meter has a new version, so no condition guards what is there."""
        return [self._catalog.put(job_item(job)) for job in jobs]

    def _count(self, workspace: str, added: int) -> Item:
        """A new catalog version; where meters are added, the limit on live ones is part of the same transaction."""
        counter = key(workspace, _VERSION)
        if added <= 0:
            return self._catalog.add(counter, {"version": 1, "live_meters": added})
        room = "attribute_not_exists(live_meters) OR live_meters < :most"
        return self._catalog.add(counter, {"version": 1, "live_meters": added}, room, MAX_METERS)


def _changed(meter: Meter) -> VersionConflict:
    return VersionConflict(f"meter {meter.slug} was changed by another request")


def live_meter_key(workspace: str, meter_id: str) -> Item:
    """The key of a live meter's item, for the transactions of what uses the meter."""
    return key(workspace, _LIVE + meter_id)


# ---- mapping


def _to_item(meter: Meter) -> Item:
    prefix = _LIVE if meter.deleted_at_us is None else _DELETED
    item: Item = {
        **key(meter.workspace, prefix + meter.id),
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
        "active_generation": number(meter.active),
        "version": number(meter.version),
    }
    optional = {
        "description": meter.description,
        "value_property": meter.value_property,
        "event_from": None if meter.event_from_us is None else render(meter.event_from_us),
        "deleted_at": None if meter.deleted_at_us is None else render(meter.deleted_at_us),
    }
    return item | {name: {"S": value} for name, value in optional.items() if value is not None}


def _from_item(workspace: str, item: Item) -> Meter:
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


def _to_generation(one: Generation) -> Item:
    item: Item = {
        "number": number(one.number),
        "group_by": _texts(one.group_by),
        "live_from": {"S": render(one.live_from_us)},
        "complete": {"BOOL": one.complete},
    }
    return item if one.confirmed else item | {"unconfirmed": {"BOOL": True}}


def _from_generation(item: Item) -> Generation:
    return Generation(
        number=whole(item, "number"),
        group_by=_from_texts(item["group_by"]),
        live_from_us=rfc3339.parse(text(item, "live_from")),
        complete=bool(item["complete"]["BOOL"]),
        confirmed="unconfirmed" not in item,
    )


def _texts(values: Mapping[str, str]) -> Item:
    return {"M": {name: {"S": values[name]} for name in sorted(values)}}


def _from_texts(attribute: Item) -> dict[str, str]:
    """The mapping with its keys sorted; DynamoDB keeps no order."""
    return {name: attribute["M"][name]["S"] for name in sorted(attribute["M"])}


def _instant(item: Item, name: str) -> int | None:
    return rfc3339.parse(text(item, name)) if name in item else None
