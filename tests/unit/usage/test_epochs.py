"""Epochs of rows: when one starts, what is read meanwhile, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.events.store import size_of, write_units
from dynameter.meters.meter import Aggregation, Generation
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import answer, combine
from dynameter.usage.rows.epoch import Finish
from dynameter.usage.rows.row import HourSpan, RowKey
from dynameter.usage.rows.store import UsageStore
from tests.unit.usage.builders import NOON, make_event, make_meter, series_of
from tests.unit.usage.ledger import Ledger
from tests.unit.usage.world import Crash, RecomputeJob, World

MAX = make_meter(Aggregation.MAX)
SUM = make_meter(Aggregation.SUM)
HOUR = NOON // HOUR_US
TOTAL = RowKey(series_of(MAX), None, HOUR, ())
EXTREMES = [Aggregation.MIN, Aggregation.MAX, Aggregation.LATEST]


def read(ledger: Ledger) -> Decimal | None:
    """The hour's total over all subjects, as it is read now."""
    found = ledger.store.rows(series_of(ledger.meter), None, HourSpan(HOUR, HOUR), ReadBudget(), minutes=True)
    if not found or not found[0].minutes:
        return None
    assert combine(ledger.meter.aggregation, found[0].minutes.values()) == found[0].total
    return answer(ledger.meter.aggregation, found[0].total)


def started(ledger: Ledger) -> list[RecomputeJob]:
    return ledger.world.jobs.waiting


def filled(*values: Any, meter: Any = MAX) -> Ledger:
    ledger = Ledger(meter)
    for value in values:
        ledger.insert({"value": value}, id=f"event-{len(ledger.events) * 2}")
    ledger.deliver()
    return ledger


def void(ledger: Ledger, place: int) -> None:
    ledger.toggle(list(ledger.events)[place])
    ledger.deliver()


def test_a_void_of_the_extreme_asks_for_a_recompute_of_both_rows() -> None:
    ledger = filled(1, 5, 3)

    void(ledger, 1)

    assert {job.row.subject for job in started(ledger)} == {None, "customer-1"}


def test_a_void_of_another_value_needs_none() -> None:
    ledger = filled(1, 5, 3)

    void(ledger, 0)

    assert (started(ledger), read(ledger)) == ([], 5)


def test_a_void_of_the_only_event_of_a_minute_empties_it_at_once() -> None:
    ledger = filled(5)

    void(ledger, 0)

    assert (started(ledger), read(ledger)) == ([], None)


def test_a_void_of_one_of_two_equal_extremes_is_recomputed_and_the_other_stays() -> None:
    ledger = filled(5, 5)

    void(ledger, 0)
    ledger.finish()

    assert read(ledger) == 5


def test_until_the_recompute_is_in_the_answer_does_not_dip() -> None:
    ledger = filled(1, 5)
    void(ledger, 1)

    assert read(ledger) == 5
    ledger.finish()
    assert read(ledger) == 1


def test_what_comes_while_a_recompute_is_pending_is_read_at_once() -> None:
    ledger = filled(1, 5)
    void(ledger, 1)

    ledger.insert({"value": 7}, id="event-8")
    ledger.deliver()

    assert read(ledger) == 7


def test_an_un_void_brings_the_extreme_back() -> None:
    ledger = filled(1, 5)
    void(ledger, 1)
    ledger.finish()

    void(ledger, 1)

    assert (started(ledger), read(ledger)) == ([], 5)


def test_a_void_that_the_recompute_cannot_see_starts_the_next_epoch() -> None:
    ledger = filled(1, 3, 5)
    void(ledger, 2)
    first = list(started(ledger))

    void(ledger, 1)

    assert len(started(ledger)) == 4
    assert {ledger.recompute(job) for job in first} == {Finish.SUPERSEDED}
    ledger.finish()
    assert read(ledger) == 1


def test_an_event_alone_in_the_current_set_is_not_taken_for_alone_while_a_recompute_is_pending() -> None:
    ledger = filled(1, 9)
    void(ledger, 1)
    for value in (2, 3):
        ledger.insert({"value": value}, id=f"event-{value * 10}")
    ledger.deliver()
    void(ledger, 0)

    void(ledger, 3)
    ledger.finish()

    assert ledger.found() == ledger.expected()
    assert read(ledger) == 2


