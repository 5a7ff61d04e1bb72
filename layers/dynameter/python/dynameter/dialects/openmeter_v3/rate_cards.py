"""Rate cards as OpenMeter v3 and Kong have them: prices, discounts, commitments and entitlement templates, both ways.

A package price has no type of its own in v3: it is a unit price with a ``unit_config`` that divides and rounds up.
Both that and the type ``package`` are read; the first is shown.
"""

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
    "metadata": "labels",
    "cadence": "billing_cadence",
    "feature_key": "feature",
    "up_to": "up_to_amount",
    "flat_amount": "flat_price.amount",
    "unit_amount": "unit_price.amount",
    "minimum": "minimum_amount",
    "maximum": "maximum_amount",
    "issue_after_reset": "issue.amount",
    "issue_after_reset_priority": "issue.priority",
}
"""The wire's names of the core's fields."""

Place = tuple[str | int, ...]

_FIELDS = {
    "free": (),
    "flat": ("amount",),
    "unit": ("amount",),
    "graduated": ("tiers",),
    "volume": ("tiers",),
    "package": ("amount", "quantity_per_package"),
}
"""What a price of each type has, and must have."""


class _Body(BaseModel):
    """Keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class FlatPart(_Body):
    """The flat part of a tier."""

    type: Literal["flat"] = "flat"
    amount: Amount


class UnitPart(_Body):
    """The unit part of a tier."""

    type: Literal["unit"] = "unit"
    amount: Amount


class PriceTier(_Body):
    """A tier of a graduated or volume price."""

    up_to_amount: Amount | None = None
    flat_price: FlatPart | None = None
    unit_price: UnitPart | None = None


class PriceBody(_Body):
    """A price of any type."""

    type: Literal["free", "flat", "unit", "graduated", "volume", "package"]
    amount: Amount | None = None
    tiers: list[PriceTier] | None = Field(default=None, json_schema_extra={"minItems": 1, "maxItems": MAX_TIERS})
    quantity_per_package: Amount | None = None


class UnitConfig(_Body):
    """How a metered quantity becomes billed units; only whole packages are known."""

    operation: Literal["divide"]
    conversion_factor: Amount
    rounding: Literal["ceiling"]
    precision: Literal[0] = 0


class CommitmentsBody(_Body):
    """The least and the most that a period costs."""

    minimum_amount: Amount | None = None
    maximum_amount: Amount | None = None


class DiscountsBody(_Body):
    """A part off the amount, and units that are free."""

    percentage: Amount | None = None
    usage: Amount | None = None


class IssueBody(_Body):
    """The grant at each reset."""

    amount: Amount
    priority: int = Field(default=1, json_schema_extra={"minimum": 1, "maximum": MAX_GRANT_PRIORITY})


class EntitlementBody(_Body):
    """An entitlement template of any type."""

    type: Literal["metered", "static", "boolean"]
    config: str | None = None
    is_soft_limit: bool = False
    issue: IssueBody | None = None
    preserve_overage_at_reset: bool = False
    usage_period: Duration | None = None


class FeatureReference(_Body):
    """A feature by its id."""

    id: str


class RateCardBody(_Body):
    """A rate card; a flat price without a cadence is paid once."""

    key: Slug
    name: Name
    description: Description | None = None
    labels: Metadata | None = None
    feature: FeatureReference | None = None
    billing_cadence: Duration | None = None
    price: PriceBody
    unit_config: UnitConfig | None = None
    payment_term: Literal["in_advance", "in_arrears"] = "in_arrears"
    commitments: CommitmentsBody | None = None
    discounts: DiscountsBody | None = None
    entitlement: EntitlementBody | None = None


class PhaseBody(_Body):
    """A phase of a plan."""

    key: Slug
    name: Name
    description: Description | None = None
    labels: Metadata | None = None
    duration: Duration | None = None
    rate_cards: list[RateCardBody] = Field(json_schema_extra={"maxItems": MAX_RATE_CARDS})


def feature_ids(bodies: Iterable[PhaseBody]) -> dict[str, Place]:
    """The features that a body names, each with the place where it does so first."""
    found: dict[str, Place] = {}
    for index, body in enumerate(bodies):
        for number, card in enumerate(body.rate_cards):
            if card.feature is not None:
                found.setdefault(card.feature.id, ("body", "phases", index, "rate_cards", number, "feature", "id"))
    return found


def read_phases(bodies: Iterable[PhaseBody], keys: dict[str, str]) -> tuple[Phase, ...]:
    """The phases of a body; ``keys`` are the features' keys by id. Raises InvalidInput naming every wrong price."""
    wrong: list[FieldError] = []
    found = tuple(
        Phase(
            key=body.key,
            name=body.name,
            duration=body.duration,
            rate_cards=tuple(
                _read_rate_card(card, keys, ("body", "phases", index, "rate_cards", number), wrong)
                for number, card in enumerate(body.rate_cards)
            ),
            description=body.description,
            metadata=body.labels or {},
        )
        for index, body in enumerate(bodies)
    )
    if wrong:
        raise refuse("invalid plan", wrong)
    return found


