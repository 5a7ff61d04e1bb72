"""Billing's services over one DynamoDB client, each made when it is first asked for."""

from __future__ import annotations

import os
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ulid import ULID

from dynameter.billing.customers.service import CustomerService
from dynameter.billing.customers.store import CustomerStore
from dynameter.billing.entitlements.access_query import AccessQuery
from dynameter.billing.entitlements.grants import GrantService
from dynameter.billing.entitlements.segment_usage import SegmentUsage
from dynameter.billing.entitlements.service import EntitlementService
from dynameter.billing.entitlements.standing import Standings
from dynameter.billing.entitlements.store import EntitlementStore
from dynameter.billing.features.service import FeatureService
from dynameter.billing.features.store import FeatureStore
from dynameter.billing.invoicing.provider import Sandbox
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.billing.invoicing.store import InvoiceStore
from dynameter.billing.metering import BillingUsage
from dynameter.billing.plans.service import PlanService
from dynameter.billing.plans.store import PlanStore
from dynameter.billing.subscriptions.entitlements import SubscriptionEntitlements
from dynameter.billing.subscriptions.service import SubscriptionService
from dynameter.billing.subscriptions.store import SubscriptionStore
from dynameter.billing.thresholds.service import ThresholdService
from dynameter.billing.thresholds.store import ThresholdStore
from dynameter.clock import HOUR_US, Clock
from dynameter.events.history import EventHistory
from dynameter.meters.rules import is_id
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime import dynamodb
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings
from dynameter.subjects.store import SubjectStore
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def new_id() -> str:
    """The id of something new."""
    return str(ULID())


class BillingServices:
    """What billing is made of, in one process."""

    def __init__(self, clock: Clock) -> None:
        """Settings come from the environment when they are first needed."""
        self._clock = clock

    @cached_property
    def settings(self) -> Settings:
        """The function's settings."""
        return Settings.from_env(os.environ)

    @cached_property
    def client(self) -> DynamoDBClient:
        """The one client of all stores."""
        # By its module's name, so that tests can put another in its place.
        return dynamodb.create_client(self.settings, clock=self._clock)

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog table."""
        return Catalog(self.client, self.settings.catalog_table, partial(pause, clock=self._clock))

    @cached_property
    def meters(self) -> MeterService:
        """The meters that features are sold by."""
        settings = self.settings
        store = MeterStore(self.client, settings.catalog_table)
        return MeterService(store, self._clock, new_id, settings.clock_skew_ms, settings.settle_ms)

    @cached_property
    def rows(self) -> UsageStore:
        """The usage rows."""
        return UsageStore(self.client, self.settings.usage_table)

    @cached_property
    def edges(self) -> EdgeReader:
        """Usage inside a minute."""
        return EdgeReader(EventHistory(self.client, self.settings), self._clock, self.settings.event_retention_days)

    @cached_property
    def usage(self) -> BillingUsage:
        """What of usage is billed, exact to the instant."""
        return BillingUsage(self.meters, UsageService(self.rows, self.edges), self._oldest_us)

    @cached_property
    def customers(self) -> CustomerService:
        """Who is billed."""
        store = CustomerStore(self.catalog)
        return CustomerService(store, self._clock, new_id, lambda *one: self.subscriptions.is_subscribed(*one))

    @cached_property
    def features(self) -> FeatureService:
        """What is sold."""
        return FeatureService(FeatureStore(self.catalog), self.meters, self._clock, new_id)

    @cached_property
    def plans(self) -> PlanService:
        """What customers can subscribe to."""
        return PlanService(PlanStore(self.catalog), self.features, self._clock, new_id)

    @cached_property
    def subscription_store(self) -> SubscriptionStore:
        """Stored subscriptions."""
        return SubscriptionStore(self.catalog, CustomerStore(self.catalog).hold)

    @cached_property
    def subscriptions(self) -> SubscriptionService:
        """Who has subscribed to what."""
        hooks = SubscriptionEntitlements(
            EntitlementStore(self.catalog), self.customers, self.features, self._clock, new_id
        )
        return SubscriptionService(self.subscription_store, self.plans, self.customers, self._clock, new_id, hooks)

    @cached_property
    def invoices(self) -> InvoiceService:
        """What customers owe."""
        return InvoiceService(
            InvoiceStore(self.catalog),
            self.customers,
            self.subscriptions,
            self.features,
            self.usage,
            Sandbox(),
            self._clock,
        )

    @cached_property
    def standings(self) -> Standings:
        """How entitlements stand."""
        return Standings(EntitlementStore(self.catalog), self._clock)

    @cached_property
    def entitlements(self) -> EntitlementService:
        """What customers may use."""
        days = self.settings.event_retention_days
        segments = SegmentUsage(self.meters, self.rows, self.edges, self._clock, days)
        store = EntitlementStore(self.catalog)
        return EntitlementService(store, self.customers, self.features, self.standings, segments, self._clock, new_id)

    @cached_property
    def grants(self) -> GrantService:
        """The amounts that entitlements burn."""
        return GrantService(EntitlementStore(self.catalog), self.standings, self._clock, new_id)

    @cached_property
    def access_query(self) -> AccessQuery:
        """What many customers may use."""
        return AccessQuery(self.entitlements, self.customers, self.features, self._clock)

    @cached_property
    def threshold_store(self) -> ThresholdStore:
        """Rules, channels and crossings."""
        return ThresholdStore(self.catalog, self.client, self.settings.catalog_table)

    @cached_property
    def thresholds(self) -> ThresholdService:
        """Which usage is told of, and where."""
        return ThresholdService(self.threshold_store, self.features, self.customers, self._clock, new_id, os.urandom)

    def _oldest_us(self) -> int:
        """From when on no event expires while somebody looks for it."""
        days = self.settings.event_retention_days
        return self._clock.now_us() - days * 24 * HOUR_US + HOUR_US if days else 0

    def find_subject(self, workspace: str, id_or_key: str) -> str:
        """The key of the subject that has the id, or the text itself: a subject need not be known to have usage."""
        store = SubjectStore(self.client, self.settings.catalog_table)
        known = store.get_by_id(workspace, id_or_key) if is_id(id_or_key) else None
        return known.key if known else id_or_key
