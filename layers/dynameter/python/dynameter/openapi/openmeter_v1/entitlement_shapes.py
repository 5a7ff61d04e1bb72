"""What entitlements, grants and balances look like in OpenMeter v1's form; v2 has most of them, too."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from dynameter.openapi.openmeter_v1.lists import Period
from dynameter.openapi.shapes import Instant, Number, Ulid


class RecurringPeriod(TypedDict):
    """How something recurs: HOUR, DAY, WEEK, MONTH, YEAR, or an ISO 8601 duration."""

    interval: str
    intervalISO: str
    anchor: Instant


class _Right(TypedDict):
    id: Ulid
    featureId: Ulid
    featureKey: str
    createdAt: Instant
    updatedAt: Instant
    deletedAt: NotRequired[Instant]
    activeFrom: Instant
    activeTo: NotRequired[Instant]
    metadata: NotRequired[dict[str, str]]


class MeteredPart(_Right):
    """An entitlement with a balance."""

    type: Literal["metered"]
    issueAfterReset: NotRequired[Number]
    issueAfterResetPriority: NotRequired[int]
    isSoftLimit: bool
    isUnlimited: Literal[False]
    preserveOverageAtReset: bool
    measureUsageFrom: Instant
    usagePeriod: RecurringPeriod
    currentUsagePeriod: Period
    lastReset: Instant


class StaticPart(_Right):
    """An entitlement with a configuration, JSON as text."""

    type: Literal["static"]
    config: str
    usagePeriod: NotRequired[RecurringPeriod]
    currentUsagePeriod: NotRequired[Period]


class BooleanPart(_Right):
    """An entitlement that is only there."""

    type: Literal["boolean"]
    usagePeriod: NotRequired[RecurringPeriod]
    currentUsagePeriod: NotRequired[Period]


class _Owner(TypedDict):
    subjectKey: NotRequired[str]
    customerId: NotRequired[Ulid]
    customerKey: NotRequired[str]


class MeteredEntitlement(MeteredPart, _Owner):
    """A subject's or customer's entitlement with a balance."""


class StaticEntitlement(StaticPart, _Owner):
    """A subject's or customer's entitlement with a configuration, JSON as text."""


class BooleanEntitlement(BooleanPart, _Owner):
    """A subject's or customer's entitlement that is only there."""


Entitlement = TypeAliasType(
    "Entitlement", Annotated[MeteredEntitlement | StaticEntitlement | BooleanEntitlement, Field(discriminator="type")]
)


class EntitlementValue(TypedDict):
    """What an entitlement lets its owner do; metered ones in force have a balance."""

    hasAccess: bool
    config: NotRequired[str]
    balance: NotRequired[Number]
    usage: NotRequired[Number]
    overage: NotRequired[Number]
    totalAvailableGrantAmount: NotRequired[Number]


class CustomerAccess(TypedDict):
    """What each entitlement of a customer allows, by its feature's key."""

    entitlements: dict[str, EntitlementValue]


class GrantExpiration(TypedDict):
    """How long a grant lasts."""

    duration: Literal["HOUR", "DAY", "WEEK", "MONTH", "YEAR"]
    count: int


class Grant(TypedDict):
    """An amount to use; the lower priority burns first."""

    id: Ulid
    entitlementId: Ulid
    createdAt: Instant
    updatedAt: Instant
    amount: Number
    priority: int
    effectiveAt: Instant
    expiration: NotRequired[GrantExpiration]
    expiresAt: NotRequired[Instant]
    maxRolloverAmount: Number
    minRolloverAmount: Number
    recurrence: NotRequired[RecurringPeriod]
    nextRecurrence: NotRequired[Instant]
    voidedAt: NotRequired[Instant]
    deletedAt: NotRequired[Instant]
    metadata: NotRequired[dict[str, str]]


class WindowOfHistory(TypedDict):
    """The usage of one window."""

    period: Period
    usage: Number
    balanceAtStart: Number


class GrantUsage(TypedDict):
    """What was burnt of one grant."""

    grantId: Ulid
    usage: Number


class BurndownSegment(TypedDict):
    """A stretch in which nothing but usage changed the balance; balances by the grant's id."""

    period: Period
    usage: Number
    overage: Number
    balanceAtStart: Number
    grantBalancesAtStart: dict[str, Number]
    balanceAtEnd: Number
    grantBalancesAtEnd: dict[str, Number]
    grantUsages: list[GrantUsage]


class BalanceHistory(TypedDict):
    """How a balance came about."""

    windowedHistory: list[WindowOfHistory]
    burndownHistory: list[BurndownSegment]
