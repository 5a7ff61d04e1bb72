"""Plans: what a user may use in a month. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import TypeVar

UNLIMITED = -1
DEFAULT_PLAN = "free"
"""The plan of a user who was given none; 1,000 requests a month unless the workspace changes it."""
DEFAULT_REQUESTS = 1_000
"""Requests a month of a plan whose maker says nothing else."""

_T = TypeVar("_T")


class MeterType(Enum):
    """What counts towards ``requests_per_month``."""

    REQUESTS = "requests"
    COMPUTE_UNITS = "compute_units"


class EnforceMode(Enum):
    """What happens past the limit: HARD denies past the grace, WARN and SOFT only say so."""

    HARD = "hard"
    WARN = "warn"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of a workspace. ``id`` is a slug chosen by its maker; money is in cents, as APIGate has it.

    ``requests_per_month`` below 0 is unlimited. ``time_zone`` decides when a month begins.
    """

    workspace: str
    id: str
    name: str
    requests_per_month: int
    description: str = ""
    meter_type: MeterType = MeterType.REQUESTS
    estimated_cost_per_req: Decimal = field(default=Decimal(1))
    quota_enforce_mode: EnforceMode = EnforceMode.HARD
    quota_grace_pct: Decimal = field(default=Decimal("0.05"))
    price_monthly: int = 0
    overage_price: Decimal = field(default=Decimal(0))
    time_zone: str = "UTC"
    enabled: bool = True
    created_at_us: int = 0
    updated_at_us: int = 0
    version: int = 1

    @property
    def unlimited(self) -> bool:
        """Whether there is no limit."""
        return self.requests_per_month < 0


@dataclass(frozen=True, slots=True)
class User:
    """A user whose plan was set; ``id`` is the subject of the user's events."""

    workspace: str
    id: str
    plan_id: str
    created_at_us: int
    updated_at_us: int
    version: int = 1


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Attributes to set on a plan; None leaves one as it is."""

    name: str | None = None
    description: str | None = None
    requests_per_month: int | None = None
    meter_type: MeterType | None = None
    estimated_cost_per_req: Decimal | None = None
    quota_enforce_mode: EnforceMode | None = None
    quota_grace_pct: Decimal | None = None
    price_monthly: int | None = None
    overage_price: Decimal | None = None
    time_zone: str | None = None
    enabled: bool | None = None

    def apply(self, plan: Plan, now_us: int) -> Plan:
        """The plan's next version."""
        return replace(
            plan,
            name=_or(self.name, plan.name),
            description=_or(self.description, plan.description),
            requests_per_month=_or(self.requests_per_month, plan.requests_per_month),
            meter_type=_or(self.meter_type, plan.meter_type),
            estimated_cost_per_req=_or(self.estimated_cost_per_req, plan.estimated_cost_per_req),
            quota_enforce_mode=_or(self.quota_enforce_mode, plan.quota_enforce_mode),
            quota_grace_pct=_or(self.quota_grace_pct, plan.quota_grace_pct),
            price_monthly=_or(self.price_monthly, plan.price_monthly),
            overage_price=_or(self.overage_price, plan.overage_price),
            time_zone=_or(self.time_zone, plan.time_zone),
            enabled=_or(self.enabled, plan.enabled),
            created_at_us=plan.created_at_us or now_us,
            updated_at_us=now_us,
            version=plan.version + 1,
        )


def blank_plan(workspace: str, plan_id: str, name: str) -> Plan:
    """What a plan is before its maker's attributes are set, and the built-in ``free`` as long as nobody changes it."""
    return Plan(workspace=workspace, id=plan_id, name=name, requests_per_month=DEFAULT_REQUESTS, version=0)


def default_plan(workspace: str) -> Plan:
    """The built-in plan ``free``."""
    return blank_plan(workspace, DEFAULT_PLAN, "Free")


def _or(given: _T | None, kept: _T) -> _T:
    return kept if given is None else given