def _read_rate_card(body: RateCardBody, keys: dict[str, str], place: Place, wrong: list[FieldError]) -> RateCard:
    price = _read_price(body.price, (*place, "price"), wrong)
    if body.unit_config is not None:
        if isinstance(price, UnitPrice):
            price = PackagePrice(price.amount, body.unit_config.conversion_factor)
        else:
            message = "is only known with a unit price, of one package then"
            wrong.append(FieldError((*place, "unit_config"), "not_supported", message))
    commitments, discounts = body.commitments, body.discounts
    return RateCard(
        key=body.key,
        name=body.name,
        feature_key=None if body.feature is None else keys[body.feature.id],
        cadence=body.billing_cadence,
        price=price,
        payment_term=PaymentTerm(body.payment_term),
        commitments=Commitments(commitments.minimum_amount, commitments.maximum_amount)
        if commitments
        else Commitments(),
        discounts=Discounts(discounts.percentage, discounts.usage) if discounts else Discounts(),
        entitlement=None if body.entitlement is None else _read_entitlement(body.entitlement),
        description=body.description,
        metadata=body.labels or {},
    )


def _read_price(body: PriceBody, place: Place, wrong: list[FieldError]) -> Price | None:
    own = _FIELDS[body.type]
    for name in ("amount", "tiers", "quantity_per_package"):
        sent = getattr(body, name) is not None
        if name in own and not sent:
            wrong.append(FieldError((*place, name), "required", f"{name} is required in a {body.type} price"))
        if sent and name not in own:
            wrong.append(FieldError((*place, name), "unknown", f"is not allowed in a {body.type} price"))
    if any(getattr(body, name) is None for name in own):
        return None
    if body.tiers is not None and "tiers" in own:
        return TieredPrice(TierMode(body.type), tuple(_read_tiers(body.tiers, place, wrong)))
    if body.type == "flat" and body.amount is not None:
        return FlatPrice(body.amount)
    if body.type == "unit" and body.amount is not None:
        return UnitPrice(body.amount)
    if body.quantity_per_package is not None and body.amount is not None:
        return PackagePrice(body.amount, body.quantity_per_package)
    return None


def _read_tiers(bodies: list[PriceTier], place: Place, wrong: list[FieldError]) -> list[Tier]:
    found: list[Tier] = []
    for index, one in enumerate(bodies):
        if one.flat_price is None and one.unit_price is None:
            message = "a tier needs a flat price or a unit price"
            wrong.append(FieldError((*place, "tiers", index), "required", message))
        flat = {} if one.flat_price is None else {"flat_amount": one.flat_price.amount}
        unit = {} if one.unit_price is None else {"unit_amount": one.unit_price.amount}
        found.append(Tier(one.up_to_amount, **flat, **unit))
    return found


