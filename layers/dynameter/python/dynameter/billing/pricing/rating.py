"""What a quantity costs: prices, then discounts, then commitments. Pure.

In this order, each step on what the one before left:
1. ``discounts.usage`` units are free;
2. the price makes detailed lines, each rounded by money's rule;
3. ``discounts.percentage`` is taken off each of them, rounded by the same rule;
4. what is above ``commitments.maximum`` is taken off, from the last line backwards;
5. what is missing to ``commitments.minimum`` is one more line.

A tier takes the quantities above the tier before, up to and with its own ``up_to``; its flat amount is due once its
first fraction of a unit is. Nothing used costs nothing but a flat price and the minimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from enum import Enum

from dynameter.billing.pricing.money import WORKING, round_amount, total
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

_ZERO = Decimal(0)
_ONE = Decimal(1)
_HUNDRED = Decimal(100)


class DetailKind(Enum):
    """Where a detailed line comes from."""

    USAGE = "usage"
    FLAT = "flat"
    MINIMUM = "minimum"


@dataclass(frozen=True, slots=True)
class Detail:
    """One detailed line: ``quantity`` times ``unit_amount`` is ``amount`` (rounded), less ``discount``."""

    name: str
    kind: DetailKind
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    discount: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """What is due for it."""
        return WORKING.subtract(self.amount, self.discount)


@dataclass(frozen=True, slots=True)
class Rated:
    """The cost of a metered quantity; ``quantity`` is what was left of it to be priced."""

    metered: Decimal
    quantity: Decimal
    details: tuple[Detail, ...]

    @property
    def amount(self) -> Decimal:
        """What the price alone asks."""
        return total([one.amount for one in self.details if one.kind is not DetailKind.MINIMUM])

    @property
    def discount(self) -> Decimal:
        """What discounts and the maximum took off."""
        return total([one.discount for one in self.details])

    @property
    def charge(self) -> Decimal:
        """What the minimum added."""
        return total([one.amount for one in self.details if one.kind is DetailKind.MINIMUM])

    @property
    def total(self) -> Decimal:
        """What is due."""
        return total([one.total for one in self.details])


def rate(price: Price | None, metered: Decimal, currency: str, commitments: Commitments, discounts: Discounts) -> Rated:
    """Rate a quantity, 0 or more, of one period. No price is free, whatever the commitments."""
    free = discounts.usage or _ZERO
    quantity = max(_ZERO, WORKING.subtract(metered, free))
    if price is None:
        return Rated(metered, quantity, ())
    details = [_rounded(one, currency) for one in _details(price, quantity)]
    if discounts.percentage:
        details = [_discounted(one, discounts.percentage, currency) for one in details]
    if commitments.maximum is not None:
        details = _capped(details, round_amount(commitments.maximum, currency))
    if commitments.minimum is not None:
        missing = WORKING.subtract(round_amount(commitments.minimum, currency), total([one.total for one in details]))
        if missing > 0:
            details.append(Detail("minimum spend", DetailKind.MINIMUM, _ONE, missing, missing))
    return Rated(metered, quantity, tuple(details))


def _details(price: Price, quantity: Decimal) -> Iterator[Detail]:
    match price:
        case FlatPrice(amount):
            yield _flat("flat price", amount)
        case UnitPrice(amount):
            if quantity:
                yield _usage("usage in period", quantity, amount)
        case PackagePrice(amount, size):
            if quantity:
                packages = WORKING.divide(quantity, size).to_integral_value(ROUND_CEILING, WORKING)
                yield _usage("packages in period", packages, amount)
        case TieredPrice(TierMode.VOLUME, tiers):
            if quantity:
                yield from _volume(tiers, quantity)
        case TieredPrice(TierMode.GRADUATED, tiers):
            yield from _graduated(tiers, quantity)


def _volume(tiers: tuple[Tier, ...], quantity: Decimal) -> Iterator[Detail]:
    for number, tier in enumerate(tiers, 1):
        if tier.up_to is None or quantity <= tier.up_to:
            yield from _tier(number, tier, quantity)
            return


def _graduated(tiers: tuple[Tier, ...], quantity: Decimal) -> Iterator[Detail]:
    below = _ZERO
    for number, tier in enumerate(tiers, 1):
        if quantity <= below:
            return
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        yield from _tier(number, tier, WORKING.subtract(top, below))
        below = top


def _tier(number: int, tier: Tier, quantity: Decimal) -> Iterator[Detail]:
    if tier.unit_amount:
        yield _usage(f"usage price for tier {number}", quantity, tier.unit_amount)
    if tier.flat_amount:
        yield _flat(f"flat price for tier {number}", tier.flat_amount)


def _usage(name: str, quantity: Decimal, unit_amount: Decimal) -> Detail:
    return Detail(name, DetailKind.USAGE, quantity, unit_amount, WORKING.multiply(quantity, unit_amount))


def _flat(name: str, amount: Decimal) -> Detail:
    return Detail(name, DetailKind.FLAT, _ONE, amount, amount)


def _rounded(one: Detail, currency: str) -> Detail:
    return replace(one, amount=round_amount(one.amount, currency))


def _discounted(one: Detail, percentage: Decimal, currency: str) -> Detail:
    share = WORKING.divide(WORKING.multiply(one.amount, percentage), _HUNDRED)
    return replace(one, discount=round_amount(share, currency))


def _capped(details: list[Detail], most: Decimal) -> list[Detail]:
    """Take what is above the maximum off the last lines, so that the first keep their price."""
    above = WORKING.subtract(total([one.total for one in details]), most)
    found = list(details)
    for index in reversed(range(len(found))):
        if above <= 0:
            break
        taken = min(above, found[index].total)
        found[index] = replace(found[index], discount=WORKING.add(found[index].discount, taken))
        above = WORKING.subtract(above, taken)
    return found
