"""Voids and un-voids in every aggregation: each fact counts once, whatever order its parts come in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.meters.meter import Aggregation, Generation
from dynameter.usage.rows.row import RowKey
from tests.unit.usage.builders import NOON, OTHER_SHARD, SHARD, make_meter, series_of
from tests.unit.usage.ledger import SKEW_US, Ledger

skews = st.integers(-SKEW_US, SKEW_US)
shards = st.sampled_from([SHARD, OTHER_SHARD])
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("insert"),
            st.sampled_from([1, 2, 3, -1, "2.5", "x"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["gpt", ""]),
            st.sampled_from([0, 0, 0, 1, 61]),
            skews,
        ),
        st.tuples(st.just("toggle"), st.integers(0, 20), skews),
        st.tuples(st.just("deliver"), shards, st.integers(0, 4), st.integers(1, 8), st.none() | st.integers(0, 10)),
        st.tuples(st.just("zombie"), shards, st.integers(1, 5)),
        st.tuples(st.just("release")),
        st.tuples(st.just("recompute"), st.integers(0, 5)),
        st.tuples(st.just("repair"), st.sampled_from(["a", "b", None]), st.sampled_from(["gpt", ""])),
        st.tuples(st.just("rebuild"), st.integers(0, 2), st.integers(1, 3)),
    ),
    max_size=40,
)


def take(ledger: Ledger, step: tuple[Any, ...]) -> None:
    match step:
        case ("insert", value, subject, model, minute, skew):
            data = {"value": value, "model": model}
            ledger.insert(data, skew, subject=subject, time_us=NOON + minute * MINUTE_US)
        case ("toggle", number, skew) if ledger.events:
            ledger.toggle(list(ledger.events)[number % len(ledger.events)], skew)
        case ("deliver", shard, back, length, dies):
            ledger.deliver(shard, back, length, dies)
        case ("zombie", shard, length):
            ledger.deliver_to_a_zombie(shard, length)
        case ("release",):
            ledger.release()
        case ("recompute", number) if ledger.world.jobs.waiting:
            ledger.recompute(ledger.world.jobs.waiting[number % len(ledger.world.jobs.waiting)])
        case ("repair", subject, model):
            unique = ledger.meter.aggregation is Aggregation.UNIQUE_COUNT
            groups = (model, "1") if unique else (model,)
            ledger.repair(RowKey(series_of(ledger.meter), subject, NOON // HOUR_US, groups))
        case ("rebuild", back, length) if not ledger.meter.generations[-1].complete:
            ledger.rebuild(back, length)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_usage_is_that_of_the_events_not_void_whatever_happened_on_the_way(aggregation: Aggregation) -> None:
    """Random writers, a stream redelivered, bisected and dying, zombies, recomputes and repairs at any moment.

    Half the time the meter is made in the middle, so that a rebuild races all of it.
    """

    @settings(max_examples=120, deadline=None)
    @given(steps, steps, st.booleans())
    def check(before: list[Any], after: list[Any], retroactive: bool) -> None:
        meter = make_meter(aggregation, group_by={"model": "$.model"})
        ledger = Ledger(meter)
        if retroactive:
            early = [step for step in before if step[0] in ("insert", "toggle")]
            for step in early:
                take(ledger, step)
            live_from = ledger.world.clock.now + 1
            ledger.meter = make_meter(
                aggregation,
                group_by={"model": "$.model"},
                generations=(Generation(1, {"model": "$.model"}, live_from, False),),
            )
            ledger.world.meters = (ledger.meter,)
            ledger.world.restart()
        else:
            for step in before:
                take(ledger, step)
        for step in after:
            take(ledger, step)
        ledger.finish()

        assert ledger.found() == ledger.expected()

    check()
