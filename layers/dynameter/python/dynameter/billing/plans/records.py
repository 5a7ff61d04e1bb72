"""Plans' phases and rate cards as JSON text, the form in which plans and subscriptions keep them. Pure.

Names are short where they are many; amounts are texts, so that they keep their digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.billing.plans.plan import EntitlementTemplate, EntitlementType, PaymentTerm, Phase, RateCard
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
from dynameter.meters.quantity import render_text

Record = dict[str, Any]

_PACKAGE_SIZE = "size"


def encode_phases(phases: Iterable[Phase]) -> bytes:
    """The phases as compact JSON."""
    return codec.encode([_phase_record(phase) for phase in phases])


def decode_phases(text: str) -> tuple[Phase, ...]:
    """The phases of such text."""
    return tuple(_read_phase(record) for record in codec.decode(text))


def rate_card_record(card: RateCard) -> Record:
    """The rate card as JSON values; what is unset is left out."""
    template = card.entitlement
    return _without_none(
        key=card.key,
        name=card.name,
        feature=card.feature_key,
        feature_id=card.feature_id,
        cadence=card.cadence,
        price=_price_record(card.price),
        term=card.payment_term.value,
        min=_text(card.commitments.minimum),
        max=_text(card.commitments.maximum),
        percentage=_text(card.discounts.percentage),
        free=_text(card.discounts.usage),
        entitlement=None if template is None else _template_record(template),
        description=card.description,
        metadata=dict(card.metadata) or None,
    )


def read_rate_card(record: Record) -> RateCard:
    """The rate card of such JSON values."""
    template = record.get("entitlement")
    return RateCard(
        key=record["key"],
        name=record["name"],
        feature_key=record.get("feature"),
        feature_id=record.get("feature_id"),
        cadence=record.get("cadence"),
        price=_read_price(record.get("price")),
        payment_term=PaymentTerm(record["term"]),
        commitments=Commitments(_number(record.get("min")), _number(record.get("max"))),
        discounts=Discounts(_number(record.get("percentage")), _number(record.get("free"))),
        entitlement=None if template is None else _read_template(template),
        description=record.get("description"),
        metadata=record.get("metadata", {}),
    )


def _phase_record(phase: Phase) -> Record:
    return _without_none(
        key=phase.key,
        name=phase.name,
        duration=phase.duration,
        rate_cards=[rate_card_record(card) for card in phase.rate_cards],
        description=phase.description,
        metadata=dict(phase.metadata) or None,
    )


def _read_phase(record: Record) -> Phase:
    return Phase(
        key=record["key"],
        name=record["name"],
        duration=record.get("duration"),
        rate_cards=tuple(read_rate_card(card) for card in record["rate_cards"]),
        description=record.get("description"),
        metadata=record.get("metadata", {}),
    )


def _price_record(price: Price | None) -> Record | None:
    match price:
        case None:
            return None
        case FlatPrice(amount):
            return {"type": "flat", "amount": render_text(amount)}
        case UnitPrice(amount):
            return {"type": "unit", "amount": render_text(amount)}
        case PackagePrice(amount, size):
            return {"type": "package", "amount": render_text(amount), _PACKAGE_SIZE: render_text(size)}
        case TieredPrice(mode, tiers):
            steps = [[_text(one.up_to), _text(one.flat_amount), _text(one.unit_amount)] for one in tiers]
            return {"type": mode.value, "tiers": steps}


def _read_price(record: Record | None) -> Price | None:
    if record is None:
        return None
    match record["type"]:
        case "flat":
            return FlatPrice(Decimal(record["amount"]))
        case "unit":
            return UnitPrice(Decimal(record["amount"]))
        case "package":
            return PackagePrice(Decimal(record["amount"]), Decimal(record[_PACKAGE_SIZE]))
    tiers = (Tier(_number(top), Decimal(flat), Decimal(unit)) for top, flat, unit in record["tiers"])
    return TieredPrice(TierMode(record["type"]), tuple(tiers))


def _template_record(template: EntitlementTemplate) -> Record:
    return _without_none(
        type=template.type.value,
        config=template.config,
        soft=template.is_soft_limit or None,
        issue=_text(template.issue_after_reset),
        priority=template.issue_after_reset_priority,
        keep_overage=template.preserve_overage_at_reset or None,
        period=template.usage_period,
    )


def _read_template(record: Record) -> EntitlementTemplate:
    return EntitlementTemplate(
        type=EntitlementType(record["type"]),
        config=record.get("config"),
        is_soft_limit=record.get("soft", False),
        issue_after_reset=_number(record.get("issue")),
        issue_after_reset_priority=record["priority"],
        preserve_overage_at_reset=record.get("keep_overage", False),
        usage_period=record.get("period"),
    )


def _without_none(**fields: Any) -> Record:
    return {name: value for name, value in fields.items() if value is not None}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else render_text(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
