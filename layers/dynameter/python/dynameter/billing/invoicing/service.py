"""What can be done with invoices: preview, issue, void, list, get; and what is charged by the moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from dynameter import codec
from dynameter.billing.customers.customer import Customer
from dynameter.billing.invoicing.charges import Charge
from dynameter.billing.invoicing.drafting import Draft, Features, Metering
from dynameter.billing.invoicing.identity import derived_id
from dynameter.billing.invoicing.invoice import (
    MAX_LINES_BYTES,
    Figures,
    Invoice,
    InvoiceStatus,
    Line,
    Recipient,
    SequenceTaken,
    sum_figures,
)
from dynameter.billing.invoicing.ledger import number_lines
from dynameter.billing.invoicing.provider import BillingProvider
from dynameter.billing.invoicing.records import line_record
from dynameter.billing.subscriptions.subscription import Subscription
from dynameter.billing.subscriptions.timeline import cycle_at
from dynameter.clock import Clock
from dynameter.deadline import carry
from dynameter.errors import FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.meters.rules import is_id
from dynameter.usage.windows import Window

MAX_PREVIEWED_CUSTOMERS = 100
"""Customers whose invoices to come one list computes."""
WORKERS = 8
_ATTEMPTS = 6
_SHOWN_CHARACTERS = 64


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def get(self, workspace: str, customer_id: str) -> Customer:
        """The customer of that id, deleted or not. Raises NotFound."""

    def list(self, workspace: str) -> tuple[Customer, ...]:
        """Every live customer."""


class Subscriptions(Protocol):
    """What is needed of ``dynameter.billing.subscriptions.service.SubscriptionService``."""

    def get(self, workspace: str, subscription_id: str) -> Subscription:
        """The subscription of that id. Raises NotFound."""

    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        """All of the customer's, newest first."""


class InvoiceStore(Protocol):
    """Where invoices are kept; reads see every change that was answered before."""

    def of_subscription(self, workspace: str, subscription_id: str) -> tuple[Invoice, ...]:
        """Every invoice of the subscription with its lines, by sequence."""

    def get(self, workspace: str, invoice_id: str) -> Invoice | None:
        """The invoice with its lines."""

    def with_lines(self, invoices: Sequence[Invoice]) -> tuple[Invoice, ...]:
        """The invoices with their lines."""

    def list(self, workspace: str, customer_ids: Iterable[str] | None = None) -> tuple[Invoice, ...]:
        """Every invoice of the customers, or of the workspace, without lines."""

    def insert(self, invoice: Invoice) -> Invoice:
        """Add an invoice and give it the next number; SequenceTaken."""

    def replace(self, invoice: Invoice, before: Invoice) -> None:
        """Write over what was read before; VersionConflict."""


class ChargeStatus(Enum):
    """CREATED has not begun, ACTIVE is on no invoice yet, FINAL is."""

    CREATED = "created"
    ACTIVE = "active"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Accrual:
    """A charge of a subscription: what is billed of it, None before it was; ``live`` is what it comes to now."""

    subscription: Subscription
    charge: Charge
    status: ChargeStatus
    billing_period: Window
    booked: Figures | None
    live: Figures | None = None


