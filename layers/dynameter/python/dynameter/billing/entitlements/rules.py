"""The rules of entitlements, grants and resets, and the limits that keep a balance affordable. Pure.

Locations are ``("body", <the field's name in the draft>, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dynameter import codec
from dynameter.billing.entitlements.entitlement import EntitlementDraft, GrantDraft
from dynameter.billing.features.feature import Feature
from dynameter.billing.period import InvalidCadence, read_cadence
from dynameter.billing.plans.plan import EntitlementType
from dynameter.billing.texts import check_metadata
from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import FieldError

MAX_ENTITLEMENTS = 200
"""Entitlements in force of one owner."""
MAX_KEPT = 1_000
"""Entitlements of one owner, those that ended among them, past which no other can be made but by a subscription."""
MAX_OWNED = 10_000
"""Entitlements of one owner that are looked through, those that subscriptions brought and ended among them."""
MAX_GRANTS = 1_000
"""Grants of one entitlement, those that ended among them."""
MAX_RESETS = 1_000
"""Resets of one entitlement that somebody asked for; those that its usage period brings are not counted."""
MAX_FIRST_GRANTS = 40
"""Grants that come with a new entitlement: they are written in one transaction."""
MAX_AHEAD_US = MINUTE_US
"""How far ahead of this clock a caller's clock may be when it asks for a balance."""
MAX_CONFIG_BYTES = 16_384
MAX_PRIORITY = 255
LATEST_US = 7_258_118_400_000_000
"""2200-01-01T00:00:00Z: anchors and grants must lie before it."""

_DAY_US = 24 * HOUR_US


def check_draft(draft: EntitlementDraft) -> Iterator[FieldError]:
    """What is wrong with the draft but for its feature."""
    yield from check_metadata(draft.metadata)
    metered = draft.type is EntitlementType.METERED
    if draft.type is EntitlementType.STATIC:
        yield from _check_config(draft.config)
    elif draft.config is not None:
        yield FieldError(("body", "config"), "not_allowed", "config is for static entitlements")
    if metered and draft.usage_period is None:
        yield FieldError(("body", "usage_period"), "required", "usagePeriod is required for metered entitlements")
    if draft.usage_period is not None:
        yield from _check_cadence("usage_period", draft.usage_period, HOUR_US)
    yield from _check_instant("anchor_us", draft.anchor_us)
    if not metered and (draft.issue_after_reset is not None or draft.grants or draft.is_soft_limit):
        yield FieldError(("body", "type"), "not_allowed", "only metered entitlements have grants and limits")
    if draft.issue_after_reset is not None:
        yield from _check_amount("issue_after_reset", draft.issue_after_reset)
    yield from _check_priority("issue_after_reset_priority", draft.issue_after_reset_priority)
    if isinstance(draft.measure_from, int):
        yield from _check_instant("measure_from", draft.measure_from)
    if len(draft.grants) > MAX_FIRST_GRANTS:
        yield FieldError(("body", "grants"), "max_items", f"must have at most {MAX_FIRST_GRANTS} grants")
    for index, one in enumerate(draft.grants[:MAX_FIRST_GRANTS]):
        for error in check_grant(one):
            yield FieldError(("body", "grants", index, *error.location[1:]), error.rule, error.message, error.input)


def check_feature(draft: EntitlementDraft, feature: Feature) -> Iterator[FieldError]:
    """What keeps the feature from being granted so."""
    if feature.archived_at_us is not None:
        yield FieldError(("body", "feature"), "archived", f"feature {feature.key} is archived")
    if draft.type is EntitlementType.METERED and feature.meter_id is None:
        yield FieldError(("body", "feature"), "meter_required", f"feature {feature.key} has no meter")


def check_grant(draft: GrantDraft) -> Iterator[FieldError]:
    """What is wrong with the grant but for when it begins."""
    yield from _check_amount("amount", draft.amount)
    yield from _check_amount("max_rollover", draft.max_rollover)
    yield from _check_amount("min_rollover", draft.min_rollover)
    if draft.min_rollover > draft.max_rollover:
        message = "must not be above the maximum that rolls over"
        yield FieldError(("body", "min_rollover"), "range", message)
    yield from _check_priority("priority", draft.priority)
    yield from _check_instant("effective_at_us", draft.effective_at_us)
    yield from _check_instant("recurrence_anchor_us", draft.recurrence_anchor_us)
    if draft.expiration is not None:
        yield from _check_cadence("expiration", draft.expiration, HOUR_US)
    if draft.recurrence is not None:
        yield from _check_cadence("recurrence", draft.recurrence, _DAY_US)
    yield from check_metadata(draft.metadata)


def _check_config(config: str | None) -> Iterator[FieldError]:
    place = ("body", "config")
    if config is None:
        yield FieldError(place, "required", "config is required for static entitlements")
    elif len(config.encode(errors="replace")) > MAX_CONFIG_BYTES:
        yield FieldError(place, "max_length", f"must have at most {MAX_CONFIG_BYTES} bytes")
    else:
        try:
            codec.decode(config)
        except (codec.MalformedJson, UnicodeEncodeError):
            yield FieldError(place, "json", "must be JSON as a string")


def _check_cadence(name: str, text: str, least_us: int) -> Iterator[FieldError]:
    try:
        cadence = read_cadence(text)
    except InvalidCadence as error:
        yield FieldError(("body", name), "format", str(error), text[:64])
        return
    if cadence.about_us < least_us:
        shortest = "an hour" if least_us == HOUR_US else "a day"
        yield FieldError(("body", name), "range", f"must be at least {shortest}", text)


def _check_instant(name: str, at_us: int | None) -> Iterator[FieldError]:
    if at_us is not None and at_us >= LATEST_US:
        yield FieldError(("body", name), "range", "must be before 2200-01-01T00:00:00Z")


def _check_amount(name: str, amount: Decimal) -> Iterator[FieldError]:
    if amount < 0:
        yield FieldError(("body", name), "range", "must be 0 or more")


def _check_priority(name: str, priority: int) -> Iterator[FieldError]:
    if not 0 <= priority <= MAX_PRIORITY:
        yield FieldError(("body", name), "range", f"must be a whole number from 0 to {MAX_PRIORITY}", priority)
