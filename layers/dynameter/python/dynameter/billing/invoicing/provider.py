"""Where invoices go to be collected. ``Sandbox`` is built in; a payment service's would fill the same interface."""

from __future__ import annotations

from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus


class BillingProvider(Protocol):
    """A billing provider. Every call may be repeated, after a crash even much later, and must then change nothing.

    The invoice's id serves as the key of idempotency. Raises Unavailable where the provider does not answer.
    """

    @property
    def name(self) -> str:
        """What it is called in invoices."""

    def upsert_customer(self, customer: Customer) -> None:
        """Make the customer known."""

    def issue_invoice(self, invoice: Invoice) -> str:
        """Take over an issued invoice; its customer is known. Returns the provider's id of it."""

    def void_invoice(self, invoice: Invoice) -> None:
        """Stop collecting an invoice, if it was ever taken over."""

    def status(self, invoice: Invoice) -> InvoiceStatus:
        """What has become of an invoice that was taken over."""


class Sandbox:
    """Collects nothing and remembers nothing."""

    @property
    def name(self) -> str:
        """See ``BillingProvider``."""
        return "sandbox"

    def upsert_customer(self, customer: Customer) -> None:
        """See ``BillingProvider``."""

    def issue_invoice(self, invoice: Invoice) -> str:
        """See ``BillingProvider``."""
        return f"sandbox_{invoice.id}"

    def void_invoice(self, invoice: Invoice) -> None:
        """See ``BillingProvider``."""

    def status(self, invoice: Invoice) -> InvoiceStatus:
        """See ``BillingProvider``."""
        return invoice.status
