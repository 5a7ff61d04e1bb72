"""Features in the catalog table: what several requests at once may leave there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dynameter.billing.features import store as feature_store
from dynameter.billing.features.feature import Feature, compile_filters
from dynameter.billing.features.store import FeatureStore
from dynameter.errors import AlreadyExists, NotFound, VersionConflict
from dynameter.meters.meter import Meter
from dynameter.meters.store import MeterStore
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE
from tests.unit.usage.builders import make_meter


def feature(number: int = 1, **changed: Any) -> Feature:
    made = Feature(WORKSPACE, f"01KEX4MP1E00000000000000{number:02}", f"key_{number}", "A", 1, 1)
    return replace(made, **changed)


@pytest.fixture
def catalog(dynamodb: Any, settings: Settings) -> Catalog:
    return Catalog(dynamodb, settings.catalog_table, lambda attempt: None)


@pytest.fixture
def store(catalog: Catalog) -> FeatureStore:
    return FeatureStore(catalog)


@pytest.fixture
def meters(dynamodb: Any, settings: Settings) -> MeterStore:
    return MeterStore(dynamodb, settings.catalog_table)


@pytest.fixture
def meter(meters: MeterStore) -> Meter:
    made = make_meter()
    meters.insert(made)
    return made


def of(meter: Meter, number: int = 1, **changed: Any) -> Feature:
    return feature(number, meter_id=meter.id, meter_slug=meter.slug, **changed)


def test_a_feature_comes_back_as_it_was_kept_with_its_filters_compiled(store: FeatureStore) -> None:
    sent = {"model": {"$or": [{"$eq": "a"}, {"$contains": "b"}]}}
    kept = feature(filters_sent=sent, filters=compile_filters(sent), metadata={"k": "v"}, description="d")

    store.insert(kept, None)

    found = store.get(WORKSPACE, kept.id)
    assert found == kept
    assert found is not None
    assert [found.filters["model"].matches(value) for value in ("a", "xBx", "c")] == [True, True, False]


def test_a_meters_deletion_does_not_miss_a_feature(store: FeatureStore, meters: MeterStore, meter: Meter) -> None:
    store.insert(of(meter), meter.version)

    with pytest.raises(VersionConflict):
        meters.move_deleted(replace(meter, deleted_at_us=2, version=meter.version + 1))

    assert list(store.of_meter(WORKSPACE, meter.id)) == [("key_1", frozenset())]


def test_a_meters_update_does_not_miss_a_feature(store: FeatureStore, meters: MeterStore, meter: Meter) -> None:
    store.insert(of(meter), meter.version)

    with pytest.raises(VersionConflict):
        meters.replace(replace(meter, name="N", version=meter.version + 1))


def test_a_feature_of_a_meter_that_has_changed_is_refused(
    store: FeatureStore, meters: MeterStore, meter: Meter
) -> None:
    meters.move_deleted(replace(meter, deleted_at_us=2, version=meter.version + 1))

    with pytest.raises(VersionConflict):
        store.insert(of(meter), meter.version)

    assert store.list(WORKSPACE) == ()


def test_an_archived_feature_uses_its_meter_no_more(store: FeatureStore, meter: Meter) -> None:
    live = of(meter)
    store.insert(live, meter.version)

    store.move_archived(replace(live, archived_at_us=2, version=2), live)

    assert store.of_meter(WORKSPACE, meter.id) == ()
    assert store.get(WORKSPACE, live.id) == replace(live, archived_at_us=2, version=2)


def test_an_archived_feature_cannot_be_held(store: FeatureStore, catalog: Catalog) -> None:
    live = feature()
    store.insert(live, None)
    catalog.transact([store.hold(WORKSPACE, live.id)], [])
    held = replace(live, version=2)
    store.move_archived(replace(held, archived_at_us=2, version=3), held)

    with pytest.raises(NotFound):
        catalog.transact([store.hold(WORKSPACE, live.id)], [NotFound("gone")])


def test_a_workspace_that_is_full_takes_another_once_one_is_archived(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "MAX_FEATURES", 1)
    first = feature(1)
    store.insert(first, None)

    with pytest.raises(AlreadyExists, match="at most 1 features"):
        store.insert(feature(2), None)

    store.move_archived(replace(first, archived_at_us=2, version=2), first)
    store.insert(feature(2), None)
