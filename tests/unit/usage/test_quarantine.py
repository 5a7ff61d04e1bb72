"""A record that cannot be read is kept aside, and everything else goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dynameter.meters.meter import Aggregation
from dynameter.usage.quarantine.store import PARTITION
from tests.unit.usage.builders import SHARD, make_event, make_meter, stream_event, stream_record
from tests.unit.usage.fake_table import Item
from tests.unit.usage.world import World

COUNT = make_meter(Aggregation.COUNT)


def quarantined(world: World) -> list[Item]:
    return [item for (pk, _), item in world.table.items.items() if pk == PARTITION]


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def damage(record: dict[str, Any]) -> None:
        for step in path[:-1]:
            record = record[step]
        del record[path[-1]]

    return damage


def _with_image(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["dynamodb"]["NewImage"].update(changes)


@pytest.mark.parametrize(
    "damage",
    [
        _without("eventName"),
        _without("dynamodb"),
        _without("dynamodb", "NewImage"),
        _without("dynamodb", "SequenceNumber"),
        _without("dynamodb", "NewImage", "s"),
        _with_image(d={"S": "{"}),
        _with_image(d={"S": "[1]"}),
        _with_image(d={"S": '{"a":1e99999999999999999999}'}),
        _with_image(d={"B": "AAAA"}),
        _with_image(s={"S": ""}),
        _with_image(s={"S": "x" * 1_001}),
        _with_image(s={"S": "\ud800"}),
        _with_image(pk={"S": "no key"}),
        _with_image(k={"S": "999999999999999999.x"}),
        _with_image(r={"N": "soon"}),
    ],
)
def test_a_record_that_cannot_be_read_goes_to_quarantine_and_holds_up_nothing(
    damage: Callable[[dict[str, Any]], None],
) -> None:
    world = World(meters=(COUNT,))
    broken = stream_record(2, make_event(2, {"a": 1}))
    damage(broken)
    event = stream_event([stream_record(1, make_event(1)), broken, stream_record(3, make_event(3))])

    world.aggregator.process(event)
    world.aggregator.process(event)

    assert world.query(COUNT).rows[0].value == 2
    (item,) = quarantined(world)
    assert item["sk"]["S"].startswith(f"{SHARD}.")
    assert item["reason"]["S"]
    assert json.loads(item["record"]["S"])["eventID"] == broken["eventID"]


def test_a_quarantined_record_is_cut_at_100_kb() -> None:
    world = World()
    broken = stream_record(1, make_event(1))
    broken["dynamodb"]["NewImage"] = {"d": {"S": "é" * 200_000}}

    world.aggregator.process(stream_event([broken]))

    assert len(quarantined(world)[0]["record"]["S"]) == 100_000
