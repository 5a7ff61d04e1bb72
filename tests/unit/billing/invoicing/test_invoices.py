"""What is invoiced, when, and that it is so once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus, LineKind
from dynameter.billing.plans.plan import PaymentTerm, RateCard
from dynameter.billing.pricing.price import Commitments, FlatPrice
from dynameter.errors import InvalidInput, NotFound, Unavailable
from tests.conftest import WORKSPACE
from tests.unit.billing.invoicing.world import MemoryInvoices, World, at, ended, metered

D = Decimal


def fee(amount: str, term: PaymentTerm = PaymentTerm.IN_ADVANCE, cadence: str | None = "P1M") -> RateCard:
    return RateCard("fee", "Platform fee", cadence=cadence, price=FlatPrice(D(amount)), payment_term=term)


def quantities(invoice: Invoice) -> list[Decimal]:
    return [one.figures.metered for one in invoice.lines or ()]


def totals(invoices: tuple[Invoice, ...]) -> list[Decimal]:
    return [one.figures.total for one in invoices]


def test_the_preview_has_one_line_of_the_present_period() -> None:
    world = World()
    customer, subscription = world.subscribed(start="2026-01-10T00:00:00")
    for hour in (10, 11, 12):
        world.use(subscription, f"2026-01-14T{hour}:00:00")

    (preview,) = world.service.previews(WORKSPACE, [customer.id])

    (line,) = preview.lines or ()
    assert (line.figures.metered, line.figures.quantity, line.figures.total) == (D(3), D(3), D(3))
    assert (preview.status, preview.id, preview.due_us) == (
        InvoiceStatus.GATHERING,
        subscription.id,
        at("2026-02-10T00:00:00"),
    )


def test_usage_before_the_subscription_is_not_invoiced() -> None:
    world = World()
    customer, subscription = world.subscribed(start="2026-01-10T00:00:00.000001")
    world.use(subscription, "2026-01-10T00:00:00")
    world.use(subscription, "2026-01-10T00:00:00.000001")

    (preview,) = world.service.previews(WORKSPACE, [customer.id])

    assert quantities(preview) == [D(1)]


def test_a_period_cut_by_the_start_begins_with_the_subscription() -> None:
    world = World()
    _, subscription = world.subscribed(start="2026-01-10T12:00:00", anchor_us=at("2026-01-01T00:00:00"))

    preview = world.service.preview(subscription)

    assert preview is not None
    assert (preview.period.start_us, preview.period.end_us) == (at("2026-01-10T12:00:00"), at("2026-02-01T00:00:00"))


def test_a_free_card_and_a_mere_entitlement_have_no_line() -> None:
    world = World()
    customer = world.customer("acme-inc")
    subscription = world.subscribe(customer, RateCard("agent_runs", "Runs", "agent_runs", "P1M"))

    assert world.service.preview(subscription) is None


def test_finished_periods_become_an_invoice_each_in_order() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-20T00:00:00", "3")
    world.use(subscription, "2026-02-01T00:00:00", "5")
    world.it_is("2026-03-15T00:00:00")

    issued = world.service.issue(WORKSPACE, customer.id)

    assert [one.number for one in issued] == ["INV-000001", "INV-000002"]
    assert [one.status for one in issued] == [InvoiceStatus.ISSUED] * 2
    assert totals(issued) == [D(3), D(5)]


def test_the_present_period_is_not_issued() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-02T00:00:00")
    world.it_is("2026-01-31T23:59:59")

    with pytest.raises(InvalidInput, match="no lines"):
        world.service.issue(WORKSPACE, customer.id)


def test_issuing_again_issues_nothing_new() -> None:
    world = World()
    customer, _ = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    world.service.issue(WORKSPACE, customer.id)

    with pytest.raises(InvalidInput, match="no lines"):
        world.service.issue(WORKSPACE, customer.id)
    assert len(world.service.list(WORKSPACE)) == 1


def test_asking_again_for_the_same_instant_answers_the_same_invoices() -> None:
    world = World()
    customer, _ = world.subscribed()
    world.it_is("2026-02-02T00:00:00")

    first = world.service.issue(WORKSPACE, customer.id, at("2026-02-01T12:00:00"))
    again = world.service.issue(WORKSPACE, customer.id, at("2026-02-01T12:00:00"))

    assert again == first


def test_an_instant_in_the_future_is_refused() -> None:
    world = World()
    customer, _ = world.subscribed()

    with pytest.raises(InvalidInput, match="future"):
        world.service.issue(WORKSPACE, customer.id, world.clock.now_us() + 1)


def test_an_earlier_instant_after_a_later_one_credits_nothing() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-02-10T00:00:00", "4")
    world.it_is("2026-03-02T00:00:00")
    world.service.issue(WORKSPACE, customer.id)

    with pytest.raises(InvalidInput, match="no lines"):
        world.service.issue(WORKSPACE, customer.id, at("2026-02-02T00:00:00"))


class Meanwhile(MemoryInvoices):
    """Another request issues the same just before the first insert."""

    world: World
    customer_id: str
    ran = False

    def insert(self, invoice: Invoice) -> Invoice:
        if not self.ran:
            self.ran = True
            self.other = self.world.service.issue(WORKSPACE, self.customer_id)
        return super().insert(invoice)


def test_two_requests_at_once_issue_one_invoice_and_both_answer_it() -> None:
    store = Meanwhile()
    world = store.world = World(store=store)
    customer, subscription = world.subscribed()
    store.customer_id = customer.id
    world.use(subscription, "2026-01-02T00:00:00", "7")
    world.it_is("2026-02-01T00:00:00")

    issued = world.service.issue(WORKSPACE, customer.id)

    assert issued == store.other
    assert totals(issued) == [D(7)]
    assert len(store.kept) == 1


def test_a_fee_in_advance_is_due_when_its_period_begins() -> None:
    world = World()
    customer = world.customer("acme-inc")
    world.subscribe(customer, fee("10"))
    world.it_is("2026-01-01T00:00:00")

    (issued,) = world.service.issue(WORKSPACE, customer.id)

    assert [(one.figures.total, one.period.end_us) for one in issued.lines or ()] == [
        (D(10), at("2026-02-01T00:00:00"))
    ]


def test_usage_of_a_period_and_the_fee_of_the_next_share_an_invoice() -> None:
    world = World()
    customer = world.customer("acme-inc")
    subscription = world.subscribe(customer, fee("10"), metered())
    world.use(subscription, "2026-01-05T00:00:00", "4", item=1)
    world.it_is("2026-02-01T00:00:00")

    first, second = world.service.issue(WORKSPACE, customer.id)

    assert totals((first, second)) == [D(10), D(14)]


def test_a_fee_once_is_due_once() -> None:
    world = World()
    customer = world.customer("acme-inc")
    world.subscribe(customer, fee("99", cadence=None))
    world.it_is("2026-06-01T00:00:00")

    assert totals(world.service.issue(WORKSPACE, customer.id)) == [D(99)]


@pytest.mark.parametrize(("pro_rating", "expected"), [(True, D("5.00")), (False, D(10))])
def test_a_fee_of_a_cut_period_is_due_for_the_part_that_is_left(pro_rating: bool, expected: Decimal) -> None:
    world = World()
    customer = world.customer("acme-inc")
    anchor_us = at("2026-01-31T00:00:00")
    world.subscribe(customer, fee("10"), start="2026-02-14T00:00:00", anchor_us=anchor_us, pro_rating=pro_rating)
    world.it_is("2026-02-14T00:00:00")

    # The period is 31 January to 28 February: 14 of 28 days are left.
    assert totals(world.service.issue(WORKSPACE, customer.id)) == [expected]


def test_a_fee_paid_in_advance_is_given_back_in_part_when_the_subscription_ends_earlier() -> None:
    world = World()
    customer = world.customer("acme-inc")
    subscription = world.subscribe(customer, fee("28"), start="2026-02-01T00:00:00")
    world.it_is("2026-02-01T00:00:00")
    world.service.issue(WORKSPACE, customer.id)

    world.subscriptions[subscription.id] = ended(subscription, at("2026-02-08T00:00:00"))
    world.it_is("2026-02-08T00:00:00")

    assert totals(world.service.issue(WORKSPACE, customer.id)) == [D(-21)]


def test_what_was_billed_and_is_no_charge_any_more_is_given_back() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-02-10T00:00:00", "4")
    world.it_is("2026-03-01T00:00:00")
    world.service.issue(WORKSPACE, customer.id)

    world.subscriptions[subscription.id] = ended(subscription, at("2026-02-01T00:00:00"))
    (credit,) = world.service.issue(WORKSPACE, customer.id)

    assert credit.figures.total == D(-4)
    assert "credit for 2026-02-01" in (credit.lines or ())[0].name


def test_the_last_period_ends_with_the_subscription() -> None:
    world = World()
    customer, subscription = world.subscribed(end="2026-01-15T00:00:00")
    world.use(subscription, "2026-01-14T23:59:59", "2")
    world.use(subscription, "2026-01-15T00:00:00", "9")
    world.it_is("2026-01-15T00:00:00")

    assert totals(world.service.issue(WORKSPACE, customer.id)) == [D(2)]


def test_a_minimum_is_due_where_nothing_was_used() -> None:
    world = World()
    customer = world.customer("acme-inc")
    world.subscribe(customer, metered(commitments=Commitments(minimum=D(20))))
    world.it_is("2026-02-01T00:00:00")

    (issued,) = world.service.issue(WORKSPACE, customer.id)

    assert (issued.figures.charge, issued.figures.total) == (D(20), D(20))


def test_a_card_of_another_cadence_is_due_with_the_billing_period_it_ends_in() -> None:
    world = World()
    customer = world.customer("acme-inc")
    subscription = world.subscribe(customer, metered(cadence="P1W"))
    world.use(subscription, "2026-01-30T00:00:00", "2")
    world.use(subscription, "2026-02-03T00:00:00", "3")
    world.it_is("2026-03-01T00:00:00")

    january, february = world.service.issue(WORKSPACE, customer.id)

    assert (len(january.lines or ()), len(february.lines or ())) == (4, 4)
    # The week from 29 January ends on 5 February.
    assert quantities(february)[0] == D(5)


def test_a_voided_invoice_is_billed_again_by_the_next_issue() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-05T00:00:00", "4")
    world.it_is("2026-02-01T00:00:00")
    (first,) = world.service.issue(WORKSPACE, customer.id)

    voided = world.service.void(WORKSPACE, first.id)
    (again,) = world.service.issue(WORKSPACE, customer.id)

    assert (voided.status, again.status) == (InvoiceStatus.VOIDED, InvoiceStatus.ISSUED)
    assert (again.figures, again.number) == (first.figures, "INV-000002")
    assert [one.kind for one in again.lines or ()] == [LineKind.PERIOD]


def test_voiding_again_answers_the_same() -> None:
    world = World()
    customer, _ = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    (first,) = world.service.issue(WORKSPACE, customer.id)

    assert world.service.void(WORKSPACE, first.id) == world.service.void(WORKSPACE, first.id)


def test_an_unknown_invoice_cannot_be_voided() -> None:
    with pytest.raises(NotFound):
        World().service.void(WORKSPACE, "01KEXAMP1E0000000000000000")


class Failing:
    """A provider that does not answer once."""

    name = "failing"

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.fails = True

    def upsert_customer(self, customer: object) -> None:
        if self.fails:
            self.fails = False
            raise Unavailable("no answer")

    def issue_invoice(self, invoice: Invoice) -> str:
        self.taken.append(invoice.id)
        return "external"

    def void_invoice(self, invoice: Invoice) -> None:
        self.taken.remove(invoice.id)

    def status(self, invoice: Invoice) -> InvoiceStatus:
        return invoice.status


def test_an_invoice_the_provider_did_not_take_is_handed_over_by_the_next_request() -> None:
    provider = Failing()
    world = World(provider=provider)
    customer, _ = world.subscribed()
    world.it_is("2026-02-01T00:00:00")

    with pytest.raises(Unavailable):
        world.service.issue(WORKSPACE, customer.id)
    (issued,) = world.service.issue(WORKSPACE, customer.id)

    assert (issued.status, issued.external_id, provider.taken) == (InvoiceStatus.ISSUED, "external", [issued.id])


def test_charges_tell_what_is_booked_and_what_they_come_to_now() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-05T00:00:00", "4")
    world.use(subscription, "2026-02-05T00:00:00", "6")
    world.it_is("2026-02-06T00:00:00")
    world.service.issue(WORKSPACE, customer.id)

    found = world.service.with_live(world.service.accruals(WORKSPACE, customer.id))

    shown = [(one.status.value, one.booked and one.booked.total, one.live and one.live.total) for one in found]
    assert shown == [("final", D(4), D(4)), ("active", None, D(6))]


def test_an_earlier_instant_bills_a_voided_period_and_leaves_later_ones_alone() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-10T00:00:00", "3")
    world.use(subscription, "2026-03-10T00:00:00", "4")
    world.it_is("2026-04-02T00:00:00")
    january, _, _ = world.service.issue(WORKSPACE, customer.id)
    world.service.void(WORKSPACE, january.id)

    assert totals(world.service.issue(WORKSPACE, customer.id, at("2026-02-02T00:00:00"))) == [D(3)]


def test_every_line_has_an_id_of_its_own() -> None:
    world = World()
    customer = world.customer("acme-inc")
    world.subscribe(customer, metered(key="one"), metered(key="two"))
    world.it_is("2026-03-02T00:00:00")

    ids = [line.id for one in world.service.issue(WORKSPACE, customer.id) for line in one.lines or ()]

    assert (len(set(ids)), {len(one) for one in ids}) == (4, {26})
