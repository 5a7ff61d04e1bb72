"""New entitlements from what was sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from dynameter.billing.entitlements.entitlement import (
    Entitlement,
    EntitlementDraft,
    Grant,
    GrantDraft,
    MeasureFrom,
    Owner,
)
from dynameter.billing.entitlements.grants import make_grant
from dynameter.billing.features.feature import Feature
from dynameter.billing.period import period_at, read_cadence
from dynameter.billing.plans.plan import EntitlementType
from dynameter.errors import FieldError, InvalidInput


def draft_entitlement(
    owner: Owner, draft: EntitlementDraft, feature: Feature, entitlement_id: str, now_us: int
) -> Entitlement:
    """The entitlement of a checked draft, in force from now. Raises InvalidInput where it would measure the future."""
    anchor_us = now_us if draft.anchor_us is None else draft.anchor_us
    measure_us = now_us
    if isinstance(draft.measure_from, int):
        measure_us = draft.measure_from
        if measure_us > now_us:
            refuse([FieldError(("body", "measure_from"), "range", "must not be in the future")])
    elif draft.measure_from is MeasureFrom.CURRENT_PERIOD_START and draft.usage_period is not None:
        measure_us = period_at(anchor_us, read_cadence(draft.usage_period), owner.time_zone, now_us)[1].start_us
    return Entitlement(
        workspace=owner.workspace,
        id=entitlement_id,
        type=draft.type,
        feature_id=feature.id,
        feature_key=feature.key,
        customer_id=owner.customer.id if owner.customer else None,
        subject_key=owner.subject,
        active_from_us=now_us,
        created_at_us=now_us,
        updated_at_us=now_us,
        config=draft.config,
        is_soft_limit=draft.is_soft_limit,
        issue_after_reset=draft.issue_after_reset,
        issue_after_reset_priority=draft.issue_after_reset_priority,
        preserve_overage_at_reset=draft.preserve_overage_at_reset,
        usage_period=draft.usage_period,
        anchor_us=anchor_us,
        measure_from_us=measure_us if draft.type is EntitlementType.METERED else now_us,
        time_zone=owner.time_zone,
        metadata=dict(draft.metadata),
    )


def issued_grant(entitlement: Entitlement, grant_id: str) -> Grant:
    """What the entitlement issues after each reset, as a grant that every reset sets to its amount."""
    amount = entitlement.issue_after_reset or Decimal(0)
    start_us = max(entitlement.created_at_us, entitlement.measure_from_us)
    return replace(
        make_grant(entitlement, grant_id, GrantDraft(amount), start_us),
        created_at_us=entitlement.created_at_us,
        updated_at_us=entitlement.created_at_us,
        effective_at_us=entitlement.measure_from_us,
        priority=entitlement.issue_after_reset_priority,
        min_rollover=amount,
        max_rollover=amount,
        metadata={"issueAfterReset": "true"},
    )


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise InvalidInput naming each wrong field, if there is one."""
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
        raise InvalidInput(f"invalid entitlement: {listed}", fields=tuple(errors))
