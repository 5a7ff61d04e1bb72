"""What plans, subscriptions and charges show of prices and rate cards, in OpenMeter v3's form."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.openapi.shapes import DecimalText, Number, Ulid


class FreePrice(TypedDict):
    """Nothing is to be paid."""

    type: Literal["free"]


class FlatPrice(TypedDict):
    """So much a period, whatever is used."""

    type: Literal["flat"]
    amount: DecimalText


class UnitPrice(TypedDict):
    """So much a unit; with a unit config so much a package."""

    type: Literal["unit"]
    amount: DecimalText


class Tier(TypedDict):
    """Quantities above the tier before, up to and with the amount; the last tier has none."""

    up_to_amount: NotRequired[DecimalText]
    flat_price: FlatPrice
    unit_price: UnitPrice


class TieredPrice(TypedDict):
    """``graduated``: each part of the quantity at its tier's price; ``volume``: all of it at the last one's."""

    type: Literal["graduated", "volume"]
    tiers: list[Tier]


Price = Annotated[FreePrice | FlatPrice | UnitPrice | TieredPrice, Field(discriminator="type")]


class Packages(TypedDict):
    """How a metered quantity becomes billed packages, begun ones counted."""

    operation: Literal["divide"]
    conversion_factor: DecimalText
    rounding: Literal["ceiling"]
    precision: Literal[0]


class Commitments(TypedDict):
    """The least and the most that a period costs."""

    minimum_amount: NotRequired[DecimalText]
    maximum_amount: NotRequired[DecimalText]


class Discounts(TypedDict):
    """Units that are free, then a part off the amount, in percent."""

    percentage: NotRequired[Number]
    usage: NotRequired[DecimalText]


class Issue(TypedDict):
    """The grant at each reset."""

    amount: Number
    priority: int


class MeteredTemplate(TypedDict):
    """An entitlement to a balance."""

    type: Literal["metered"]
    is_soft_limit: bool
    issue: NotRequired[Issue]
    preserve_overage_at_reset: bool
    usage_period: NotRequired[str]


class StaticTemplate(TypedDict):
    """An entitlement to a configuration, JSON text."""

    type: Literal["static"]
    config: str


class BooleanTemplate(TypedDict):
    """An entitlement that is there or not."""

    type: Literal["boolean"]


class FeatureId(TypedDict):
    """The feature that is sold."""

    id: Ulid


class RateCard(TypedDict):
    """What is to be paid for a feature; a flat price without a cadence is paid once."""

    key: str
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    feature: NotRequired[FeatureId]
    billing_cadence: NotRequired[str]
    price: Price
    unit_config: NotRequired[Packages]
    payment_term: Literal["in_advance", "in_arrears"]
    commitments: NotRequired[Commitments]
    discounts: NotRequired[Discounts]
    entitlement: NotRequired[Annotated[MeteredTemplate | StaticTemplate | BooleanTemplate, Field(discriminator="type")]]
