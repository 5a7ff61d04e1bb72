"""What many customers may use, asked at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.entitlement import Access, Entitlement, Owner
from dynameter.billing.entitlements.service import EntitlementService
from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import EntitlementType
from dynameter.clock import Clock
from dynameter.deadline import carry
from dynameter.errors import NotFound, TooLarge
from dynameter.meters.rules import is_slug

MAX_BALANCES = 1_000
"""Balances that one query computes: those of metered entitlements."""
WORKERS = 16


class Reason(Enum):
    """Why a feature cannot be used."""

    USAGE_LIMIT_REACHED = "usage_limit_reached"
    FEATURE_UNAVAILABLE = "feature_unavailable"
    FEATURE_NOT_FOUND = "feature_not_found"


_MESSAGES = {
    Reason.USAGE_LIMIT_REACHED: "the usage limit of the entitlement is reached",
    Reason.FEATURE_UNAVAILABLE: "the customer has no entitlement to the feature",
    Reason.FEATURE_NOT_FOUND: "there is no feature of this key",
}


@dataclass(frozen=True, slots=True)
class FeatureAccess:
    """Whether a customer may use a feature, and if not why."""

    has_access: bool
    reason: Reason | None = None

    @property
    def message(self) -> str:
        """The reason in words."""
        return _MESSAGES[self.reason] if self.reason else ""


@dataclass(frozen=True, slots=True)
class CustomerAccess:
    """What a customer may use at an instant, by feature; ``matched`` are the keys that have led to it."""

    customer: Customer
    matched: tuple[str, ...]
    features: dict[str, FeatureAccess]
    at_us: int


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def of_subjects(self, workspace: str, subjects: Sequence[str]) -> tuple[Customer, ...]:
        """The live customers that these subjects belong to, each once, by id."""


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def find(self, workspace: str, id_or_key: str) -> Feature:
        """The feature of that id, or the live one of that key; NotFound."""


class AccessQuery:
    """Answers for many customers and features."""

    def __init__(
        self, entitlements: EntitlementService, customers: Customers, features: Features, clock: Clock
    ) -> None:
        self._entitlements = entitlements
        self._customers = customers
        self._features = features
        self._clock = clock
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="access")

    def of(self, workspace: str, keys: Sequence[str], features: Sequence[str] | None) -> tuple[CustomerAccess, ...]:
        """The customers whose key or subject is among ``keys``, by id; all features they have a right to where None.

        Raises TooLarge where too many balances would have to be computed.
        """
        now_us = self._clock.now_us()
        customers = self._customers.of_subjects(workspace, keys)
        owners = [Owner(workspace, one) for one in customers]
        held = list(self._pool.map(carry(self._entitlements.list), owners))
        active = [
            (owner, one)
            for owner, found in zip(owners, held, strict=True)
            for one in found
            if one.is_active(now_us) and (features is None or one.feature_key in features)
        ]
        self._refuse_many(active)
        computed = self._pool.map(carry(lambda pair: self._entitlements.value(pair[1], pair[0], now_us)), active)
        allowed: dict[str, dict[str, FeatureAccess]] = {one.id: {} for one in customers}
        for (owner, entitlement), access in zip(active, computed, strict=True):
            assert owner.customer is not None
            allowed[owner.customer.id][entitlement.feature_key] = _of(access)
        missing = self._missing(workspace, features or ())
        return tuple(
            CustomerAccess(
                one,
                tuple(key for key in keys if key in one.subjects),
                {**{key: missing[key] for key in features or () if key not in allowed[one.id]}, **allowed[one.id]},
                now_us,
            )
            for one in customers
        )

    def _missing(self, workspace: str, features: Sequence[str]) -> dict[str, FeatureAccess]:
        """What is to be said of each feature to a customer that has no entitlement to it."""
        known = self._pool.map(carry(lambda feature_key: self._is_known(workspace, feature_key)), features)
        return {
            key: FeatureAccess(False, Reason.FEATURE_UNAVAILABLE if there else Reason.FEATURE_NOT_FOUND)
            for key, there in zip(features, known, strict=True)
        }

    def _is_known(self, workspace: str, feature_key: str) -> bool:
        if not is_slug(feature_key):
            return False
        try:
            self._features.find(workspace, feature_key)
        except NotFound:
            return False
        return True

    def _refuse_many(self, active: Sequence[tuple[Owner, Entitlement]]) -> None:
        if sum(one.type is EntitlementType.METERED for _, one in active) > MAX_BALANCES:
            raise TooLarge(
                f"more than {MAX_BALANCES} balances would have to be computed; name fewer customers or features",
                code="too_many_balances",
            )


def _of(access: Access) -> FeatureAccess:
    return FeatureAccess(True) if access.has_access else FeatureAccess(False, Reason.USAGE_LIMIT_REACHED)
