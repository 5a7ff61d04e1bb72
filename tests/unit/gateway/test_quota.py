"""The arithmetic of quotas is APIGate's, and exact."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.clock import render
from dynameter.gateway.plan import EnforceMode, MeterType, Plan
from dynameter.gateway.quotas import quota
from dynameter.gateway.quotas.quota import QuotaLevel
from dynameter.rfc3339 import parse

PLAN = Plan(workspace="w", id="p", name="P", requests_per_month=100, quota_grace_pct=Decimal(0))

amounts = st.decimals(min_value=0, max_value=10**18, places=9, allow_nan=False, allow_infinity=False)


def plan(limit: int = 100, **changes: object) -> Plan:
    return replace(PLAN, requests_per_month=limit, **changes)  # type: ignore[arg-type]


def test_a_hard_plan_allows_up_to_its_limit() -> None:
    assert quota.check(PLAN, Decimal(99)).allowed


def test_a_hard_plan_denies_past_its_limit() -> None:
    assert not quota.check(PLAN, Decimal(100)).allowed


@pytest.mark.parametrize(("usage", "allowed"), [(104, True), (105, False)])
def test_grace_lets_a_little_more_pass(usage: int, allowed: bool) -> None:
    assert quota.check(plan(quota_grace_pct=Decimal("0.05")), Decimal(usage)).allowed is allowed


def test_the_graced_limit_is_cut_to_whole_requests() -> None:
    assert quota.graced_limit(plan(limit=19, quota_grace_pct=Decimal("0.05"))) == 19


@pytest.mark.parametrize("mode", [EnforceMode.WARN, EnforceMode.SOFT])
def test_a_plan_that_is_not_hard_allows_everything(mode: EnforceMode) -> None:
    assert quota.check(plan(quota_enforce_mode=mode), Decimal(1000)).allowed


def test_a_plan_without_a_limit_allows_everything_and_counts_nothing() -> None:
    found = quota.check(plan(limit=-1), Decimal(1000))

    assert (found.allowed, found.limit, found.used, found.level) == (True, -1, None, QuotaLevel.NONE)


def test_a_limit_of_nothing_denies_the_first_request() -> None:
    found = quota.check(plan(limit=0), Decimal(0))

    assert (found.allowed, found.percent, found.level) == (False, Decimal(0), QuotaLevel.NONE)


@pytest.mark.parametrize(
    ("usage", "level"),
    [
        (78, QuotaLevel.NONE),
        (79, QuotaLevel.APPROACHING),
        (93, QuotaLevel.APPROACHING),
        (94, QuotaLevel.CRITICAL),
        (99, QuotaLevel.CRITICAL),
        (100, QuotaLevel.EXCEEDED),
    ],
)
def test_levels_begin_at_80_95_and_past_100_percent(usage: int, level: QuotaLevel) -> None:
    assert quota.check(PLAN, Decimal(usage)).level is level


def test_a_level_is_told_without_rounding() -> None:
    found = quota.Quota(True, 10**15, Decimal(8 * 10**14 - 1), Decimal(0))

    assert (found.percent, found.level) == (Decimal(80), QuotaLevel.NONE)


def test_what_is_past_the_limit_is_overage() -> None:
    found = quota.check(plan(quota_enforce_mode=EnforceMode.SOFT), Decimal(120))

    assert (found.used, found.overage, found.remaining) == (Decimal(121), Decimal(21), Decimal(0))


@pytest.mark.parametrize(("cost", "increment"), [("10", 10), ("0.5", 0), ("1.9", 1)])
def test_compute_units_count_the_estimate_cut_to_whole_units(cost: str, increment: int) -> None:
    compute = plan(meter_type=MeterType.COMPUTE_UNITS, estimated_cost_per_req=Decimal(cost))

    assert quota.check(compute, Decimal(0)).increment == increment


def test_usage_is_cut_to_whole_units() -> None:
    assert quota.check(PLAN, Decimal("41.99")).used == 42


def test_a_credit_is_cut_towards_zero() -> None:
    assert quota.check(PLAN, Decimal("-1.5")).current == -1


@given(
    limit=st.integers(0, 10**15),
    grace=st.decimals(min_value=0, max_value=1, places=6),
    usage=amounts,
)
def test_a_hard_plan_allows_exactly_what_the_contract_says(limit: int, grace: Decimal, usage: Decimal) -> None:
    found = quota.check(plan(limit, quota_grace_pct=grace), usage)

    assert found.allowed is (int(Fraction(usage)) + 1 <= int(Fraction(limit) * (1 + Fraction(grace))))


@given(limit=st.integers(1, 10**15), usage=amounts)
def test_used_remaining_and_overage_always_agree(limit: int, usage: Decimal) -> None:
    found = quota.check(plan(limit, quota_enforce_mode=EnforceMode.SOFT), usage)

    assert found.used is not None
    assert found.remaining is not None
    assert Fraction(found.used) + Fraction(found.remaining) - Fraction(found.overage) == limit


@given(units=st.decimals(min_value=0, max_value=10**19, places=18))
def test_a_book_never_holds_less_than_the_units_nor_a_billionth_more(units: Decimal) -> None:
    excess = Fraction(quota.booked(units)) - Fraction(units)

    assert 0 <= excess < Fraction(1, 10**9)


@pytest.mark.parametrize(("zone", "start"), [("UTC", "2026-01-01T00:00:00Z"), ("Asia/Tokyo", "2026-01-31T15:00:00Z")])
def test_a_month_begins_in_the_plans_time_zone(zone: str, start: str) -> None:
    month = quota.month_of(plan(time_zone=zone), parse("2026-01-31T16:00:00Z"))

    assert render(month.start_us) == start


def test_the_time_to_the_end_of_the_month_is_rounded_up() -> None:
    assert quota.seconds_until(1_000_001, 0) == 2
