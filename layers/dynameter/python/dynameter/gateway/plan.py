"""Plans: what a user may use in a month. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

UNLIMITED = -1
DEFAULT_PLAN = "free"
"""The plan of a user who was given none; 1,000 requests a month unless the workspace changes it."""


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
