"""What an invoice and its lines look like in OpenMeter v1's form. Money and quantities are decimals as text."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.openapi.openmeter_v1.customers import BillingAddress, CustomerSubjects
from dynameter.openapi.openmeter_v1.lists import Identified, Period
from dynameter.openapi.openmeter_v1.rate_cards import Discounts, PaymentTerm, Price
from dynameter.openapi.shapes import DecimalText, Instant, Ulid

InvoiceStatus = Literal["gathering", "issuing", "issued", "voided"]


class Totals(TypedDict):
    """What an invoice or a line comes to; taxes and credits are not this service's."""

    amount: DecimalText
    chargesTotal: DecimalText
    discountsTotal: DecimalText
    creditsTotal: DecimalText
    taxesInclusiveTotal: DecimalText
    taxesExclusiveTotal: DecimalText
    taxesTotal: DecimalText
    total: DecimalText


class Supplier(TypedDict):
    """Who bills: the workspace."""

    name: str


class Recipient(TypedDict):
    """The customer as it was when the invoice was made."""

    id: Ulid
    key: NotRequired[str]
    name: str
    usageAttribution: CustomerSubjects
    primaryEmail: NotRequired[str]
    addresses: NotRequired[list[BillingAddress]]


class VoidResult(TypedDict):
    """What voiding leads to."""

    resultingState: Literal["voided"]


class InvoiceActions(TypedDict):
    """What can be done with the invoice."""

    void: NotRequired[VoidResult]


class StatusDetails(TypedDict):
    """The status in detail; only a preview changes."""

    immutable: bool
    failed: Literal[False]
    extendedStatus: InvoiceStatus
    availableActions: InvoiceActions


class Collection(TypedDict):
    """When usage is collected."""

    alignment: Literal["subscription"]


class Invoicing(TypedDict):
    """Invoices hold whole service periods."""

    progressiveBilling: Literal[False]


class Workflow(TypedDict):
    """How invoices come about."""

    collection: Collection
    invoicing: Invoicing


class InvoiceWorkflow(TypedDict):
    """How this invoice came about."""

    workflow: Workflow


class ExternalIds(TypedDict):
    """The invoice's id at the provider."""

    invoicing: str


class _Times(TypedDict):
    createdAt: Instant
    updatedAt: Instant
    period: Period
    invoiceAt: Instant


class DetailedLine(_Times):
    """A part of a line: a quantity times an amount, or what the minimum added."""

    id: Ulid
    name: str
    type: Literal["flat_fee"]
    status: Literal["detailed"]
    managedBy: Literal["system"]
    currency: str
    category: Literal["regular", "commitment"]
    paymentTerm: PaymentTerm
    quantity: DecimalText
    perUnitAmount: DecimalText
    totals: Totals


class LineRateCard(TypedDict):
    """What the rate card had when the line was made."""

    featureKey: NotRequired[str]
    price: Price
    discounts: NotRequired[Discounts]


class LineSubscription(TypedDict):
    """Where the line comes from."""

    subscription: Identified
    phase: Identified
    item: Identified
    billingPeriod: Period


class InvoiceLine(_Times):
    """What one rate card comes to in one period; metadata marks what came, or was voided, after it was billed."""

    id: Ulid
    name: str
    type: Literal["usage_based"]
    status: Literal["valid"]
    managedBy: Literal["subscription"]
    currency: str
    price: Price
    rateCard: LineRateCard
    featureKey: NotRequired[str]
    quantity: DecimalText
    meteredQuantity: DecimalText
    preLinePeriodQuantity: DecimalText
    meteredPreLinePeriodQuantity: DecimalText
    totals: Totals
    subscription: LineSubscription
    children: list[DetailedLine]
    metadata: NotRequired[dict[str, str]]


class Invoice(TypedDict):
    """What a customer is charged for a billing period; while it is ``gathering`` it is a preview."""

    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    type: Literal["standard"]
    supplier: Supplier
    customer: Recipient
    number: str
    currency: str
    totals: Totals
    status: InvoiceStatus
    statusDetails: StatusDetails
    period: Period
    workflow: InvoiceWorkflow
    collectionAt: NotRequired[Instant]
    issuedAt: NotRequired[Instant]
    voidedAt: NotRequired[Instant]
    externalIds: NotRequired[ExternalIds]
    lines: NotRequired[list[InvoiceLine]]
