"""What an invoice is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from dynameter.billing.invoicing.charges import ChargeKey
from dynameter.billing.plans.plan import RateCard
from dynameter.billing.pricing.money import WORKING
from dynameter.billing.pricing.rating import Detail
from dynameter.errors import VersionConflict
from dynameter.usage.windows import Window

MAX_LINES_BYTES = 330_000
"""Lines of one invoice as JSON, before they are compressed: with all else less than DynamoDB's item of 400 KB."""

_ZERO = Decimal(0)


class SequenceTaken(VersionConflict):
    """The subscription has another invoice of that sequence."""


class InvoiceStatus(Enum):
    """GATHERING is a preview and stored nowhere; ISSUING is issued and not yet known to the provider."""

    GATHERING = "gathering"
    ISSUING = "issuing"
    ISSUED = "issued"
    VOIDED = "voided"


class LineKind(Enum):
    """PERIOD: a charge for the first time. LATE: what came to it, or was voided of it, after it was billed."""

    PERIOD = "period"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a line, or all lines of a charge, come to; negative ones give something back.

    ``metered`` was used, ``quantity`` is what was left of it to be priced; ``amount`` is the price, ``charge`` what
    the minimum added, ``discount`` what was taken off.
    """

    metered: Decimal = _ZERO
    quantity: Decimal = _ZERO
    amount: Decimal = _ZERO
    discount: Decimal = _ZERO
    charge: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """What is due."""
        return WORKING.subtract(WORKING.add(self.amount, self.charge), self.discount)

    def plus(self, other: Figures) -> Figures:
        """Both together."""
        return Figures(*(WORKING.add(one, two) for one, two in zip(self.each, other.each, strict=True)))

    def minus(self, other: Figures) -> Figures:
        """This without the other."""
        return Figures(*(WORKING.subtract(one, two) for one, two in zip(self.each, other.each, strict=True)))

    @property
    def each(self) -> tuple[Decimal, ...]:
        """The figures in their order."""
        return (self.metered, self.quantity, self.amount, self.discount, self.charge)


NOTHING = Figures()


def sum_figures(all_: Iterable[Figures]) -> Figures:
    """All together."""
    found = NOTHING
    for one in all_:
        found = found.plus(one)
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice.

    ``before`` is what earlier lines hold of the same charge. ``rate_card`` is what the
    subscription's item had when the line was made, without its entitlement and metadata.
    """

    id: str
    kind: LineKind
    charge: ChargeKey
    phase_id: str
    name: str
    feature_id: str | None
    rate_card: RateCard
    period: Window
    whole: Window
    due_us: int
    before: Figures
    figures: Figures
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Recipient:
    """The customer as it was when the invoice was made."""

    id: str
    key: str | None
    name: str
    subject_keys: tuple[str, ...] = ()
    primary_email: str | None = None
    billing_address: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of a subscription; once issued only its status changes.

    ``sequence`` counts the subscription's invoices from 1, ``number`` the workspace's without a gap. ``due_us`` is the
    instant at which its lines became due. ``figures`` are the sum of all lines', also where ``lines`` were not read
    (then None). ``version`` counts the changes.
    """

    workspace: str
    id: str
    subscription_id: str
    sequence: int
    number: str
    status: InvoiceStatus
    customer: Recipient
    currency: str
    period: Window
    due_us: int
    as_of_us: int
    created_at_us: int
    updated_at_us: int
    figures: Figures
    lines: tuple[Line, ...] | None = field(compare=False)
    voided_at_us: int | None = None
    external_id: str | None = None
    version: int = 1
