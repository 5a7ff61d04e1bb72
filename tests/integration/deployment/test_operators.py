"""The operators' commands, as the pages have them, on a stack that is in use. Run by ``make smoke``."""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import SystemClock
from dynameter.operations import purge
from dynameter.operations.unread_rows import GRACE_S
from dynameter.usage.rows.row import Series, read_series
from dynameter.workspaces import workspace_key
from tests.conformance.polling import eventually
from tests.integration.deployment.deployed import OwnDeployment
from tests.integration.deployment.metered import AMOUNTS, SUM, Metered
from tests.integration.deployment.runbook import Operator, finish, section

COLD_START_S = 120.0
RECOMPUTED_S = 240.0
"""A recompute begins two settling times after it was asked for."""
COPIED = {"events": "EventsTable", "catalog": "CatalogTable", "usage": "UsageTable"}
LOST = {"events": 0, "catalog": 0, "usage": 1}
"""The tables, and how many items of each stay: a row that its meter's rebuild leaves behind."""
HOLD, COPY, WAIT, EVENTS_BACK, CATALOG_BACK, WORKSPACES, REACH, REBUILD, GO_ON, DROP = section("How a restore goes")
"""The commands of the page."""


@pytest.fixture(scope="module")
def operator(ours: OwnDeployment, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(ours.environment, ours.stack, ours.other_workspace(), tmp_path_factory.mktemp("operator"))


@pytest.fixture(scope="module", autouse=True)
def begun(made_after_its_events: Metered) -> None:
    """First of all, for it waits."""


# ---- redrive -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Redriven:
    """Three events of a meter, of which one was counted, one went to quarantine, one to the bucket."""

    metered: Metered
    before: list[Any]
    listed: str
    printed: str


@pytest.fixture(scope="module")
def redriven(ours: OwnDeployment) -> Redriven:
    api = ours.other_workspace()
    metered = Metered(api, api.fresh("redriven"))
    spoiled, lost = f"{metered.name}-1", f"{metered.name}-2"
    ours.stream.unreadable.add(spoiled)
    ours.stream.given_up.add(lost)
    metered.define()
    metered.send()
    eventually(lambda: ours.stream.gone_wrong, {spoiled, lost}, within_s=COLD_START_S)
    eventually(metered.usage, [Decimal(AMOUNTS[0])], within_s=COLD_START_S)
    listed = ours.make("redrive", ARGS="--list")
    return Redriven(metered, metered.usage(), listed, ours.make("redrive"))


def test_the_quarantine_is_listed_with_the_reason(redriven: Redriven) -> None:
    assert "KeyError: 'NewImage'" in redriven.listed


def test_a_redrive_takes_in_what_the_stream_gave_up(ours: OwnDeployment, redriven: Redriven) -> None:
    assert "1 records to the quarantine" in redriven.printed
    assert ours.client("s3").list_objects_v2(Bucket=ours.resources()["FailedBatches"]).get("Contents", []) == []


def test_after_a_redrive_the_quarantine_is_empty(redriven: Redriven) -> None:
    assert redriven.printed.splitlines()[-1] == "the quarantine is empty"


# ---- restore -----------------------------------------------------------------------------------------------------


@dataclass
class Restored:
    """A workspace that was lost, and came back by the runbook as far as its rebuild has begun."""

    metered: Metered
    lost: list[int]
    put_back: dict[str, str]
    workspaces: str
    held: list[int | None]
    rebuild: subprocess.Popen[str]
    rebuilt: list[str] = field(default_factory=list)

    def finish(self, operator: Operator) -> None:
        """The last steps, once."""
        if not self.rebuilt:
            self.rebuilt.append(finish(self.rebuild))
            for command in (GO_ON, DROP, for_table(DROP, "catalog")):
                operator.run(command)


def for_table(command: str, table: str) -> str:
    """A command of the page on the events table for another one."""
    return command.replace("EventsTable", COPIED[table]).replace("-events-", f"-{table}-")


def concurrency(ours: OwnDeployment) -> list[int | None]:
    """What is reserved for the functions that the page holds."""
    held = [ours.resources()[one] for one in ("BillingFunction", "ThresholdsFunction")]
    answers = [ours.client("lambda").get_function_concurrency(FunctionName=one) for one in held]
    return [one.get("ReservedConcurrentExecutions") for one in answers]


def items_of(ours: OwnDeployment, table: str, workspace: str) -> list[dict[str, Any]]:
    """A table's items of a workspace but for its API keys."""
    prefix = ("w." if table == "catalog" else "") + workspace_key(workspace)
    pages = ours.client("dynamodb").get_paginator("scan").paginate(TableName=ours.resources()[COPIED[table]])
    found = (item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(prefix))
    return [item for item in found if not item.get("sk", {"S": ""})["S"].startswith("k.")]


def lose(ours: OwnDeployment, table: str, workspace: str, but: int = 0) -> int:
    """Delete the workspace's items but for some; answers how many it deleted."""
    items = items_of(ours, table, workspace)[but:]
    for item in items:
        key = {name: item[name] for name in ("pk", "sk") if name in item}
        ours.client("dynamodb").delete_item(TableName=ours.resources()[COPIED[table]], Key=key)
    return len(items)


@pytest.fixture(scope="module")
def restored(ours: OwnDeployment, operator: Operator, redriven: Redriven) -> Iterator[Restored]:
    metered = Metered(operator.api, operator.api.fresh("ledger"))
    metered.define()
    metered.send()
    eventually(metered.usage, [SUM], within_s=COLD_START_S)
    for table in ("events", "catalog"):
        operator.run(for_table(COPY, table))
        operator.run(for_table(WAIT, table))
    lost = [lose(ours, table, operator.api.workspace, but) for table, but in LOST.items()]
    operator.run(HOLD)
    found = Restored(
        metered,
        lost,
        {"events": operator.run(EVENTS_BACK), "catalog": operator.run(CATALOG_BACK)},
        operator.run(WORKSPACES),
        concurrency(ours),
        operator.begin(f"{REACH}\n{REBUILD}"),
    )
    yield found
    if found.rebuild.poll() is None:
        found.rebuild.kill()
    found.rebuild.communicate()


def test_what_was_lost_is_put_back_and_nothing_else(restored: Restored) -> None:
    assert min(restored.lost) > 0
    assert ": 3 put back, " in restored.put_back["events"]
    assert ": 1 put back, " in restored.put_back["catalog"]


def test_the_page_lists_the_workspaces(operator: Operator, restored: Restored) -> None:
    assert operator.api.workspace in restored.workspaces.split()


def test_billing_and_thresholds_are_held_meanwhile(restored: Restored) -> None:
    assert restored.held == [0, 0]


# ---- upgrade -----------------------------------------------------------------------------------------------------


@dataclass
class Sender:
    """A program that sends an event after the other, each until it is answered 2xx."""

    metered: Metered
    ended: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    sent_again: int = 0

    def run(self) -> None:
        while not self.ended.is_set():
            if self._is_taken(self.metered.event(self.answered, "1")):
                self.answered += 1
            else:
                self.sent_again += 1
            self.ended.wait(0.2)

    def _is_taken(self, event: dict[str, Any]) -> bool:
        try:
            return self.metered.post([event]).status == 204
        except OSError:
            return False


@contextmanager
def sending(metered: Metered) -> Iterator[Sender]:
    sender = Sender(metered)
    thread = threading.Thread(target=sender.run, name="sender")
    thread.start()
    try:
        yield sender
    finally:
        sender.ended.set()
        thread.join()


@dataclass(frozen=True)
class Upgraded:
    """A stack that was upgraded while a program sent events."""

    metered: Metered
    before: int
    sent: int


@pytest.fixture(scope="module")
def upgraded(ours: OwnDeployment, restored: Restored) -> Upgraded:
    metered = Metered(ours.api, ours.api.fresh("upgraded"))
    metered.define()
    with sending(metered) as sender:
        eventually(lambda: sender.answered >= 3, True, within_s=COLD_START_S)
        before = sender.answered
        ours.upgrade(EventBurst="12345")
        during = sender.answered
        eventually(lambda: sender.answered >= during + 3, True, within_s=COLD_START_S)
    ours.notes.append(f"{sender.answered} events sent through an upgrade, {sender.sent_again} of them again")
    return Upgraded(metered, before, sender.answered)


def test_an_upgrade_loses_and_doubles_no_event(upgraded: Upgraded) -> None:
    assert 0 < upgraded.before < upgraded.sent
    eventually(upgraded.metered.usage, [Decimal(upgraded.sent)], within_s=COLD_START_S)


def test_after_an_upgrade_every_function_runs_with_the_new_parameter(ours: OwnDeployment, upgraded: Upgraded) -> None:
    lambda_ = ours.client("lambda")
    functions = [one["FunctionName"] for one in lambda_.list_functions()["Functions"]]

    live = [lambda_.get_function_configuration(FunctionName=one, Qualifier="live") for one in functions]

    assert {one["Environment"]["Variables"]["EVENT_BURST"] for one in live} == {"12345"}
    assert {one["Version"] for one in live} == {"2"}


# ---- what took its time ------------------------------------------------------------------------------------------


def test_a_restored_workspace_has_its_figures_again(restored: Restored, upgraded: Upgraded, operator: Operator) -> None:
    restored.finish(operator)

    assert restored.metered.usage() == [SUM]


def test_after_a_restore_a_recount_finds_no_difference(restored: Restored, operator: Operator) -> None:
    restored.finish(operator)

    assert restored.metered.difference() == "0"


def test_after_a_restore_billing_and_thresholds_go_on(
    ours: OwnDeployment, restored: Restored, operator: Operator
) -> None:
    restored.finish(operator)

    assert concurrency(ours) == [None, None]


def test_lost_usage_comes_back_from_a_copy_of_its_table(ours: OwnDeployment, operator: Operator) -> None:
    api = ours.other_workspace()
    metered = Metered(api, api.fresh("rows"))
    metered.define()
    metered.send()
    eventually(metered.usage, [SUM], within_s=COLD_START_S)
    operator.run(for_table(COPY, "usage"))
    lose(ours, "usage", api.workspace)
    assert metered.usage() == []

    operator.run(EVENTS_BACK.replace("events", "usage"))

    assert metered.usage() == [SUM]
    operator.run(for_table(DROP, "usage"))


# ---- purge -------------------------------------------------------------------------------------------------------


class HastyClock(SystemClock):
    """For whom 20 minutes pass at once: nobody here has been at work for longer than a request."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def rows(ours: OwnDeployment, workspace: str) -> dict[Series, list[Any]]:
    """The usage table's items of a workspace."""
    found: dict[Series, list[Any]] = {}
    for item in items_of(ours, "usage", workspace):
        series = read_series(item["pk"]["S"])
        assert series is not None
        found.setdefault(series, []).append(item)
    return found


@pytest.fixture(scope="module")
def with_dropped_rows(ours: OwnDeployment, restored: Restored, operator: Operator) -> dict[Series, list[Any]]:
    restored.finish(operator)
    return rows(ours, operator.api.workspace)


def test_rows_of_dropped_generations_are_counted(
    ours: OwnDeployment, operator: Operator, with_dropped_rows: dict[Series, list[Any]]
) -> None:
    printed = ours.make("purge")

    (dropped,) = [one for one in with_dropped_rows if one.generation == 1]
    assert f"{dropped.workspace}  meter {dropped.meter_id}  generation 1  1\n" in printed
    assert rows(ours, operator.api.workspace) == with_dropped_rows


def test_a_purge_deletes_them_and_leaves_what_is_read(
    ours: OwnDeployment,
    restored: Restored,
    operator: Operator,
    with_dropped_rows: dict[Series, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, ours.environment[name])
    clock, out = HastyClock(), io.StringIO()

    code = purge.main(["--stack", ours.stack, "--delete"], clock, out)

    assert (code, clock.slept) == (0, [GRACE_S])
    kept = {series: items for series, items in with_dropped_rows.items() if series.generation > 1}
    assert rows(ours, operator.api.workspace) == kept != {}
    assert restored.metered.usage() == [SUM]


# ---- the redrive, whose recompute has begun by now ------------------------------------------------------------------


def test_redriven_events_count_once(redriven: Redriven) -> None:
    assert redriven.before == [Decimal(AMOUNTS[0])]

    eventually(redriven.metered.usage, [SUM], within_s=RECOMPUTED_S)
