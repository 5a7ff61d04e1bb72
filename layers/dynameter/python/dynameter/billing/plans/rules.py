"""The rules of a plan. Pure.

``check_draft`` has what makes a draft unusable: it is refused. ``find_problems`` has what a draft may still lack: it is
stored with them, shows them, and cannot be published. Locations are ``("body", <the field's name here>, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import EntitlementType, Phase, Plan, PlanDraft, RateCard
from dynameter.billing.plans.records import encode_phases
from dynameter.billing.pricing.money import UnknownCurrency, minor_digits
from dynameter.billing.pricing.price import FlatPrice
from dynameter.billing.pricing.rules import Place, are_aligned, check_cadence, check_duration, check_rate_card
from dynameter.billing.texts import check_texts
from dynameter.errors import FieldError
from dynameter.meters.rules import SLUG_PATTERN, is_id, is_slug

MAX_PLANS = 1_000
"""Plans of a workspace, every version counted, deleted ones not."""
MAX_VERSIONS = 100
"""Of one plan, deleted ones not counted."""
MAX_PHASES = 20
MAX_RATE_CARDS = 100
"""Of one phase."""
MAX_PLAN_RATE_CARDS = 500
"""Of all phases together."""
MAX_PLAN_BYTES = 150_000
"""All phases as compact JSON; a subscription holds a copy of them, and an item of DynamoDB 400 KB."""


def check_draft(draft: PlanDraft) -> Iterator[FieldError]:
    """What makes the draft unusable."""
    if is_id(draft.key):
        yield FieldError(("body", "key"), "pattern", "must not be a ULID", draft.key)
    yield from _check_key(draft.key, ("body",))
    yield from check_texts(draft.name, draft.description, draft.metadata)
    try:
        minor_digits(draft.currency)
    except UnknownCurrency:
        message = "must be an ISO 4217 code with a minor unit, such as USD"
        yield FieldError(("body", "currency"), "currency", message, draft.currency[:64])
    yield from check_cadence(draft.cadence, ("body", "cadence"))
    if not 1 <= len(draft.phases) <= MAX_PHASES:
        yield FieldError(("body", "phases"), "items", f"must have 1 to {MAX_PHASES} phases")
        return
    cards = sum(len(phase.rate_cards) for phase in draft.phases)
    if cards > MAX_PLAN_RATE_CARDS:
        message = f"must have at most {MAX_PLAN_RATE_CARDS} rate cards together"
        yield FieldError(("body", "phases"), "max_items", message)
        return
    yield from _check_unique([phase.key for phase in draft.phases], ("body", "phases"))
    for index, phase in enumerate(draft.phases):
        yield from _check_phase(phase, ("body", "phases", index))
    if len(encode_phases(draft.phases)) > MAX_PLAN_BYTES:
        yield FieldError(("body", "phases"), "max_length", f"must have at most {MAX_PLAN_BYTES} bytes as JSON")


def _check_phase(phase: Phase, place: Place) -> Iterator[FieldError]:
    yield from _check_key(phase.key, place)
    yield from _moved(check_texts(phase.name, phase.description, phase.metadata), place)
    if phase.duration is not None:
        yield from check_duration(phase.duration, (*place, "duration"))
    if len(phase.rate_cards) > MAX_RATE_CARDS:
        message = f"must have at most {MAX_RATE_CARDS} rate cards"
        yield FieldError((*place, "rate_cards"), "max_items", message)
        return
    yield from _check_unique([card.key for card in phase.rate_cards], (*place, "rate_cards"))
    for index, card in enumerate(phase.rate_cards):
        where = (*place, "rate_cards", index)
        yield from _check_key(card.key, where)
        yield from _moved(check_texts(card.name, card.description, card.metadata), where)
        yield from check_rate_card(card, where)


def find_problems(plan: Plan, features: Mapping[str, Feature]) -> Iterator[FieldError]:
    """What keeps the plan from being published; ``features`` are the live ones by key."""
    last = len(plan.phases) - 1
    for index, phase in enumerate(plan.phases):
        place: Place = ("body", "phases", index)
        if phase.duration is None and index != last:
            message = "only the last phase can be without a duration"
            yield FieldError((*place, "duration"), "plan_phase_without_duration", message)
        if not phase.rate_cards:
            yield FieldError((*place, "rate_cards"), "plan_phase_has_no_rate_cards", "must have a rate card")
        for number, card in enumerate(phase.rate_cards):
            yield from _find_card_problems(plan, card, features, (*place, "rate_cards", number))


def _find_card_problems(
    plan: Plan, card: RateCard, features: Mapping[str, Feature], place: Place
) -> Iterator[FieldError]:
    if card.cadence is not None and not are_aligned(card.cadence, plan.cadence):
        message = f"the cadence {card.cadence} must divide the plan's, {plan.cadence}, or be divided by it"
        yield FieldError((*place, "cadence"), "rate_card_billing_cadence_unaligned", message, card.cadence)
    by_usage = not isinstance(card.price, FlatPrice | None)
    if card.feature_key is None:
        if by_usage:
            yield FieldError((*place, "feature_key"), "rate_card_feature_required", "a price by usage needs a feature")
        return
    feature = features.get(card.feature_key)
    if feature is None:
        message = f"there is no feature with key {card.feature_key}"
        yield FieldError((*place, "feature_key"), "rate_card_feature_not_found", message, card.feature_key)
        return
    is_metered = card.entitlement is not None and card.entitlement.type is EntitlementType.METERED
    if feature.meter_id is None and (by_usage or is_metered):
        message = f"feature {feature.key} has no meter, so its usage is not known"
        yield FieldError((*place, "feature_key"), "rate_card_feature_not_metered", message, card.feature_key)


def _check_key(key: str, place: Place) -> Iterator[FieldError]:
    if not is_slug(key):
        message = f"must have 1 to 64 characters and match {SLUG_PATTERN}"
        yield FieldError((*place, "key"), "pattern", message, key[:64])


def _check_unique(keys: list[str], place: Place) -> Iterator[FieldError]:
    for index, key in enumerate(keys):
        if key in keys[:index]:
            yield FieldError((*place, index, "key"), "unique", "must not be there twice", key[:64])


def _moved(errors: Iterator[FieldError], place: Place) -> Iterator[FieldError]:
    for one in errors:
        yield FieldError((*place, *one.location[1:]), one.rule, one.message, one.input, one.choices, one.context)
