"""Rate cards as OpenMeter v1 has them: prices, discounts, commitments and entitlement templates, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.plans.plan import EntitlementTemplate, EntitlementType, PaymentTerm, Phase, RateCard
from dynameter.billing.plans.rules import MAX_RATE_CARDS
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
from dynameter.billing.pricing.rules import MAX_GRANT_PRIORITY, MAX_TIERS
from dynameter.dialects.billing_fields import Amount
from dynameter.dialects.bodies import refuse
from dynameter.dialects.texts import Description, Duration, Metadata, Name, Slug
from dynameter.errors import FieldError
from dynameter.meters.quantity import render_number, render_text

NAMES = {
    "rate_cards": "rateCards",
    "cadence": "billingCadence",
    "feature_key": "featureKey",
    "payment_term": "price.paymentTerm",
    "quantity_per_package": "quantityPerPackage",
    "up_to": "upToAmount",
    "flat_amount": "flatPrice.amount",
    "unit_amount": "unitPrice.amount",
    "commitments": "price",
    "minimum": "minimumAmount",
    "maximum": "maximumAmount",
    "entitlement": "entitlementTemplate",
    "usage_period": "usagePeriod",
    "issue_after_reset": "issueAfterReset",
    "issue_after_reset_priority": "issueAfterResetPriority",
}
"""The wire's names of the core's fields."""

Place = tuple[str | int, ...]
_NO_COMMITMENTS = Commitments()


class _Body(BaseModel):
    """OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)


class SinglePrice(_Body):
    """The flat or the unit part of a tier."""

    amount: Amount


class PriceTier(_Body):
    """A tier of a tiered price."""

    up_to: Amount | None = Field(default=None, alias="upToAmount")
    flat_price: SinglePrice | None = Field(default=None, alias="flatPrice")
    unit_price: SinglePrice | None = Field(default=None, alias="unitPrice")


class PriceBody(_Body):
    """A price of any type."""

    type: Literal["flat", "unit", "tiered", "package", "dynamic"]
    amount: Amount | None = None
    payment_term: Literal["in_advance", "in_arrears"] | None = Field(default=None, alias="paymentTerm")
    mode: Literal["graduated", "volume"] | None = None
    tiers: list[PriceTier] | None = Field(default=None, json_schema_extra={"minItems": 1, "maxItems": MAX_TIERS})
    quantity_per_package: Amount | None = Field(default=None, alias="quantityPerPackage")
    minimum: Amount | None = Field(default=None, alias="minimumAmount")
    maximum: Amount | None = Field(default=None, alias="maximumAmount")


class PercentageDiscount(_Body):
    """So much off the amount."""

    percentage: Amount


class UsageDiscount(_Body):
    """So many units are free."""

    quantity: Amount


class DiscountsBody(_Body):
    """The discounts of a rate card."""

    percentage: PercentageDiscount | None = None
    usage: UsageDiscount | None = None


class EntitlementBody(_Body):
    """An entitlement template of any type."""

    type: Literal["metered", "static", "boolean"]
    config: str | None = None
    is_soft_limit: bool = Field(default=False, alias="isSoftLimit")
    issue_after_reset: Amount | None = Field(default=None, alias="issueAfterReset")
    issue_after_reset_priority: int = Field(
        default=1, alias="issueAfterResetPriority", json_schema_extra={"minimum": 1, "maximum": MAX_GRANT_PRIORITY}
    )
    preserve_overage_at_reset: bool = Field(default=False, alias="preserveOverageAtReset")
    usage_period: Duration | None = Field(default=None, alias="usagePeriod")


class RateCardBody(_Body):
    """A rate card; a flat fee without a cadence is paid once."""

    type: Literal["flat_fee", "usage_based"]
    key: Slug
    name: Name
    description: Description | None = None
    metadata: Metadata | None = None
    feature_key: Slug | None = Field(default=None, alias="featureKey")
    cadence: Duration | None = Field(default=None, alias="billingCadence")
    price: PriceBody | None = None
    discounts: DiscountsBody | None = None
    entitlement: EntitlementBody | None = Field(default=None, alias="entitlementTemplate")


