"""Subscriptions: a customer on a plan, for a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dynameter.billing.plans.plan import RateCard, SettlementMode


class Timing(Enum):
    """When a change takes effect; an instant may stand in its place."""

    IMMEDIATE = "immediate"
    NEXT_BILLING_CYCLE = "next_billing_cycle"


@dataclass(frozen=True, slots=True)
class PlanReference:
    """A version of a plan: by id, or by key and version (None: the active one). The id wins."""

    id: str | None = None
    key: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionDraft:
    """A subscription to be started, or what a running one is changed to; its rules are not checked yet.

    Without an anchor it is the start, in a change the anchor of the one before. Without a starting phase it is the
    plan's first one. Without a name it is the plan's.
    """

    plan: PlanReference
    timing: Timing | int = Timing.IMMEDIATE
    billing_anchor_us: int | None = None
    starting_phase: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    settlement_mode: SettlementMode | None = None


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
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer's subscription. Billing periods repeat ``cadence`` from ``anchor_us`` in ``time_zone``.

    The first and the last period are cut at ``active_from_us`` and ``active_to_us``.
    ``phases`` lie edge to edge from ``active_from_us`` to ``active_to_us``. ``planned`` is what they are cut from: the
    phases as the plan has them, which come back when an end is taken back. ``settled`` says that the entitlements
    were told of the last change.
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
    pro_rating: bool = True
    planned: tuple[SubscriptionPhase, ...] = ()
    settled: bool = True

    def status(self, now_us: int) -> SubscriptionStatus:
        """The status at the instant."""
        if now_us < self.active_from_us:
            return SubscriptionStatus.SCHEDULED
        if self.active_to_us is None:
            return SubscriptionStatus.ACTIVE
        return SubscriptionStatus.CANCELED if now_us < self.active_to_us else SubscriptionStatus.INACTIVE

    @property
    def is_invoiced(self) -> bool:
        """Whether invoices are made of it."""
        return self.deleted_at_us is None and self.settlement_mode != SettlementMode.CREDIT_ONLY.value

    @property
    def planned_to_us(self) -> int | None:
        """Where the subscription ends by its plan alone."""
        return self.planned[-1].active_to_us if self.planned else self.active_to_us

    @property
    def is_cut(self) -> bool:
        """Whether it ends earlier than its plan has it: it was canceled or changed."""
        return self.active_to_us != self.planned_to_us

    @property
    def items(self) -> tuple[SubscriptionItem, ...]:
        """The items of every phase."""
        return tuple(item for phase in self.phases for item in phase.items)