def test_an_event_alone_in_a_row_is_not_taken_for_alone_while_its_meter_is_rebuilt() -> None:
    ledger = Ledger(MAX)
    old = ledger.insert({"value": 1}, id="event-0")
    ledger.settle()
    ledger.meter = replace(MAX, generations=(Generation(1, {}, ledger.world.clock.now, False),))
    ledger.world.meters = (ledger.meter,)
    ledger.world.restart()
    ledger.insert({"value": 2}, id="event-2")
    newest = ledger.insert({"value": 3}, id="event-4")
    ledger.toggle(old)
    ledger.toggle(newest)
    ledger.deliver()

    ledger.finish()

    assert ledger.found() == ledger.expected()
    assert read(ledger) == 2


def test_a_void_of_what_a_damaged_row_does_not_hold_is_recomputed() -> None:
    ledger = filled(4)
    for place, item in ledger.world.table.items.items():
        if "m" in item:
            ledger.world.table.items[place] = {**item, "m": {"N": "2"}, "m00": {"N": "2"}}

    void(ledger, 0)
    ledger.finish()

    assert read(ledger) is None


@pytest.mark.parametrize("aggregation", EXTREMES)
def test_the_recompute_is_asked_for_before_the_row_is_in_its_epoch(aggregation: Aggregation) -> None:
    ledger = filled(1, meter=make_meter(aggregation))
    ledger.insert({"value": 1}, id="event-2")
    ledger.deliver()
    ledger.toggle("event-2")
    ledger.world.table.before_write = _die
    with pytest.raises(Crash):
        ledger.deliver()
    ledger.world.table.before_write = lambda operation, arguments: None
    early = list(started(ledger))

    assert {ledger.recompute(job) for job in early} == {Finish.NOT_STARTED}
    ledger.finish()
    assert ledger.found() == ledger.expected()


def _die(operation: str, arguments: dict[str, Any]) -> None:
    raise Crash


def test_a_recompute_that_runs_twice_changes_nothing_the_second_time() -> None:
    ledger = filled(1, 5)
    void(ledger, 1)
    jobs = list(started(ledger))
    ledger.finish()
    before = {place: dict(item) for place, item in ledger.world.table.items.items()}

    started(ledger).extend(jobs)

    assert {ledger.recompute(job) for job in jobs} == {Finish.DONE}
    assert ledger.world.table.items == before


def test_a_fold_that_would_start_an_epoch_without_jobs_fails_loudly() -> None:
    ledger = filled(1, 5)
    ledger.toggle(list(ledger.events)[1])
    ledger.world.jobs = None  # type: ignore[assignment]
    ledger.world.restart()

    with pytest.raises(RuntimeError, match="jobs"):
        ledger.deliver()


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.MAX])
def test_a_repair_restores_a_row_that_was_damaged(aggregation: Aggregation) -> None:
    ledger = filled(1, 5, 3, meter=make_meter(aggregation))
    for item in ledger.world.table.items.values():
        for name in ("n", "i", "m", "n00", "i00", "m00"):
            if name in item:
                item[name] = {"N": "77"}

    for subject in (None, "customer-1"):
        ledger.repair(RowKey(series_of(ledger.meter), subject, HOUR, ()))
    ledger.finish()

    assert ledger.found() == ledger.expected()


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.MAX])
def test_a_repair_makes_a_row_that_was_lost(aggregation: Aggregation) -> None:
    ledger = filled(1, 5, 3, meter=make_meter(aggregation))
    ledger.world.table.items.clear()

    for subject in (None, "customer-1"):
        ledger.repair(RowKey(series_of(ledger.meter), subject, HOUR, ()))
    ledger.finish()

    assert ledger.found() == ledger.expected()
    assert [sk for pk, sk in ledger.world.table.items if "#" in pk] == ["=customer-1"]


def test_a_repair_of_a_sum_under_way_is_joined() -> None:
    ledger = filled(1, 5, meter=SUM)

    first = ledger.repair(TOTAL)
    ledger.settle()

    assert ledger.repair(TOTAL) == first
    assert len(started(ledger)) == 1


def test_a_sum_being_repaired_answers_with_both_sets() -> None:
    ledger = filled(1, 5, meter=SUM)
    ledger.repair(TOTAL)
    ledger.settle()
    ledger.insert({"value": 10}, id="event-8")

    ledger.deliver()

    assert read(ledger) == 16


def test_a_second_repair_after_the_first_swaps_the_sets_back() -> None:
    ledger = filled(1, 5, meter=SUM)
    for value in (10, 100):
        ledger.repair(TOTAL)
        ledger.settle()
        ledger.insert({"value": value}, id=f"event-{value}")
        ledger.deliver()
        ledger.finish()

    assert ledger.found() == ledger.expected()
    item = next(item for (pk, _), item in ledger.world.table.items.items() if pk.endswith("*"))
    assert [name for name in item if name.startswith("b")] == []


