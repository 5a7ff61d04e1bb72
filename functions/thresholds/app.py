"""Thresholds: changes of usage rows become crossings, stored crossings become events on the event bus.

Two streams come here, the usage table's and the catalog's. A failure is raised, as in the aggregate function: Lambda
brings the same records again, and neither storing a crossing nor telling of it is done twice for that.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.thresholds import eventbridge
from dynameter.billing.thresholds.evaluator import Evaluator
from dynameter.billing.thresholds.notifier import Notifier
from dynameter.billing.thresholds.standing import Standings
from dynameter.billing.thresholds.store import RuleCache, read_crossing_key
from dynameter.billing.thresholds.touch import read_touch
from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.composition.billing import BillingServices
from dynameter.deadline import end_of_invocation, within
from dynameter.dialects.openmeter_v1.notifications import bus_event
from dynameter.runtime.observability import logger, publish_counts

if TYPE_CHECKING:
    pass

RESERVE_US = 5 * MICROSECONDS
"""What is left of the invocation's time for the answer of a call that was begun at the last moment."""

_clock = SystemClock()


@lru_cache(maxsize=1)
def services() -> BillingServices:
    """The services of this process."""
    return BillingServices(_clock)


@lru_cache(maxsize=1)
def standings() -> Standings:
    """How customers stand."""
    return Standings(services().usage, services().subscription_store, services().entitlements)


@lru_cache(maxsize=1)
def evaluator() -> Evaluator:
    """The one evaluator of this process."""
    return Evaluator(
        RuleCache(services().threshold_store),
        services().customers,
        services().features,
        standings(),
        services().threshold_store,
        _clock,
        _report_fault,
    )


@lru_cache(maxsize=1)
def notifier() -> Notifier:
    """The one notifier of this process."""
    bus = eventbridge.EventBridge(eventbridge.create_client(), os.environ["EVENT_BUS"])
    return Notifier(services().threshold_store, bus, bus_event, _clock)


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
