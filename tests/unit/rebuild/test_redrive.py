"""What lay in quarantine is counted once the cause is mended: each event once, however often it is redriven."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import HOUR_US
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.stream import Unreadable
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.usage.rows.row import RowKey
from tests.conftest import ManualClock
from tests.unit.rebuild.quarantine_world import QuarantineWorld
from tests.unit.usage.builders import NOON, OTHER_SHARD, SHARD, make_event, make_meter, series_of

SUM = make_meter(Aggregation.SUM)
MAX = make_meter(Aggregation.MAX, id="01KEYZ8Q4V0000000000000002", slug="longest")
UNIQUE = make_meter(Aggregation.UNIQUE_COUNT, id="01KEYZ8Q4V0000000000000003", slug="values")


@pytest.fixture
def world(settings: Settings, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> QuarantineWorld:
    return QuarantineWorld(dynamodb, settings, ManualClock(NOON + HOUR_US), monkeypatch)


def break_second(world: QuarantineWorld) -> list[dict[str, Any]]:
    """Three events of 1, 10 and 100, of which the second goes to quarantine; their records."""
    world.broken = lambda event: event.id == "event-2"
    records = [
        world.store(make_event(number, {"value": value}, subject=f"customer-{number}"))
        for number, value in ((1, 1), (2, 10), (3, 100))
    ]
    world.bring(*records)
    return records


def mend(world: QuarantineWorld) -> None:
    world.broken = lambda _: False
    world.restart()


SUMS = {"customer-1": 1, "customer-2": 10, "customer-3": 100, None: 111}
EXTREMES = {"customer-1": 1, "customer-2": 10, "customer-3": 100, None: 100}
VALUES = {"customer-1": 1, "customer-2": 1, "customer-3": 1, None: 3}
ROWS = [RowKey(series_of(SUM), subject, NOON // HOUR_US, ()) for subject in ("customer-1", None)]


def test_a_record_is_counted_in_every_meter_when_its_cause_is_mended(world: QuarantineWorld) -> None:
    meters = [world.define(meter) for meter in (SUM, MAX, UNIQUE)]
    break_second(world)
    assert world.usage(SUM)[None] == 101

    mend(world)
    world.redrive()

    assert [world.usage(meter) for meter in meters] == [SUMS, EXTREMES, VALUES]
    assert world.quarantined() == []


@pytest.mark.parametrize("id_", ["a\u00a0b", "a\nb", "\u200d", "é\x7f"])
def test_an_event_whose_id_cannot_be_printed_is_counted_when_its_cause_is_mended(
    world: QuarantineWorld, id_: str
) -> None:
    world.define(SUM)
    world.broken = lambda _: True
    world.bring(world.store(make_event(1, {"value": 1}, id=id_)))

    mend(world)
    world.redrive()

    assert (world.usage(SUM).get(None), world.quarantined()) == (1, [])


def test_redriving_again_and_bringing_the_batch_again_changes_nothing(world: QuarantineWorld) -> None:
    world.define(SUM)
    records = break_second(world)
    mend(world)
    world.redrive()
    world.bring(*records)
    QuarantineStore(world.client, "UsageTable").put(SHARD, Unreadable(2, records[1], "once more"), 1)

    world.redrive()

    assert world.usage(SUM) == SUMS
    assert world.quarantined() == []


def test_what_some_rows_have_already_is_not_counted_twice(world: QuarantineWorld) -> None:
    world.define(SUM)
    records = break_second(world)
    mend(world)
    world.bring(records[1], shard=OTHER_SHARD)
    assert world.usage(SUM) == SUMS

    world.redrive()

    assert world.usage(SUM) == SUMS


def test_wherever_a_redrive_is_killed_the_next_one_ends_it(world: QuarantineWorld) -> None:
    world.define(SUM)
    world.define(MAX)
    break_second(world)
    mend(world)
    world.start_redrive()

    deaths = 0
    for calls in range(60):
        deaths += world.run_jobs_and_die(calls)
        assert world.usage(SUM)[None] in (101, 111)
    world.run_jobs()

    assert deaths > 20
    assert world.usage(SUM) == SUMS
    assert world.usage(MAX) == EXTREMES
    assert world.quarantined() == []


def test_events_that_come_while_it_runs_are_counted(world: QuarantineWorld) -> None:
    world.define(SUM)
    break_second(world)
    mend(world)
    world.start_redrive()
    for calls in range(5, 12):
        world.run_jobs_and_die(calls)
        stamp = world.clock.now_us()
        event = make_event(100 + calls, {"value": 1_000}, subject="customer-2", ingested_at_us=stamp)
        world.bring(world.store(event))
    world.run_jobs()

    assert world.usage(SUM)["customer-2"] == 10 + 7 * 1_000


def test_what_still_cannot_be_read_stays_with_its_new_reason(world: QuarantineWorld) -> None:
    world.define(SUM)
    break_second(world)
    world.restart()

    world.redrive()

    (left,) = world.quarantined()
    assert left.reason == "BrokenItem: the decoder has a bug"
    assert world.usage(SUM)[None] == 101


def test_a_mended_record_is_counted_beside_one_that_is_not(world: QuarantineWorld) -> None:
    world.define(SUM)
    world.broken = lambda event: event.id in ("event-1", "event-2")
    world.bring(*(world.store(make_event(number, {"value": number})) for number in (1, 2, 3)))
    world.broken = lambda event: event.id == "event-1"
    world.restart()

    world.redrive()

    assert world.usage(SUM)[None] == 5
    assert [one.event_key is not None and one.event_key.endswith("event-1") for one in world.quarantined()] == [True]


def test_a_void_that_could_not_be_read_is_taken_off(world: QuarantineWorld) -> None:
    world.define(SUM)
    event = make_event(1, {"value": 5})
    world.bring(world.store(event))
    void = replace(event, toggles=(NOON + 1,), voided_by="v1")
    world.broken = lambda one: one.voided
    world.bring(world.store(void, before=event))
    assert world.usage(SUM)[None] == 5

    mend(world)
    world.redrive()

    assert world.usage(SUM).get(None, Decimal(0)) == 0
    assert world.quarantined() == []


def test_every_generation_counts_it(world: QuarantineWorld) -> None:
    generations = (Generation(1, {}, 0, True), Generation(2, {"model": "$.model"}, NOON + 1, True))
    meter: Meter = world.define(make_meter(Aggregation.SUM, group_by={"model": "$.model"}, generations=generations))
    world.broken = lambda event: event.id == "event-1"
    world.bring(world.store(make_event(1, {"value": 5, "model": "m"})))
    mend(world)

    world.redrive()

    assert world.usage(meter)[None] == 5
    assert world.usage(replace(meter, active=2), "model")[None] == 5


def test_a_record_cut_for_its_length_is_counted(world: QuarantineWorld) -> None:
    world.define(SUM)
    world.broken = lambda event: True
    world.bring(world.store(make_event(1, {"value": 5, "text": bytes(range(256)).hex() * 400})))
    mend(world)

    world.redrive()

    assert world.usage(SUM)[None] == 5


def test_an_event_that_is_gone_stays_in_quarantine(world: QuarantineWorld) -> None:
    break_second(world)
    mend(world)
    key = world.quarantined()[0].event_key
    world.client.delete_item(TableName="EventsTable", Key={"pk": {"S": key}})

    world.redrive()

    assert [one.reason for one in world.quarantined()] == ["the event is not stored any more"]


@pytest.mark.parametrize("key", [None, 1, "", "\ud800", "x" * 2_049])
def test_a_record_that_names_no_event_stays_in_quarantine(world: QuarantineWorld, key: Any) -> None:
    record = {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": key}}}}
    QuarantineStore(world.client, "UsageTable").put(SHARD, Unreadable(None, record, "?"), 1)

    world.redrive()

    assert [one.reason for one in world.quarantined()] == ["the record names no event"]


def test_an_hour_older_than_retention_is_not_counted_from_what_is_left(
    world: QuarantineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_RETENTION_DAYS", "35")
    world.define(SUM)
    break_second(world)
    mend(world)
    world.clock.advance(36 * 24 * 3_600)

    world.redrive()

    assert "EventRetentionDays" in world.quarantined()[0].reason
    assert world.usage(SUM)[None] == 101


def test_a_record_of_before_the_event_key_was_kept_is_counted(world: QuarantineWorld) -> None:
    world.define(SUM)
    break_second(world)
    place = world.quarantined()[0].place
    world.client.update_item(
        TableName="UsageTable",
        Key={"pk": {"S": "!quarantine"}, "sk": {"S": place}},
        UpdateExpression="REMOVE #e",
        ExpressionAttributeNames={"#e": "event"},
    )
    mend(world)

    world.redrive()

    assert world.usage(SUM) == SUMS


def test_a_recompute_under_way_from_before_is_waited_for(world: QuarantineWorld) -> None:
    """An epoch older than the event must not stand for it: its recompute leaves the event out."""
    world.define(SUM)
    world.bring(world.store(make_event(1, {"value": 1})))
    store = world.rebuild.UsageStore(world.client, "UsageTable", jobs=world.rebuild.worker()._jobs)
    now_us = world.clock.now_us()
    for row in ROWS:
        store.start_epoch(row, Aggregation.SUM, now_us + 1, now_us)
    world.clock.advance(1)
    world.broken = lambda event: event.id == "event-2"
    late = make_event(2, {"value": 10}, ingested_at_us=world.clock.now_us())
    world.bring(world.store(late))
    mend(world)
    jobs = world._waiting_jobs()
    world.start_redrive()
    for item in world._waiting_jobs():
        if item not in jobs:
            world._run(item)

    assert "recomputed" in world.quarantined()[0].reason
    world.run_jobs()
    world.redrive()

    assert world.usage(SUM)[None] == 11
    assert world.quarantined() == []


def test_pages_end_and_go_on(world: QuarantineWorld) -> None:
    store = QuarantineStore(world.client, "UsageTable")
    for number in range(7):
        store.put(SHARD, Unreadable(number, json.loads("{}"), str(number)), 1)

    first = store.page(limit=4)
    rest = store.page(first.next)

    assert [one.reason for one in (*first.records, *rest.records)] == [str(number) for number in range(7)]
    assert rest.next is None
