"""Telling the entitlements what became of a subscription, once it is stored, however often that takes.

A change is stored as unsettled, the hooks are called, then it is marked as settled. Where the process dies in between,
the next reader finds it unsettled and calls them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem, SubscriptionPhase
from dynameter.clock import Clock
from dynameter.errors import DynameterError, VersionConflict

_ATTEMPTS = 4


class EntitlementHooks(Protocol):
    """Who is told what a subscription brings.

    Both are idempotent by the items' ids and may be repeated. After a change that takes an end back ``provision`` is
    called with items that were ended: they are in force again.
    """

    def provision(self, subscription: Subscription, now_us: int) -> None:
        """Let there be an entitlement, as long as the item is in force, for each item whose rate card has one."""

    def end(self, subscription: Subscription, item_ids: Sequence[str], at_us: int) -> None:
        """End the entitlements of these items then; those that would begin later never do."""


class NoEntitlements:
    """Hooks that do nothing."""

    def provision(self, subscription: Subscription, now_us: int) -> None:
        """Nothing."""

    def end(self, subscription: Subscription, item_ids: Sequence[str], at_us: int) -> None:
        """Nothing."""


class Store(Protocol):
    """What is needed of the subscriptions' store."""

    def get(self, workspace: str, subscription_id: str) -> Subscription | None:
        """The subscription of that id; None for a deleted one that is settled."""

    def settle(self, subscription: Subscription) -> None:
        """Mark this version as settled, a deleted one by moving it aside; VersionConflict."""


class Settler:
    """Calls the hooks for subscriptions that are not settled yet."""

    def __init__(self, store: Store, hooks: EntitlementHooks, clock: Clock) -> None:
        self._store = store
        self._hooks = hooks
        self._clock = clock

    def settle(self, subscription: Subscription) -> Subscription:
        """Tell the entitlements; answers the subscription as it is stored then."""
        for _ in range(_ATTEMPTS):
            if subscription.settled:
                return subscription
            self._tell(subscription)
            try:
                self._store.settle(subscription)
            except VersionConflict:
                latest = self._store.get(subscription.workspace, subscription.id)
                if latest is None:
                    return subscription
                # Another request changed it meanwhile, and its calls may have come before ours: tell them again.
                subscription = replace(latest, settled=False)
            else:
                return replace(subscription, settled=True)
        return subscription

    def settle_all(self, found: Iterable[Subscription]) -> tuple[Subscription, ...]:
        """What of these is not deleted; what others left unsettled is settled in the order given, if that succeeds."""
        settled: list[Subscription] = []
        for one in found:
            with suppress(DynameterError):
                one = self.settle(one)
            if one.deleted_at_us is None:
                settled.append(one)
        return tuple(settled)

    def _tell(self, subscription: Subscription) -> None:
        items = entitling_items(subscription.planned)
        if subscription.deleted_at_us is not None:
            self._hooks.end(subscription, [one.id for one in items], subscription.active_from_us)
            return
        self._hooks.provision(subscription, self._clock.now_us())
        end_us = subscription.active_to_us
        if subscription.is_cut and end_us is not None:
            cut = [one.id for one in items if one.active_to_us is None or one.active_to_us > end_us]
            self._hooks.end(subscription, cut, end_us)


def entitling_items(phases: Iterable[SubscriptionPhase]) -> tuple[SubscriptionItem, ...]:
    """The items whose rate cards bring an entitlement."""
    return tuple(item for phase in phases for item in phase.items if item.rate_card.entitlement is not None)