class InvoiceService:
    """The invoices of all workspaces.

    An invoice holds the charges of one subscription that became due at one instant. Its id follows from the
    subscription and its place among the subscription's invoices, so that requests which issue the same at once
    issue one. The id of a preview is its subscription's.
    """

    def __init__(
        self,
        store: InvoiceStore,
        customers: Customers,
        subscriptions: Subscriptions,
        features: Features,
        metering: Metering,
        provider: BillingProvider,
        clock: Clock,
    ) -> None:
        self._store = store
        self._customers = customers
        self._subscriptions = subscriptions
        self._features = features
        self._metering = metering
        self._provider = provider
        self._clock = clock
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="lines")

    # ---- reads

    def get(self, workspace: str, invoice_id: str) -> Invoice:
        """The invoice with its lines; for a subscription's id the preview of its next. Raises NotFound."""
        invoice = self._store.get(workspace, invoice_id.upper()) if is_id(invoice_id) else None
        if invoice is not None:
            return invoice
        try:
            subscription = self._subscriptions.get(workspace, invoice_id) if is_id(invoice_id) else None
        except NotFound:
            subscription = None
        preview = subscription and self.preview(subscription)
        if not preview:
            raise NotFound(f"invoice not found: {invoice_id[:_SHOWN_CHARACTERS]}", code="invoice_not_found")
        return preview

    def list(self, workspace: str, customer_ids: Collection[str] = ()) -> tuple[Invoice, ...]:
        """The issued invoices, voided ones too, of these customers or of all, oldest first, without lines."""
        found = self._store.list(workspace, _ids(customer_ids) if customer_ids else None)
        return tuple(sorted(found, key=lambda one: (one.created_at_us, one.id)))

    def with_lines(self, invoices: Sequence[Invoice]) -> tuple[Invoice, ...]:
        """The same invoices with their lines."""
        missing = [one for one in invoices if one.lines is None]
        read = {one.id: one for one in self._store.with_lines(missing)} if missing else {}
        return tuple(read.get(one.id, one) for one in invoices)

    def previews(self, workspace: str, customer_ids: Collection[str] = ()) -> tuple[Invoice, ...]:
        """The invoices to come of these customers, or of all if they are few, computed from live usage.

        Raises InvalidInput for more than ``MAX_PREVIEWED_CUSTOMERS``. Unknown customers have none.
        """
        ids = _ids(customer_ids)
        if not customer_ids:
            ids = sorted(one.id for one in self._customers.list(workspace))
        if len(ids) > MAX_PREVIEWED_CUSTOMERS:
            message = f"invoices to come are computed for at most {MAX_PREVIEWED_CUSTOMERS} customers; name them"
            raise InvalidInput(message, fields=(FieldError(("query", "customers"), "max_items", message),))
        found = (
            self.preview(one)
            for customer in ids
            for one in reversed(self._subscriptions.of_customer(workspace, customer))
        )
        return tuple(one for one in found if one is not None)

    def preview(self, subscription: Subscription) -> Invoice | None:
        """What is due by the end of the present billing period, late usage with it; None where there is nothing."""
        now_us = self._clock.now_us()
        if not subscription.is_invoiced:
            return None
        customer = self._customers.get(subscription.workspace, subscription.customer_id)
        book = self._store.of_subscription(subscription.workspace, subscription.id)
        lines = self._draft(subscription, customer, book).gathering(now_us)
        if not lines:
            return None
        made = _invoice(subscription, customer, book, lines, now_us, now_us)
        return replace(
            made,
            id=subscription.id,
            number=f"GATHER-{subscription.currency}-{subscription.id}",
            status=InvoiceStatus.GATHERING,
            due_us=max(one.due_us for one in lines),
            lines=number_lines(subscription.id, 0, lines),
        )

    def accruals(self, workspace: str, customer_id: str) -> tuple[Accrual, ...]:
        """Every charge of the customer that has begun or is due by the end of the billing period. Raises NotFound."""
        customer = self._customers.get(workspace, customer_id)
        now_us = self._clock.now_us()
        found: list[Accrual] = []
        for subscription in reversed(self._subscriptions.of_customer(workspace, customer.id)):
            if subscription.deleted_at_us is None:
                book = self._store.of_subscription(workspace, subscription.id)
                draft = self._draft(subscription, customer, book)
                found += (
                    _accrual(subscription, one, draft.ledger.get(one.key), now_us) for one in draft.charges(now_us)
                )
        return tuple(found)

    def with_live(self, accruals: Iterable[Accrual]) -> tuple[Accrual, ...]:
        """The same with what they come to now."""

        accruals = tuple(accruals)
        drafts: dict[str, Draft] = {}
        for one in accruals:
            if one.subscription.id not in drafts:
                customer = self._customers.get(one.subscription.workspace, one.subscription.customer_id)
                drafts[one.subscription.id] = self._draft(one.subscription, customer, ())

        def measured(one: Accrual) -> Accrual:
            return replace(one, live=drafts[one.subscription.id].line(one.charge).figures)

        return tuple(self._pool.map(carry(measured), accruals))

    # ---- changes

    def issue(self, workspace: str, customer_id: str, as_of_us: int | None = None) -> tuple[Invoice, ...]:
        """Issue what is due by the instant (now) and no invoice holds, and what is late of earlier ones.

        Asked again for the same instant it answers the same invoices. Raises NotFound, and InvalidInput for an instant
        in the future and where there is nothing to issue. What was issued before a fault stays so.
        """
        now_us = self._clock.now_us()
        if as_of_us is not None and as_of_us > now_us:
            message = "must not be in the future"
            raise InvalidInput(f"asOf {message}", fields=(FieldError(("body", "as_of"), "range", message),))
        customer = self._customers.get(workspace, customer_id)
        issued: list[Invoice] = []
        for subscription in reversed(self._subscriptions.of_customer(workspace, customer.id)):
            if subscription.is_invoiced:
                issued += self._issue(subscription, customer, now_us if as_of_us is None else as_of_us)
        if not issued and as_of_us is not None:
            before = (one for one in self.list(workspace, [customer.id]) if one.as_of_us == as_of_us)
            issued += self.with_lines([one for one in before if one.status is not InvoiceStatus.VOIDED])
        if not issued:
            message = "the new invoice would have no lines: nothing is due that is not invoiced"
            raise InvalidInput(message, code="invoice_create_no_lines")
        return tuple(issued)

    def void(self, workspace: str, invoice_id: str) -> Invoice:
        """Void an invoice; what it billed is billable again. A voided one is no error. Raises NotFound."""
        for _ in range(_ATTEMPTS):
            before = self._store.get(workspace, invoice_id.upper()) if is_id(invoice_id) else None
            if before is None:
                raise NotFound(f"invoice not found: {invoice_id[:_SHOWN_CHARACTERS]}", code="invoice_not_found")
            voided = before
            if before.status is not InvoiceStatus.VOIDED:
                now_us = self._clock.now_us()
                voided = _changed(before, now_us, status=InvoiceStatus.VOIDED, voided_at_us=now_us)
                try:
                    self._store.replace(voided, before)
                except VersionConflict:
                    continue
            # Also where it was voided before: that request may have ended here.
            self._provider.void_invoice(voided)
            return voided
        raise VersionConflict(f"invoice {invoice_id[:_SHOWN_CHARACTERS]} is being changed by other requests")

    # ---- inside

    def _draft(self, subscription: Subscription, customer: Customer, book: Sequence[Invoice]) -> Draft:
        return Draft(subscription, customer, book, self._features, self._metering, self._pool)

    def _issue(self, subscription: Subscription, customer: Customer, as_of_us: int) -> tuple[Invoice, ...]:
        issued: dict[str, Invoice] = {}
        for _ in range(_ATTEMPTS):
            book = list(self._store.of_subscription(subscription.workspace, subscription.id))
            for one in book:
                if one.status is InvoiceStatus.ISSUING:
                    # A request before ended here; whoever sent it asks again and is answered with it.
                    issued[one.id] = self._hand_over(one, customer)
            for lines in self._lines_due(subscription, customer, book, as_of_us):
                made = _invoice(subscription, customer, book, lines, as_of_us, self._clock.now_us())
                try:
                    book.append(self._store.insert(made))
                except SequenceTaken:
                    # The same was issued by another request at the same time, or something else: look again.
                    issued.update(self._issued_meanwhile(made))
                    break
                issued[made.id] = self._hand_over(book[-1], customer)
            else:
                return tuple(issued.values())
        raise VersionConflict(f"subscription {subscription.id} is being invoiced by other requests")

    def _lines_due(
        self, subscription: Subscription, customer: Customer, book: Sequence[Invoice], as_of_us: int
    ) -> Iterator[tuple[Line, ...]]:
        """The lines of each invoice to issue; they are measured as the invoices before are stored."""
        draft = self._draft(subscription, customer, tuple(book))
        groups = draft.waiting(as_of_us)
        ended = subscription.active_to_us is not None and subscription.active_to_us <= as_of_us
        # What is late waits for something to be due, but where nothing will be any more; what was voided does not.
        if groups or ended or draft.is_reopened:
            late = draft.late(as_of_us)
            for index, group in enumerate(groups or ((),)):
                yield from _fitting((*(late if index == 0 else ()), *draft.lines(group)))

    def _issued_meanwhile(self, made: Invoice) -> dict[str, Invoice]:
        found = self._store.get(made.workspace, made.id)
        return {} if found is None else {found.id: found}

    def _hand_over(self, invoice: Invoice, customer: Customer) -> Invoice:
        """Give the invoice to the provider, then mark it issued."""
        self._provider.upsert_customer(customer)
        external_id = self._provider.issue_invoice(invoice)
        done = _changed(invoice, self._clock.now_us(), status=InvoiceStatus.ISSUED, external_id=external_id)
        try:
            self._store.replace(done, invoice)
        except VersionConflict:
            # Another request did the same, or voided it: maybe before the provider had it.
            done = self._store.get(invoice.workspace, invoice.id) or done
            if done.status is InvoiceStatus.VOIDED:
                self._provider.void_invoice(done)
        return done


