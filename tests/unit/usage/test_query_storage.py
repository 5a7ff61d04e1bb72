"""Queries against the engine: what the tests on a table in memory take on trust."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.events.history import EventHistory
from dynameter.events.store import encode_item
from dynameter.meters.meter import Aggregation
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.fold import fold
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore
from dynameter.usage.subjects.service import UsedSubjects
from dynameter.usage.subjects.store import PresenceStore
from tests.conftest import ManualClock
from tests.unit.usage.builders import NOON, SHARD, define, make_event, make_meter, make_record

EVENTS = [
    make_event(at, {"value": value, "model": model}, subject=subject, time_us=NOON + time_us)
    for at, (value, model, subject, time_us) in enumerate(
        [
            (1, "x", "a", 0),
            (2, "y", "b", 1),
            (4, "x", "b", 59_999_999),
            (8, "x", "c", 60_000_000),
            (8, "", "a", 3_600_000_000),
        ]
    )
]


def store(dynamodb: Any, meter: Any) -> UsageStore:
    for event in EVENTS:
        dynamodb.put_item(TableName="EventsTable", Item=encode_item(event))
    usage = UsageStore(dynamodb, "UsageTable")
    usage.apply(SHARD, fold([make_record(at, one) for at, one in enumerate(EVENTS)], define(meter)).rows, NOON)
    return usage


def edges_of(dynamodb: Any, settings: Settings) -> EdgeReader:
    return EdgeReader(EventHistory(dynamodb, settings), ManualClock(NOON), settings.event_retention_days)


@pytest.mark.parametrize(
    ("aggregation", "values"),
    [
        (Aggregation.SUM, [2, 12]),
        (Aggregation.COUNT, [1, 2]),
        (Aggregation.AVG, [2, 6]),
        (Aggregation.MIN, [2, 4]),
        (Aggregation.MAX, [2, 8]),
        (Aggregation.LATEST, [2, 8]),
        (Aggregation.UNIQUE_COUNT, [1, 2]),
    ],
)
def test_edges_minutes_and_hours_together(
    settings: Settings, dynamodb: Any, aggregation: Aggregation, values: list[int]
) -> None:
    meter = make_meter(aggregation, group_by={"model": "$.model"})
    usage = UsageService(store(dynamodb, meter), edges_of(dynamodb, settings))

    cut = usage.query(meter, UsageQuery(NOON + 1, NOON + 3_600_000_000, group_by=("model",)))
    whole = usage.query(meter, UsageQuery(group_by=("model",)))

    assert [(row.groups["model"], row.value) for row in cut.rows] == list(zip("yx", values, strict=True))[::-1]
    assert [row.groups["model"] for row in whole.rows] == ["", "x", "y"]


def test_the_events_of_an_edge_are_held_without_their_data(settings: Settings, dynamodb: Any) -> None:
    meter = make_meter(Aggregation.SUM)
    store(dynamodb, meter)

    found = edges_of(dynamodb, settings).read(meter, UsageQuery(NOON + 1, NOON + 3_600_000_000))

    assert found
    assert all(one.event.data is None for one in found)


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.MAX, Aggregation.UNIQUE_COUNT])
def test_subjects_with_usage(settings: Settings, dynamodb: Any, aggregation: Aggregation) -> None:
    meter = make_meter(aggregation)
    presence = PresenceStore(dynamodb, "UsageTable")
    subjects = UsedSubjects(store(dynamodb, meter), presence, edges_of(dynamodb, settings))

    assert subjects.list(meter, None, None) == ["a", "b", "c"]
    assert subjects.list(meter, NOON + 1, NOON + 60_000_000) == ["b"]
    assert subjects.list(meter, NOON + 60_000_000, None) == ["a", "c"]
