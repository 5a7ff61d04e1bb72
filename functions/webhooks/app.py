"""Webhooks: an event of the bus is POSTed, signed, to the channels of its rule.

What was not taken raises, and Lambda calls again a minute and then two minutes later. What a webhook says is read from
the stored crossing: of the event, which others might put on the bus, only the place of the crossing is used.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from dynameter.billing.thresholds.delivery import Deliverer, Outcome
from dynameter.billing.thresholds.store import ThresholdStore
from dynameter.billing.thresholds.webhooks import WebhookCaller
from dynameter.clock import MICROSECONDS, SystemClock
from dynameter.deadline import end_of_invocation, within
from dynameter.dialects.openmeter_v1.notifications import webhook_body
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.observability import publish_counts
from dynameter.runtime.settings import Settings

CALL_RESERVE_US = 20 * MICROSECONDS
"""What is left of the invocation's time when the last call begins: it may take half of it."""
STORAGE_RESERVE_US = 2 * MICROSECONDS

_clock = SystemClock()


@lru_cache(maxsize=1)
def deliverer() -> Deliverer:
    """The one deliverer of this process."""
    settings = Settings.from_env(os.environ)
    client = create_client(settings, clock=_clock)
    store = ThresholdStore(Catalog(client, settings.catalog_table), client, settings.catalog_table)
    return Deliverer(store, WebhookCaller().post, webhook_body, _clock)


def handler(event: dict[str, Any], context: Any) -> None:
    """Deliver one event of the bus. Raises ``NotDelivered``."""
    detail = event["detail"]
    outcome = Outcome()
    deadline_us = end_of_invocation(context, _clock, CALL_RESERVE_US)
    try:
        with within(end_of_invocation(context, _clock, STORAGE_RESERVE_US), _clock):
            deliverer().deliver(str(detail["workspace"]), str(detail["id"]), deadline_us, outcome)
    finally:
        publish_counts({"webhooks_delivered": outcome.delivered, "webhooks_refused": outcome.failed})