def _invoice(
    subscription: Subscription,
    customer: Customer,
    book: Sequence[Invoice],
    lines: Sequence[Line],
    as_of_us: int,
    now_us: int,
) -> Invoice:
    sequence = len(book) + 1
    due_us = max(one.due_us for one in lines)
    invoice_id = derived_id(due_us, subscription.workspace, subscription.id, sequence)
    return Invoice(
        workspace=subscription.workspace,
        id=invoice_id,
        subscription_id=subscription.id,
        sequence=sequence,
        number="",
        status=InvoiceStatus.ISSUING,
        customer=Recipient(
            customer.id,
            customer.key,
            customer.name,
            customer.subject_keys,
            customer.primary_email,
            customer.billing_address,
        ),
        currency=subscription.currency,
        period=Window(min(one.period.start_us for one in lines), max(one.period.end_us for one in lines)),
        due_us=due_us,
        as_of_us=as_of_us,
        created_at_us=now_us,
        updated_at_us=now_us,
        figures=sum_figures(one.figures for one in lines),
        lines=number_lines(invoice_id, due_us, lines),
    )


def _ids(given: Iterable[str]) -> list[str]:
    """What of it can be an id, in its own spelling."""
    return sorted({one.upper() for one in given if is_id(one)})


def _accrual(subscription: Subscription, charge: Charge, booked: Figures | None, now_us: int) -> Accrual:
    status = ChargeStatus.FINAL
    if booked is None:
        status = ChargeStatus.ACTIVE if charge.period.start_us <= now_us else ChargeStatus.CREATED
    return Accrual(subscription, charge, status, cycle_at(subscription, charge.period.start_us), booked)


def _fitting(lines: Iterable[Line]) -> Iterator[tuple[Line, ...]]:
    """The lines in as few invoices as can be stored."""
    taken: list[Line] = []
    room = MAX_LINES_BYTES
    for line in lines:
        size = len(codec.encode(line_record(line))) + 32
        if taken and size > room:
            yield tuple(taken)
            taken, room = [], MAX_LINES_BYTES
        taken.append(line)
        room -= size
    if taken:
        yield tuple(taken)


_Change = Callable[..., Invoice]


def _changed(invoice: Invoice, now_us: int, **changes: object) -> Invoice:
    change: _Change = replace
    return change(invoice, updated_at_us=now_us, version=invoice.version + 1, **changes)
