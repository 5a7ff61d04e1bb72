"""Where features are kept: the catalog table, under the workspace's partition.

    sk           item
    bf.i.<id>    a live feature
    bf.d.<id>    an archived feature, moved aside so that listing the live ones costs nothing for it
    bf.k.<key>   the id of the live feature that has the key
    bf.n         how many live features there are (n)

A feature is written together with a new version of its meter. So a change of the meter that was decided before it,
without knowing it, fails and is decided again (see ``dynameter.meters.service.MeterUses``).
"""

from __future__ import annotations

from typing import Any

from dynameter import codec
from dynameter.billing.features.feature import MAX_FEATURES, Feature, compile_filters
from dynameter.errors import AlreadyExists, DynameterError, FieldError, TooLarge, VersionConflict
from dynameter.meters.store import live_meter_key
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

MAX_LISTED = 10_000
"""Archived features that one list looks through."""

_LIVE, _ARCHIVED, _KEY, _COUNTER = "bf.i.", "bf.d.", "bf.k.", "bf.n"
_FREE, _THERE, _UNCHANGED, _OWNED = "attribute_not_exists(pk)", "attribute_exists(pk)", "version = :before", "id = :id"
_ROOM = "attribute_not_exists(n) OR n < :most"
_TEXTS = ("meter_id", "meter_slug", "description")


class FeatureStore:
    """Features in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, workspace: str, feature_id: str) -> Feature | None:
        """The feature of that id, archived ones too."""
        item = self._catalog.get(workspace, _LIVE + feature_id) or self._catalog.get(workspace, _ARCHIVED + feature_id)
        return _from_item(workspace, item) if item else None

    def get_by_key(self, workspace: str, feature_key: str) -> Feature | None:
        """The live feature of that key."""
        pointer = self._catalog.get(workspace, _KEY + feature_key)
        item = self._catalog.get(workspace, _LIVE + text(pointer, "id")) if pointer else None
        return _from_item(workspace, item) if item else None

    def list(self, workspace: str, *, archived: bool = False) -> tuple[Feature, ...]:
        """Every live feature, or every archived one, by id. Raises TooLarge past ``MAX_LISTED``."""
        found: list[Feature] = []
        for item in self._catalog.query(workspace, _ARCHIVED if archived else _LIVE):
            found.append(_from_item(workspace, item))
            if len(found) > MAX_LISTED:
                raise TooLarge(f"the workspace has more than {MAX_LISTED} archived features", code="too_many_features")
        return tuple(found)

    def of_meter(self, workspace: str, meter_id: str) -> tuple[tuple[str, frozenset[str]], ...]:
        """See ``dynameter.meters.service.MeterUses``."""
        return tuple((one.key, frozenset(one.filters_sent)) for one in self.list(workspace) if one.meter_id == meter_id)

    def insert(self, feature: Feature, meter_version: int | None) -> None:
        """Add a feature of a meter that was read in that version.

        Raises AlreadyExists where the key is taken or the workspace is full, VersionConflict where the meter has
        changed.
        """
        pointer = {**key(feature.workspace, _KEY + feature.key), "id": {"S": feature.id}}
        actions = [
            self._catalog.put(_to_item(feature), _FREE),
            self._catalog.put(pointer, _FREE),
            self._catalog.add(key(feature.workspace, _COUNTER), {"n": 1}, _ROOM, MAX_FEATURES),
        ]
        message = f"feature with key {feature.key} already exists"
        taken = FieldError(("body", "key"), "unique", message, feature.key)
        refusals: list[DynameterError] = [
            AlreadyExists(f"feature {feature.id} exists already"),
            AlreadyExists(message, code="feature_exists", fields=(taken,)),
            AlreadyExists(f"a workspace holds at most {MAX_FEATURES} features", code="feature_limit_exceeded"),
        ]
        if feature.meter_id is not None and meter_version is not None:
            target = live_meter_key(feature.workspace, feature.meter_id)
            actions.append(self._catalog.add(target, {"version": 1}, "version = :most", meter_version))
            refusals.append(VersionConflict(f"meter {feature.meter_slug} was changed by another request"))
        self._catalog.transact(actions, refusals)

    def move_archived(self, feature: Feature, before: Feature) -> None:
        """Keep a feature as archived and free its key. Raises VersionConflict where another version is stored."""
        changed = VersionConflict(f"feature {feature.key} was changed by another request")
        values = {":before": number(before.version)}
        self._catalog.transact(
            [
                self._catalog.delete(key(feature.workspace, _LIVE + feature.id), _UNCHANGED, values),
                self._catalog.put(_to_item(feature), _FREE),
                self._catalog.delete(key(feature.workspace, _KEY + feature.key), _OWNED, {":id": {"S": feature.id}}),
                self._catalog.add(key(feature.workspace, _COUNTER), {"n": -1}),
            ],
            [changed, changed, changed],
        )

    def hold(self, workspace: str, feature_id: str) -> Item:
        """An action for another store's transaction: it fails where the feature is archived or unknown."""
        return self._catalog.add(key(workspace, _LIVE + feature_id), {"version": 1}, _THERE)


# ---- mapping


def _to_item(feature: Feature) -> Item:
    prefix = _LIVE if feature.archived_at_us is None else _ARCHIVED
    item = {
        **key(feature.workspace, prefix + feature.id),
        "id": {"S": feature.id},
        "key": {"S": feature.key},
        "name": {"S": feature.name},
        "filters": {"S": codec.encode(dict(feature.filters_sent)).decode()},
        "metadata": {"S": codec.encode(dict(feature.metadata)).decode()},
        "created_us": number(feature.created_at_us),
        "updated_us": number(feature.updated_at_us),
        "version": number(feature.version),
    }
    for name in _TEXTS:
        value = getattr(feature, name)
        if value is not None:
            item[name] = {"S": value}
    if feature.archived_at_us is not None:
        item["archived_us"] = number(feature.archived_at_us)
    return item


def _from_item(workspace: str, item: Any) -> Feature:
    sent = codec.decode(text(item, "filters"))
    return Feature(
        workspace=workspace,
        id=text(item, "id"),
        key=text(item, "key"),
        name=text(item, "name"),
        filters_sent=sent,
        filters=compile_filters(sent),
        metadata=codec.decode(text(item, "metadata")),
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        archived_at_us=whole(item, "archived_us") if "archived_us" in item else None,
        version=whole(item, "version"),
        **{name: text(item, name) if name in item else None for name in _TEXTS},
    )
