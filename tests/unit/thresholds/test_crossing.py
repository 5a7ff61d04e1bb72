"""When a threshold is crossed, and that the same crossing has the same id whoever finds it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.billing.entitlements.entitlement import Balance
from dynameter.billing.thresholds.crossing import Standing, crossing_id, find_crossings, is_crossed
from dynameter.billing.thresholds.rule import Threshold, ThresholdType
from tests.unit.thresholds.conftest import CUSTOMER, FEATURE, NOW_US, PERIOD, rule, threshold

NUMBERS = st.decimals(0, 10**20, allow_nan=False, places=15)


def entitled(usage: str, granted: str) -> Standing:
    left = max(Decimal(granted) - Decimal(usage), Decimal(0))
    balance = Balance(left, Decimal(usage), Decimal(0), Decimal(granted), left > 0)
    return Standing(PERIOD, Decimal(usage), balance)


@pytest.mark.parametrize(("usage", "crossed"), [("9.999", False), ("10", True), ("10.001", True)])
def test_a_usage_value_is_crossed_at_the_value(usage: str, crossed: bool) -> None:
    assert is_crossed(threshold(10), Standing(PERIOD, Decimal(usage))) is crossed


@pytest.mark.parametrize(("usage", "crossed"), [("79.999", False), ("80", True), ("120", True)])
def test_a_balance_value_is_crossed_at_or_below_the_value(usage: str, crossed: bool) -> None:
    assert is_crossed(threshold(20, ThresholdType.BALANCE_VALUE), entitled(usage, "100")) is crossed


@pytest.mark.parametrize(("usage", "crossed"), [("149.999", False), ("150", True), ("250", True)])
def test_a_percentage_is_one_of_all_grants(usage: str, crossed: bool) -> None:
    assert is_crossed(threshold(75, ThresholdType.USAGE_PERCENTAGE), entitled(usage, "200")) is crossed


def test_a_percentage_of_nothing_is_not_crossed() -> None:
    assert not is_crossed(threshold(75, ThresholdType.USAGE_PERCENTAGE), entitled("5", "0"))


@pytest.mark.parametrize("type_", [ThresholdType.BALANCE_VALUE, ThresholdType.USAGE_PERCENTAGE])
def test_without_an_entitlement_only_usage_can_cross(type_: ThresholdType) -> None:
    assert not is_crossed(threshold(1, type_), Standing(PERIOD, Decimal(1_000)))


@given(usage=NUMBERS, granted=NUMBERS, percent=st.decimals(1, 1_000, places=3))
def test_a_percentage_never_rounds(usage: Decimal, granted: Decimal, percent: Decimal) -> None:
    left = Balance(Decimal(0), usage, Decimal(0), granted, True)

    found = is_crossed(Threshold(ThresholdType.USAGE_PERCENTAGE, percent), Standing(PERIOD, usage, left))

    scale = 10**15
    exact = int(usage * scale) * 100 * 1_000 >= int(percent * 1_000) * int(granted * scale)
    assert found == (granted > 0 and exact)


def test_each_threshold_that_is_reached_is_a_crossing_of_its_own() -> None:
    found = find_crossings(
        [rule(threshold(5), threshold(10), threshold(11))], CUSTOMER, FEATURE, entitled("10", "0"), 1
    )

    assert [one.threshold.value for one in found] == [5, 10]


@pytest.mark.parametrize("limits", [{"disabled": True}, {"features": ("other",)}, {"customers": ("other",)}])
def test_a_rule_that_does_not_apply_finds_nothing(limits: dict[str, object]) -> None:
    limited = replace(rule(threshold(5)), **limits)  # type: ignore[arg-type]

    assert list(find_crossings([limited], CUSTOMER, FEATURE, entitled("10", "0"), NOW_US)) == []


def test_the_id_tells_the_period_but_not_the_moment_it_was_found() -> None:
    one, other = (
        next(find_crossings([rule(threshold(5))], CUSTOMER, FEATURE, entitled(usage, "0"), now_us))
        for usage, now_us in (("10", NOW_US), ("11", NOW_US + 1))
    )
    later = replace(entitled("10", "0"), period=replace(PERIOD, start_us=PERIOD.start_us + 1))

    (anew,) = find_crossings([rule(threshold(5))], CUSTOMER, FEATURE, later, NOW_US)

    assert one.id == other.id
    assert anew.id != one.id


def test_the_id_does_not_depend_on_how_a_number_is_written() -> None:
    ids = {crossing_id("r", threshold(value), "c", "f", 0) for value in ("1000", "1E+3", "1000.00")}

    assert len(ids) == 1
