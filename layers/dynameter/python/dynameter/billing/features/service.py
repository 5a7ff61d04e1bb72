"""What can be done with features: create, list, find, archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from dynameter.billing.features.feature import Feature, FeatureDraft, check_draft, check_meter, compile_filters
from dynameter.clock import Clock
from dynameter.errors import FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.filters import InvalidFilter
from dynameter.meters.meter import Meter
from dynameter.meters.rules import is_id, is_slug

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class FeatureStore(Protocol):
    """Where features are kept; reads see every change that was answered before."""

    def get(self, workspace: str, feature_id: str) -> Feature | None:
        """The feature of that id, archived ones too."""

    def get_by_key(self, workspace: str, feature_key: str) -> Feature | None:
        """The live feature of that key."""

    def list(self, workspace: str, *, archived: bool = False) -> tuple[Feature, ...]:
        """Every live feature, or every archived one."""

    def insert(self, feature: Feature, meter_version: int | None) -> None:
        """Add a feature of a meter that was read in that version; AlreadyExists, VersionConflict."""

    def move_archived(self, feature: Feature, before: Feature) -> None:
        """Keep as archived and free the key; VersionConflict."""


class Meters(Protocol):
    """What is needed of ``dynameter.meters.service.MeterService``."""

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter, deleted ones by their id too; NotFound."""


class FeatureOrder(Enum):
    """What a list of features is ordered by; equal ones are ordered by id."""

    ID = "id"
    KEY = "key"
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


_SORT_KEYS: dict[FeatureOrder, Callable[[Feature], tuple[str | int, str]]] = {
    FeatureOrder.ID: lambda one: (one.id, one.id),
    FeatureOrder.KEY: lambda one: (one.key, one.id),
    FeatureOrder.NAME: lambda one: (one.name, one.id),
    FeatureOrder.CREATED_AT: lambda one: (one.created_at_us, one.id),
    FeatureOrder.UPDATED_AT: lambda one: (one.updated_at_us, one.id),
}


class FeatureService:
    """The features of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(self, store: FeatureStore, meters: Meters, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._meters = meters
        self._clock = clock
        self._new_id = new_id

    def create(self, workspace: str, draft: FeatureDraft) -> Feature:
        """Create a feature.

        Raises InvalidInput (fields under the core's names), NotFound for a meter that is not there, AlreadyExists for
        a key that is taken and VersionConflict.
        """
        errors = [*check_draft(draft)]
        try:
            filters = compile_filters(draft.filters_sent)
        except InvalidFilter as error:
            errors.append(FieldError(("body", "filters", *error.place), error.rule, error.reason))
        _refuse(errors)
        for _ in range(_ATTEMPTS):
            meter = None if draft.meter is None else self._live_meter(workspace, draft.meter)
            _refuse([*check_meter(draft, meter)] if meter else [])
            now_us = self._clock.now_us()
            feature = Feature(
                workspace=workspace,
                id=self._new_id(),
                key=draft.key,
                name=draft.name,
                created_at_us=now_us,
                updated_at_us=now_us,
                meter_id=meter.id if meter else None,
                meter_slug=meter.slug if meter else None,
                filters_sent=dict(draft.filters_sent),
                filters=filters,
                metadata=dict(draft.metadata),
                description=draft.description,
            )
            try:
                self._store.insert(feature, meter.version if meter else None)
            except VersionConflict:
                continue
            return feature
        raise VersionConflict(f"meter {draft.meter} is being changed by other requests")

    def get(self, workspace: str, feature_id: str) -> Feature:
        """The feature of that id, archived or not. Raises NotFound."""
        feature = self._store.get(workspace, feature_id.upper()) if is_id(feature_id) else None
        if feature is None:
            raise _not_found(feature_id)
        return feature

    def find(self, workspace: str, id_or_key: str) -> Feature:
        """The feature of that id, archived or not, or the live one of that key. Raises NotFound."""
        if is_id(id_or_key):
            return self.get(workspace, id_or_key)
        feature = self._store.get_by_key(workspace, id_or_key) if is_slug(id_or_key) else None
        if feature is None:
            raise _not_found(id_or_key)
        return feature

    def list(
        self,
        workspace: str,
        *,
        include_archived: bool = False,
        order_by: FeatureOrder = FeatureOrder.KEY,
        descending: bool = False,
    ) -> tuple[Feature, ...]:
        """Every feature of the workspace in that order."""
        found = self._store.list(workspace)
        if include_archived:
            known = {one.id for one in found}
            found += tuple(one for one in self._store.list(workspace, archived=True) if one.id not in known)
        return tuple(sorted(found, key=_SORT_KEYS[order_by], reverse=descending))

    def archive(self, workspace: str, id_or_key: str) -> None:
        """Archive a feature: it is sold no more, and its key is free. An archived one by its id is no error.

        Subscriptions go on with it. Raises NotFound and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            before = self.find(workspace, id_or_key)
            if before.archived_at_us is not None:
                return
            now_us = self._clock.now_us()
            gone = replace(before, archived_at_us=now_us, updated_at_us=now_us, version=before.version + 1)
            try:
                self._store.move_archived(gone, before)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"feature {id_or_key[:_SHOWN_CHARACTERS]} is being changed by other requests")

    def _live_meter(self, workspace: str, id_or_slug: str) -> Meter:
        meter = self._meters.find(workspace, id_or_slug)
        if meter.deleted_at_us is not None:
            raise NotFound(f"meter not found: {id_or_slug[:_SHOWN_CHARACTERS]}", code="meter_not_found")
        return meter


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
        raise InvalidInput(f"invalid feature: {listed}", fields=tuple(errors))


def _not_found(id_or_key: str) -> NotFound:
    return NotFound(f"feature not found: {id_or_key[:_SHOWN_CHARACTERS]}", code="feature_not_found")
