"""The operator's command that deletes usage rows which nobody reads any more."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dynameter.meters.generations import with_complete, with_confirmed, with_rebuild
from dynameter.meters.meter import Meter
from dynameter.meters.store import MeterStore
from dynameter.operations.purge import main
from dynameter.operations.unread_rows import GRACE_S, is_dropped
from dynameter.runtime.settings import Settings
from dynameter.usage.rows.row import RowKey, Series, item_key, read_series, subject_sort_key, subjects_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock
from tests.unit.usage.builders import make_meter

HOUR = 491_216
TABLES = ("UsageTable", "CatalogTable")


class Stack:
    """CloudFormation's answer about the stack."""

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": name} for name in TABLES]}]}


@dataclass
class WaitingClock(ManualClock):
    """While the command waits, something happens."""

    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept.append(seconds)
        self.meanwhile()


@dataclass
class Operator:
    """Who runs the command on a meter whose first generation is dropped for its second."""

    dynamodb: Any
    clock: WaitingClock
    meter: Meter

    @property
    def store(self) -> MeterStore:
        return MeterStore(self.dynamodb, "CatalogTable", lambda _: None)

    def run(self, *more: str) -> tuple[int, list[str]]:
        out = io.StringIO()
        code = main(["--stack", "s", "--segments", "2", *more], self.clock, out, (Stack(), self.dynamodb))
        return code, out.getvalue().splitlines()

    def use(self, meter: Meter, generation: int) -> None:
        """Have usage of two subjects, the total and a list of the subjects."""
        series = Series(meter.workspace, meter.id, generation)
        keys = [item_key(RowKey(series, subject, HOUR, ())) for subject in ("a", "b", None)]
        keys += [{"pk": {"S": subjects_key(series, HOUR)}, "sk": {"S": subject_sort_key(one)}} for one in ("a", "b")]
        for key in keys:
            self.dynamodb.put_item(TableName="UsageTable", Item={**key, "n": {"N": "1"}})

    def rebuild(self) -> None:
        """Give the meter another generation in place of all."""
        begun = with_rebuild(self.meter, 0)
        number = begun.generations[-1].number
        found = with_complete(with_confirmed(begun, number), number)
        self.meter = replace(found, version=self.meter.version + 1)
        self.store.replace(self.meter)

    def generations(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for item in self.dynamodb.scan(TableName="UsageTable")["Items"]:
            series = read_series(item["pk"]["S"])
            found[0 if series is None else series.generation] += 1
        return found


@pytest.fixture
def operator(settings: Settings, dynamodb: Any) -> Operator:
    found = Operator(dynamodb, WaitingClock(), make_meter())
    found.store.insert(found.meter)
    found.use(found.meter, 1)
    found.rebuild()
    found.use(found.meter, 2)
    return found


def test_rows_of_dropped_generations_are_counted_by_meter(operator: Operator) -> None:
    code, printed = operator.run()

    assert code == 0
    assert printed[0] == f"{WORKSPACE}  meter {operator.meter.id}  generation 1  5"
    assert operator.generations() == {1: 5, 2: 5}


def test_rows_of_dropped_generations_are_deleted_and_the_others_stay(operator: Operator) -> None:
    assert operator.run("--delete")[0] == 0

    assert operator.generations() == {2: 5}


def test_nothing_is_deleted_before_everyone_with_older_definitions_has_ended(operator: Operator) -> None:
    seen: list[Counter[int]] = []
    operator.clock.meanwhile = lambda: seen.append(operator.generations())

    operator.run("--delete")

    assert operator.clock.slept == [GRACE_S]
    assert seen == [{1: 5, 2: 5}]


def test_what_is_dropped_only_while_the_command_waits_stays(operator: Operator) -> None:
    operator.clock.meanwhile = operator.rebuild

    operator.run("--delete")

    assert operator.generations() == {2: 5}


def test_where_nothing_is_dropped_nothing_is_waited_for(operator: Operator) -> None:
    operator.run("--delete")
    operator.clock.slept.clear()

    assert operator.run("--delete") == (0, ["0 of 5 items are read by nobody"])
    assert operator.clock.slept == []


def test_rows_of_a_deleted_meter_are_deleted(operator: Operator) -> None:
    meter = operator.meter
    operator.store.move_deleted(replace(meter, deleted_at_us=operator.clock.now, version=meter.version + 1))

    operator.run("--delete")

    assert operator.generations() == {}


def test_rows_of_a_meter_that_the_catalog_does_not_know_stay(operator: Operator) -> None:
    operator.use(replace(operator.meter, workspace=OTHER_WORKSPACE), 7)

    operator.run("--delete")

    assert operator.generations() == {2: 5, 7: 5}


def test_quarantine_books_and_limits_stay(operator: Operator) -> None:
    for partition in ("!quarantine", "!quota.AAAAAAAAQACAAAAAAAAAAQ.x", "!limit.AAAAAAAAQACAAAAAAAAAAQ"):
        operator.dynamodb.put_item(TableName="UsageTable", Item={"pk": {"S": partition}, "sk": {"S": "="}})

    operator.run("--delete")

    assert operator.generations()[0] == 3


@pytest.mark.parametrize(
    ("generation", "dropped"),
    [(1, True), (2, False), (3, False), (4, False)],
    ids=["older", "active", "new", "unknown"],
)
def test_only_what_is_older_than_every_generation_is_dropped(generation: int, dropped: bool) -> None:
    one = make_meter().generations[0]
    meter = replace(make_meter(), generations=(replace(one, number=2), replace(one, number=3)), active=2)

    assert is_dropped(meter, generation) is dropped
