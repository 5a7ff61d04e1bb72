"""Invoices in OpenMeter v1's form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.invoices import MAX_CUSTOMERS, STATUSES, IssueBody, VoidBody
from dynameter.openapi.openmeter_v1.invoice_shapes import Invoice
from dynameter.openapi.openmeter_v1.lists import PAGE
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body
from dynameter.openapi.parameters import ORDER, order_by
from dynameter.openapi.shapes import Instant, Page, Ulid

BASE = "/api/v1/billing/invoices"
ONE = f"{BASE}/{{invoiceId}}"
Expand = list[Literal["lines", "preceding", "workflow.apps"]]
Statuses = Annotated[list[str], WithJsonSchema({"type": "array", "items": {"enum": [*STATUSES]}})]
Customers = Annotated[list[Ulid], Field(max_length=MAX_CUSTOMERS)]


def _spans() -> Iterator[Parameter]:
    for name, what in (("issued", "of the issue"), ("created", "of the making"), ("periodStart", "the period begins")):
        yield Parameter(f"{name}After", Instant, f"The first instant {what}.")
        yield Parameter(f"{name}Before", Instant, f"The last instant {what}.")


OPERATIONS = (
    Operation(
        route=f"GET {BASE}",
        id="listInvoices",
        summary="List invoices, and preview those to come",
        tag="Invoices",
        scope=BILLING_READ,
        description="Previews are listed where customers are named without statuses, or the status gathering is.",
        parameters=(
            *PAGE,
            ORDER,
            order_by("createdAt", "updatedAt", "issuedAt", "periodStart", "customer.name", "status"),
            Parameter("customers", Customers, "Customers whose invoices are listed, by id."),
            Parameter("statuses", Statuses, "Statuses; here invoices are gathering, issuing, issued or voided."),
            Parameter("expand", Expand, "`lines` for the invoices with their lines."),
            *_spans(),
        ),
        answers=(json_answer(200, "A page of invoices.", Page[Invoice]),),
        refusals=(400, 409, 413),
    ),
    Operation(
        route=f"POST {BASE}/invoice",
        id="issueInvoices",
        summary="Issue what is due of a customer",
        tag="Invoices",
        scope=BILLING_WRITE,
        description="Asked again for the same asOf it answers the same invoices.",
        body=json_body(IssueBody, {"customerId": "01KEYS1M3J7Q2XZV9D4R8T6W5B", "asOf": "2026-11-01T00:00:00Z"}),
        answers=(json_answer(201, "What was issued.", list[Invoice]),),
        refusals=(400, 404, 409, 413, 501),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getInvoice",
        summary="Get an invoice; by a subscription's id the preview of its next one",
        tag="Invoices",
        scope=BILLING_READ,
        parameters=(Parameter("expand", Expand, "Taken; the lines are always there."),),
        answers=(json_answer(200, "The invoice.", Invoice),),
        refusals=(400, 404, 409, 413),
    ),
    Operation(
        route=f"POST {ONE}/void",
        id="voidInvoice",
        summary="Void an invoice; what it billed is billable again",
        tag="Invoices",
        scope=BILLING_WRITE,
        body=json_body(VoidBody, {"action": {"percentage": 100}, "reason": "billed twice"}, required=False),
        answers=(json_answer(200, "The invoice.", Invoice),),
        refusals=(400, 404, 409, 413),
    ),
)
