"""Prices, discounts and entitlement templates, which plans, subscriptions and invoices have in common."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from dynameter.openapi.shapes import DecimalText, Number

PaymentTerm = Literal["in_advance", "in_arrears"]
SettlementMode = Literal["credit_then_invoice", "credit_only"]


class FlatPrice(TypedDict):
    """A fee, once or each billing period."""

    type: Literal["flat"]
    amount: DecimalText
    paymentTerm: PaymentTerm


class _UsagePrice(TypedDict):
    minimumAmount: NotRequired[DecimalText]
    maximumAmount: NotRequired[DecimalText]


class UnitPrice(_UsagePrice):
    """So much a unit."""

    type: Literal["unit"]
    amount: DecimalText


class PackagePrice(_UsagePrice):
    """So much a package, begun ones counted."""

    type: Literal["package"]
    amount: DecimalText
    quantityPerPackage: DecimalText


class TierFlatPrice(TypedDict):
    """What is due once a tier is reached."""

    type: Literal["flat"]
    amount: DecimalText


class TierUnitPrice(TypedDict):
    """What a unit in a tier costs."""

    type: Literal["unit"]
    amount: DecimalText


class PricedTier(TypedDict):
    """A tier, up to and with its amount; the last one has no end."""

    upToAmount: NotRequired[DecimalText]
    flatPrice: TierFlatPrice
    unitPrice: TierUnitPrice


class TieredPrice(_UsagePrice):
    """Tiers: each for its own part of the quantity (graduated), or one for all of it (volume)."""

    type: Literal["tiered"]
    mode: Literal["graduated", "volume"]
    tiers: list[PricedTier]


Price = TypeAliasType(
    "Price", Annotated[FlatPrice | UnitPrice | PackagePrice | TieredPrice, Field(discriminator="type")]
)


class DiscountPercentage(TypedDict):
    """So much off the amount."""

    percentage: Number


class DiscountUsage(TypedDict):
    """So many units are free."""

    quantity: DecimalText


class Discounts(TypedDict):
    """What is taken off."""

    percentage: NotRequired[DiscountPercentage]
    usage: NotRequired[DiscountUsage]


class MeteredTemplate(TypedDict):
    """An entitlement with a balance."""

    type: Literal["metered"]
    isSoftLimit: bool
    preserveOverageAtReset: bool
    issueAfterReset: NotRequired[Number]
    issueAfterResetPriority: NotRequired[int]
    usagePeriod: NotRequired[str]


class StaticTemplate(TypedDict):
    """An entitlement with a configuration, JSON as text."""

    type: Literal["static"]
    config: str


class BooleanTemplate(TypedDict):
    """An entitlement that is only there."""

    type: Literal["boolean"]


EntitlementTemplate = TypeAliasType(
    "EntitlementTemplate", Annotated[MeteredTemplate | StaticTemplate | BooleanTemplate, Field(discriminator="type")]
)


class RateCard(TypedDict):
    """One thing that a plan sells; without a price it is free, without a cadence it is paid once."""

    type: Literal["flat_fee", "usage_based"]
    key: str
    name: str
    description: NotRequired[str]
    metadata: dict[str, str] | None
    featureKey: NotRequired[str]
    billingCadence: str | None
    price: Price | None
    discounts: NotRequired[Discounts]
    entitlementTemplate: NotRequired[EntitlementTemplate]


class ProRating(TypedDict):
    """Whether fees are cut to the part of their period that is billed."""

    enabled: bool
    mode: Literal["prorate_prices"]
