"""Invoices and their lines as JSON, the form in which they are kept. Decimals are text, so that no digit is lost."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from dynameter.billing.invoicing.charges import ChargeKey
from dynameter.billing.invoicing.invoice import Figures, Invoice, InvoiceStatus, Line, LineKind, Recipient
from dynameter.billing.plans.records import rate_card_record, read_rate_card
from dynameter.billing.pricing.rating import Detail, DetailKind
from dynameter.usage.windows import Window

Record = dict[str, Any]


def invoice_record(one: Invoice) -> Record:
    """The invoice without its lines."""
    customer = one.customer
    return {
        "id": one.id,
        "subscription": one.subscription_id,
        "sequence": one.sequence,
        "number": one.number,
        "status": one.status.value,
        "customer": {
            "id": customer.id,
            "key": customer.key,
            "name": customer.name,
            "subjects": list(customer.subject_keys),
            "email": customer.primary_email,
            "address": None if customer.billing_address is None else dict(customer.billing_address),
        },
        "currency": one.currency,
        "period": [one.period.start_us, one.period.end_us],
        "due": one.due_us,
        "as_of": one.as_of_us,
        "created": one.created_at_us,
        "updated": one.updated_at_us,
        "voided": one.voided_at_us,
        "external": one.external_id,
        "figures": _texts(one.figures.each),
        "version": one.version,
    }


def read_invoice(workspace: str, record: Record, lines: list[Record] | None) -> Invoice:
    """The invoice of a record; ``lines`` are those of its lines, None where they were not read."""
    customer = record["customer"]
    return Invoice(
        workspace=workspace,
        id=record["id"],
        subscription_id=record["subscription"],
        sequence=record["sequence"],
        number=record["number"],
        status=InvoiceStatus(record["status"]),
        customer=Recipient(
            customer["id"],
            customer["key"],
            customer["name"],
            tuple(customer["subjects"]),
            customer["email"],
            customer["address"],
        ),
        currency=record["currency"],
        period=Window(*record["period"]),
        due_us=record["due"],
        as_of_us=record["as_of"],
        created_at_us=record["created"],
        updated_at_us=record["updated"],
        voided_at_us=record["voided"],
        external_id=record["external"],
        figures=_figures(record["figures"]),
        lines=None if lines is None else tuple(map(read_line, lines)),
        version=record["version"],
    )


def line_record(one: Line) -> Record:
    """A line."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "item": one.charge.item_id,
        "charge": one.charge.number,
        "phase": one.phase_id,
        "name": one.name,
        "feature": one.feature_id,
        "card": rate_card_record(one.rate_card),
        "period": [one.period.start_us, one.period.end_us],
        "whole": [one.whole.start_us, one.whole.end_us],
        "due": one.due_us,
        "before": _texts(one.before.each),
        "figures": _texts(one.figures.each),
        "details": [
            [
                detail.name,
                detail.kind.value,
                *_texts((detail.quantity, detail.unit_amount, detail.amount, detail.discount)),
            ]
            for detail in one.details
        ],
    }


def read_line(record: Record) -> Line:
    """The line of a record."""
    return Line(
        id=record["id"],
        kind=LineKind(record["kind"]),
        charge=ChargeKey(record["item"], record["charge"]),
        phase_id=record["phase"],
        name=record["name"],
        feature_id=record["feature"],
        rate_card=read_rate_card(record["card"]),
        period=Window(*record["period"]),
        whole=Window(*record["whole"]),
        due_us=record["due"],
        before=_figures(record["before"]),
        figures=_figures(record["figures"]),
        details=tuple(
            Detail(name, DetailKind(kind), *map(Decimal, numbers)) for name, kind, *numbers in record["details"]
        ),
    )


def _figures(record: list[str]) -> Figures:
    return Figures(*map(Decimal, record))


def _texts(numbers: Iterable[Decimal]) -> list[str]:
    return [str(one) for one in numbers]
