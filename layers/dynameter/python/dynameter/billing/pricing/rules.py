"""The rules of a rate card: its price, cadence, discounts, commitments and entitlement. Pure.

Locations are ``(<place of the rate card>, <the field's name here>, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dynameter import codec
from dynameter.billing.period import Cadence, InvalidCadence, read_cadence
from dynameter.billing.plans.plan import EntitlementTemplate, EntitlementType, PaymentTerm, RateCard
from dynameter.billing.pricing.price import FlatPrice, PackagePrice, Price, TieredPrice, UnitPrice
from dynameter.errors import FieldError
from dynameter.meters.quantity import MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS, UnusableQuantity, parse_quantity

MAX_TIERS = 100
MAX_CONFIG_BYTES = 4_096
"""Of a static entitlement's configuration."""
MAX_GRANT_PRIORITY = 255
MAX_CADENCE_YEARS = 10
"""Of a billing cadence, a usage period and a phase."""

_MAX_CADENCE_US = Cadence(years=MAX_CADENCE_YEARS).about_us
_HUNDRED = Decimal(100)
_PERIOD_FORM = "must be an ISO 8601 duration of whole years and months, or of whole weeks and days, such as P1M"

Place = tuple[str | int, ...]


def check_rate_card(card: RateCard, place: Place) -> Iterator[FieldError]:
    """What is wrong with a rate card, whatever else is in its plan."""
    if card.feature_key is not None and card.feature_key != card.key:
        message = "the rate card's key must be the key of its feature"
        yield FieldError((*place, "key"), "rate_card_key_feature_key_mismatch", message, card.key[:64])
    if card.cadence is not None:
        yield from check_cadence(card.cadence, (*place, "cadence"))
    elif not isinstance(card.price, FlatPrice | None):
        message = "a price by usage needs a billing cadence"
        yield FieldError((*place, "cadence"), "required", message)
    if card.payment_term is PaymentTerm.IN_ADVANCE and not isinstance(card.price, FlatPrice | None):
        message = "only a flat price can be paid in advance; what is used is known in arrears"
        yield FieldError((*place, "payment_term"), "payment_term_usage_price", message, card.payment_term.value)
    if card.price is not None:
        yield from _check_price(card.price, (*place, "price"))
    yield from _check_commitments(card, (*place, "commitments"))
    yield from _check_discounts(card, (*place, "discounts"))
    if card.entitlement is not None:
        yield from _check_entitlement(card, card.entitlement, (*place, "entitlement"))


def check_cadence(text: str, place: Place) -> Iterator[FieldError]:
    """What is wrong with a billing cadence: it is counted in months or in days, not in both."""
    cadence = _read(text)
    if cadence is None or cadence.hours or ((cadence.years or cadence.months) and (cadence.weeks or cadence.days)):
        yield FieldError(place, "format", _PERIOD_FORM, text[:64])
    elif cadence.about_us > _MAX_CADENCE_US:
        yield FieldError(place, "range", f"must be at most {MAX_CADENCE_YEARS} years", text[:64])


def check_duration(text: str, place: Place) -> Iterator[FieldError]:
    """What is wrong with the duration of a phase or a usage period."""
    duration = _read(text)
    if duration is None:
        message = "must be an ISO 8601 duration of whole years, months, weeks, days or hours, such as P1M"
        yield FieldError(place, "format", message, text[:64])
    elif duration.about_us > _MAX_CADENCE_US:
        yield FieldError(place, "range", f"must be at most {MAX_CADENCE_YEARS} years", text[:64])


def are_aligned(one: str, other: str) -> bool:
    """Whether the one billing cadence is the other some whole number of times, or the other way round."""
    first, second = _units(one), _units(other)
    (months, days), (other_months, other_days) = first, second
    if (months and days) or (other_months and other_days) or bool(months) is not bool(other_months):
        return first == second
    small, large = sorted((months or days, other_months or other_days))
    return small > 0 and large % small == 0


def _units(text: str) -> tuple[int, int]:
    cadence = read_cadence(text)
    return cadence.years * 12 + cadence.months, cadence.weeks * 7 + cadence.days


def _read(text: str) -> Cadence | None:
    try:
        return read_cadence(text)
    except InvalidCadence:
        return None


def _check_price(price: Price, place: Place) -> Iterator[FieldError]:
    match price:
        case FlatPrice(amount) | UnitPrice(amount):
            yield from _check_amount(amount, (*place, "amount"))
        case PackagePrice(amount, quantity):
            yield from _check_amount(amount, (*place, "amount"))
            yield from _check_amount(quantity, (*place, "quantity_per_package"), above_zero=True)
        case TieredPrice():
            yield from _check_tiers(price, (*place, "tiers"))


