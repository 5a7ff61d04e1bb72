"""What a quantity costs. The tables are computed by hand; docs/billing.md shows the tiers' one."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.billing.pricing.money import UnknownCurrency, minor_digits, round_amount
from dynameter.billing.pricing.price import (
    Commitments,
    Discounts,
    FlatPrice,
    PackagePrice,
    Price,
    Tier,
    TieredPrice,
    TierMode,
    UnitPrice,
)
from dynameter.billing.pricing.rating import Rated, rate

D = Decimal
TIERS = (
    Tier(D(100), flat_amount=D(5), unit_amount=D("0.10")),
    Tier(D(1_000), flat_amount=D(0), unit_amount=D("0.05")),
    Tier(None, flat_amount=D(20), unit_amount=D("0.01")),
)
GRADUATED = TieredPrice(TierMode.GRADUATED, TIERS)
VOLUME = TieredPrice(TierMode.VOLUME, TIERS)


def cost(price: Price | None, quantity: str, **options: Any) -> Decimal:
    return rated(price, quantity, **options).total


def rated(price: Price | None, quantity: str, currency: str = "USD", **options: Any) -> Rated:
    commitments = Commitments(options.get("minimum"), options.get("maximum"))
    discounts = Discounts(options.get("percentage"), options.get("usage"))
    return rate(price, D(quantity), currency, commitments, discounts)


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        ("0", "0", "0"),
        ("0.5", "5.05", "5.05"),
        ("100", "15", "15"),  # 5 + 100 x 0.10
        ("101", "15.05", "5.05"),  # + 1 x 0.05 | 101 x 0.05
        ("1000", "60", "50"),  # 15 + 900 x 0.05 | 1000 x 0.05
        ("1001", "80.01", "30.01"),  # + 20 + 1 x 0.01 | 20 + 1001 x 0.01
        ("5000", "120", "70"),
    ],
)
def test_tiers_cost_what_the_table_says(quantity: str, graduated: str, volume: str) -> None:
    assert (cost(GRADUATED, quantity), cost(VOLUME, quantity)) == (D(graduated), D(volume))


@pytest.mark.parametrize(
    ("price", "quantity", "expected"),
    [
        (None, "7", "0"),
        (FlatPrice(D(10)), "0", "10"),
        (UnitPrice(D(1)), "3", "3"),
        (UnitPrice(D("0.001")), "3", "0"),
        (UnitPrice(D("0.001")), "5", "0.01"),  # half a cent goes up
        (PackagePrice(D(2), D(100)), "0", "0"),
        (PackagePrice(D(2), D(100)), "1", "2"),
        (PackagePrice(D(2), D(100)), "100", "2"),
        (PackagePrice(D(2), D(100)), "100.1", "4"),
    ],
)
def test_every_price_has_its_own_rule(price: Price | None, quantity: str, expected: str) -> None:
    assert cost(price, quantity) == D(expected)


def test_free_units_are_taken_off_before_the_price() -> None:
    found = rated(UnitPrice(D(1)), "12", usage=D(10))

    assert (found.metered, found.quantity, found.total) == (D(12), D(2), D(2))


def test_a_percentage_is_taken_off_the_amount() -> None:
    found = rated(UnitPrice(D(1)), "10", percentage=D("12.5"))

    assert (found.amount, found.discount, found.total) == (D(10), D("1.25"), D("8.75"))


def test_a_minimum_adds_what_is_missing_after_discounts() -> None:
    found = rated(UnitPrice(D(1)), "10", percentage=D(50), minimum=D(8))

    assert (found.charge, found.total) == (D(3), D(8))


def test_a_maximum_takes_what_is_above_it_off_the_last_lines() -> None:
    found = rated(GRADUATED, "1001", maximum=D(16))

    assert found.total == D(16)
    assert [one.total for one in found.details] == [D(10), D(5), D(1), 0, 0]


def test_minor_units_are_the_currencys() -> None:
    price = UnitPrice(D("0.12345"))

    assert [cost(price, "10", currency=code) for code in ("JPY", "USD", "KWD")] == [D(1), D("1.23"), D("1.235")]


@pytest.mark.parametrize("code", ["", "usd", "XAU", "ZZZ", "US", "dollar"])
def test_what_is_no_currency_with_a_minor_unit_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        minor_digits(code)


amounts = st.decimals("0", "99999", places=4)


@st.composite
def tiered(draw: st.DrawFn) -> TieredPrice:
    edges = sorted(draw(st.sets(st.integers(1, 10_000), max_size=4)))
    tiers = [Tier(D(edge), draw(amounts), draw(amounts)) for edge in edges]
    return TieredPrice(draw(st.sampled_from(TierMode)), (*tiers, Tier(None, draw(amounts), draw(amounts))))


prices = st.one_of(
    st.builds(FlatPrice, amounts),
    st.builds(UnitPrice, amounts),
    st.builds(PackagePrice, amounts, st.decimals("0.5", "1000", places=2)),
    tiered(),
)
limits = st.one_of(st.none(), amounts)


@given(
    price=prices,
    quantity=st.decimals("0", "1e20", places=6),
    percentage=st.one_of(st.none(), st.decimals("0", "100", places=2)),
    free=limits,
    bounds=st.tuples(limits, limits),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_a_cost_is_whole_minor_units_within_its_commitments(
    price: Price,
    quantity: Decimal,
    percentage: Decimal | None,
    free: Decimal | None,
    bounds: tuple[Decimal | None, Decimal | None],
    currency: str,
) -> None:
    least, most = sorted(bounds) if None not in bounds else bounds  # type: ignore[type-var]

    found = rate(price, quantity, currency, Commitments(least, most), Discounts(percentage, free))

    assert found.total == round_amount(found.total, currency)
    assert found.total == found.amount - found.discount + found.charge
    assert found.total >= (round_amount(least, currency) if least is not None else 0)
    assert most is None or found.total <= max(round_amount(most, currency), round_amount(least or D(0), currency))


@given(price=tiered(), quantity=st.decimals("0.01", "20000", places=2))
def test_graduated_tiers_price_every_unit_once(price: TieredPrice, quantity: Decimal) -> None:
    found = rate(TieredPrice(TierMode.GRADUATED, price.tiers), quantity, "USD", Commitments(), Discounts())
    by_hand, below = D(0), D(0)
    for tier in price.tiers:
        part = max(D(0), (quantity if tier.up_to is None else min(quantity, tier.up_to)) - below)
        if part:
            by_hand += round_amount(part * tier.unit_amount, "USD") + round_amount(tier.flat_amount, "USD")
        below = tier.up_to or below

    assert found.total == by_hand


@pytest.mark.parametrize("options", [{"percentage": D(10)}, {"maximum": D("99999999999999999999.99")}, {}])
def test_no_digit_of_a_large_amount_is_lost(options: dict[str, Any]) -> None:
    found = rated(UnitPrice(D("12345678901234567890.12")), "12345678901234567891", **options)

    assert found.total == Context(prec=200).subtract(found.amount, found.discount)
