"""What entitlements and grants look like in OpenMeter v1, and v2 for the most part: fields read and shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from dynameter.billing.entitlements.entitlement import (
    Access,
    Entitlement,
    EntitlementDraft,
    Grant,
    GrantDraft,
    MeasureFrom,
    ResetDraft,
)
from dynameter.billing.entitlements.grants import next_recurrence
from dynameter.billing.entitlements.rules import MAX_PRIORITY
from dynameter.billing.entitlements.usage_periods import current_period
from dynameter.billing.plans.plan import EntitlementType
from dynameter.clock import render
from dynameter.dialects.bodies import Instant
from dynameter.dialects.texts import Metadata
from dynameter.meters.quantity import UnusableQuantity, parse_quantity, render_number

NAMES = {
    "feature": "featureKey",
    "usage_period": "usagePeriod",
    "anchor_us": "usagePeriod.anchor",
    "issue_after_reset": "issueAfterReset",
    "issue_after_reset_priority": "issueAfterResetPriority",
    "measure_from": "measureUsageFrom",
    "max_rollover": "maxRolloverAmount",
    "min_rollover": "minRolloverAmount",
    "effective_at_us": "effectiveAt",
    "recurrence_anchor_us": "recurrence.anchor",
}
"""The core's names of fields as they are on this wire."""

_INTERVALS = {"HOUR": "PT1H", "DAY": "P1D", "WEEK": "P1W", "MONTH": "P1M", "YEAR": "P1Y"}
_NAMED = {iso: name for name, iso in _INTERVALS.items()}
_UNITS = {"HOUR": "PT{}H", "DAY": "P{}D", "WEEK": "P{}W", "MONTH": "P{}M", "YEAR": "P{}Y"}
_EXPIRATION = re.compile(r"P(T?)(\d+)([HDWMY])")
_DURATIONS = {"H": "HOUR", "D": "DAY", "W": "WEEK", "M": "MONTH", "Y": "YEAR"}


def _read_amount(value: Any) -> Decimal:
    if isinstance(value, str):
        raise ValueError("must be a number")
    try:
        return parse_quantity(value)
    except UnusableQuantity as error:
        raise ValueError(error.reason) from None


Amount = Annotated[Decimal, BeforeValidator(_read_amount), WithJsonSchema({"type": "number", "minimum": 0})]
"""A JSON number of at most 20 digits before the point and 18 after it."""
Priority = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_PRIORITY})]
# The default as JSON has it.
_NONE: dict[str, Any] = {"default": 0}


class Interval(BaseModel):
    """How something recurs: HOUR, DAY, WEEK, MONTH, YEAR or an ISO 8601 duration, from an anchor."""

    model_config = ConfigDict(strict=True, frozen=True)

    interval: str = Field(max_length=64)
    anchor: Instant | None = None

    @property
    def cadence(self) -> str:
        """The duration as ISO 8601."""
        return _INTERVALS.get(self.interval, self.interval)


class Expiration(BaseModel):
    """How long a grant lasts."""

    model_config = ConfigDict(strict=True, frozen=True)

    duration: Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
    count: int = Field(ge=1, le=999)


class GrantCreate(BaseModel):
    """The body of a new grant; keys that are not here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    amount: Amount
    priority: Priority = 1
    effective_at: Instant | None = Field(default=None, alias="effectiveAt")
    expiration: Expiration | None = None
    max_rollover: Amount = Field(default=Decimal(0), alias="maxRolloverAmount", json_schema_extra=_NONE)
    min_rollover: Amount = Field(default=Decimal(0), alias="minRolloverAmount", json_schema_extra=_NONE)
    recurrence: Interval | None = None
    metadata: Metadata | None = None

    def draft(self) -> GrantDraft:
        """The grant that is asked for."""
        expires = self.expiration
        return GrantDraft(
            amount=self.amount,
            effective_at_us=self.effective_at,
            priority=self.priority,
            expiration=_UNITS[expires.duration].format(expires.count) if expires else None,
            max_rollover=self.max_rollover,
            min_rollover=self.min_rollover,
            recurrence=self.recurrence.cadence if self.recurrence else None,
            recurrence_anchor_us=self.recurrence.anchor if self.recurrence else None,
            metadata=self.metadata or {},
        )


class EntitlementCreate(BaseModel):
    """The body of a new entitlement; keys that are not here are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    type: Literal["metered", "static", "boolean"]
    feature_key: str | None = Field(default=None, alias="featureKey", max_length=64)
    feature_id: str | None = Field(default=None, alias="featureId", max_length=64)
    config: str | None = None
    is_soft_limit: bool | None = Field(default=None, alias="isSoftLimit")
    issue_after_reset: Amount | None = Field(default=None, alias="issueAfterReset")
    issue_after_reset_priority: Priority | None = Field(default=None, alias="issueAfterResetPriority")
    preserve_overage: bool | None = Field(default=None, alias="preserveOverageAtReset")
    usage_period: Interval | None = Field(default=None, alias="usagePeriod")
    measure_from: Literal["CURRENT_PERIOD_START", "NOW"] | Instant | None = Field(
        default=None, alias="measureUsageFrom"
    )
    metadata: Metadata | None = None

    def draft(self) -> EntitlementDraft:
        """The entitlement that is asked for."""
        since = self.measure_from
        return EntitlementDraft(
            type=EntitlementType(self.type),
            feature=self.feature_id or self.feature_key or "",
            config=self.config,
            is_soft_limit=bool(self.is_soft_limit),
            issue_after_reset=self.issue_after_reset,
            issue_after_reset_priority=1
            if self.issue_after_reset_priority is None
            else self.issue_after_reset_priority,
            preserve_overage_at_reset=bool(self.preserve_overage),
            usage_period=self.usage_period.cadence if self.usage_period else None,
            anchor_us=self.usage_period.anchor if self.usage_period else None,
            measure_from=since if isinstance(since, int) else MeasureFrom(since or "CURRENT_PERIOD_START"),
            metadata=self.metadata or {},
        )


