"""Each event counts once, however its records are delivered and wherever a process dies."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.row import watermark_name
from dynameter.usage.rows.store import UsageStore
from dynameter.usage.windows import WindowSize
from tests.unit.usage.builders import (
    NOON,
    OTHER_SHARD,
    SHARD,
    make_event,
    make_meter,
)
from tests.unit.usage.world import METER, Crash, World, make_aggregator


def numbered(*values: Any, start: int = 1) -> list[tuple[int, Event]]:
    return [(start + at, make_event(start + at, {"value": value})) for at, value in enumerate(values)]


def test_a_batch_delivered_again_changes_nothing() -> None:
    world = World()
    world.deliver(numbered(1, 2, 3))
    before = {place: dict(item) for place, item in world.table.items.items()}

    world.deliver(numbered(1, 2, 3))

    assert world.table.items == before


def test_a_longer_batch_that_starts_with_known_records_adds_only_the_others() -> None:
    world = World()
    world.deliver(numbered(1, 2))

    world.deliver(numbered(1, 2, 4, 8))

    assert world.total() == 15


def test_a_record_repeated_inside_a_batch_counts_once() -> None:
    world = World()

    world.deliver(numbered(5) + numbered(5))

    assert world.total() == 5


def test_records_out_of_order_inside_a_batch_all_count() -> None:
    world = World()

    world.deliver(list(reversed(numbered(1, 2, 4))))

    assert world.total() == 7


def test_two_shards_add_to_the_same_row_without_disturbing_each_other() -> None:
    world = World()
    world.deliver(numbered(1, 2, start=100), SHARD)

    world.deliver(numbered(4, 8, start=1), OTHER_SHARD)
    world.deliver(numbered(1, 2, start=100), SHARD)

    assert world.total() == 15


def test_sequence_numbers_of_different_lengths_compare_as_numbers() -> None:
    world = World()
    world.deliver(numbered(1, start=999_999_999_999_999_999_999))

    world.deliver(numbered(2, start=1_000_000_000_000_000_000_000))

    assert world.total() == 3


def test_a_zombie_that_writes_after_its_batch_was_retried_adds_nothing() -> None:
    world = World()
    held: list[dict[str, Any]] = []

    def hold(operation: str, arguments: dict[str, Any]) -> None:
        if operation == "update":
            held.append(arguments)
            raise Crash

    world.table.before_write = hold
    with pytest.raises(Crash):
        world.deliver(numbered(1, 2, 3))
    world.table.before_write = lambda operation, arguments: None
    world.restart()
    world.deliver(numbered(1, 2, 3, 4))

    for update in held:
        with pytest.raises(Exception, match="ConditionalCheckFailed"):
            world.table.apply_update(update)

    assert world.total() == 10


def test_a_zombie_that_writes_in_the_middle_of_the_retry_is_taken_into_account() -> None:
    world = World()
    held: list[dict[str, Any]] = []

    def hold(operation: str, arguments: dict[str, Any]) -> None:
        if operation == "update":
            held.append(arguments)
            raise Crash

    def release(operation: str, arguments: dict[str, Any]) -> None:
        while held:
            world.table.apply_update(held.pop())

    world.table.before_write = hold
    with pytest.raises(Crash):
        world.deliver(numbered(1, 2))
    world.restart()
    world.table.before_write = release

    world.deliver(numbered(1, 2, 4))

    assert world.total() == 7


def test_a_refusal_without_the_row_is_answered_by_reading_it() -> None:
    world = World()
    world.table.sends_refused_item = False
    world.deliver(numbered(1, 2))

    world.deliver(numbered(1, 2, 4))

    assert world.total() == 7


def test_a_row_that_refuses_for_ever_is_given_up() -> None:
    world = World()
    world.deliver(numbered(1))
    ahead = iter(range(2, 200))

    def race(operation: str, arguments: dict[str, Any]) -> None:
        key = arguments["Key"]["pk"]["S"], arguments["Key"]["sk"]["S"]
        world.table.items[key][watermark_name(SHARD)] = {"S": f"{next(ahead):040d}@1"}

    world.table.before_write = race

    with pytest.raises(Unavailable):
        world.deliver([(number, make_event(number, {"value": 1})) for number in range(2, 200)])


def test_a_subject_is_listed_before_it_has_a_row() -> None:
    world = World()
    for writes in range(4):
        world.deliver_and_die(numbered(1), writes)

        listed = {sk for pk, sk in world.table.items if "#" in pk}
        rows = {pk for pk, _ in world.table.items if pk.endswith("=customer-1")}
        assert listed or not rows


def test_subjects_already_listed_by_this_process_are_not_written_again() -> None:
    world = World()
    world.deliver(numbered(1))
    world.table.writes.clear()

    world.deliver(numbered(2, start=2))

    assert world.table.writes == ["update", "update"]


def test_a_listing_that_failed_is_not_remembered() -> None:
    world = World()

    def die_once(operation: str, arguments: dict[str, Any]) -> None:
        world.table.before_write = lambda operation, arguments: None
        raise Crash

    world.table.before_write = die_once
    with pytest.raises(Crash):
        world.deliver(numbered(1))

    world.deliver(numbered(1))

    assert [sk for pk, sk in world.table.items if "#" in pk] == ["=customer-1"]


def test_watermarks_of_shards_long_gone_are_removed_from_old_rows() -> None:
    world = World()
    late = [(1, make_event(1, {"value": 1}, time_us=NOON - 100 * HOUR_US))]
    world.deliver(late, SHARD)
    world.clock.advance(49 * 3600)
    later = [(2, make_event(2, {"value": 2}, time_us=NOON - 100 * HOUR_US))]

    world.deliver(later, OTHER_SHARD)

    marks = [name for item in world.table.items.values() for name in item if name.startswith("w")]
    assert set(marks) == {watermark_name(OTHER_SHARD)}


def test_a_row_that_many_shards_have_written_to_is_rid_of_their_watermarks_little_by_little() -> None:
    world = World()
    event = make_event(1, {"value": 1}, time_us=NOON - 100 * HOUR_US)
    shards = [f"shard-{number}" for number in range(150)]
    for shard in shards:
        world.deliver([(1, event)], shard)
    world.clock.advance(49 * 3600)

    for sequence in range(1, 5):
        world.deliver([(sequence, event)], OTHER_SHARD)

    marks = [name for item in world.table.items.values() for name in item if name.startswith("w")]
    assert set(marks) == {watermark_name(OTHER_SHARD)}
    assert world.total() == len(shards) + 4


def test_watermarks_that_may_still_be_needed_stay() -> None:
    world = World()
    late = [(1, make_event(1, {"value": 1}, time_us=NOON - 100 * HOUR_US))]
    world.deliver(late, SHARD)
    world.clock.advance(47 * 3600)
    world.deliver([(2, make_event(2, {"value": 2}, time_us=NOON - 100 * HOUR_US))], OTHER_SHARD)

    world.deliver(late, SHARD)

    assert world.total() == 3


values = st.one_of(
    st.integers(-(10**19), 10**19),
    st.decimals(-1000, 1000, places=3),
    st.decimals(0, 1, places=18),
    st.just("not a number"),
)
event_fields = st.tuples(
    values,
    st.sampled_from(["a", "b", "*", "=", "é.#"]),
    st.sampled_from(["gpt", "", "claude"]),
    st.integers(0, 3 * 60 - 1),
    st.sampled_from([SHARD, OTHER_SHARD]),
)
deliveries = st.lists(
    st.tuples(
        st.sampled_from([SHARD, OTHER_SHARD]), st.integers(0, 5), st.integers(1, 8), st.none() | st.integers(0, 12)
    ),
    max_size=25,
)


def test_every_event_counts_once_whatever_is_redelivered_bisected_or_dies() -> None:
    """Random events on two shards; each step delivers a run that starts at or before the first record not yet done,
    as Lambda does, and may die at any write. In the end everything is delivered, and the sums equal a plain oracle."""

    @settings(max_examples=100, deadline=None)
    @given(st.lists(event_fields, min_size=1, max_size=20), deliveries)
    def check(specifications: list[Any], steps: list[Any]) -> None:
        world = World()
        shards: dict[str, list[tuple[int, Event]]] = {SHARD: [], OTHER_SHARD: []}
        for number, (value, subject, model, minute, shard) in enumerate(specifications, 1):
            data = {"value": value, "model": model}
            event = make_event(number, data, subject=subject, time_us=NOON + minute * MINUTE_US)
            shards[shard].append((10**21 + number * 7, event))
        done = {SHARD: 0, OTHER_SHARD: 0}
        for shard, back, length, writes in steps:
            start = max(0, done[shard] - back)
            run = shards[shard][start : start + length]
            if not run:
                continue
            if writes is None:
                world.deliver(run, shard)
                done[shard] = max(done[shard], start + len(run))
            else:
                world.deliver_and_die(run, writes, shard)
        for shard, events in shards.items():
            if events[done[shard] :]:
                world.deliver(events[done[shard] :], shard)

        expected: dict[tuple[int, str, str], Fraction] = {}
        for value, subject, model, minute, _ in specifications:
            if value != "not a number":
                key = (minute, subject, model)
                expected[key] = expected.get(key, Fraction(0)) + Fraction(value)
        answer = world.query(window_size=WindowSize.MINUTE, group_by=("subject", "model"))
        found = {
            ((row.start_us - NOON) // MINUTE_US, row.subject, row.groups["model"]): Fraction(row.value)
            for row in answer.rows
        }
        assert found == expected
        assert Fraction(world.total() or 0) == sum(expected.values())

    check()


def test_ten_thousand_tenths_are_a_thousand() -> None:
    world = World()
    events = [(number, make_event(number, {"value": Decimal("0.1")})) for number in range(1, 10_001)]

    for start in range(0, len(events), 1_000):
        world.deliver(events[start : start + 1_000])

    assert str(world.total()) == "1000"


@pytest.mark.parametrize(
    "value", ["12345678901234567890.123456789", "9007199254740993", "99999999999999999999.999999999999999999"]
)
def test_digits_that_a_float_would_lose_are_kept(value: str) -> None:
    world = World()

    world.deliver(numbered(Decimal(value)))

    assert str(world.total()) == value


def test_a_mean_is_an_exact_division_to_34_digits() -> None:
    meter = make_meter(Aggregation.AVG)
    world = World(meters=(meter,))

    world.deliver(numbered(1, 0, 0))

    assert str(world.query(meter).rows[0].value) == "0." + "3" * 34


@pytest.mark.parametrize("subject", ["*", "=", "#202601", "a.b", "*=x", "é", "日本", "a\nb", " ", "x" * 512])
def test_a_subject_may_be_any_text_and_mixes_with_no_other(subject: str) -> None:
    world = World()
    world.deliver(
        [(1, make_event(1, {"value": 1}, subject=subject)), (2, make_event(2, {"value": 2}, subject="other"))]
    )

    answer = world.query(group_by=("subject",))

    assert {row.subject: row.value for row in answer.rows} == {subject: 1, "other": 2}


def test_the_conditional_write_behaves_the_same_on_a_real_engine(dynamodb: Any) -> None:
    world = World()
    world.aggregator = make_aggregator(dynamodb, world.clock, METER, table="UsageTable")
    events = [
        (number, make_event(number, {"value": Decimal("0.7"), "model": "m"}, subject=f"s{number % 3}"))
        for number in range(1, 31)
    ]

    for first, last in [(0, 10), (0, 10), (5, 20), (0, 20), (0, 30), (29, 30)]:
        world.deliver(events[first:last])
        world.deliver(events[first:last], OTHER_SHARD) if first == 29 else None

    rows = UsageService(UsageStore(dynamodb, "UsageTable")).query(METER, UsageQuery(group_by=("model",))).rows
    assert [(row.groups, str(row.value)) for row in rows] == [({"model": "m"}, "21.7")]
