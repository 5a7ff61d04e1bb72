"""The usage of segments, held against counting the events one by one; and how much is read for it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.billing.entitlements.segment_sums import stretches
from dynameter.billing.entitlements.segment_usage import MAX_STRETCHES, SegmentUsage
from dynameter.billing.features.feature import Feature, compile_filters
from dynameter.errors import TooLarge
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation, Meter
from dynameter.usage.folding.fold import fold
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.rows.store import UsageStore
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.usage.builders import NOON, SHARD, define, make_event, make_meter, make_record
from tests.unit.usage.fake_history import FakeHistory
from tests.unit.usage.fake_table import FakeTable

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000


class World:
    """A meter's usage in memory, and the reader of segments over it. Queries of both tables are counted."""

    def __init__(self, meter: Meter, events: Sequence[Event], retention_days: int = 0, now_us: int = NOON) -> None:
        self.meter = meter
        self.table = FakeTable()
        self.history = FakeHistory(events)
        client: Any = self.table
        store = UsageStore(client, "usage", workers=1)
        records = [make_record(at, one) for at, one in enumerate(events, 1)]
        store.apply(SHARD, fold(records, define(meter)).rows, NOON)
        clock = ManualClock(now_us)
        self.queries = 0
        ask = self.table.query

        def counted(**arguments: Any) -> Any:
            self.queries += 1
            return ask(**arguments)

        self.table.query = counted  # type: ignore[method-assign]
        edges = EdgeReader(self.history, clock, retention_days, workers=1)
        self.reader = SegmentUsage(self, store, edges, clock, retention_days)

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        return self.meter

    def between(
        self, points: Sequence[int], starts: Sequence[int] = (), subjects: Sequence[str] = ("a",), **filters: Any
    ) -> list[Decimal]:
        feature = Feature(
            WORKSPACE,
            "F",
            "tokens",
            "Tokens",
            0,
            0,
            meter_id=self.meter.id,
            filters_sent=filters,
            filters=compile_filters(filters),
        )
        return self.reader.between(feature, subjects, points, starts)


def used(number: int, at_us: int, value: Any = 1, subject: str = "a", **data: Any) -> Event:
    return make_event(number, {"value": value, **data}, subject=subject, time_us=at_us, id=f"{number:05d}")


def naive(aggregation: Aggregation, events: Sequence[Event], points: Sequence[int], starts: set[int]) -> list[Decimal]:
    """Event by event: what the period has come to at the segment's end, less what it had at its start."""
    found = []
    for start, end in pairwise(points):
        since = max([points[0], *(one for one in starts if one <= start)])
        found.append(worth(aggregation, events, since, end) - worth(aggregation, events, since, start))
    return found


def worth(aggregation: Aggregation, events: Sequence[Event], since: int, until: int) -> Decimal:
    inside = sorted((one.time_us, one.id, one.data or "") for one in events if since <= one.time_us < until)
    values = [Decimal(data.partition(":")[2].rstrip("}")) for _, _, data in inside]
    match aggregation:
        case Aggregation.SUM:
            return sum(values, Decimal(0))
        case Aggregation.COUNT:
            return Decimal(len(values))
        case Aggregation.UNIQUE_COUNT:
            return Decimal(len(set(values)))
        case _:
            return values[-1] if values else Decimal(0)


instants = st.one_of(
    st.integers(0, 5 * HOUR),
    st.integers(0, 300).map(lambda minute: minute * MINUTE),
    st.integers(0, 30_000_000).map(lambda short: HOUR + short),
)


