"""A workspace with customers, subscriptions and usage in memory, and the real invoice service over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ulid import ULID

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature
from dynameter.billing.invoicing.invoice import Invoice, SequenceTaken
from dynameter.billing.invoicing.provider import BillingProvider, Sandbox
from dynameter.billing.invoicing.service import InvoiceService, InvoiceStore
from dynameter.billing.plans.plan import RateCard
from dynameter.billing.pricing.price import Price, UnitPrice
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem, SubscriptionPhase
from dynameter.clock import from_datetime
from dynameter.errors import NotFound, VersionConflict
from tests.conftest import WORKSPACE, ManualClock

ONE_UNIT = UnitPrice(Decimal(1))
DAY_US = 86_400_000_000


def at(text: str) -> int:
    """The instant of an ISO 8601 text in UTC."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def new_id() -> str:
    return str(ULID())


@dataclass(frozen=True)
class Used:
    """One event as it was counted."""

    subject: str
    feature_id: str
    at_us: int
    value: Decimal


class MemoryInvoices:
    """Invoices in memory, under the conditions that the store has."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], Invoice] = {}

    def of_subscription(self, workspace: str, subscription_id: str) -> tuple[Invoice, ...]:
        return tuple(one for (owner, _), one in sorted(self.kept.items()) if owner == subscription_id)

    def get(self, workspace: str, invoice_id: str) -> Invoice | None:
        return next((one for one in self.kept.values() if one.id == invoice_id), None)

    def with_lines(self, invoices: Sequence[Invoice]) -> tuple[Invoice, ...]:
        return tuple(self.kept[one.subscription_id, one.sequence] for one in invoices)

    def list(self, workspace: str, customer_ids: Iterable[str] | None = None) -> tuple[Invoice, ...]:
        wanted = None if customer_ids is None else set(customer_ids)
        return tuple(
            replace(one, lines=None) for one in self.kept.values() if wanted is None or one.customer.id in wanted
        )

    def insert(self, invoice: Invoice) -> Invoice:
        place = (invoice.subscription_id, invoice.sequence)
        if place in self.kept:
            raise SequenceTaken("taken")
        self.kept[place] = replace(invoice, number=f"INV-{len(self.kept) + 1:06d}")
        return self.kept[place]

    def replace(self, invoice: Invoice, before: Invoice) -> None:
        place = (invoice.subscription_id, invoice.sequence)
        if self.kept[place].version != before.version:
            raise VersionConflict("changed")
        self.kept[place] = invoice


@dataclass
class World:
    """What the service sees; ``used`` is all usage, ``measured`` counts the measurements."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: InvoiceStore = field(default_factory=MemoryInvoices)
    provider: BillingProvider = field(default_factory=Sandbox)
    additive: bool = True
    customers: dict[str, Customer] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    features: dict[str, Feature] = field(default_factory=dict)
    used: list[Used] = field(default_factory=list)
    measured: int = 0

    def __post_init__(self) -> None:
        self.service = InvoiceService(
            self.store,
            _Customers(self.customers),
            _Subscriptions(self.subscriptions),
            _Found(self.features),
            self,
            self.provider,
            self.clock,
        )

    # ---- what there is

    def customer(self, *subjects: str, **fields: Any) -> Customer:
        now_us = self.clock.now_us()
        key = subjects[0] if subjects else "acme-inc"
        one = Customer(WORKSPACE, new_id(), key, fields.pop("name", "Acme Inc"), now_us, now_us, subjects, **fields)
        self.customers[one.id] = one
        return one

    def feature(self, key: str = "agent_runs") -> Feature:
        one = Feature(WORKSPACE, new_id(), key, key, 0, 0, meter_id="M")
        self.features[one.id] = one
        return one

    def subscribe(
        self,
        customer: Customer,
        *cards: RateCard,
        start: str = "2026-01-01T00:00:00",
        end: str | None = None,
        cadence: str = "P1M",
        anchor_us: int | None = None,
        zone: str = "UTC",
        **fields: Any,
    ) -> Subscription:
        start_us, end_us = at(start), None if end is None else at(end)
        items = []
        for card in cards:
            feature_id = self.feature(card.feature_key).id if card.feature_key else None
            items.append(SubscriptionItem(new_id(), card, start_us, end_us, feature_id))
        phase = SubscriptionPhase(new_id(), "default", "Default", start_us, end_us, tuple(items))
        one = Subscription(
            workspace=WORKSPACE,
            id=new_id(),
            customer_id=customer.id,
            plan_id=new_id(),
            plan_key="premium_plan",
            plan_version=1,
            name="Premium Plan",
            currency=fields.pop("currency", "USD"),
            cadence=cadence,
            anchor_us=start_us if anchor_us is None else anchor_us,
            time_zone=zone,
            active_from_us=start_us,
            active_to_us=end_us,
            phases=(phase,),
            created_at_us=start_us,
            updated_at_us=start_us,
            planned=(phase,),
            **fields,
        )
        self.subscriptions[one.id] = one
        return one

    def subscribed(self, price: Price = ONE_UNIT, **options: Any) -> tuple[Customer, Subscription]:
        """A customer of its own on one metered rate card."""
        customer = self.customer("acme-inc")
        return customer, self.subscribe(customer, metered(price), **options)

    def use(self, subscription: Subscription, when: str | int, value: str | Decimal = "1", item: int = 0) -> None:
        feature_id = subscription.items[item].feature_id
        assert feature_id is not None
        at_us = at(when) if isinstance(when, str) else when
        self.used.append(Used("acme-inc", feature_id, at_us, Decimal(value)))

    def it_is(self, when: str) -> None:
        self.clock.now = at(when)

    # ---- metering

    def of(self, workspace: str, feature: Feature, customer: Customer, from_us: int, to_us: int) -> Decimal:
        self.measured += 1
        counted = [
            one.value
            for one in self.used
            if one.feature_id == feature.id and one.subject in customer.subjects and from_us <= one.at_us < to_us
        ]
        return sum(counted, Decimal(0))

    def is_exact(self, from_us: int, to_us: int) -> bool:
        return True

    def is_additive(self, workspace: str, feature: Feature) -> bool:
        return self.additive


def metered(price: Price = ONE_UNIT, key: str = "agent_runs", cadence: str | None = "P1M", **fields: Any) -> RateCard:
    """A rate card of a feature."""
    return RateCard(key, key.replace("_", " "), feature_key=key, cadence=cadence, price=price, **fields)


def ended(subscription: Subscription, end_us: int) -> Subscription:
    """The subscription cut at the instant, as a cancelation leaves it."""
    (phase,) = subscription.phases
    items = tuple(replace(one, active_to_us=end_us) for one in phase.items)
    return replace(subscription, active_to_us=end_us, phases=(replace(phase, active_to_us=end_us, items=items),))


class _Found:
    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    def get(self, workspace: str, id_: str) -> Any:
        if id_ not in self.kept:
            raise NotFound(id_)
        return self.kept[id_]


class _Customers(_Found):
    def list(self, workspace: str) -> tuple[Customer, ...]:
        return tuple(self.kept.values())


class _Subscriptions(_Found):
    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        theirs = [one for one in self.kept.values() if one.customer_id == customer_id]
        return tuple(sorted(theirs, key=lambda one: one.active_from_us, reverse=True))
