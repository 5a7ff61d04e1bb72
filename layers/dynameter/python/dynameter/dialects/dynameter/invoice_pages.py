"""``GET /v1/{workspace_id}/invoices/{invoice}``: an invoice as a page (``<id>.html``) or a table (``<id>.csv``).

The page has no script, no link and no picture, and its headers allow none; every text in it is escaped. The table has
a row for each line, amounts as in the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from html import escape

from dynameter.billing.invoicing.invoice import Invoice, InvoiceStatus, Line
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.billing.pricing.money import minor_digits
from dynameter.clock import render
from dynameter.dialects.answer_size import refuse_large
from dynameter.dialects.csv import csv_response
from dynameter.errors import NotFound
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_text

HTML_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-store",
}
COLUMNS = (
    "invoice",
    "status",
    "currency",
    "line",
    "kind",
    "feature",
    "from",
    "to",
    "metered_quantity",
    "quantity",
    "amount",
    "minimum",
    "discount",
    "total",
)
_STYLE = (
    "body{font:16px/1.4 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left}"
    "td.n,th.n{text-align:right}tr.d td{color:#555;border:0;font-size:.9em}"
)


def get_page(request: Request, invoices: InvoiceService) -> Response:
    """GET the page or the table: 200; 404 for any other name."""
    invoice_id, _, form = request.path["invoice"].rpartition(".")
    if form not in ("html", "csv"):
        raise NotFound("an invoice's page is <id>.html, its table <id>.csv", code="invoice_not_found")
    invoice = invoices.get(request.principal.workspace, invoice_id)
    advice = "get the invoice as JSON"
    if form == "csv":
        return refuse_large(csv_response(f"invoice-{invoice.id}", COLUMNS, _rows(invoice)), advice)
    return refuse_large(Response(200, "".join(_page(invoice)), HTML_HEADERS), advice)


def _rows(invoice: Invoice) -> Iterator[tuple[str, ...]]:
    for line in invoice.lines or ():
        figures = line.figures
        yield (
            invoice.number,
            invoice.status.value,
            invoice.currency,
            line.name,
            line.kind.value,
            line.rate_card.feature_key or "",
            render(line.period.start_us),
            render(line.period.end_us),
            render_text(figures.metered),
            render_text(figures.quantity),
            *(
                _money(one, invoice.currency)
                for one in (figures.amount, figures.charge, figures.discount, figures.total)
            ),
        )


def _page(invoice: Invoice) -> Iterator[str]:
    title = "Invoice to come" if invoice.status is InvoiceStatus.GATHERING else f"Invoice {invoice.number}"
    customer = invoice.customer
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
    yield f"<p>{escape(customer.name)}"
    for value in (customer.key, customer.primary_email, *(customer.billing_address or {}).values()):
        yield f"<br>{escape(value)}" if value else ""
    yield f"</p><p>Status: {invoice.status.value}<br>Date: {render(invoice.created_at_us)}"
    yield f"<br>Period: {render(invoice.period.start_us)} to {render(invoice.period.end_us)}</p>"
    yield "<table><thead><tr><th>Item</th><th>Period</th><th class=n>Quantity</th><th class=n>Price</th>"
    yield f"<th class=n>{invoice.currency}</th></tr></thead><tbody>"
    for line in invoice.lines or ():
        yield from _line(invoice, line)
    yield f"</tbody><tfoot><tr><th colspan=4>Total</th><th class=n>{_money(invoice.figures.total, invoice.currency)}"
    yield "</th></tr></tfoot></table></body></html>"


def _line(invoice: Invoice, line: Line) -> Iterator[str]:
    period = f"{render(line.period.start_us)} to {render(line.period.end_us)}"
    yield f"<tr><td>{escape(line.name)}</td><td>{period}</td><td class=n>{render_text(line.figures.quantity)}</td>"
    yield f"<td></td><td class=n>{_money(line.figures.total, invoice.currency)}</td></tr>"
    for one in line.details:
        yield f'<tr class="d"><td colspan=2>{escape(one.name)}</td><td class=n>{render_text(one.quantity)}</td>'
        yield f"<td class=n>{render_text(one.unit_amount)}</td>"
        yield f"<td class=n>{_money(one.total, invoice.currency)}</td></tr>"


def _money(amount: Decimal, currency: str) -> str:
    """The amount with the currency's minor digits."""
    return f"{amount:.{minor_digits(currency)}f}"
