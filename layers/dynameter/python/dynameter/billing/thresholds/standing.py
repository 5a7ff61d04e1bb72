"""How a customer stands with a feature: in which period, how much was used, and what is left of the grants.

The period is that of the customer's metered entitlement to the feature; without one, the billing period of its
subscription to the feature; without that, the calendar month in the customer's time zone.

Usage is counted to the end of the period, or to the end of the present minute where there is an entitlement: rows hold
whole minutes, so no event of the last minute must be looked up in the events' index, which lags.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.entitlement import Access, Entitlement, Owner
from dynameter.billing.features.feature import Feature
from dynameter.billing.period import Cadence, period_at
from dynameter.billing.plans.plan import EntitlementType
from dynameter.billing.subscriptions.subscription import Subscription
from dynameter.billing.subscriptions.timeline import current_period
from dynameter.billing.thresholds.crossing import Standing
from dynameter.clock import MINUTE_US, from_datetime
from dynameter.errors import NotFound
from dynameter.usage.windows import Window, load_zone

_MONTH = Cadence(months=1)


class Usage(Protocol):
    """What is needed of ``dynameter.billing.metering.BillingUsage``."""

    def of(self, workspace: str, feature: Feature, customer: Customer, from_us: int, to_us: int) -> Decimal:
        """The usage from ``from_us`` up to ``to_us``, excluded."""


class Entitlements(Protocol):
    """What is needed of ``dynameter.billing.entitlements.service.EntitlementService``."""

    def find(self, owner: Owner, reference: str, at_us: int | None = None) -> Entitlement:
        """The owner's entitlement to the feature of that key in force then. Raises NotFound."""

    def value(self, entitlement: Entitlement, owner: Owner, at_us: int | None = None) -> Access:
        """What the entitlement lets its owner do at the instant."""


class Subscriptions(Protocol):
    """What is needed of ``dynameter.billing.subscriptions.store.SubscriptionStore``."""

    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        """Every subscription of the customer."""


class Standings:
    """How customers stand, exact."""

    def __init__(self, usage: Usage, subscriptions: Subscriptions, entitlements: Entitlements) -> None:
        self._usage = usage
        self._subscriptions = subscriptions
        self._entitlements = entitlements

    def at(self, customer: Customer, feature: Feature, instant_us: int, until_us: int | None = None) -> Standing:
        """The standing in the period that the instant lies in, cut at ``until_us`` where another begins there.

        An entitlement may begin inside a billing period: its usage counts in one of them. Raises what a usage query
        raises.
        """
        entitled = self._entitled(customer, feature, instant_us)
        if entitled is not None:
            return entitled
        period = self._period(customer, feature, instant_us)
        if until_us is not None and until_us < period.end_us:
            period = Window(period.start_us, until_us)
        return Standing(period, self._usage.of(customer.workspace, feature, customer, period.start_us, period.end_us))

    def _entitled(self, customer: Customer, feature: Feature, instant_us: int) -> Standing | None:
        owner = Owner(customer.workspace, customer)
        try:
            entitlement = self._entitlements.find(owner, feature.key, instant_us)
        except NotFound:
            return None
        if entitlement.feature_id != feature.id or entitlement.type is not EntitlementType.METERED:
            return None
        whole_us = -(-instant_us // MINUTE_US) * MINUTE_US
        balance = self._entitlements.value(entitlement, owner, whole_us).balance
        if balance is None or balance.period_start_us > instant_us:
            # It ends, or another period begins, within the minute.
            balance = self._entitlements.value(entitlement, owner, instant_us).balance
        if balance is None:
            return None
        period = Window(balance.period_start_us, balance.period_end_us)
        return Standing(period, balance.usage, balance, entitlement.id)

    def _period(self, customer: Customer, feature: Feature, instant_us: int) -> Window:
        subscriptions = self._subscriptions.of_customer(customer.workspace, customer.id)
        found = next(_periods_of(subscriptions, feature, instant_us), None)
        return found or calendar_month(customer.time_zone, instant_us)


def calendar_month(zone: str, instant_us: int) -> Window:
    """The month of the instant in the time zone."""
    anchor_us = from_datetime(datetime(1970, 1, 1, tzinfo=load_zone(zone)))
    return period_at(anchor_us, _MONTH, zone, instant_us)[1]


def _periods_of(subscriptions: tuple[Subscription, ...], feature: Feature, instant_us: int) -> Iterator[Window]:
    """The billing periods at the instant of subscriptions to the feature, each cut to the feature's item in it."""
    for subscription in subscriptions:
        period = current_period(subscription, instant_us)
        for item in subscription.items if period else ():
            ended = item.active_to_us is not None and item.active_to_us <= instant_us
            if period is None or item.feature_id != feature.id or item.active_from_us > instant_us or ended:
                continue
            end_us = period.end_us if item.active_to_us is None else min(period.end_us, item.active_to_us)
            yield Window(max(period.start_us, item.active_from_us), end_us)
