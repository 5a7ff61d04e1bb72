"""A customer's charges as OpenMeter v3 and Kong Konnect have them: the preview of invoices in money.

``created`` charges have not begun, ``active`` ones are on no invoice yet, ``final`` ones are.
``expand=real_time_usage`` adds what a charge comes to now, which is computed for the charges of the page only.
"""

from __future__ import annotations

from typing import Any

from dynameter.billing.invoicing.identity import derived_id
from dynameter.billing.invoicing.invoice import NOTHING, Figures
from dynameter.billing.invoicing.service import Accrual, InvoiceService
from dynameter.clock import render
from dynameter.dialects.openmeter_v3.filters import read_filters
from dynameter.dialects.openmeter_v3.lists import page_response, read_page
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.dialects.openmeter_v3.rate_cards import render_price, render_unit_config
from dynameter.dialects.parameters import refuse_parameter
from dynameter.http.message import Request, Response
from dynameter.meters.quantity import render_text
from dynameter.usage.windows import Window

REAL_TIME_USAGE = "real_time_usage"
_EXPANDS = (REAL_TIME_USAGE,)


def list_charges(request: Request, invoices: InvoiceService) -> Response:
    """GET a customer's charges: a page of those that have begun or will be due with the present billing period."""
    customer_id = read_id(request, "customerId")
    page = read_page(request)
    filters = read_filters(request, ("status", "feature_key"))
    expands = {part for value in request.query_values("expand") for part in value.split(",") if part}
    for one in expands - set(_EXPANDS):
        raise refuse_parameter("expand", "enum", f"must be {REAL_TIME_USAGE}", one, _EXPANDS)
    found = [
        one
        for one in invoices.accruals(request.principal.workspace, customer_id)
        if all(
            each.admits({"status": one.status.value, "feature_key": one.charge.item.rate_card.feature_key or ""})
            for each in filters
        )
    ]
    if REAL_TIME_USAGE in expands:
        number, size = page
        first = (number - 1) * size
        found[first : first + size] = invoices.with_live(found[first : first + size])
    return page_response(page, found, render_charge)


def render_charge(one: Accrual) -> dict[str, Any]:
    """The charge as v3 shows it."""
    subscription, charge = one.subscription, one.charge
    card = charge.item.rate_card
    totals = {"booked": _render_totals(one.booked or NOTHING)}
    if one.live is not None:
        totals["realtime"] = _render_totals(one.live)
    fields = {
        "id": derived_id(charge.period.start_us, subscription.id, charge.key.item_id, charge.key.number),
        "type": "usage_based" if charge.is_metered else "flat_fee",
        "name": card.name,
        "description": card.description,
        "customer": {"id": subscription.customer_id},
        "subscription": {
            "id": subscription.id,
            "phase": {"id": charge.phase_id},
            "item": {"id": charge.key.item_id},
        },
        "currency": subscription.currency,
        "status": one.status.value,
        "managed_by": "subscription",
        "created_at": render(subscription.created_at_us),
        "updated_at": render(subscription.updated_at_us),
        "invoice_at": render(charge.due_us),
        "service_period": _render_window(charge.period),
        "full_service_period": _render_window(charge.whole),
        "billing_period": _render_window(one.billing_period),
        "settlement_mode": subscription.settlement_mode,
        "payment_term": card.payment_term.value,
        "feature_key": card.feature_key,
        "feature_id": charge.item.feature_id,
        "price": render_price(charge.price),
        "unit_config": render_unit_config(charge.price),
        "totals": totals,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _render_totals(figures: Figures) -> dict[str, str]:
    return {
        "amount": render_text(figures.amount),
        "charges_total": render_text(figures.charge),
        "discounts_total": render_text(figures.discount),
        "credits_total": "0",
        "taxes_inclusive_total": "0",
        "taxes_exclusive_total": "0",
        "taxes_total": "0",
        "total": render_text(figures.total),
    }


def _render_window(window: Window) -> dict[str, str]:
    return {"from": render(window.start_us), "to": render(window.end_us)}