class ResetRequest(BaseModel):
    """The body of a reset."""

    model_config = ConfigDict(strict=True, frozen=True)

    effective_at: Instant | None = Field(default=None, alias="effectiveAt")
    retain_anchor: bool | None = Field(default=None, alias="retainAnchor")
    preserve_overage: bool | None = Field(default=None, alias="preserveOverage")

    def draft(self) -> ResetDraft:
        """The reset that is asked for."""
        return ResetDraft(self.effective_at, bool(self.retain_anchor), self.preserve_overage)


def render_entitlement(entitlement: Entitlement, now_us: int, owner: Mapping[str, Any]) -> dict[str, Any]:
    """The entitlement as v1 and v2 show it; ``owner`` is how its dialect names whose it is."""
    metered = entitlement.type is EntitlementType.METERED
    fields: dict[str, Any] = {
        "type": entitlement.type.value,
        "id": entitlement.id,
        "featureId": entitlement.feature_id,
        "featureKey": entitlement.feature_key,
        **owner,
        "createdAt": render(entitlement.created_at_us),
        "updatedAt": render(entitlement.updated_at_us),
        "deletedAt": _instant(entitlement.deleted_at_us),
        "activeFrom": render(entitlement.active_from_us),
        "activeTo": _instant(entitlement.active_to_us),
        "config": entitlement.config,
        "metadata": dict(entitlement.metadata) or None,
    }
    if metered:
        issued = entitlement.issue_after_reset
        fields |= {
            "issueAfterReset": None if issued is None else render_number(issued),
            "issueAfterResetPriority": None if issued is None else entitlement.issue_after_reset_priority,
            "isSoftLimit": entitlement.is_soft_limit,
            "isUnlimited": False,
            "preserveOverageAtReset": entitlement.preserve_overage_at_reset,
            "measureUsageFrom": render(entitlement.measure_from_us),
        }
    if entitlement.usage_period is not None:
        fields |= _render_periods(entitlement, now_us, metered)
    return {name: value for name, value in fields.items() if value is not None}


def _render_periods(entitlement: Entitlement, now_us: int, metered: bool) -> dict[str, Any]:
    at_us = max(entitlement.active_from_us, now_us)
    if entitlement.active_to_us is not None:
        at_us = max(entitlement.active_from_us, min(at_us, entitlement.active_to_us - 1))
    period = current_period(entitlement, at_us)
    moved_us = entitlement.moved_anchor_us
    anchor_us = entitlement.anchor_us if moved_us is None else moved_us
    shown = {
        "usagePeriod": render_interval(entitlement.usage_period or "", anchor_us),
        "currentUsagePeriod": {"from": render(period.start_us), "to": render(period.end_us)},
    }
    return {**shown, **({"lastReset": render(period.start_us)} if metered else {})}


def render_interval(cadence: str, anchor_us: int) -> dict[str, Any]:
    """A recurrence as v1 shows it."""
    return {"interval": _NAMED.get(cadence, cadence), "intervalISO": cadence, "anchor": render(anchor_us)}


def render_grant(grant: Grant, entitlement: Entitlement, now_us: int) -> dict[str, Any]:
    """The grant as v1 shows it."""
    next_us = next_recurrence(grant, entitlement.time_zone, now_us)
    anchor_us = grant.effective_at_us if grant.recurrence_anchor_us is None else grant.recurrence_anchor_us
    fields = {
        "id": grant.id,
        "entitlementId": grant.entitlement_id,
        "createdAt": render(grant.created_at_us),
        "updatedAt": render(grant.updated_at_us),
        "amount": render_number(grant.amount),
        "priority": grant.priority,
        "effectiveAt": render(grant.effective_at_us),
        "expiration": _render_expiration(grant.expiration),
        "expiresAt": _instant(grant.expires_at_us),
        "maxRolloverAmount": render_number(grant.max_rollover),
        "minRolloverAmount": render_number(grant.min_rollover),
        "recurrence": None if grant.recurrence is None else render_interval(grant.recurrence, anchor_us),
        "nextRecurrence": _instant(next_us),
        "voidedAt": _instant(grant.voided_at_us),
        "deletedAt": _instant(grant.voided_at_us),
        "metadata": dict(grant.metadata) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def render_value(access: Access, *, grant_balances: bool = False) -> dict[str, Any]:
    """What an entitlement lets its owner do, as v1 shows it; v2 shows what is left of each grant too."""
    shown: dict[str, Any] = {"hasAccess": access.has_access}
    if access.config is not None:
        shown["config"] = access.config
    if access.balance is None:
        return shown
    balance = access.balance
    shown |= {
        "balance": render_number(balance.balance),
        "usage": render_number(balance.usage),
        "overage": render_number(balance.overage),
        "totalAvailableGrantAmount": render_number(balance.total_available),
    }
    if grant_balances:
        shown["grantBalances"] = render_balances(balance.grant_balances)
    return shown


def render_balances(balances: Mapping[str, Decimal]) -> dict[str, Any]:
    """What is left of each grant, by its id."""
    return {name: render_number(left) for name, left in sorted(balances.items())}


def _render_expiration(expiration: str | None) -> dict[str, Any] | None:
    match = _EXPIRATION.fullmatch(expiration or "")
    return None if match is None else {"duration": _DURATIONS[match[3]], "count": int(match[2])}


def _instant(at_us: int | None) -> str | None:
    return None if at_us is None else render(at_us)
