"""A subscription in time: phases tile it, periods tile it, an end cuts both and can be taken back."""

from __future__ import annotations

from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from dynameter.billing.plans.plan import Phase, RateCard
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionPhase
from dynameter.billing.subscriptions.timeline import current_period, current_phase, cycle_at, end_at, lay_out, overlap
from dynameter.clock import HOUR_US

YEAR_US = 365 * 24 * HOUR_US
NOW_US = 1_768_384_800_000_000

zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
cadences = st.sampled_from(["P1D", "P1W", "P2W", "P1M", "P3M", "P1Y"])
durations = st.sampled_from(["PT1H", "PT36H", "P1D", "P1W", "P1M", "P1M1D", "P1Y", "P1DT1H"])
starts = st.integers(NOW_US - 5 * YEAR_US, NOW_US + 5 * YEAR_US)
anchors = st.integers(NOW_US - 20 * YEAR_US, NOW_US + 20 * YEAR_US)


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    found = draw(st.lists(durations, max_size=5))
    lasting: list[str | None] = [*found, *draw(st.sampled_from([[None], []]))] or [None]
    cards = (RateCard("base", "Base"),)
    phases = [Phase(f"p{n}", f"P{n}", one, cards) for n, one in enumerate(lasting)]
    ids = count()
    start_us, zone = draw(starts), draw(zones)
    planned = lay_out(phases, start_us, zone, lambda: str(next(ids)))
    return Subscription(
        workspace="w",
        id="s",
        customer_id="c",
        plan_id="p",
        plan_key="plan",
        plan_version=1,
        name="Plan",
        currency="USD",
        cadence=draw(cadences),
        anchor_us=draw(anchors),
        time_zone=zone,
        active_from_us=start_us,
        active_to_us=planned[-1].active_to_us,
        phases=planned,
        planned=planned,
        created_at_us=0,
        updated_at_us=0,
    )


def ends_within(subscription: Subscription) -> st.SearchStrategy[int]:
    last_us = subscription.planned_to_us or subscription.active_from_us + 3 * YEAR_US
    return st.integers(subscription.active_from_us, last_us)


def assert_tiled(phases: tuple[SubscriptionPhase, ...], from_us: int, to_us: int | None) -> None:
    assert phases[0].active_from_us == from_us
    assert phases[-1].active_to_us == to_us
    for phase, following in pairwise(phases):
        assert phase.active_to_us == following.active_from_us
    for phase in phases:
        assert phase.active_to_us is None or phase.active_from_us < phase.active_to_us
        assert {(one.active_from_us, one.active_to_us) for one in phase.items} == {
            (phase.active_from_us, phase.active_to_us)
        }


@given(subscriptions())
def test_phases_tile_the_subscription(one: Subscription) -> None:
    assert_tiled(one.phases, one.active_from_us, one.active_to_us)


@given(subscriptions(), st.data())
def test_phases_tile_what_an_end_leaves_of_it(one: Subscription, data: st.DataObject) -> None:
    end_us = data.draw(ends_within(one))

    cut = end_at(one, end_us)

    assert cut.active_to_us == end_us
    if end_us == one.active_from_us:
        assert cut.phases == ()
    else:
        assert_tiled(cut.phases, one.active_from_us, end_us)


@given(subscriptions(), st.data())
def test_an_end_that_is_taken_back_leaves_nothing_behind(one: Subscription, data: st.DataObject) -> None:
    cut = end_at(end_at(one, data.draw(ends_within(one))), data.draw(ends_within(one)))

    assert end_at(cut, None) == one


@given(subscriptions(), st.data())
def test_each_instant_of_it_lies_in_one_phase_and_one_period(one: Subscription, data: st.DataObject) -> None:
    instant_us = data.draw(ends_within(one))
    period, phase = current_period(one, instant_us), current_phase(one, instant_us)

    if instant_us == one.active_to_us:
        assert (period, phase) == (None, None)
    else:
        assert period is not None
        assert phase is not None
        assert period.start_us <= instant_us < period.end_us
        assert period.start_us >= one.active_from_us
        assert one.active_to_us is None or period.end_us <= one.active_to_us


@given(subscriptions())
def test_periods_tile_the_subscription(one: Subscription) -> None:
    at_us, end_us = one.active_from_us, one.active_to_us
    for _ in range(30):
        period = current_period(one, at_us)
        if period is None:
            assert at_us == end_us
            return
        assert period.start_us == at_us
        at_us = period.end_us
    assert at_us == end_us or cycle_at(one, at_us).start_us == at_us


@given(subscriptions(), st.data())
def test_what_ends_does_not_overlap_what_starts_there(one: Subscription, data: st.DataObject) -> None:
    at_us = data.draw(ends_within(one))
    planned = lay_out([Phase("p", "P", None, ())], at_us, "UTC", lambda: "x")
    other = Subscription(
        "w", "o", "c", "p", "plan", 1, "P", "USD", "P1M", 0, "UTC", at_us, None, planned, 0, 0, planned=planned
    )

    assert not overlap(end_at(one, at_us), other)
    assert overlap(one, other) == (one.active_to_us is None or at_us < one.active_to_us)
