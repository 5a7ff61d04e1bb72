"""The operator's command that puts back what a table has lost, from a table restored beside it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest
from ulid import ULID

from dynameter.access.known_key import ensure_key
from dynameter.access.store import KeyStore
from dynameter.events.store import encode_item
from dynameter.meters.meter import Aggregation, MeterDraft
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.operations.restore import main
from dynameter.runtime.settings import Settings
from local.template import Template, create_tables
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.usage.builders import make_event

BACKUP = "Restored"
NAMES = {"events": "EventsTable", "usage": "UsageTable", "catalog": "CatalogTable"}
KEY = "dm_local_admin"


class Stack:
    """CloudFormation's answer about the stack."""

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": name} for name in NAMES.values()]}]}


@dataclass
class Operator:
    """Who runs the command, and the tables: each has one beside it, ``Restored`` before its name."""

    dynamodb: Any
    clock: ManualClock

    def back_up(self, table: str) -> None:
        """Make the restored table hold what the stack's holds now."""
        for item in self.items(NAMES[table]):
            self.dynamodb.put_item(TableName=BACKUP + NAMES[table], Item=item)

    def run(self, table: str, *more: str) -> tuple[int, str]:
        out = io.StringIO()
        arguments = ["--stack", "s", "--table", table, "--from", BACKUP + NAMES[table], *more]
        return main(arguments, self.clock, out, (Stack(), self.dynamodb)), out.getvalue()

    def items(self, table: str) -> list[dict[str, Any]]:
        return list(self.dynamodb.scan(TableName=table)["Items"])

    def lose(self, table: str, *prefixes: str) -> None:
        for item in self.items(NAMES[table]):
            if not prefixes or item["sk"]["S"].startswith(prefixes):
                key = {
                    name: item[name] for name in ("pk", "sk") if name in item and (name == "pk" or table != "events")
                }
                self.dynamodb.delete_item(TableName=NAMES[table], Key=key)

    def keys(self, table: str) -> set[str]:
        return {item.get("sk", item["pk"])["S"] for item in self.items(NAMES[table])}

    @property
    def store(self) -> MeterStore:
        return MeterStore(self.dynamodb, NAMES["catalog"], lambda _: None)

    @property
    def meters(self) -> MeterService:
        class NoUses:
            def of_meter(self, workspace: str, meter_id: str) -> tuple[()]:
                return ()

        return MeterService(self.store, self.clock, lambda: str(ULID()), 0, 0, NoUses())

    def create(self, slug: str) -> str:
        return self.meters.create(WORKSPACE, MeterDraft(slug, "request", Aggregation.COUNT)).id


@pytest.fixture
def operator(settings: Settings, dynamodb: Any, clock: ManualClock) -> Operator:
    create_tables(dynamodb, Template.load(), prefix=BACKUP)
    return Operator(dynamodb, clock)


def put_event(operator: Operator, number: int, **changes: Any) -> None:
    operator.dynamodb.put_item(TableName="EventsTable", Item={**encode_item(make_event(number)), **changes})


def test_events_that_are_missing_come_back_and_others_stay_as_they_are(operator: Operator) -> None:
    for number in range(5):
        put_event(operator, number)
    operator.back_up("events")
    before = operator.items("EventsTable")
    operator.lose("events")
    put_event(operator, 1, w={"S": "changed since"})
    put_event(operator, 9)

    code, printed = operator.run("events", "--segments", "1")

    assert (code, printed.splitlines()[-1]) == (
        0,
        "RestoredEventsTable -> EventsTable: 4 put back, 1 there, 0 left out",
    )
    after = {item["pk"]["S"]: item for item in operator.items("EventsTable")}
    assert len(after) == 6
    assert sum(after[item["pk"]["S"]] == item for item in before) == 4


def test_a_second_run_writes_nothing(operator: Operator) -> None:
    put_event(operator, 1)
    operator.back_up("events")
    operator.lose("events")
    operator.run("events")

    assert "0 put back" in operator.run("events", "--segments", "1")[1]


def test_several_segments_bring_the_whole_table(operator: Operator) -> None:
    for number in range(30):
        put_event(operator, number)
    operator.back_up("events")
    operator.lose("events")

    operator.run("events", "--segments", "4")

    assert len(operator.items("EventsTable")) == 30


