"""Plans: phases of rate cards, in versions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from dynameter.billing.pricing.price import Commitments, Discounts, Price


class PaymentTerm(Enum):
    """When a flat fee is due."""

    IN_ADVANCE = "in_advance"
    IN_ARREARS = "in_arrears"


class EntitlementType(Enum):
    """METERED has a balance, STATIC a configuration, BOOLEAN is only there."""

    METERED = "metered"
    STATIC = "static"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class EntitlementTemplate:
    """The entitlement that a subscription to the rate card brings. ``config`` is JSON text (STATIC)."""

    type: EntitlementType
    config: str | None = None
    is_soft_limit: bool = False
    issue_after_reset: Decimal | None = None
    issue_after_reset_priority: int = 1
    preserve_overage_at_reset: bool = False
    usage_period: str | None = None


@dataclass(frozen=True, slots=True)
class RateCard:
    """One thing that a plan sells. ``feature_key`` equals ``key`` where there is a feature.

    ``cadence`` is an ISO 8601 duration of whole months, days, weeks or years (``P1M``), None for a one-time fee.
    ``feature_id`` is what the feature's key meant when the plan was written or published, None where it meant nothing.
    """

    key: str
    name: str
    feature_key: str | None = None
    cadence: str | None = None
    price: Price | None = None
    payment_term: PaymentTerm = PaymentTerm.IN_ARREARS
    commitments: Commitments = field(default_factory=Commitments)
    discounts: Discounts = field(default_factory=Discounts)
    entitlement: EntitlementTemplate | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    feature_id: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """Rate cards for a time; only the last phase of a plan has no ``duration`` (ISO 8601)."""

    key: str
    name: str
    duration: str | None
    rate_cards: tuple[RateCard, ...]
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class SettlementMode(Enum):
    """CREDIT_THEN_INVOICE sends invoices, CREDIT_ONLY never does."""

    CREDIT_THEN_INVOICE = "credit_then_invoice"
    CREDIT_ONLY = "credit_only"


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A version of a plan to be made, or what shall stand in a draft; its rules are not checked yet."""

    key: str
    name: str
    currency: str
    cadence: str
    phases: tuple[Phase, ...]
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    settlement_mode: SettlementMode = SettlementMode.CREDIT_THEN_INVOICE
    pro_rating: bool = True


class PlanStatus(Enum):
    """Where a plan's version is in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a plan; a published one never changes.

    ``pro_rating`` says that a fee is cut to the part of its period that is billed.
    """

    workspace: str
    id: str
    key: str
    plan_version: int
    name: str
    currency: str
    cadence: str
    phases: tuple[Phase, ...]
    created_at_us: int
    updated_at_us: int
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    effective_from_us: int | None = None
    effective_to_us: int | None = None
    settlement_mode: SettlementMode = SettlementMode.CREDIT_THEN_INVOICE
    pro_rating: bool = True
    deleted_at_us: int | None = None
    version: int = 1

    def status(self, now_us: int) -> PlanStatus:
        """The status at the instant."""
        if self.effective_from_us is None:
            return PlanStatus.DRAFT
        if self.effective_to_us is not None and self.effective_to_us <= now_us:
            return PlanStatus.ARCHIVED
        return PlanStatus.SCHEDULED if self.effective_from_us > now_us else PlanStatus.ACTIVE

    @property
    def rate_cards(self) -> tuple[RateCard, ...]:
        """The rate cards of every phase."""
        return tuple(card for phase in self.phases for card in phase.rate_cards)
