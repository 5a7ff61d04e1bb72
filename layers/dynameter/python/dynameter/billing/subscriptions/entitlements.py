"""The entitlements that subscriptions bring: one for each item whose rate card has a template, under the item's id.

Telling the same again changes nothing. Where a customer has an entitlement to the feature already that no subscription
brought, that one stays and the item brings none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.drafting import issued_grant
from dynameter.billing.entitlements.entitlement import Entitlement, Grant, Owner
from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import EntitlementType
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, VersionConflict

_ATTEMPTS = 4


class Entitlements(Protocol):
    """What is needed of ``dynameter.billing.entitlements.store.EntitlementStore``."""

    def get(self, workspace: str, entitlement_id: str) -> Entitlement | None:
        """The entitlement of that id, ended or not."""

    def of_owner(self, owner: Owner, feature_key: str | None = None) -> tuple[Entitlement, ...]:
        """The owner's entitlements, to all features or one, ended ones too."""

    def head(self, owner: Owner, feature_key: str) -> int:
        """A number that is another after every change of the owner's right to the feature."""

    def insert(self, entitlement: Entitlement, grants: Sequence[Grant], head: int) -> None:
        """Add an entitlement with its first grants; VersionConflict, AlreadyExists."""

    def replace(self, entitlement: Entitlement, before: Entitlement, head: int) -> None:
        """Write over what was read before; VersionConflict."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def get(self, workspace: str, customer_id: str) -> Customer:
        """The customer of that id, deleted or not; NotFound."""


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def get(self, workspace: str, feature_id: str) -> Feature:
        """The feature of that id, archived or not; NotFound."""


class SubscriptionEntitlements:
    """``dynameter.billing.subscriptions.settling.EntitlementHooks``. ``new_id`` makes ULIDs."""

    def __init__(
        self, store: Entitlements, customers: Customers, features: Features, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._customers = customers
        self._features = features
        self._clock = clock
        self._new_id = new_id

    def provision(self, subscription: Subscription, now_us: int) -> None:
        """Let there be an entitlement, as long as the item is in force, for each item whose rate card has one."""
        owner = Owner(subscription.workspace, self._customers.get(subscription.workspace, subscription.customer_id))
        for item in subscription.items:
            if item.rate_card.entitlement is not None and item.feature_id is not None:
                self._settle(owner, subscription, item, now_us)

    def end(self, subscription: Subscription, item_ids: Sequence[str], at_us: int) -> None:
        """End the entitlements of these items then; those that would begin later never do."""
        for item_id in item_ids:
            for _ in range(_ATTEMPTS):
                before = self._store.get(subscription.workspace, item_id)
                if before is None or self._write_end(before, at_us):
                    break
            else:
                raise VersionConflict(f"entitlement {item_id} is being changed by other requests")

    def _settle(self, owner: Owner, subscription: Subscription, item: SubscriptionItem, now_us: int) -> None:
        for _ in range(_ATTEMPTS):
            before = self._store.get(subscription.workspace, item.id)
            try:
                if before is None:
                    self._insert(owner, subscription, item, now_us)
                else:
                    self._lengthen(owner, before, item, now_us)
            except VersionConflict:
                continue
            except AlreadyExists:
                # Another request has written the same item's entitlement.
                continue
            return
        raise VersionConflict(f"the entitlements of customer {subscription.customer_id} are being changed")

    def _insert(self, owner: Owner, subscription: Subscription, item: SubscriptionItem, now_us: int) -> None:
        feature = self._features.get(subscription.workspace, item.feature_id or "")
        head = self._store.head(owner, feature.key)
        entitlement = _make(subscription, item, feature, now_us)
        if any(one.overlaps(entitlement) for one in self._store.of_owner(owner, feature.key)):
            return
        issued = entitlement.issue_after_reset is not None
        self._store.insert(entitlement, (issued_grant(entitlement, self._new_id()),) if issued else (), head)

    def _lengthen(self, owner: Owner, before: Entitlement, item: SubscriptionItem, now_us: int) -> None:
        """Let the entitlement end when the item does, now that this has changed."""
        if before.active_to_us == item.active_to_us and before.deleted_at_us is None:
            return
        head = self._store.head(owner, before.feature_key)
        after = replace(
            before,
            active_to_us=item.active_to_us,
            deleted_at_us=None,
            updated_at_us=now_us,
            version=before.version + 1,
        )
        others = (one for one in self._store.of_owner(owner, before.feature_key) if one.id != before.id)
        if not any(one.overlaps(after) for one in others):
            self._store.replace(after, before, head)

    def _write_end(self, before: Entitlement, at_us: int) -> bool:
        end_us = max(at_us, before.active_from_us)
        never = at_us <= before.active_from_us
        if before.active_to_us is not None and before.active_to_us <= end_us:
            return True
        now_us = self._clock.now_us()
        after = replace(
            before,
            active_to_us=end_us,
            deleted_at_us=now_us if never else None,
            updated_at_us=now_us,
            version=before.version + 1,
        )
        owner = Owner(before.workspace, self._customers.get(before.workspace, before.customer_id or ""))
        try:
            self._store.replace(after, before, self._store.head(owner, before.feature_key))
        except VersionConflict:
            return False
        return True


def _make(subscription: Subscription, item: SubscriptionItem, feature: Feature, now_us: int) -> Entitlement:
    template = item.rate_card.entitlement
    assert template is not None
    metered = template.type is EntitlementType.METERED
    return Entitlement(
        workspace=subscription.workspace,
        id=item.id,
        type=template.type,
        feature_id=feature.id,
        feature_key=feature.key,
        customer_id=subscription.customer_id,
        subject_key=None,
        active_from_us=item.active_from_us,
        active_to_us=item.active_to_us,
        created_at_us=now_us,
        updated_at_us=now_us,
        config=template.config,
        is_soft_limit=template.is_soft_limit,
        issue_after_reset=template.issue_after_reset if metered else None,
        issue_after_reset_priority=template.issue_after_reset_priority,
        preserve_overage_at_reset=template.preserve_overage_at_reset,
        usage_period=template.usage_period or item.rate_card.cadence or subscription.cadence,
        anchor_us=subscription.anchor_us,
        measure_from_us=item.active_from_us,
        time_zone=subscription.time_zone,
        subscription_id=subscription.id,
    )
