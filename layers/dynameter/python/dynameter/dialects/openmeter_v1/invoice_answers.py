"""How OpenMeter v1 shows invoices and their lines. Money and quantities are decimal strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dynameter.billing.invoicing.identity import derived_id
from dynameter.billing.invoicing.invoice import Figures, Invoice, InvoiceStatus, Line, LineKind, Recipient
from dynameter.billing.pricing.rating import Detail, DetailKind
from dynameter.clock import render
from dynameter.dialects.openmeter_v1.customers import ADDRESS_NAMES
from dynameter.dialects.openmeter_v1.rate_cards import render_discounts, render_price
from dynameter.meters.quantity import render_text
from dynameter.usage.windows import Window

_VOID = {"void": {"resultingState": "voided"}}


def render_invoice(one: Invoice, *, lines: bool) -> dict[str, Any]:
    """The invoice as v1 shows it, with its lines or without."""
    is_preview = one.status is InvoiceStatus.GATHERING
    shown: dict[str, Any] = {
        "id": one.id,
        "createdAt": render(one.created_at_us),
        "updatedAt": render(one.updated_at_us),
        "type": "standard",
        "supplier": {"name": one.workspace},
        "customer": _render_recipient(one.customer),
        "number": one.number,
        "currency": one.currency,
        "totals": render_totals(one.figures),
        "status": one.status.value,
        "statusDetails": {
            "immutable": not is_preview,
            "failed": False,
            "extendedStatus": one.status.value,
            "availableActions": {} if is_preview or one.status is InvoiceStatus.VOIDED else _VOID,
        },
        "period": _render_window(one.period),
        "workflow": {
            "workflow": {"collection": {"alignment": "subscription"}, "invoicing": {"progressiveBilling": False}}
        },
    }
    if is_preview:
        shown["collectionAt"] = render(one.due_us)
    else:
        shown["issuedAt"] = render(one.created_at_us)
    if one.voided_at_us is not None:
        shown["voidedAt"] = render(one.voided_at_us)
    if one.external_id is not None:
        shown["externalIds"] = {"invoicing": one.external_id}
    if lines:
        shown["lines"] = [_render_line(one, line) for line in one.lines or ()]
    return shown


def render_totals(figures: Figures) -> dict[str, str]:
    """The totals of an invoice or a line; taxes and credits are not this service's."""
    return {
        "amount": render_text(figures.amount),
        "chargesTotal": render_text(figures.charge),
        "discountsTotal": render_text(figures.discount),
        "creditsTotal": "0",
        "taxesInclusiveTotal": "0",
        "taxesExclusiveTotal": "0",
        "taxesTotal": "0",
        "total": render_text(figures.total),
    }


def _render_recipient(customer: Recipient) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": customer.id,
        "key": customer.key,
        "name": customer.name,
        "usageAttribution": {"subjectKeys": list(customer.subject_keys)},
        "primaryEmail": customer.primary_email,
    }
    if customer.billing_address is not None:
        address = customer.billing_address
        shown["addresses"] = [{ADDRESS_NAMES[name]: address[name] for name in ADDRESS_NAMES if name in address}]
    return {name: value for name, value in shown.items() if value is not None}


def _render_line(invoice: Invoice, line: Line) -> dict[str, Any]:
    card = line.rate_card
    price = render_price(card.price, card.payment_term, card.commitments)
    shown: dict[str, Any] = {
        **_line_times(invoice, line),
        "id": line.id,
        "name": line.name,
        "type": "usage_based",
        "status": "valid",
        "managedBy": "subscription",
        "currency": invoice.currency,
        "price": price,
        "rateCard": _without_none(
            {"featureKey": card.feature_key, "price": price, "discounts": render_discounts(card.discounts)}
        ),
        "featureKey": card.feature_key,
        "quantity": render_text(line.figures.quantity),
        "meteredQuantity": render_text(line.figures.metered),
        "preLinePeriodQuantity": render_text(line.before.quantity),
        "meteredPreLinePeriodQuantity": render_text(line.before.metered),
        "totals": render_totals(line.figures),
        "subscription": {
            "subscription": {"id": invoice.subscription_id},
            "phase": {"id": line.phase_id},
            "item": {"id": line.charge.item_id},
            "billingPeriod": _render_window(line.whole),
        },
        "children": [_render_detail(invoice, line, number, one) for number, one in enumerate(line.details)],
    }
    if line.kind is LineKind.LATE:
        shown["metadata"] = {"lateUsage": "true"}
    return _without_none(shown)


def _render_detail(invoice: Invoice, line: Line, number: int, one: Detail) -> dict[str, Any]:
    is_minimum = one.kind is DetailKind.MINIMUM
    zero = Decimal(0)
    figures = Figures(
        amount=zero if is_minimum else one.amount, discount=one.discount, charge=one.amount if is_minimum else zero
    )
    return {
        **_line_times(invoice, line),
        "id": derived_id(line.due_us, line.id, number),
        "name": f"{line.rate_card.name}: {one.name}",
        "type": "flat_fee",
        "status": "detailed",
        "managedBy": "system",
        "currency": invoice.currency,
        "category": "commitment" if is_minimum else "regular",
        "paymentTerm": line.rate_card.payment_term.value,
        "quantity": render_text(one.quantity),
        "perUnitAmount": render_text(one.unit_amount),
        "totals": render_totals(figures),
    }


def _line_times(invoice: Invoice, line: Line) -> dict[str, Any]:
    return {
        "createdAt": render(invoice.created_at_us),
        "updatedAt": render(invoice.created_at_us),
        "period": _render_window(line.period),
        "invoiceAt": render(line.due_us),
    }


def _render_window(window: Window) -> dict[str, str]:
    return {"from": render(window.start_us), "to": render(window.end_us)}


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
