"""What each aggregation makes of events, through the aggregator: the golden vectors, and where OpenMeter is vague."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import MICROSECONDS
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.reader import MAX_UNIQUE_BYTES
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import answer, combine, is_counted
from dynameter.usage.rows.row import HourRow
from dynameter.usage.rows.store import UsageStore
from tests.unit.usage.builders import NOON, OTHER_SHARD, make_event, make_meter, series_of
from tests.unit.usage.ledger import EVERY_HOUR
from tests.unit.usage.world import World

GOLDEN = [
    (1, make_event(1, {"value": 123, "name": 1})),
    (2, make_event(2, {"value": "0.4567890123456789", "name": "a"}, time_us=NOON + MICROSECONDS)),
    (3, make_event(3, {"value": None, "name": None}, time_us=NOON + 2 * MICROSECONDS)),
]
"""The rows of OpenMeter's own suite."""


def rows(world: World, meter: Meter, subject: str | None = None) -> list[HourRow]:
    client: Any = world.table
    found = UsageStore(client, "usage", workers=1).rows(
        series_of(meter), subject, EVERY_HOUR, ReadBudget(), minutes=False
    )
    return [row for row in found if is_counted(row.total)]


def usage(meter: Meter, *events: tuple[int, Event]) -> Decimal:
    world = World(meters=(meter,))
    world.deliver(list(events))
    cells = [row.total for row in rows(world, meter)]
    assert cells == [row.total for row in rows(world, meter, "customer-1")]
    if meter.aggregation is Aggregation.UNIQUE_COUNT:
        return Decimal(len(cells))
    return answer(meter.aggregation, combine(meter.aggregation, cells))


@pytest.mark.parametrize(
    ("aggregation", "path", "expected"),
    [
        (Aggregation.SUM, "$.value", "123.4567890123456789"),
        (Aggregation.AVG, "$.value", "61.72839450617283945"),
        (Aggregation.MIN, "$.value", "0.4567890123456789"),
        (Aggregation.MAX, "$.value", "123"),
        (Aggregation.LATEST, "$.value", "0.4567890123456789"),
        (Aggregation.COUNT, None, "3"),
        (Aggregation.UNIQUE_COUNT, "$.name", "2"),
    ],
)
def test_the_golden_vectors_hold(aggregation: Aggregation, path: str | None, expected: str) -> None:
    assert str(usage(make_meter(aggregation, value_property=path), *GOLDEN)) == expected


@pytest.mark.parametrize("aggregation", [one for one in Aggregation if one is not Aggregation.COUNT])
@pytest.mark.parametrize("data", [None, {}, {"value": None}, {"value": [1]}, {"value": {"a": 1}}])
def test_what_has_no_value_counts_nowhere(aggregation: Aggregation, data: Any) -> None:
    meter = make_meter(aggregation)
    world = World(meters=(meter,))

    world.deliver([(1, make_event(1, data))])

    assert rows(world, meter) == []


@pytest.mark.parametrize("aggregation", [Aggregation.MIN, Aggregation.MAX, Aggregation.LATEST])
@pytest.mark.parametrize("value", ["NaN", "Inf", "-Infinity", "x", True])
def test_what_is_no_number_is_no_extreme(aggregation: Aggregation, value: Any) -> None:
    events = [(1, make_event(1, {"value": value})), (2, make_event(2, {"value": "-7.50"}))]

    assert str(usage(make_meter(aggregation), *events)) == "-7.5"


def test_the_latest_is_of_the_greatest_microsecond_however_late_it_comes() -> None:
    events = [
        (1, make_event(1, {"value": 1}, time_us=NOON + 1)),
        (2, make_event(2, {"value": 2}, time_us=NOON + 2)),
        (3, make_event(3, {"value": 3}, time_us=NOON)),
    ]

    assert usage(make_meter(Aggregation.LATEST), *events) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_latest_of_one_microsecond_is_the_greatest_id_then_source(order: tuple[int, ...]) -> None:
    events = [
        make_event(1, {"value": 1}, id="a", source="z"),
        make_event(1, {"value": 2}, id="b/é", source="x"),
        make_event(1, {"value": 3}, id="b/é", source="y/1"),
    ]

    numbered = [(at + 1, events[place]) for at, place in enumerate(order)]

    assert usage(make_meter(Aggregation.LATEST), *numbered) == 3


def test_a_value_counts_once_whatever_form_it_has() -> None:
    values = [1, "1", Decimal("1.0"), "1.0", True, "true", ""]

    events = [(at, make_event(at, {"value": value})) for at, value in enumerate(values, 1)]

    assert usage(make_meter(Aggregation.UNIQUE_COUNT), *events) == 4


@pytest.mark.parametrize(("text", "expected"), [("x" * MAX_UNIQUE_BYTES, 1), ("é" * (MAX_UNIQUE_BYTES // 2 + 1), 0)])
def test_a_unique_value_may_be_as_long_as_a_group_may(text: str, expected: int) -> None:
    assert usage(make_meter(Aggregation.UNIQUE_COUNT), (1, make_event(1, {"value": text}))) == expected


def test_a_unique_value_is_counted_within_its_groups() -> None:
    meter = make_meter(Aggregation.UNIQUE_COUNT, group_by={"model": "$.model"})
    world = World(meters=(meter,))
    world.deliver([(1, make_event(1, {"value": "u", "model": "a"})), (2, make_event(2, {"value": "u", "model": "b"}))])

    assert sorted(row.groups for row in rows(world, meter)) == [("a", "u"), ("b", "u")]


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_two_shards_and_replays_change_nothing(aggregation: Aggregation) -> None:
    meter = make_meter(aggregation)
    world = World(meters=(meter,))
    events = [(at, make_event(at, {"value": at % 3})) for at in range(1, 7)]
    world.deliver(events[:3])
    world.deliver(events[3:], OTHER_SHARD)
    before = {place: dict(item) for place, item in world.table.items.items()}

    world.deliver(events[:3])
    world.deliver(events[4:], OTHER_SHARD)

    assert world.table.items == before