def test_what_has_expired_does_not_come_back(operator: Operator, clock: ManualClock) -> None:
    put_event(operator, 1, x={"N": str(clock.now // 1_000_000)})
    put_event(operator, 2, x={"N": str(clock.now // 1_000_000 + 1)})
    operator.back_up("events")
    operator.lose("events")

    assert "1 put back, 0 there, 1 left out" in operator.run("events", "--segments", "1")[1]


def test_books_come_back_with_usage_and_limits_do_not(operator: Operator) -> None:
    for partition in ("!quota.a", "!limit.a"):
        item = {"pk": {"S": partition}, "sk": {"S": "="}}
        operator.dynamodb.put_item(TableName="RestoredUsageTable", Item=item)

    operator.run("usage")

    assert [item["pk"]["S"] for item in operator.items("UsageTable")] == ["!quota.a"]


def test_a_deleted_meter_comes_back_with_its_slug(operator: Operator) -> None:
    meter_id = operator.create("tokens")
    operator.back_up("catalog")
    operator.meters.delete(WORKSPACE, "tokens")

    code, _ = operator.run("catalog")

    assert code == 0
    assert operator.meters.find(WORKSPACE, "tokens").id == meter_id
    assert operator.store.load_deleted(WORKSPACE) == ()
    assert operator.meters.rebuild(WORKSPACE, "tokens", restart=True).generations[-1].number > 1


def test_a_meter_whose_slug_has_another_owner_is_named_and_left_out(operator: Operator) -> None:
    lost = operator.create("tokens")
    operator.back_up("catalog")
    operator.meters.delete(WORKSPACE, "tokens")
    present = operator.create("tokens")

    code, printed = operator.run("catalog")

    assert code == 0
    assert f"meter {lost}: another one has its slug tokens" in printed
    assert operator.meters.find(WORKSPACE, "tokens").id == present
    assert [one.id for one in operator.store.load_deleted(WORKSPACE)] == [lost]


def test_an_emptied_catalog_comes_back_and_its_version_leaps(operator: Operator) -> None:
    for slug in ("one", "two"):
        operator.create(slug)
    before = operator.store.versions([WORKSPACE])[WORKSPACE]
    operator.back_up("catalog")
    operator.lose("catalog")

    operator.run("catalog")

    assert {one.slug for one in operator.store.load_live(WORKSPACE)} == {"one", "two"}
    assert operator.store.versions([WORKSPACE])[WORKSPACE] > before + 1_000_000
    (counter,) = [item for item in operator.items("CatalogTable") if item["sk"]["S"] == "v"]
    assert counter["live_meters"] == {"N": "2"}


def test_jobs_do_not_begin_again(operator: Operator) -> None:
    operator.create("tokens")
    assert any(name.startswith("j.") for name in operator.keys("catalog"))
    operator.back_up("catalog")
    operator.lose("catalog")

    operator.run("catalog")

    assert not any(name.startswith("j.") for name in operator.keys("catalog"))


@pytest.mark.parametrize("asked", [False, True])
def test_api_keys_come_back_only_where_that_is_asked_for(operator: Operator, clock: ManualClock, asked: bool) -> None:
    keys = KeyStore(operator.dynamodb, "CatalogTable", clock)
    key = ensure_key(keys, clock, WORKSPACE, KEY, ["*"])
    operator.back_up("catalog")
    keys.delete(key)

    operator.run("catalog", *(["--with-keys"] if asked else []))

    assert (keys.get(key.id) is not None) is asked


@pytest.mark.parametrize("name", ["g.routes", "bt.v"])
def test_versions_that_caches_go_by_leap(operator: Operator, clock: ManualClock, name: str) -> None:
    item = {"pk": {"S": "w.AAAAAAAAAAAAAAAAAAAAAA"}, "sk": {"S": name}, "version": {"N": "3"}, "n": {"N": "2"}}
    operator.dynamodb.put_item(TableName="RestoredCatalogTable", Item=item)

    operator.run("catalog")

    (found,) = operator.items("CatalogTable")
    assert found == {**item, "version": {"N": str(clock.now // 1_000_000)}}


@pytest.mark.parametrize("source", ["EventsTable", "NoSuchTable"])
def test_a_table_that_cannot_be_read_from_is_refused(
    operator: Operator, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    arguments = ["--stack", "s", "--table", "events", "--from", source]

    assert main(arguments, operator.clock, io.StringIO(), (Stack(), operator.dynamodb)) == 1
    assert capsys.readouterr().err.startswith("not restored: ")


@pytest.mark.parametrize(("table", "other"), [(one, two) for one in NAMES for two in NAMES if one != two])
def test_a_table_of_another_kind_is_refused_and_nothing_of_it_is_written(
    operator: Operator, capsys: pytest.CaptureFixture[str], table: str, other: str
) -> None:
    put_event(operator, 1)
    operator.create("tokens")
    row = {"pk": {"S": "AAAAAAAAQACAAAAAAAAAAQ.01M80XMXFVM2QT7YTS14JEJDSG.1=s"}, "sk": {"S": "491216"}}
    operator.dynamodb.put_item(TableName="UsageTable", Item=row)
    operator.back_up(other)
    before = operator.items(NAMES[table])

    arguments = ["--stack", "s", "--table", table, "--from", BACKUP + NAMES[other]]
    code = main(arguments, operator.clock, io.StringIO(), (Stack(), operator.dynamodb))

    assert (code, operator.items(NAMES[table])) == (1, before)
    assert f"not restored: Restored{NAMES[other]} holds {other}, not {table}" in capsys.readouterr().err
