"""Crossings: that a customer came past a threshold in a usage period. Pure.

A crossing's id is made of what it is: rule, threshold, customer, feature and the start of the period. So whoever finds
it again, in a stream batch that came twice, in another process or a later invocation, meets the same id, and the one
that is stored stays. A period that begins anew, by the calendar or by a reset, makes others possible; usage that falls
and rises again within a period does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import Enum

from ulid import ULID

from dynameter import codec
from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.entitlement import Balance
from dynameter.billing.features.feature import Feature
from dynameter.billing.thresholds.rule import Rule, Threshold, ThresholdType
from dynameter.meters.quantity import render_text
from dynameter.usage.windows import Window

_PERCENT = Decimal(100)
_EXACT = Context(prec=200)
"""More digits than a product of two numbers here can have."""
_ID_BYTES = 10
_LAST_MS = (1 << 48) - 1


@dataclass(frozen=True, slots=True)
class Standing:
    """What a customer has used of a feature in a period; with the balance where there is an entitlement to it."""

    period: Window
    usage: Decimal
    balance: Balance | None = None
    entitlement_id: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A customer, or a feature, by the names it had."""

    id: str
    key: str | None
    name: str


class DeliveryState(Enum):
    """What became of a webhook."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """The last attempt on one channel, and how many there were."""

    state: DeliveryState
    reason: str
    updated_at_us: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that was crossed, with rule, customer and feature as they were then.

    ``sent_at_us`` is when the event bus took it. ``deliveries`` are by channel id.
    """

    id: str
    rule: Rule
    threshold: Threshold
    customer: Named
    feature: Named
    standing: Standing
    created_at_us: int
    sent_at_us: int | None = None
    deliveries: Mapping[str, DeliveryStatus] = field(default_factory=dict)

    @property
    def workspace(self) -> str:
        return self.rule.workspace


def is_crossed(threshold: Threshold, standing: Standing) -> bool:
    """Whether the threshold is reached; what asks for grants needs an entitlement with a balance."""
    balance = standing.balance
    if threshold.type is ThresholdType.USAGE_VALUE:
        return standing.usage >= threshold.value
    if balance is None:
        return False
    if threshold.type is ThresholdType.BALANCE_VALUE:
        return balance.balance <= threshold.value
    granted = balance.total_available
    reached, wanted = _EXACT.multiply(standing.usage, _PERCENT), _EXACT.multiply(threshold.value, granted)
    return granted > 0 and reached >= wanted


def find_crossings(
    rules: Sequence[Rule], customer: Customer, feature: Feature, standing: Standing, now_us: int
) -> Iterator[Crossing]:
    """Every threshold of the rules that the customer's standing has reached."""
    whose = Named(customer.id, customer.key, customer.name)
    what = Named(feature.id, feature.key, feature.name)
    for rule in rules:
        if not rule.applies_to(customer.id, feature.id):
            continue
        for threshold in rule.thresholds:
            if is_crossed(threshold, standing):
                id_ = crossing_id(rule.id, threshold, customer.id, feature.id, standing.period.start_us)
                yield Crossing(id_, rule, threshold, whose, what, standing, now_us)


def crossing_id(rule_id: str, threshold: Threshold, customer_id: str, feature_id: str, start_us: int) -> str:
    """The ULID of a crossing: its time is the period's start, what is random elsewhere is a digest of all five."""
    parts = [rule_id, threshold.type.value, render_text(threshold.value), customer_id, feature_id, start_us]
    digest = hashlib.blake2b(codec.encode(parts), digest_size=_ID_BYTES).digest()
    milliseconds = min(max(start_us // 1_000, 0), _LAST_MS)
    return str(ULID(milliseconds.to_bytes(6, "big") + digest))
