"""The tables of docs/billing.md, computed by hand, are what rating answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from dynameter.billing.pricing.price import (
    Commitments,
    Discounts,
    PackagePrice,
    Price,
    Tier,
    TieredPrice,
    TierMode,
    UnitPrice,
)
from dynameter.billing.pricing.rating import rate
from local.template import ROOT

D = Decimal
PAGE = (ROOT / "docs" / "billing.md").read_text()
TIERS = (Tier(D(100), D(5), D("0.10")), Tier(D(1_000), D(0), D("0.05")), Tier(None, D(20), D("0.01")))
PRICES: dict[str, Price] = {
    "graduated": TieredPrice(TierMode.GRADUATED, TIERS),
    "volume": TieredPrice(TierMode.VOLUME, TIERS),
    "unit": UnitPrice(D("0.125")),
    "package": PackagePrice(D(2), D(100)),
}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under the heading, without its head."""
    section = PAGE.partition(f"\n{heading}\n")[2]
    lines = re.search(r"(?m)((?:^\|.*\n)+)", section)
    assert lines is not None
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in lines[1].splitlines()[2:]]


def costs() -> Iterator[tuple[str, str, str]]:
    for quantity, *amounts in table("### Computed by hand"):
        for name, amount in zip(PRICES, amounts, strict=True):
            yield name, quantity, amount.rpartition("=")[2].strip()


@pytest.mark.parametrize(("name", "quantity", "amount"), list(costs()))
def test_a_quantity_costs_what_the_table_says(name: str, quantity: str, amount: str) -> None:
    found = rate(PRICES[name], D(quantity.replace(",", "")), "USD", Commitments(), Discounts())

    assert found.total == D(amount.replace(",", ""))


def test_the_sums_of_the_table_are_right() -> None:
    shown = [cell for _, *cells in table("### Computed by hand") for cell in cells if "=" in cell]
    for cell in shown:
        terms, _, amount = cell.replace(",", "").partition("=")
        parts = [re.findall(r"[\d.]+", term) for term in terms.split("+")]
        total = sum((D(one[0]) * (D(one[1]) if len(one) > 1 else 1) for one in parts), D(0))
        assert total.quantize(D("0.01"), rounding="ROUND_HALF_UP") == D(amount), cell
    assert len(shown) > 10