def _check_tiers(price: TieredPrice, place: Place) -> Iterator[FieldError]:
    if not 1 <= len(price.tiers) <= MAX_TIERS:
        yield FieldError(place, "items", f"must have 1 to {MAX_TIERS} tiers")
        return
    below = Decimal(0)
    last = len(price.tiers) - 1
    for index, tier in enumerate(price.tiers):
        yield from _check_amount(tier.flat_amount, (*place, index, "flat_amount"))
        yield from _check_amount(tier.unit_amount, (*place, index, "unit_amount"))
        where = (*place, index, "up_to")
        if tier.up_to is None:
            if index != last:
                yield FieldError(where, "open_tier", "only the last tier can be without end")
            continue
        if index == last:
            yield FieldError(where, "open_tier", "the last tier must be without end")
        yield from _check_amount(tier.up_to, where, above_zero=True)
        if tier.up_to <= below:
            yield FieldError(where, "tier_order", "must be more than in the tier before")
        below = max(below, tier.up_to)


def _check_commitments(card: RateCard, place: Place) -> Iterator[FieldError]:
    least, most = card.commitments.minimum, card.commitments.maximum
    if least is None and most is None:
        return
    if isinstance(card.price, FlatPrice | None):
        yield FieldError(place, "not_allowed", "only a price by usage can have commitments")
    for name, amount in (("minimum", least), ("maximum", most)):
        if amount is not None:
            yield from _check_amount(amount, (*place, name))
    if least is not None and most is not None and most < least:
        yield FieldError((*place, "maximum"), "range", "must be at least the minimum")


def _check_discounts(card: RateCard, place: Place) -> Iterator[FieldError]:
    percentage, usage = card.discounts.percentage, card.discounts.usage
    if card.price is None and (percentage is not None or usage is not None):
        yield FieldError(place, "not_allowed", "what is free has no discounts")
    if percentage is not None and not 0 <= percentage <= _HUNDRED:
        yield FieldError((*place, "percentage"), "range", "must be a number from 0 to 100")
    if usage is not None:
        yield from _check_amount(usage, (*place, "usage"))
        if isinstance(card.price, FlatPrice):
            yield FieldError((*place, "usage"), "not_allowed", "a flat price has no discount on usage")


def _check_entitlement(card: RateCard, template: EntitlementTemplate, place: Place) -> Iterator[FieldError]:
    if card.feature_key is None:
        yield FieldError(place, "feature_required", "an entitlement needs a feature")
    if template.usage_period is not None:
        yield from check_duration(template.usage_period, (*place, "usage_period"))
    elif template.type is EntitlementType.METERED and card.cadence is None:
        yield FieldError((*place, "usage_period"), "required", "is required where there is no billing cadence")
    if template.issue_after_reset is not None:
        yield from _check_amount(template.issue_after_reset, (*place, "issue_after_reset"))
    if not 1 <= template.issue_after_reset_priority <= MAX_GRANT_PRIORITY:
        message = f"must be a whole number from 1 to {MAX_GRANT_PRIORITY}"
        yield FieldError((*place, "issue_after_reset_priority"), "range", message)
    if template.type is EntitlementType.STATIC:
        yield from _check_config(template.config, (*place, "config"))


def _check_config(config: str | None, place: Place) -> Iterator[FieldError]:
    if config is None:
        yield FieldError(place, "required", "config is required in a static entitlement")
        return
    if len(config.encode()) > MAX_CONFIG_BYTES:
        yield FieldError(place, "max_length", f"must have at most {MAX_CONFIG_BYTES} bytes")
        return
    try:
        codec.decode(config)
    except codec.MalformedJson as error:
        yield FieldError(place, "json", f"must be JSON text: {error}")


def _check_amount(amount: Decimal, place: Place, *, above_zero: bool = False) -> Iterator[FieldError]:
    try:
        parse_quantity(amount)
    except UnusableQuantity:
        message = f"must have at most {MAX_INTEGER_DIGITS} digits before and {MAX_FRACTION_DIGITS} after the point"
        yield FieldError(place, "digits", message)
        return
    if above_zero and amount <= 0:
        yield FieldError(place, "range", "must be more than 0")
    elif amount < 0:
        yield FieldError(place, "range", "must not be negative")
