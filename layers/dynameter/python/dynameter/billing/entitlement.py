"""Entitlements and grants: what a customer may use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from dynameter.billing.plan import EntitlementType


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A customer's right to a feature, its end excluded.

    Usage periods of a METERED one repeat ``usage_period`` (ISO 8601) from ``anchor_us`` in ``time_zone``; each begins
    with a reset that issues ``issue_after_reset``. Usage counts from ``measure_from_us``.
    ``subscription_id`` names the subscription that brought it.
    """

    workspace: str
    id: str
    type: EntitlementType
    feature_id: str
    feature_key: str
    customer_id: str | None
    subject_key: str | None
    active_from_us: int
    created_at_us: int
    updated_at_us: int
    active_to_us: int | None = None
    config: str | None = None
    is_soft_limit: bool = False
    issue_after_reset: Decimal | None = None
    issue_after_reset_priority: int = 1
    preserve_overage_at_reset: bool = False
    usage_period: str | None = None
    anchor_us: int = 0
    measure_from_us: int = 0
    time_zone: str = "UTC"
    subscription_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    deleted_at_us: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Grant:
    """An amount to use. The lower ``priority`` burns first, then the earlier expiry, then the earlier creation.

    At a reset the balance left becomes what is between ``min_rollover`` and ``max_rollover``. ``recurrence`` (ISO
    8601, from ``recurrence_anchor_us``) fills the grant up again.
    """

    workspace: str
    id: str
    entitlement_id: str
    amount: Decimal
    effective_at_us: int
    created_at_us: int
    updated_at_us: int
    priority: int = 1
    expires_at_us: int | None = None
    max_rollover: Decimal = Decimal(0)
    min_rollover: Decimal = Decimal(0)
    recurrence: str | None = None
    recurrence_anchor_us: int | None = None
    voided_at_us: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left at an instant. ``has_access``: a soft limit, or a balance above 0."""

    balance: Decimal
    usage: Decimal
    overage: Decimal
    total_available: Decimal
    has_access: bool
    grant_balances: Mapping[str, Decimal] = field(default_factory=dict)
