"""What has been billed of each charge, and the lines that are missing. Pure.

The invoices of a subscription are its ledger: what they hold of a charge, voided ones left out, is billed. A line is
always the difference between what a charge comes to now and what is billed, so the lines of a charge sum to what it
comes to, whatever was late, voided or billed again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from dynameter.billing.invoicing.charges import Charge, ChargeKey
from dynameter.billing.invoicing.identity import derived_id
from dynameter.billing.invoicing.invoice import NOTHING, Figures, Invoice, InvoiceStatus, Line, LineKind
from dynameter.billing.pricing.money import WORKING, total
from dynameter.billing.pricing.rating import Detail, DetailKind, Rated, rate
from dynameter.clock import render
from dynameter.usage.windows import Window

RECENT_CHARGES = 3
"""The newest billed charges of an item that are measured one by one for late usage; older ones in stretches."""
STRETCH_US = 366 * 86_400_000_000
"""The longest stretch that is measured at once."""

Measure = Callable[[Charge, int, int], Decimal]
"""The usage of a charge's feature from one instant up to another."""
Ledger = Mapping[ChargeKey, Figures]


def fold(invoices: Iterable[Invoice]) -> dict[ChargeKey, Figures]:
    """What is billed of each charge."""
    found: dict[ChargeKey, Figures] = {}
    for invoice in invoices:
        if invoice.status is not InvoiceStatus.VOIDED:
            for line in invoice.lines or ():
                found[line.charge] = found.get(line.charge, NOTHING).plus(line.figures)
    return found


def line_of(charge: Charge, metered: Decimal, currency: str, ledger: Ledger) -> Line:
    """What the charge comes to now, less what is billed of it."""
    card = charge.item.rate_card
    rated = rate(charge.price, metered, currency, card.commitments, card.discounts)
    billed = ledger.get(charge.key)
    figures = _figures(rated).minus(billed or NOTHING)
    late = billed is not None
    return Line(
        id="",
        kind=LineKind.LATE if late else LineKind.PERIOD,
        charge=charge.key,
        phase_id=charge.phase_id,
        name=_late_name(charge) if late else card.name,
        feature_id=charge.item.feature_id,
        rate_card=replace(card, metadata={}, entitlement=None, description=None),
        period=charge.period,
        whole=charge.whole,
        due_us=charge.due_us,
        before=billed or NOTHING,
        figures=figures,
        details=_correction(figures) if late else rated.details,
    )


def credit_of(newest: Line, billed: Figures) -> Line:
    """What gives back all that is billed of a charge that is none any more; ``newest`` is a line of it."""
    figures = NOTHING.minus(billed)
    name = f"{newest.rate_card.name} (credit for {_span(newest.period)})"
    return replace(newest, kind=LineKind.LATE, name=name, before=billed, figures=figures, details=_correction(figures))


def find_changed(
    charges: Iterable[Charge],
    ledger: Ledger,
    voided: Collection[ChargeKey],
    measure: Measure,
    is_additive: Callable[[Charge], bool],
) -> Iterator[tuple[Charge, Decimal]]:
    """The billed charges whose usage is no longer what was billed, and what it is now; and all that are not metered.

    Those of which something was ``voided`` are always among them: a void may take back more than usage, a minimum say,
    so that what is left has all the usage and another price.

    The newest of each item are measured one by one. Older ones of additive meters are measured in stretches without a
    gap, and halved where a stretch has changed: unchanged history costs one measurement an item and year. What is
    added to one service period and taken from another of the same stretch is found only once they are not in balance.
    """
    by_item: dict[str, list[Charge]] = {}
    for charge in charges:
        if charge.key in ledger and charge.is_metered and charge.key in voided:
            yield charge, measure(charge, charge.period.start_us, charge.period.end_us)
        elif charge.key in ledger and charge.is_metered:
            by_item.setdefault(charge.key.item_id, []).append(charge)
        elif charge.key in ledger:
            # A flat fee changes with its period, which the subscription's end cuts.
            yield charge, Decimal(0)
    for billed in by_item.values():
        billed.sort(key=lambda one: one.key.number)
        alone = RECENT_CHARGES if is_additive(billed[0]) else len(billed)
        for stretch in _stretches(billed[:-alone]):
            yield from _changed_in(stretch, ledger, measure)
        for charge in billed[-alone:]:
            yield from _changed_in([charge], ledger, measure)


def number_lines(invoice_id: str, due_us: int, lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines with ids that follow from the invoice's."""
    return tuple(replace(one, id=derived_id(due_us, invoice_id, index)) for index, one in enumerate(lines))


def _changed_in(stretch: Sequence[Charge], ledger: Ledger, measure: Measure) -> Iterator[tuple[Charge, Decimal]]:
    metered = measure(stretch[0], stretch[0].period.start_us, stretch[-1].period.end_us)
    if metered == total([ledger[one.key].metered for one in stretch]):
        return
    if len(stretch) == 1:
        yield stretch[0], metered
        return
    middle = len(stretch) // 2
    yield from _changed_in(stretch[:middle], ledger, measure)
    yield from _changed_in(stretch[middle:], ledger, measure)


def _stretches(charges: Sequence[Charge]) -> Iterator[list[Charge]]:
    stretch: list[Charge] = []
    for charge in charges:
        follows = stretch and stretch[-1].period.end_us == charge.period.start_us
        if stretch and not (follows and charge.period.end_us - stretch[0].period.start_us <= STRETCH_US):
            yield stretch
            stretch = []
        stretch.append(charge)
    if stretch:
        yield stretch


def _figures(rated: Rated) -> Figures:
    return Figures(rated.metered, rated.quantity, rated.amount, rated.discount, rated.charge)


def _late_name(charge: Charge) -> str:
    what = "late usage" if charge.is_metered else "correction"
    return f"{charge.item.rate_card.name} ({what} for {_span(charge.period)})"


def _span(period: Window) -> str:
    return f"{render(period.start_us)} to {render(period.end_us)}"


def _correction(figures: Figures) -> tuple[Detail, ...]:
    """One detail for all that changed: the units of a late event may lie in several tiers."""
    gross = WORKING.add(figures.amount, figures.charge)
    return (Detail("correction", DetailKind.USAGE, Decimal(1), gross, gross, figures.discount),)
