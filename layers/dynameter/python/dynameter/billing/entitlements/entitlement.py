"""Entitlements, grants and resets: what a customer may use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from dynameter.billing.customers.customer import Customer
from dynameter.billing.plans.plan import EntitlementType


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an entitlement is: a customer's, or that of a subject which belongs to no customer."""

    workspace: str
    customer: Customer | None = None
    subject: str | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects whose usage counts, as they are now."""
        if self.customer is not None:
            return self.customer.subjects
        return (self.subject,) if self.subject else ()

    @property
    def time_zone(self) -> str:
        """Where the owner's usage periods are placed."""
        return self.customer.time_zone if self.customer is not None else "UTC"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A customer's right to a feature, its end excluded.

    Usage periods of a METERED one repeat ``usage_period`` (ISO 8601) from ``anchor_us`` in ``time_zone``; each begins
    with a reset that issues ``issue_after_reset``. Usage counts from ``measure_from_us``.
    ``subscription_id`` names the subscription that brought it. The last reset that somebody asked for was at
    ``last_reset_us``; periods since then repeat from ``moved_anchor_us`` where a reset has moved the anchor.
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
    last_reset_us: int | None = None
    moved_anchor_us: int | None = None

    def is_active(self, at_us: int) -> bool:
        """Whether it is in force at the instant."""
        return self.active_from_us <= at_us and (self.active_to_us is None or at_us < self.active_to_us)

    def overlaps(self, other: Entitlement) -> bool:
        """Whether there is an instant at which both are in force."""
        start_us = max(self.active_from_us, other.active_from_us)
        ends = [end_us for end_us in (self.active_to_us, other.active_to_us) if end_us is not None]
        return start_us < min(ends, default=start_us + 1)


@dataclass(frozen=True, slots=True)
class UsageReset:
    """A reset that somebody asked for; unless it retains the anchor, periods repeat from it."""

    at_us: int
    retain_anchor: bool = False
    preserve_overage: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """An amount to use. The lower ``priority`` burns first, then the earlier expiry, then the earlier creation.

    At a reset the balance left becomes what is between ``min_rollover`` and ``max_rollover``. ``recurrence`` (ISO
    8601, from ``recurrence_anchor_us``) fills the grant up again. ``expiration`` (ISO 8601) is what
    ``expires_at_us`` was reckoned from.
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
    expiration: str | None = None
    voided_at_us: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left at an instant. ``has_access``: a soft limit, or a balance above 0.

    ``usage`` is that of the usage period, which began at ``period_start_us`` and ends at ``period_end_us``;
    ``total_available`` is what is left and what the period's usage has burnt.
    """

    balance: Decimal
    usage: Decimal
    overage: Decimal
    total_available: Decimal
    has_access: bool
    grant_balances: Mapping[str, Decimal] = field(default_factory=dict)
    period_start_us: int = 0
    period_end_us: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """What an entitlement lets its owner do at an instant; METERED ones have a ``balance``, STATIC ones ``config``."""

    entitlement: Entitlement
    has_access: bool
    balance: Balance | None = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A grant to be made, its rules not yet checked; ``effective_at_us`` None is now."""

    amount: Decimal
    effective_at_us: int | None = None
    priority: int = 1
    expiration: str | None = None
    max_rollover: Decimal = Decimal(0)
    min_rollover: Decimal = Decimal(0)
    recurrence: str | None = None
    recurrence_anchor_us: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class MeasureFrom(Enum):
    """From when usage counts, unless an instant says so."""

    CURRENT_PERIOD_START = "CURRENT_PERIOD_START"
    NOW = "NOW"


@dataclass(frozen=True, slots=True)
class EntitlementDraft:
    """An entitlement to be made, its rules not yet checked; ``feature`` is the feature's id or key."""

    type: EntitlementType
    feature: str
    config: str | None = None
    is_soft_limit: bool = False
    issue_after_reset: Decimal | None = None
    issue_after_reset_priority: int = 1
    preserve_overage_at_reset: bool = False
    usage_period: str | None = None
    anchor_us: int | None = None
    measure_from: MeasureFrom | int = MeasureFrom.CURRENT_PERIOD_START
    grants: tuple[GrantDraft, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResetDraft:
    """A reset asked for; ``effective_at_us`` None is now, ``preserve_overage`` None as the entitlement has it."""

    effective_at_us: int | None = None
    retain_anchor: bool = False
    preserve_overage: bool | None = None
