"""Where invoices are kept: the catalog table, under the workspace's partition.

    sk                              item
    bi.s.<subscription>.<sequence>  an invoice with its lines; the subscription's invoices are its ledger
    bi.i.<id>                       the invoice without its lines
    bi.c.<customer>.<id>            the same, by customer
    bi.n                            the last number given in the workspace

An invoice is written in one transaction, on condition that its sequence is free and its number the next: of two
requests that saw the same ledger only one adds to it, and numbers have no gap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from dynameter import codec
from dynameter.billing.invoicing.invoice import Invoice, SequenceTaken
from dynameter.billing.invoicing.records import invoice_record, line_record, read_invoice
from dynameter.deadline import carry
from dynameter.errors import TooLarge, Unavailable, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

MAX_LISTED = 20_000
"""Invoices that one list looks through."""
WORKERS = 16

_FULL, _BY_ID, _BY_CUSTOMER, _NUMBER = "bi.s.", "bi.i.", "bi.c.", "bi.n"
_FREE, _UNCHANGED = "attribute_not_exists(pk)", "version = :before"
_ATTEMPTS = 12


class _NumberTaken(VersionConflict):
    """The workspace has another invoice of that number."""


class InvoiceStore:
    """Invoices in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog, workers: int = WORKERS) -> None:
        self._catalog = catalog
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="invoices")

    # ---- reads

    def of_subscription(self, workspace: str, subscription_id: str) -> tuple[Invoice, ...]:
        """Every invoice of the subscription with its lines, by sequence."""
        items = self._catalog.query(workspace, f"{_FULL}{subscription_id}.")
        return tuple(_from_item(workspace, item) for item in items)

    def get(self, workspace: str, invoice_id: str) -> Invoice | None:
        """The invoice of that id with its lines."""
        item = self._catalog.get(workspace, _BY_ID + invoice_id)
        return self.with_lines([_from_item(workspace, item)])[0] if item else None

    def with_lines(self, invoices: Sequence[Invoice]) -> tuple[Invoice, ...]:
        """The invoices with their lines."""

        def read(one: Invoice) -> Invoice:
            item = self._catalog.get(one.workspace, _full_key(one))
            return one if item is None else _from_item(one.workspace, item)

        return tuple(self._pool.map(carry(read), invoices))

    def list(self, workspace: str, customer_ids: Iterable[str] | None = None) -> tuple[Invoice, ...]:
        """Every invoice of the customers, or of the workspace, without lines. Raises TooLarge past ``MAX_LISTED``."""
        prefixes = [_BY_ID] if customer_ids is None else [f"{_BY_CUSTOMER}{one}." for one in sorted(set(customer_ids))]
        found: list[Invoice] = []
        for prefix in prefixes:
            for item in self._catalog.query(workspace, prefix):
                found.append(_from_item(workspace, item))
                if len(found) > MAX_LISTED:
                    message = f"there are more than {MAX_LISTED} invoices to look through; name customers"
                    raise TooLarge(message, code="too_many_invoices")
        return tuple(found)

    # ---- changes

    def insert(self, invoice: Invoice) -> Invoice:
        """Add an invoice and give it the workspace's next number. Raises SequenceTaken."""
        counter_key = key(invoice.workspace, _NUMBER)
        for _ in range(_ATTEMPTS):
            counter = self._catalog.get(invoice.workspace, _NUMBER)
            last = whole(counter, "last") if counter else 0
            numbered = replace(invoice, number=f"INV-{last + 1:06d}")
            counted = {**counter_key, "last": number(last + 1)}
            unchanged = self._catalog.put(counted, "#last = :last", {":last": number(last)})
            unchanged["Put"]["ExpressionAttributeNames"] = {"#last": "last"}
            items = _items(numbered)
            actions = [
                self._catalog.put(items[0], _FREE),
                unchanged if counter else self._catalog.put(counted, _FREE),
                *(self._catalog.put(item, _FREE) for item in items[1:]),
            ]
            taken = SequenceTaken(f"subscription {invoice.subscription_id} was invoiced by another request")
            try:
                self._catalog.transact(actions, [taken, _NumberTaken("taken"), taken, taken])
            except _NumberTaken:
                continue
            return numbered
        raise Unavailable("too many invoices are issued at once")

    def replace(self, invoice: Invoice, before: Invoice) -> None:
        """Write an invoice, with its lines, over what was read before. Raises VersionConflict."""
        refusal = VersionConflict(f"invoice {invoice.id} was changed by another request")
        values = {":before": number(before.version)}
        actions = [self._catalog.put(item, _UNCHANGED, values) for item in _items(invoice)]
        self._catalog.transact(actions, [refusal] * len(actions))


# ---- mapping


def _full_key(invoice: Invoice) -> str:
    return f"{_FULL}{invoice.subscription_id}.{invoice.sequence:06d}"


def _items(invoice: Invoice) -> tuple[Item, Item, Item]:
    """The whole invoice, and what is listed of it."""
    shown = {
        "invoice": {"S": codec.encode(invoice_record(invoice)).decode()},
        "version": number(invoice.version),
    }
    lines = zlib.compress(codec.encode([line_record(one) for one in invoice.lines or ()]))
    return (
        {**key(invoice.workspace, _full_key(invoice)), **shown, "lines": {"B": lines}},
        {**key(invoice.workspace, _BY_ID + invoice.id), **shown},
        {**key(invoice.workspace, f"{_BY_CUSTOMER}{invoice.customer.id}.{invoice.id}"), **shown},
    )


def _from_item(workspace: str, item: Any) -> Invoice:
    lines = codec.decode(zlib.decompress(bytes(item["lines"]["B"]))) if "lines" in item else None
    return read_invoice(workspace, codec.decode(text(item, "invoice")), lines)
