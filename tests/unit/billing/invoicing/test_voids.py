"""Voids beside late usage, and beside a provider that is told at the same moment; and what is never invoiced."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus
from dynameter.billing.invoicing.provider import Sandbox
from dynameter.billing.plans.plan import PaymentTerm, RateCard
from dynameter.billing.pricing.price import Commitments, FlatPrice
from dynameter.errors import InvalidInput
from tests.conftest import WORKSPACE
from tests.unit.billing.invoicing.world import World, metered

D = Decimal


def test_what_was_voided_is_due_at_once_though_a_later_invoice_has_its_late_usage() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-10T00:00:00", "5")
    world.it_is("2026-02-02T00:00:00")
    (january,) = world.service.issue(WORKSPACE, customer.id)
    world.use(subscription, "2026-01-11T00:00:00", "2")
    world.it_is("2026-03-02T00:00:00")
    world.service.issue(WORKSPACE, customer.id)
    world.it_is("2026-03-03T00:00:00")
    world.service.void(WORKSPACE, january.id)

    (again,) = world.service.issue(WORKSPACE, customer.id)

    assert again.figures.total == D(5)


def test_late_usage_waits_for_the_next_period_again_once_what_was_voided_is_billed() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.it_is("2026-02-02T00:00:00")
    (january,) = world.service.issue(WORKSPACE, customer.id)
    world.it_is("2026-02-03T00:00:00")
    world.service.void(WORKSPACE, january.id)
    world.it_is("2026-02-04T00:00:00")
    world.service.issue(WORKSPACE, customer.id)
    world.use(subscription, "2026-01-10T00:00:00", "5")

    with pytest.raises(InvalidInput):
        world.service.issue(WORKSPACE, customer.id)


class Collecting(Sandbox):
    """Knows what it collects; ``meanwhile`` happens while an invoice is on its way to it."""

    def __init__(self, meanwhile: Callable[[Invoice], object]) -> None:
        self.collected: set[str] = set()
        self._meanwhile = meanwhile

    def issue_invoice(self, invoice: Invoice) -> str:
        self._meanwhile(invoice)
        self.collected.add(invoice.id)
        return "external"

    def void_invoice(self, invoice: Invoice) -> None:
        self.collected.discard(invoice.id)


def test_an_invoice_that_is_voided_on_its_way_to_the_provider_is_not_collected() -> None:
    provider = Collecting(lambda invoice: world.service.void(WORKSPACE, invoice.id))
    world = World(provider=provider)
    customer, _ = world.subscribed()
    world.it_is("2026-02-02T00:00:00")

    (found,) = world.service.issue(WORKSPACE, customer.id)

    assert (found.status, provider.collected) == (InvoiceStatus.VOIDED, set())


def test_a_subscription_that_is_settled_by_credits_alone_is_not_invoiced() -> None:
    world = World()
    customer, subscription = world.subscribed(settlement_mode="credit_only")
    world.use(subscription, "2026-01-10T00:00:00")
    world.it_is("2026-02-02T00:00:00")

    with pytest.raises(InvalidInput, match="no lines"):
        world.service.issue(WORKSPACE, customer.id)


def test_a_subscription_that_is_settled_by_credits_alone_has_no_preview() -> None:
    world = World()
    customer, _ = world.subscribed(settlement_mode="credit_only")
    world.it_is("2026-01-10T00:00:00")

    assert world.service.previews(WORKSPACE, [customer.id]) == ()


def test_a_fee_of_a_whole_period_is_whole_though_it_begins_in_an_hour_that_the_clocks_repeat() -> None:
    world = World()
    customer = world.customer("acme-inc")
    price, term = FlatPrice(D(10_000)), PaymentTerm.IN_ADVANCE
    card = RateCard("fee", "Platform fee", cadence="P1M", price=price, payment_term=term)
    # The second 01:30 of the night in New York.
    world.subscribe(customer, card, start="2026-11-01T06:30:00", zone="America/New_York")
    world.it_is("2026-11-02T00:00:00")

    (issued,) = world.service.issue(WORKSPACE, customer.id)

    assert issued.figures.total == D(10_000)


def test_a_minimum_that_was_voided_is_billed_again_though_a_later_invoice_has_all_the_usage() -> None:
    world = World()
    customer = world.customer("acme-inc")
    subscription = world.subscribe(customer, metered(commitments=Commitments(minimum=D(10))))
    world.it_is("2026-02-02T00:00:00")
    (january,) = world.service.issue(WORKSPACE, customer.id)
    world.use(subscription, "2026-01-11T00:00:00", "12")
    world.it_is("2026-03-02T00:00:00")
    world.service.issue(WORKSPACE, customer.id)
    world.it_is("2026-03-03T00:00:00")
    world.service.void(WORKSPACE, january.id)

    (again,) = world.service.issue(WORKSPACE, customer.id)

    assert (january.figures.total, again.figures.total) == (D(10), D(10))
