"""Invoices as OpenMeter v1 has them: list, get, issue, void. The preview is the invoice of status ``gathering``.

The id of a preview is its subscription's. ``totalCount`` counts previews where they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.bodies import Instant, read_body, renamed_fields
from dynameter.dialects.openmeter_v1.invoice_answers import render_invoice
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.parameters import read_choice, read_instant, refuse_parameter
from dynameter.errors import FieldError, InvalidInput, NotSupported
from dynameter.http.message import Request, Response, json_response

MAX_CUSTOMERS = 100
"""Customers that one list may name."""

STATUSES = (
    "gathering",
    "draft",
    "issuing",
    "issued",
    "payment_processing",
    "overdue",
    "paid",
    "uncollectible",
    "voided",
)
"""OpenMeter's statuses; invoices here are gathering, issuing, issued or voided."""
_LINES = "lines"
_EXPANDS = (_LINES, "preceding", "workflow.apps")
_NAMES = {"as_of": "asOf"}
_WHOLE = 100

_Key = tuple[int | str, str]
_ORDERS: dict[str, Callable[[Invoice], _Key]] = {
    "createdAt": lambda one: (one.created_at_us, one.id),
    "updatedAt": lambda one: (one.updated_at_us, one.id),
    "issuedAt": lambda one: (one.created_at_us, one.id),
    "periodStart": lambda one: (one.period.start_us, one.id),
    "customer.name": lambda one: (one.customer.name, one.id),
    "status": lambda one: (one.status.value, one.id),
}


class IssueBody(BaseModel):
    """The body of an issue; OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)

    customer_id: str = Field(alias="customerId")
    as_of: Instant | None = Field(default=None, alias="asOf")
    filters: dict[str, Any] | None = None
    progressive: bool | None = Field(default=None, alias="progressiveBillingOverride")


class VoidAction(BaseModel):
    """How much of an invoice is voided."""

    model_config = ConfigDict(frozen=True)

    percentage: Annotated[int | str, WithJsonSchema({"enum": [_WHOLE, str(_WHOLE)]})] = _WHOLE


class VoidBody(BaseModel):
    """The body of a void; it may be missing."""

    model_config = ConfigDict(frozen=True)

    action: VoidAction = VoidAction()
    reason: str | None = None


def list_invoices(request: Request, invoices: InvoiceService) -> Response:
    """GET invoices: a page of those that pass the filters; with previews where customers or gathering are named."""
    page = read_page(request)
    expands_lines = _LINES in _values(request, "expand", _EXPANDS)
    order = _ORDERS[read_choice(request, "orderBy", tuple(_ORDERS), "createdAt")]
    descending = read_choice(request, "order", ("ASC", "DESC"), "ASC") == "DESC"
    customers = _customers(request)
    statuses = _values(request, "statuses", STATUSES)
    admits = _spans(request)
    workspace = request.principal.workspace
    found: list[Invoice] = []
    if InvoiceStatus.GATHERING.value in statuses or (customers and not statuses):
        found += invoices.previews(workspace, customers)
    if not statuses or statuses != {InvoiceStatus.GATHERING.value}:
        found += (one for one in invoices.list(workspace, customers) if not statuses or one.status.value in statuses)
    shown = sorted((one for one in found if admits(one)), key=order, reverse=descending)
    if expands_lines:
        number, size = page
        first = (number - 1) * size
        shown[first : first + size] = invoices.with_lines(shown[first : first + size])
    return page_response(page, shown, lambda one: render_invoice(one, lines=expands_lines))


def get_invoice(request: Request, invoices: InvoiceService) -> Response:
    """GET an invoice with its lines."""
    _values(request, "expand", _EXPANDS)
    found = invoices.get(request.principal.workspace, request.path["invoiceId"])
    return refuse_large(json_response(200, render_invoice(found, lines=True)), "it has too many lines")


def issue_invoices(request: Request, invoices: InvoiceService) -> Response:
    """POST invoices/invoice: 201 with what was issued; 400 where there is nothing to."""
    body = read_body(request, IssueBody)
    if body.progressive:
        raise NotSupported("progressiveBillingOverride is not supported: invoices hold whole service periods")
    if body.filters:
        raise NotSupported("filters are not supported: an invoice holds all that is due")
    with renamed_fields("invalid request", _NAMES):
        issued = invoices.issue(request.principal.workspace, body.customer_id.upper(), body.as_of)
    return refuse_large(json_response(201, [render_invoice(one, lines=True) for one in issued]), "list the invoices")


def void_invoice(request: Request, invoices: InvoiceService) -> Response:
    """POST an invoice's void: 200, however often."""
    body = read_body(request, VoidBody) if request.body.strip() else VoidBody()
    if str(body.action.percentage) != str(_WHOLE):
        message = "only 100 is supported: an invoice is voided as a whole"
        field = FieldError(("body", "action", "percentage"), "range", message)
        raise InvalidInput(f"action.percentage: {message}", fields=(field,))
    voided = invoices.void(request.principal.workspace, request.path["invoiceId"])
    return refuse_large(json_response(200, render_invoice(voided, lines=True)), "get the invoice")


def _customers(request: Request) -> tuple[str, ...]:
    given = tuple(part for value in request.query_values("customers") for part in value.split(",") if part)
    if len(given) > MAX_CUSTOMERS:
        raise refuse_parameter("customers", "max_items", f"at most {MAX_CUSTOMERS} customers can be named")
    return tuple(one.upper() for one in given)


def _values(request: Request, name: str, choices: Iterable[str]) -> set[str]:
    """The values of a parameter that is repeated or has commas."""
    known = tuple(choices)
    given = {part for value in request.query_values(name) for part in value.split(",") if part}
    for one in given:
        if one not in known:
            raise refuse_parameter(name, "enum", f"must be one of {', '.join(known)}", one, known)
    return given


def _spans(request: Request) -> Callable[[Invoice], bool]:
    """What ``issuedAfter``, ``issuedBefore`` and their like admit; both instants count."""
    instants: dict[str, Callable[[Invoice], int | None]] = {
        "issued": lambda one: None if one.status is InvoiceStatus.GATHERING else one.created_at_us,
        "created": lambda one: one.created_at_us,
        "periodStart": lambda one: one.period.start_us,
    }
    asked = [
        (instant, read_instant(request, f"{name}After"), read_instant(request, f"{name}Before"))
        for name, instant in instants.items()
    ]

    def admits(one: Invoice) -> bool:
        for instant, after_us, before_us in asked:
            at_us = instant(one)
            if after_us is not None and (at_us is None or at_us < after_us):
                return False
            if before_us is not None and (at_us is None or at_us > before_us):
                return False
        return True

    return admits