def _read_entitlement(body: EntitlementBody) -> EntitlementTemplate:
    return EntitlementTemplate(
        type=EntitlementType(body.type),
        config=body.config if body.type == "static" else None,
        is_soft_limit=body.is_soft_limit,
        issue_after_reset=body.issue.amount if body.issue else None,
        issue_after_reset_priority=body.issue.priority if body.issue else 1,
        preserve_overage_at_reset=body.preserve_overage_at_reset,
        usage_period=body.usage_period,
    )


# ---- rendering


def render_phase(phase: Phase) -> dict[str, Any]:
    """A phase of a plan."""
    return _present(
        key=phase.key,
        name=phase.name,
        description=phase.description,
        labels=dict(phase.metadata),
        duration=phase.duration,
        rate_cards=[render_rate_card(card) for card in phase.rate_cards],
    )


def render_rate_card(card: RateCard) -> dict[str, Any]:
    """A rate card."""
    least, most = card.commitments.minimum, card.commitments.maximum
    commitments = _present(
        minimum_amount=None if least is None else render_text(least),
        maximum_amount=None if most is None else render_text(most),
    )
    return _present(
        key=card.key,
        name=card.name,
        description=card.description,
        labels=dict(card.metadata),
        feature=None if card.feature_id is None else {"id": card.feature_id},
        billing_cadence=card.cadence,
        price=render_price(card.price),
        unit_config=render_unit_config(card.price),
        payment_term=card.payment_term.value,
        commitments=commitments or None,
        discounts=render_discounts(card.discounts),
        entitlement=None if card.entitlement is None else _render_entitlement(card.entitlement),
    )


def render_price(price: Price | None) -> dict[str, Any]:
    """A price; a package price is shown as a unit price, see ``render_unit_config``."""
    match price:
        case None:
            return {"type": "free"}
        case FlatPrice(amount):
            return {"type": "flat", "amount": render_text(amount)}
        case UnitPrice(amount) | PackagePrice(amount, _):
            return {"type": "unit", "amount": render_text(amount)}
        case TieredPrice(mode, tiers):
            return {"type": mode.value, "tiers": [_render_tier(tier) for tier in tiers]}


def render_unit_config(price: Price | None) -> dict[str, Any] | None:
    """What makes packages of units; None for other prices."""
    if not isinstance(price, PackagePrice):
        return None
    factor = render_text(price.quantity_per_package)
    return {"operation": "divide", "conversion_factor": factor, "rounding": "ceiling", "precision": 0}


def render_discounts(discounts: Discounts) -> dict[str, Any] | None:
    """The discounts; None where there are none."""
    percentage, usage = discounts.percentage, discounts.usage
    shown = _present(
        percentage=None if percentage is None else render_number(percentage),
        usage=None if usage is None else render_text(usage),
    )
    return shown or None


def _render_tier(tier: Tier) -> dict[str, Any]:
    return _present(
        up_to_amount=None if tier.up_to is None else render_text(tier.up_to),
        flat_price={"type": "flat", "amount": render_text(tier.flat_amount)},
        unit_price={"type": "unit", "amount": render_text(tier.unit_amount)},
    )


def _render_entitlement(template: EntitlementTemplate) -> dict[str, Any]:
    if template.type is EntitlementType.BOOLEAN:
        return {"type": "boolean"}
    if template.type is EntitlementType.STATIC:
        return {"type": "static", "config": template.config}
    amount = template.issue_after_reset
    issue = (
        None if amount is None else {"amount": render_number(amount), "priority": template.issue_after_reset_priority}
    )
    return _present(
        type="metered",
        is_soft_limit=template.is_soft_limit,
        issue=issue,
        preserve_overage_at_reset=template.preserve_overage_at_reset,
        usage_period=template.usage_period,
    )


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