class PhaseBody(_Body):
    """A phase of a plan."""

    key: Slug
    name: Name
    description: Description | None = None
    metadata: Metadata | None = None
    duration: Duration | None = None
    rate_cards: list[RateCardBody] = Field(alias="rateCards", json_schema_extra={"maxItems": MAX_RATE_CARDS})


def read_phases(bodies: Iterable[PhaseBody]) -> tuple[Phase, ...]:
    """The phases of a body. Raises InvalidInput naming every price that lacks something."""
    wrong: list[FieldError] = []
    found = tuple(
        Phase(
            key=body.key,
            name=body.name,
            duration=body.duration,
            rate_cards=tuple(
                _read_rate_card(card, ("body", "phases", index, "rateCards", number), wrong)
                for number, card in enumerate(body.rate_cards)
            ),
            description=body.description,
            metadata=body.metadata or {},
        )
        for index, body in enumerate(bodies)
    )
    if wrong:
        raise refuse("invalid plan", wrong)
    return found


def _read_rate_card(body: RateCardBody, place: Place, wrong: list[FieldError]) -> RateCard:
    price = None if body.price is None else _read_price(body.price, (*place, "price"), wrong)
    if body.type == "flat_fee" and not isinstance(price, FlatPrice | None):
        wrong.append(FieldError((*place, "price", "type"), "enum", "a flat fee has a flat price", choices=("flat",)))
    if body.type == "usage_based" and body.cadence is None:
        wrong.append(FieldError((*place, "billingCadence"), "required", "billingCadence is required"))
    discounts = body.discounts or DiscountsBody()
    usage, percentage = discounts.usage, discounts.percentage
    return RateCard(
        key=body.key,
        name=body.name,
        feature_key=body.feature_key,
        cadence=body.cadence,
        price=price,
        payment_term=_payment_term(body.price),
        commitments=Commitments(body.price.minimum, body.price.maximum) if body.price else Commitments(),
        discounts=Discounts(percentage.percentage if percentage else None, usage.quantity if usage else None),
        entitlement=None if body.entitlement is None else _read_entitlement(body.entitlement),
        description=body.description,
        metadata=body.metadata or {},
    )


def _payment_term(price: PriceBody | None) -> PaymentTerm:
    """Flat prices are due in advance unless they say otherwise, all others in arrears."""
    if price is None or (price.payment_term is None and price.type != "flat"):
        return PaymentTerm.IN_ARREARS
    return PaymentTerm(price.payment_term or "in_advance")


def _read_price(body: PriceBody, place: Place, wrong: list[FieldError]) -> Price | None:
    needed = {
        "flat": ("amount",),
        "unit": ("amount",),
        "package": ("amount", "quantity_per_package"),
        "tiered": ("mode", "tiers"),
        "dynamic": (),
    }[body.type]
    missing = [name for name in needed if getattr(body, name) is None]
    for name in missing:
        wire = NAMES.get(name, name)
        wrong.append(FieldError((*place, wire), "required", f"{wire} is required in a {body.type} price"))
    if body.type == "dynamic":
        message = "dynamic prices are not supported; use a unit price on a meter of the cost"
        wrong.append(FieldError((*place, "type"), "not_supported", message, body.type))
    if missing or body.type == "dynamic":
        return None
    if body.amount is not None and body.type == "flat":
        return FlatPrice(body.amount)
    if body.amount is not None and body.type == "unit":
        return UnitPrice(body.amount)
    if body.amount is not None and body.quantity_per_package is not None:
        return PackagePrice(body.amount, body.quantity_per_package)
    return _read_tiers(body, place, wrong)


def _read_tiers(body: PriceBody, place: Place, wrong: list[FieldError]) -> TieredPrice:
    tiers: list[Tier] = []
    for index, one in enumerate(body.tiers or ()):
        if one.flat_price is None and one.unit_price is None:
            message = "a tier needs a flat price or a unit price"
            wrong.append(FieldError((*place, "tiers", index), "required", message))
        tiers.append(
            Tier(
                one.up_to,
                **({} if one.flat_price is None else {"flat_amount": one.flat_price.amount}),
                **({} if one.unit_price is None else {"unit_amount": one.unit_price.amount}),
            )
        )
    return TieredPrice(TierMode(body.mode), tuple(tiers))


