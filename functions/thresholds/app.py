"""Thresholds: changes of usage rows become crossings, stored crossings become events on the event bus.

Two streams come here, the usage table's and the catalog's. A failure is raised, as in the aggregate function: Lambda
brings the same records again, and neither storing a crossing nor telling of it is done twice for that.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ulid import ULID

from dynameter.billing.customer import Customer
from dynameter.billing.customer_store import CustomerStore
from dynameter.billing.customers import CustomerService
from dynameter.billing.entitlement_store import EntitlementStore
from dynameter.billing.entitlements import EntitlementService
from dynameter.billing.feature import Feature
from dynameter.billing.feature_store import FeatureStore
from dynameter.billing.features import FeatureService
from dynameter.billing.metering import BillingUsage
from dynameter.billing.segment_usage import SegmentUsage
from dynameter.billing.standing import Standings as Balances
from dynameter.billing.subscription_store import SubscriptionStore
from dynameter.billing.thresholds.evaluator import Evaluator
from dynameter.billing.thresholds.notifier import Notifier
from dynameter.billing.thresholds.standing import Standings
from dynameter.billing.thresholds.store import RuleCache, ThresholdStore, read_crossing_key
from dynameter.billing.thresholds.touch import read_touch
from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.deadline import end_of_invocation, within
from dynameter.dialects.openmeter_v1.notifications import bus_event
from dynameter.events.history import EventHistory
from dynameter.gateway.catalog import Catalog
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime import eventbridge
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import logger, publish_counts
from dynameter.runtime.settings import Settings
from dynameter.usage.edges import EdgeReader
from dynameter.usage.service import UsageService
from dynameter.usage.store import UsageStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RESERVE_US = 5 * MICROSECONDS
"""What is left of the invocation's time for the answer of a call that was begun at the last moment."""

_clock = SystemClock()


def new_id() -> str:
    """The id of something new."""
    return str(ULID())


@lru_cache(maxsize=1)
def storage() -> tuple[Settings, DynamoDBClient]:
    """The settings and the one client of all stores."""
    settings = Settings.from_env(os.environ)
    return settings, create_client(settings, clock=_clock)


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """The catalog table."""
    settings, client = storage()
    return Catalog(client, settings.catalog_table)


@lru_cache(maxsize=1)
def store() -> ThresholdStore:
    """Rules and crossings."""
    settings, client = storage()
    return ThresholdStore(catalog(), client, settings.catalog_table)


@lru_cache(maxsize=1)
def meters() -> MeterService:
    """The meters that features are sold by."""
    settings, client = storage()
    store = MeterStore(client, settings.catalog_table)
    return MeterService(store, _clock, new_id, settings.clock_skew_ms, settings.settle_ms)


@lru_cache(maxsize=1)
def customers() -> CustomerService:
    """Who is looked at."""
    return CustomerService(CustomerStore(catalog()), _clock, new_id)


@lru_cache(maxsize=1)
def features() -> FeatureService:
    """What is sold."""
    return FeatureService(FeatureStore(catalog()), meters(), _clock, new_id)


@lru_cache(maxsize=1)
def standings() -> Standings:
    """How customers stand."""
    settings, client = storage()
    rows = UsageStore(client, settings.usage_table)
    edges = EdgeReader(EventHistory(client, settings), _clock, settings.event_retention_days)
    usage = BillingUsage(meters(), UsageService(rows, edges))
    books = EntitlementStore(catalog())
    segments = SegmentUsage(meters(), rows, edges, _clock, settings.event_retention_days)
    entitlements = EntitlementService(books, customers(), features(), Balances(books, _clock), segments, _clock, new_id)
    return Standings(usage, SubscriptionStore(catalog(), CustomerStore(catalog()).hold), entitlements)


@lru_cache(maxsize=1)
def evaluator() -> Evaluator:
    """The one evaluator of this process."""
    return Evaluator(RuleCache(store()), customers(), features(), standings(), store(), _clock, _report_fault)


@lru_cache(maxsize=1)
def notifier() -> Notifier:
    """The one notifier of this process."""
    bus = eventbridge.EventBridge(eventbridge.create_client(), os.environ["EVENT_BUS"])
    return Notifier(store(), bus, bus_event, _clock)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work through one stream's records; records of neither kind are passed over."""
    keys = [record["dynamodb"]["Keys"] for record in event["Records"]]
    with within(end_of_invocation(context, _clock, RESERVE_US), _clock):
        touches = {touch for one in keys if (touch := read_touch(one)) is not None}
        if touches:
            found = evaluator().process(touches)
            publish_counts(
                {"standings": found.standings, "crossings": found.crossings, "threshold_faults": found.faults}
            )
        crossings = [place for one in keys if (place := read_crossing_key(one)) is not None]
        if crossings:
            publish_counts({"notified": notifier().tell(crossings)})
    return {"batchItemFailures": []}


def _report_fault(customer: Customer, feature: Feature, error: Exception) -> None:
    logger.error(
        "a customer's standing could not be looked at; its thresholds are when it uses more",
        extra={"workspace": customer.workspace, "customer": customer.id, "feature": feature.id},
        exc_info=error,
    )
