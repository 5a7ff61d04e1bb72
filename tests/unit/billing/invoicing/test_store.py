"""Invoices in the catalog table: whole, numbered without a gap, and each sequence once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus, SequenceTaken
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.billing.invoicing.store import InvoiceStore
from dynameter.billing.plans.plan import PaymentTerm, RateCard
from dynameter.billing.pricing.price import (
    Commitments,
    Discounts,
    FlatPrice,
    PackagePrice,
    Tier,
    TieredPrice,
    TierMode,
)
from dynameter.errors import VersionConflict
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.billing.invoicing.world import World, metered

D = Decimal
TIERS = (Tier(D("10.5"), D(1), D("0.123456789012345678")), Tier(None, D(0), D(1)))


@pytest.fixture
def store(settings: Settings, dynamodb: Any) -> InvoiceStore:
    return InvoiceStore(Catalog(dynamodb, settings.catalog_table, lambda attempt: None))


@pytest.fixture
def world(store: InvoiceStore) -> World:
    return World(store=store)


def one_issued(world: World) -> Invoice:
    customer = world.customer("acme-inc", primary_email="a@b.example", billing_address={"city": "Ulm"})
    subscription = world.subscribe(
        customer,
        metered(TieredPrice(TierMode.GRADUATED, TIERS), "tiered", commitments=Commitments(D(1), D(999))),
        metered(PackagePrice(D(2), D(100)), "packaged", discounts=Discounts(D("12.5"), D(3))),
        RateCard("fee", "Fee", cadence="P1M", price=FlatPrice(D(10)), payment_term=PaymentTerm.IN_ARREARS),
    )
    world.use(subscription, "2026-01-05T00:00:00", "12.345678901234567890123456789012345678")
    world.use(subscription, "2026-01-05T00:00:00", "201", item=1)
    world.it_is("2026-02-01T00:00:00")
    (issued,) = world.service.issue(WORKSPACE, customer.id)
    return issued


def test_an_invoice_is_read_as_it_was_written(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)

    (read,) = store.of_subscription(WORKSPACE, issued.subscription_id)

    assert (read, read.lines) == (issued, issued.lines)


def test_an_invoice_is_found_by_its_id_with_its_lines(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)

    read = store.get(WORKSPACE, issued.id)

    assert read is not None
    assert (read, read.lines) == (issued, issued.lines)


def test_a_list_has_no_lines(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)

    listed = (store.list(WORKSPACE), store.list(WORKSPACE, [issued.customer.id, issued.customer.id]))

    assert listed == ((issued,), (issued,))
    assert listed[0][0].lines is None


def test_another_customer_and_another_workspace_see_nothing(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)

    assert store.list(WORKSPACE, ["01KEXAMP1E0000000000000000"]) == ()
    assert store.list(OTHER_WORKSPACE) == ()
    assert store.get(OTHER_WORKSPACE, issued.id) is None


def test_a_sequence_is_taken_once(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)

    with pytest.raises(SequenceTaken):
        store.insert(replace(issued, id="01KEXAMP1E0000000000000000"))
    assert len(store.list(WORKSPACE)) == 1


def test_a_change_needs_the_version_it_was_read_with(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)
    voided = replace(issued, status=InvoiceStatus.VOIDED, version=issued.version + 1)
    store.replace(voided, issued)

    with pytest.raises(VersionConflict):
        store.replace(replace(voided, status=InvoiceStatus.ISSUED), issued)
    assert [one.status for one in store.list(WORKSPACE)] == [InvoiceStatus.VOIDED]


def test_invoices_issued_at_once_are_numbered_without_a_gap(world: World, store: InvoiceStore) -> None:
    issued = one_issued(world)
    drafts = [replace(issued, id=f"01KEXAMP1E000000000000000{index}", sequence=index + 2) for index in range(6)]

    with ThreadPoolExecutor(3) as pool:
        numbers = sorted(one.number for one in pool.map(store.insert, drafts))

    assert numbers == [f"INV-{index:06d}" for index in range(2, 8)]


def test_requests_at_once_issue_each_period_once(world: World, store: InvoiceStore) -> None:
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-05T00:00:00", "4")
    world.use(subscription, "2026-02-05T00:00:00", "6")
    world.it_is("2026-03-01T00:00:00")
    services = [_service(world, store) for _ in range(3)]

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda one: one.issue(WORKSPACE, customer.id, world.clock.now_us()), services))

    assert {one.id for each in found for one in each} == {one.id for one in store.list(WORKSPACE)}
    assert sorted(one.figures.total for one in store.list(WORKSPACE)) == [D(4), D(6)]


def _service(world: World, store: InvoiceStore) -> InvoiceService:
    one = World(clock=world.clock, store=store)
    one.customers.update(world.customers)
    one.subscriptions.update(world.subscriptions)
    one.features.update(world.features)
    one.used = world.used
    return one.service


def test_an_invoice_too_large_for_one_item_goes_on_in_the_next(world: World, store: InvoiceStore) -> None:
    tiers = (*(Tier(D(edge), D("0.1"), D("0.123456789012345678")) for edge in range(1, 101)), Tier(None, D(0), D(1)))
    customer = world.customer("acme-inc")
    cards = [metered(TieredPrice(TierMode.GRADUATED, tiers), f"feature_{index}") for index in range(30)]
    subscription = world.subscribe(customer, *cards)
    for index in range(30):
        world.use(subscription, "2026-01-05T00:00:00", "500", item=index)
    world.it_is("2026-02-01T00:00:00")

    issued = world.service.issue(WORKSPACE, customer.id)

    assert len(issued) > 1
    assert sum(len(one.lines or ()) for one in issued) == 30
