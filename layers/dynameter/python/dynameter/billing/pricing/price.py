"""Prices: what a quantity costs. Amounts and quantities are Decimal. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class TierMode(Enum):
    """GRADUATED: each part of the quantity at its tier's price. VOLUME: all of it at the price of the last tier."""

    GRADUATED = "graduated"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class FlatPrice:
    """So much a period, whatever is used."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """So much a unit."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """Quantities above the tier before, up to and with ``up_to`` (None: without end)."""

    up_to: Decimal | None
    flat_amount: Decimal = Decimal(0)
    unit_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class TieredPrice:
    """Prices by tiers, in the order of ``up_to``, the last of them open."""

    mode: TierMode
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class PackagePrice:
    """So much for each package of units begun."""

    amount: Decimal
    quantity_per_package: Decimal


Price = FlatPrice | UnitPrice | TieredPrice | PackagePrice
"""A free rate card has no price (None)."""


@dataclass(frozen=True, slots=True)
class Commitments:
    """The least and the most that a period's usage costs."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Discounts:
    """``usage`` units of each period are free; then ``percentage`` (0 to 100) is taken off the amount."""

    percentage: Decimal | None = None
    usage: Decimal | None = None
