"""What is written together fits into one transaction of DynamoDB, however large the plans are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ulid import ULID

from dynameter.billing.plans.plan import Phase, RateCard
from dynameter.billing.plans.records import encode_phases
from dynameter.billing.plans.rules import MAX_PLAN_BYTES, MAX_PLAN_RATE_CARDS, MAX_RATE_CARDS
from dynameter.billing.pricing.price import UnitPrice
from dynameter.billing.subscriptions.rules import MAX_DELETED
from dynameter.billing.subscriptions.store import SubscriptionStore
from dynameter.billing.subscriptions.subscription import Subscription
from dynameter.billing.subscriptions.timeline import lay_out
from dynameter.billing.texts import MAX_METADATA_BYTES
from dynameter.runtime.catalog import Catalog
from tests.conftest import WORKSPACE

TRANSACTION_BYTES = 4_000_000


def new_id() -> str:
    return str(ULID())


def largest_subscription() -> Subscription:
    """One to a plan of as many rate cards, and bytes, as there can be."""
    cards = [
        RateCard(f"key_{at}", "Name", f"key_{at}", "P1M", UnitPrice(Decimal(1)), feature_id=new_id())
        for at in range(MAX_PLAN_RATE_CARDS)
    ]
    room = MAX_PLAN_BYTES - len(encode_phases([Phase("key", "Name", None, tuple(cards))])) - 1_000
    cards = [replace(one, description="x" * (room // len(cards) - 20)) for one in cards]
    parts = [tuple(cards[at : at + MAX_RATE_CARDS]) for at in range(0, len(cards), MAX_RATE_CARDS)]
    phases = [Phase(f"phase_{at}", "Phase", "P1M", part) for at, part in enumerate(parts)]
    planned = lay_out(phases, 0, "UTC", new_id)
    return Subscription(
        workspace=WORKSPACE,
        id=new_id(),
        customer_id=new_id(),
        plan_id=new_id(),
        plan_key="plan",
        plan_version=1,
        name="Name",
        currency="USD",
        cadence="P1M",
        anchor_us=0,
        time_zone="UTC",
        active_from_us=0,
        active_to_us=None,
        phases=planned,
        planned=planned,
        created_at_us=0,
        updated_at_us=0,
        version=2,
    )


class Recorded:
    """A client of DynamoDB that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def transact_write_items(self, TransactItems: list[Any]) -> None:  # noqa: N803 - as boto3 has it
        self.written += TransactItems


def test_as_many_subscriptions_as_one_restoring_deletes_fit_into_a_transaction() -> None:
    client: Any = Recorded()
    one = largest_subscription()
    store = SubscriptionStore(Catalog(client, "catalog"), lambda workspace, customer: {})

    store.change((WORKSPACE, one.customer_id), 1, changed=[one] * (MAX_DELETED + 1))

    metadata = (MAX_DELETED + 1) * MAX_METADATA_BYTES
    assert len(str(client.written)) + metadata < TRANSACTION_BYTES
