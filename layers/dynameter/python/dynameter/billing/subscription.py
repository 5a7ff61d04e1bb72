"""Subscriptions: a customer on a plan, for a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dynameter.billing.plan import RateCard


class SubscriptionStatus(Enum):
    """Where a subscription is in its life."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    CANCELED = "canceled"
    """Still active, with an end set."""
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class SubscriptionItem:
    """A rate card in force, its end excluded; ``feature_id`` is what the feature's key meant when it began."""

    id: str
    rate_card: RateCard
    active_from_us: int
    active_to_us: int | None
    feature_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionPhase:
    """A phase in force, its end excluded."""

    id: str
    key: str
    name: str
    active_from_us: int
    active_to_us: int | None
    items: tuple[SubscriptionItem, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer's subscription. Billing periods repeat ``cadence`` from ``anchor_us`` in ``time_zone``.

    The first and the last period are cut at ``active_from_us`` and ``active_to_us``.
    """

    workspace: str
    id: str
    customer_id: str
    plan_id: str
    plan_key: str
    plan_version: int
    name: str
    currency: str
    cadence: str
    anchor_us: int
    time_zone: str
    active_from_us: int
    active_to_us: int | None
    phases: tuple[SubscriptionPhase, ...]
    created_at_us: int
    updated_at_us: int
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    settlement_mode: str = "credit_then_invoice"
    deleted_at_us: int | None = None
    version: int = 1

    def status(self, now_us: int) -> SubscriptionStatus:
        """The status at the instant."""
        if now_us < self.active_from_us:
            return SubscriptionStatus.SCHEDULED
        if self.active_to_us is None:
            return SubscriptionStatus.ACTIVE
        return SubscriptionStatus.CANCELED if now_us < self.active_to_us else SubscriptionStatus.INACTIVE

    @property
    def items(self) -> tuple[SubscriptionItem, ...]:
        """The items of every phase."""
        return tuple(item for phase in self.phases for item in phase.items)
