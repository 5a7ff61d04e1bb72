"""Meters in the catalog table, on an engine."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import AlreadyExists, Unavailable, VersionConflict
from dynameter.meters import store as module
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.store import MeterStore
from dynameter.rebuild.job import rebuild_job
from dynameter.rebuild.store import JobStore
from dynameter.runtime.settings import Settings
from dynameter.workspaces import workspace_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock

BARE = Meter(
    workspace=WORKSPACE,
    id="01KFHZ0J4VPJ4P5D0M3Q1N8R7S",
    slug="runs",
    name="runs",
    description=None,
    event_type="agent_run",
    aggregation=Aggregation.COUNT,
    value_property=None,
    group_by={},
    event_from_us=None,
    metadata={},
    created_at_us=1_768_384_800_000_001,
    updated_at_us=1_768_384_800_000_001,
    deleted_at_us=None,
    generations=(Generation(1, {}, 1_768_384_800_500_001, complete=True),),
    active=1,
)
FULL = replace(
    BARE,
    id="01KFHZ0J4VPJ4P5D0M3Q1N8R7T",
    slug="tokens",
    description="all tokens",
    aggregation=Aggregation.SUM,
    value_property="$.tokens",
    group_by={"a": "$.a", "b": "$['b.c']"},
    event_from_us=0,
    metadata={"team": "é"},
    generations=(
        Generation(3, {"a": "$.a"}, 1_768_384_800_500_000, complete=True),
        Generation(4, {"a": "$.a", "b": "$['b.c']"}, 1_768_384_900_500_000, complete=False),
    ),
    active=3,
)


@pytest.fixture
def bare(workspace: str) -> Meter:
    return replace(BARE, workspace=workspace)


@pytest.fixture
def full(workspace: str) -> Meter:
    return replace(FULL, workspace=workspace)


@pytest.fixture
def store(engine: Settings, client: Any) -> MeterStore:
    return MeterStore(client, engine.catalog_table)


def deleted(meter: Meter) -> Meter:
    return replace(meter, deleted_at_us=meter.created_at_us + 5, version=meter.version + 1)


@pytest.mark.parametrize("meter", [BARE, FULL], ids=["bare", "full"])
def test_a_meter_reads_back_as_it_was_written(store: MeterStore, meter: Meter, workspace: str) -> None:
    meter = replace(meter, workspace=workspace)
    store.insert(meter)
    assert store.get(workspace, meter.id) == meter
    assert store.get_by_slug(workspace, meter.slug) == meter
    assert store.load_live(workspace) == (meter,)


def test_an_item_can_be_read_by_a_person(
    store: MeterStore, engine: Settings, client: Any, full: Meter, workspace: str
) -> None:
    store.insert(full)
    key = {"pk": {"S": "w." + workspace_key(workspace)}, "sk": {"S": "m." + full.id}}
    item = client.get_item(TableName=engine.catalog_table, Key=key)["Item"]
    assert item["event_type"] == {"S": "agent_run"}
    assert item["created_at"] == {"S": "2026-01-14T10:00:00.000001Z"}
    assert item["group_by"] == {"M": {"a": {"S": "$.a"}, "b": {"S": "$['b.c']"}}}


def test_what_is_not_there_is_none(store: MeterStore, bare: Meter, workspace: str) -> None:
    assert store.get(workspace, bare.id) is None
    assert store.get_by_slug(workspace, bare.slug) is None
    assert store.load_live(workspace) == ()


def test_workspaces_do_not_see_each_other(store: MeterStore, bare: Meter) -> None:
    store.insert(bare)
    assert store.get(OTHER_WORKSPACE, bare.id) is None
    assert store.get_by_slug(OTHER_WORKSPACE, bare.slug) is None
    assert store.load_live(OTHER_WORKSPACE) == ()


def test_a_new_generations_job_is_written_with_its_meter(
    store: MeterStore, engine: Settings, client: Any, bare: Meter, workspace: str
) -> None:
    jobs = JobStore(client, engine.catalog_table, ManualClock(), 0)
    first, second = (rebuild_job(workspace, bare.id, number, 5, 7, 1) for number in (1, 2))
    store.insert(bare, (first,))
    store.replace(replace(bare, version=2), (second,))
    assert (jobs.get(first.key), jobs.get(second.key)) == (first, second)


def test_a_meter_that_is_refused_starts_no_job(
    store: MeterStore, engine: Settings, client: Any, bare: Meter, workspace: str
) -> None:
    store.insert(bare)
    job = rebuild_job(workspace, bare.id, 2, 5, 7, 1)
    with pytest.raises(VersionConflict):
        store.replace(replace(bare, version=3), (job,))
    assert JobStore(client, engine.catalog_table, ManualClock(), 0).get(job.key) is None


def test_a_slug_has_one_owner(store: MeterStore, bare: Meter, full: Meter, workspace: str) -> None:
    store.insert(bare)
    with pytest.raises(AlreadyExists, match="meter with the same slug already exists"):
        store.insert(replace(full, slug=bare.slug))
    assert store.load_live(workspace) == (bare,)


def test_a_workspace_holds_so_many_live_meters(
    store: MeterStore, monkeypatch: pytest.MonkeyPatch, bare: Meter, full: Meter, workspace: str
) -> None:
    monkeypatch.setattr(module, "MAX_METERS", 1)
    store.insert(bare)
    with pytest.raises(AlreadyExists) as refusal:
        store.insert(full)
    assert refusal.value.code == "meter_limit_exceeded"
    store.move_deleted(deleted(bare))
    store.insert(full)
    assert store.load_live(workspace) == (full,)


def test_a_change_is_written_over_the_version_it_was_made_of(store: MeterStore, bare: Meter, workspace: str) -> None:
    store.insert(bare)
    changed = replace(bare, name="Runs", version=2)
    store.replace(changed)
    assert store.load_live(workspace) == (changed,)


def test_a_change_of_an_older_version_is_refused(store: MeterStore, bare: Meter, workspace: str) -> None:
    store.insert(bare)
    store.replace(replace(bare, name="first", version=2))
    with pytest.raises(VersionConflict):
        store.replace(replace(bare, name="second", version=2))
    assert store.load_live(workspace)[0].name == "first"


def test_a_deleted_meter_is_set_aside_and_frees_its_slug(store: MeterStore, bare: Meter, workspace: str) -> None:
    store.insert(bare)
    gone = deleted(bare)
    store.move_deleted(gone)
    assert store.load_live(workspace) == ()
    assert store.load_deleted(workspace) == (gone,)
    assert store.get(workspace, bare.id) == gone
    assert store.get_by_slug(workspace, bare.slug) is None


def test_a_meter_that_was_changed_meanwhile_is_not_deleted(store: MeterStore, bare: Meter, workspace: str) -> None:
    store.insert(bare)
    store.replace(replace(bare, version=2))
    with pytest.raises(VersionConflict):
        store.move_deleted(deleted(bare))
    assert len(store.load_live(workspace)) == 1


def test_a_deleted_meter_cannot_be_changed_or_deleted_again(store: MeterStore, bare: Meter) -> None:
    store.insert(bare)
    store.move_deleted(deleted(bare))
    with pytest.raises(VersionConflict):
        store.replace(replace(bare, version=2))
    with pytest.raises(VersionConflict):
        store.move_deleted(deleted(bare))


def test_every_change_makes_a_new_catalog_version(store: MeterStore, bare: Meter, workspace: str) -> None:
    seen = [store.versions([workspace])[workspace]]
    changed = replace(bare, version=2)
    for apply in (
        lambda: store.insert(bare),
        lambda: store.replace(changed),
        lambda: store.move_deleted(deleted(changed)),
    ):
        apply()
        seen.append(store.versions([workspace])[workspace])
    assert seen == [0, 1, 2, 3]


def test_a_refused_change_makes_no_version(store: MeterStore, bare: Meter, workspace: str) -> None:
    store.insert(bare)
    with pytest.raises(AlreadyExists):
        store.insert(bare)
    assert store.versions([workspace]) == {workspace: 1}


def test_versions_of_more_workspaces_than_one_read_takes(store: MeterStore, bare: Meter, workspace: str) -> None:
    workspaces = [bare.workspace, *(str(uuid.uuid4()) for _ in range(249))]
    store.insert(bare)
    store.insert(replace(bare, workspace=workspaces[-1]))
    found = store.versions(workspaces)
    assert {one for one, version in found.items() if version} == {workspaces[0], workspaces[-1]}
    assert len(found) == len(workspaces)


def test_versions_of_no_workspaces_ask_for_nothing(store: MeterStore) -> None:
    assert store.versions([]) == {}


class Faulty:
    """A client whose next calls answer what the test has laid out, then work as usual."""

    def __init__(self, real: Any, planned: list[Any]) -> None:
        self._real = real
        self._planned = planned

    def __getattr__(self, name: str) -> Any:
        if name not in ("transact_write_items", "batch_get_item") or not self._planned:
            return getattr(self._real, name)
        return self._answer

    def _answer(self, **_: Any) -> Any:
        planned = self._planned.pop(0)
        if isinstance(planned, Exception):
            raise planned
        return planned


def cancelled(*codes: str) -> ClientError:
    reasons: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": [{"Code": one} for one in codes],
    }
    return ClientError(reasons, "TransactWriteItems")


@pytest.fixture
def pauses() -> list[float]:
    return []


def test_a_transaction_that_met_another_is_repeated(
    engine: Settings, client: Any, pauses: list[float], bare: Meter, workspace: str
) -> None:
    faulty: Any = Faulty(client, [cancelled("None", "None", "TransactionConflict")] * 2)
    store = MeterStore(faulty, engine.catalog_table, pauses.append)
    store.insert(bare)
    assert store.load_live(workspace) == (bare,)
    assert len(pauses) == 2


@pytest.mark.parametrize("codes", [("None", "None", "TransactionConflict"), ("None", "None", "ThrottlingError")])
def test_a_transaction_that_never_gets_through_is_unavailable(
    engine: Settings, client: Any, pauses: list[float], codes: tuple[str, ...], bare: Meter
) -> None:
    faulty: Any = Faulty(client, [cancelled(*codes)] * 20)
    with pytest.raises(Unavailable):
        MeterStore(faulty, engine.catalog_table, pauses.append).insert(bare)


def test_versions_that_stay_unread_are_asked_for_again(
    engine: Settings, client: Any, pauses: list[float], bare: Meter, workspace: str
) -> None:
    table = engine.catalog_table
    keys = [{"pk": {"S": "w." + workspace_key(workspace)}, "sk": {"S": "v"}}]
    unread: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {table: {"Keys": keys, "ConsistentRead": True}}}
    MeterStore(client, table).insert(bare)
    faulty: Any = Faulty(client, [unread])
    assert MeterStore(faulty, table, pauses.append).versions([workspace]) == {workspace: 1}
    assert len(pauses) == 1


def test_versions_that_cannot_be_read_are_unavailable_rather_than_old(
    engine: Settings, client: Any, pauses: list[float], workspace: str
) -> None:
    unread: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {engine.catalog_table: {"Keys": []}}}
    faulty: Any = Faulty(client, [unread] * 20)
    with pytest.raises(Unavailable):
        MeterStore(faulty, engine.catalog_table, pauses.append).versions([workspace])
