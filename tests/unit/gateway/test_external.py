"""What an external event counts, and what is refused, to the digit and the microsecond."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.gateway import external
from dynameter.gateway.external import MAX_AGE_US, MAX_AHEAD_US, MULTIPLIERS, BatchKey, ExternalEvent
from dynameter.meters.quantity import UnusableQuantity

NOW_US = 1_768_384_800_000_000
EVENT = ExternalEvent("e", "u", "api.request")


def code(event: ExternalEvent) -> str | None:
    found = external.check(event, NOW_US)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("timestamp_us", "expected"),
    [
        (NOW_US - MAX_AGE_US, None),
        (NOW_US - MAX_AGE_US - 1, "invalid_timestamp"),
        (NOW_US + MAX_AHEAD_US, None),
        (NOW_US + MAX_AHEAD_US + 1, "invalid_timestamp"),
    ],
)
def test_a_timestamp_lies_between_seven_days_ago_and_a_minute_ahead(timestamp_us: int, expected: str | None) -> None:
    assert code(replace(EVENT, timestamp_us=timestamp_us)) == expected


@pytest.mark.parametrize("event_type", ["custom.a", "custom.A-b_c.9", *MULTIPLIERS])
def test_known_and_custom_types_are_taken(event_type: str) -> None:
    assert code(replace(EVENT, event_type=event_type)) is None


@pytest.mark.parametrize("event_type", ["", "custom", "custom.", "custom.\n", "custom." + "a" * 65, "API.REQUEST"])
def test_other_types_are_refused(event_type: str) -> None:
    assert code(replace(EVENT, event_type=event_type)) == "invalid_event_type"


@given(
    st.sampled_from(sorted(MULTIPLIERS)),
    st.decimals(min_value=Decimal("1e-16"), max_value=10**20 - 1, places=16),
)
def test_units_are_the_exact_product(event_type: str, quantity: Decimal) -> None:
    event = replace(EVENT, event_type=event_type, quantity=quantity)

    assert Fraction(external.units_of(event)) == Fraction(quantity) * Fraction(MULTIPLIERS[event_type])


def test_a_product_of_too_many_digits_is_refused() -> None:
    with pytest.raises(UnusableQuantity):
        external.units_of(replace(EVENT, event_type="compute.minutes", quantity=Decimal("1e-18")))


@given(st.text(), st.text(), st.text(), st.text())
def test_the_same_key_of_another_service_key_is_another(one: str, key: str, other: str, other_key: str) -> None:
    same = BatchKey.of(one, key, b"").name == BatchKey.of(other, other_key, b"").name

    assert same is ((one, key) == (other, other_key))