@given(
    aggregation=st.sampled_from([Aggregation.SUM, Aggregation.COUNT, Aggregation.UNIQUE_COUNT, Aggregation.LATEST]),
    times=st.lists(instants, max_size=12),
    values=st.lists(st.integers(1, 3), min_size=12, max_size=12),
    points=st.sets(instants, min_size=2, max_size=8),
    data=st.data(),
)
def test_segments_count_what_counting_the_events_finds(
    aggregation: Aggregation, times: list[int], values: list[int], points: set[int], data: st.DataObject
) -> None:
    events = [used(at, NOON + one, values[at]) for at, one in enumerate(times)]
    ordered = sorted(NOON + one for one in points)
    starts = data.draw(st.sets(st.sampled_from(ordered)))

    found = World(make_meter(aggregation), events).between(ordered, sorted(starts))

    assert found == naive(aggregation, events, ordered, starts)


def test_only_the_subjects_and_what_passes_the_filters_count() -> None:
    meter = make_meter(group_by={"model": "$.model"})
    events = [
        used(1, NOON + 1, 1, model="big"),
        used(2, NOON + 2, 2, model="small"),
        used(3, NOON + 3, 4, subject="b", model="big"),
        used(4, NOON + HOUR, 8, subject="c", model="big"),
    ]

    found = World(meter, events).between([NOON, NOON + 2, NOON + DAY], (), ("a", "b"), model={"$eq": "big"})

    assert found == [1, 4]


def test_simulated_traffic_does_not_count() -> None:
    meter = make_meter(group_by={"source": "$.metering_source"})
    events = [
        used(1, NOON + 1, 1, metering_source="production"),
        used(2, NOON + 2, 2, metering_source="simulation"),
        used(3, NOON + 3, 4),
    ]

    assert World(meter, events).between([NOON, NOON + 2, NOON + DAY]) == [1, 4]


def test_usage_away_from_every_boundary_is_one_query_whatever_the_number_of_segments() -> None:
    points = [NOON + number * HOUR + 7 for number in range(0, 600, 2)]
    world = World(make_meter(), [used(1, NOON + HOUR + 1)])

    assert sum(world.between(points)) == 1
    assert (world.queries, world.history.reads) == (1, 0)


@pytest.mark.parametrize("apart", [1_000_000, MINUTE, 61 * MINUTE, DAY])
def test_however_many_boundaries_lie_in_busy_minutes_the_reads_are_bounded(apart: int) -> None:
    points = [NOON + number * apart + 500_000 for number in range(295)]
    events = [used(number, point - number % 2) for number, point in enumerate(points)]
    world = World(make_meter(), events)

    assert sum(world.between(points)) == sum(one.time_us >= points[0] and one.time_us < points[-1] for one in events)
    assert world.queries <= 1 + MAX_STRETCHES
    assert world.history.reads <= MAX_STRETCHES


def test_a_cut_minute_whose_events_have_expired_counts_at_its_end() -> None:
    events = [used(1, NOON + 1_000_000), used(2, NOON + 50_000_000)]
    points = [NOON, NOON + 30_000_000, NOON + DAY]

    world = World(make_meter(), events, retention_days=35, now_us=NOON + 40 * DAY)

    assert world.between(points) == [0, 2]


def test_a_minute_with_too_many_events_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.usage.queries.edges.MAX_EDGE_EVENTS", 1)
    world = World(make_meter(), [used(1, NOON + 1), used(2, NOON + 2)])

    with pytest.raises(TooLarge) as raised:
        world.between([NOON, NOON + 2, NOON + DAY])

    assert raised.value.code == "edge_too_large"


@given(places=st.sets(st.integers(0, 60)), most=st.integers(1, 6))
def test_stretches_cover_every_place_and_bridge_the_narrowest_gaps(places: set[int], most: int) -> None:
    found = stretches(places, most)

    covered = {place for first, last in found for place in range(first, last + 1)}
    assert len(found) <= most
    assert places <= covered
    assert all(first in places and last in places for first, last in found)
    gaps = [first - last for (_, last), (first, _) in pairwise(found)]
    bridged = [after - before for before, after in pairwise(sorted(places)) if before + 1 in covered]
    assert not gaps or not bridged or max(bridged) <= min(gaps)