def test_an_insertion_and_its_void_in_one_batch_leave_nothing() -> None:
    for aggregation in Aggregation:
        ledger = Ledger(make_meter(aggregation))
        ledger.toggle(ledger.insert({"value": 1}, id="event-0"))
        ledger.deliver()
        ledger.finish()

        assert ledger.found() == {}


# ---- what it costs


def busy(aggregation: Aggregation) -> Ledger:
    """An hour with an event in every minute, of values and names of a usual length."""
    ledger = Ledger(make_meter(aggregation, group_by={}))
    for minute in range(60):
        ledger.insert({"value": "12.5"}, id=f"req_{minute:028d}-0", time_us=NOON + minute * MINUTE_US)
    ledger.deliver()
    return ledger


@pytest.mark.parametrize(
    ("aggregation", "units"),
    [(Aggregation.COUNT, 1), (Aggregation.SUM, 2), (Aggregation.AVG, 2), (Aggregation.MAX, 1), (Aggregation.LATEST, 5)],
)
def test_a_write_to_a_busy_row_costs_these_units(aggregation: Aggregation, units: int) -> None:
    ledger = busy(aggregation)

    item = next(item for (pk, _), item in ledger.world.table.items.items() if pk.endswith("*"))

    assert write_units(item) == units, size_of(item)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_a_batch_costs_one_write_a_row_however_many_events_it_has(aggregation: Aggregation) -> None:
    world = World(meters=(make_meter(aggregation),))
    world.deliver([(1, make_event(1, {"value": 1}))])
    world.table.writes.clear()

    world.deliver([(at, make_event(at, {"value": 1}, time_us=NOON + at * 1_000)) for at in range(2, 500)])

    assert len(world.table.writes) == 2


def test_a_row_that_was_repaired_costs_one_write_too() -> None:
    ledger = filled(1, meter=SUM)
    for subject in (None, "customer-1"):
        ledger.repair(RowKey(series_of(SUM), subject, HOUR, ()))
    ledger.finish()
    refused: list[str] = []
    ledger.world.table.before_write = lambda operation, arguments: refused.append(operation)
    for number in (10, 12, 14):
        ledger.insert({"value": 1}, id=f"event-{number}")
        ledger.deliver()

    # The first batch learns of the epochs by two refusals.
    assert len(refused) == 2 + 3 * 2
    assert ledger.found() == ledger.expected()


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_rows_behave_the_same_on_a_real_engine(aggregation: Aggregation, dynamodb: Any) -> None:
    """Inserts, replays, voids, un-voids, recomputes and a repair, the usage compared with the events' own."""
    ledger = Ledger(make_meter(aggregation, group_by={"model": "$.model"}))
    engine: Any = EngineTable(dynamodb)
    ledger.world.table = engine
    ledger.world.restart()
    for number in range(12):
        data = {"value": f"{number % 5}.25", "model": "m" if number % 3 else ""}
        ledger.insert(data, subject="ab"[number % 2], time_us=NOON + number % 4 * MINUTE_US)
    for back, length in [(0, 3), (2, 6), (6, 6)]:
        for shard in ledger.streams:
            ledger.deliver(shard, back, length)
    for place in (4, 9, 0, 4):
        ledger.toggle(f"event-{place}")
    for shard in ledger.streams:
        ledger.deliver(shard, back=2)
    groups = ("m", "1.25") if aggregation is Aggregation.UNIQUE_COUNT else ("m",)
    ledger.repair(RowKey(series_of(ledger.meter), None, HOUR, groups))
    ledger.settle()
    ledger.insert({"value": 9, "model": "m"}, subject="a")
    ledger.finish()

    assert ledger.found() == ledger.expected()


class EngineTable:
    """A real engine's usage table in the place of the one in memory."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def items(self) -> dict[tuple[str, str], Any]:
        found = self._client.scan(TableName="UsageTable", ConsistentRead=True)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}

    def __getattr__(self, name: str) -> Any:
        return lambda **arguments: getattr(self._client, name)(**arguments | {"TableName": "UsageTable"})


def test_a_store_takes_any_shard_and_position_that_sort() -> None:
    ledger = filled(1, 2, 4, meter=SUM)
    client: Any = ledger.world.table
    assert isinstance(ledger.store, UsageStore)
    client.items.clear()
    ledger.meter = replace(SUM, generations=(Generation(1, {}, ledger.world.clock.now + 1, False),))

    for back, length in [(0, 1), (1, 2), (2, 3)]:
        ledger.rebuild(back, length)

    assert ledger.found() == ledger.expected()