def _read_entitlement(body: EntitlementBody) -> EntitlementTemplate:
    return EntitlementTemplate(
        type=EntitlementType(body.type),
        config=body.config if body.type == "static" else None,
        is_soft_limit=body.is_soft_limit,
        issue_after_reset=body.issue_after_reset,
        issue_after_reset_priority=body.issue_after_reset_priority,
        preserve_overage_at_reset=body.preserve_overage_at_reset,
        usage_period=body.usage_period,
    )


# ---- rendering


def render_phase(phase: Phase) -> dict[str, Any]:
    """A phase of a plan."""
    shown: dict[str, Any] = {
        "key": phase.key,
        "name": phase.name,
        "metadata": dict(phase.metadata) or None,
        "duration": phase.duration,
        "rateCards": [render_rate_card(card) for card in phase.rate_cards],
    }
    return shown | ({} if phase.description is None else {"description": phase.description})


def render_rate_card(card: RateCard) -> dict[str, Any]:
    """A rate card; what is free is usage based where it has a feature and a cadence, else a flat fee."""
    is_free_usage = card.price is None and card.feature_key is not None and card.cadence is not None
    is_flat = isinstance(card.price, FlatPrice | None) and not is_free_usage
    optional = {
        "description": card.description,
        "featureKey": card.feature_key,
        "discounts": render_discounts(card.discounts),
        "entitlementTemplate": None if card.entitlement is None else _render_entitlement(card.entitlement),
    }
    shown = {
        "type": "flat_fee" if is_flat else "usage_based",
        "key": card.key,
        "name": card.name,
        "metadata": dict(card.metadata) or None,
        "billingCadence": card.cadence,
        "price": render_price(card.price, card.payment_term, card.commitments),
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def render_price(
    price: Price | None, payment_term: PaymentTerm, commitments: Commitments = _NO_COMMITMENTS
) -> dict[str, Any] | None:
    """A rate card's price; None where it is free."""
    shown: dict[str, Any]
    match price:
        case None:
            return None
        case FlatPrice(amount):
            shown = {"type": "flat", "amount": render_text(amount), "paymentTerm": payment_term.value}
        case UnitPrice(amount):
            shown = {"type": "unit", "amount": render_text(amount)}
        case PackagePrice(amount, quantity):
            per_package = render_text(quantity)
            shown = {"type": "package", "amount": render_text(amount), "quantityPerPackage": per_package}
        case TieredPrice(mode, tiers):
            shown = {"type": "tiered", "mode": mode.value, "tiers": [_render_tier(tier) for tier in tiers]}
    return shown | _render_commitments(commitments)


def render_discounts(discounts: Discounts) -> dict[str, Any] | None:
    """The discounts; None where there are none."""
    shown: dict[str, Any] = {}
    if discounts.percentage is not None:
        shown["percentage"] = {"percentage": render_number(discounts.percentage)}
    if discounts.usage is not None:
        shown["usage"] = {"quantity": render_text(discounts.usage)}
    return shown or None


def _render_tier(tier: Tier) -> dict[str, Any]:
    shown = {} if tier.up_to is None else {"upToAmount": render_text(tier.up_to)}
    return {
        **shown,
        "flatPrice": {"type": "flat", "amount": render_text(tier.flat_amount)},
        "unitPrice": {"type": "unit", "amount": render_text(tier.unit_amount)},
    }


def _render_commitments(commitments: Commitments) -> dict[str, str]:
    amounts = {"minimumAmount": commitments.minimum, "maximumAmount": commitments.maximum}
    return {name: render_text(amount) for name, amount in amounts.items() if amount is not None}


def _render_entitlement(template: EntitlementTemplate) -> dict[str, Any]:
    if template.type is EntitlementType.BOOLEAN:
        return {"type": "boolean"}
    if template.type is EntitlementType.STATIC:
        return {"type": "static", "config": template.config}
    shown: dict[str, Any] = {
        "type": "metered",
        "isSoftLimit": template.is_soft_limit,
        "preserveOverageAtReset": template.preserve_overage_at_reset,
    }
    if template.issue_after_reset is not None:
        shown["issueAfterReset"] = render_number(template.issue_after_reset)
        shown["issueAfterResetPriority"] = template.issue_after_reset_priority
    if template.usage_period is not None:
        shown["usagePeriod"] = template.usage_period
    return shown
