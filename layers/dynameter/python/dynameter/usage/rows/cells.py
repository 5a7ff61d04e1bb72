"""What an hour or a minute of a usage row has come to, and how such cells combine and answer. Pure.

SUM, COUNT, AVG and UNIQUE_COUNT keep ``Cells``, which add; MIN, MAX and LATEST keep an ``Extreme``, of which the
better one stays. A row of UNIQUE_COUNT counts one distinct value, the last element of its group tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation
from dynameter.meters.quantity import divide, join, split

ADDITIVE = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.AVG, Aggregation.UNIQUE_COUNT})
"""Aggregations whose rows are ``Cells``: they add, and subtract what is voided."""
EXTREME = frozenset({Aggregation.MIN, Aggregation.MAX, Aggregation.LATEST})
"""Aggregations whose rows are ``Extreme``: what is voided may have been the value that was kept."""


class Moment(NamedTuple):
    """When and what an event was: the order of LATEST. Events of one microsecond are ordered by id, then source."""

    time_us: int
    id: str
    source: str


@dataclass(frozen=True, slots=True)
class Cells:
    """A count and an exact sum, the sum as its integer part and its fraction x 10^18."""

    count: int = 0
    integer: int = 0
    fraction: int = 0

    def __add__(self, other: Cells) -> Cells:
        return Cells(self.count + other.count, self.integer + other.integer, self.fraction + other.fraction)

    def __bool__(self) -> bool:
        return bool(self.count or self.integer or self.fraction)

    @property
    def total(self) -> Decimal:
        """The sum, never rounded."""
        return join(self.integer, self.fraction)


@dataclass(frozen=True, slots=True)
class Extreme:
    """A count, and the least, greatest or latest value among what was counted; ``moment`` is LATEST's, else None.

    ``value`` is None only where nothing is left of what was counted.
    """

    count: int = 0
    value: Decimal | None = None
    moment: Moment | None = None


Cell = Cells | Extreme


def moment_of(event: Event) -> Moment:
    """The event's place in the order of LATEST."""
    return Moment(event.time_us, event.id, event.source)


def cell_of(aggregation: Aggregation, value: Decimal | str | None, moment: Moment) -> Cell:
    """The cell of one event alone; ``value`` is its reading's."""
    number = value if isinstance(value, Decimal) else None
    if aggregation in EXTREME:
        return Extreme(1, number, moment if aggregation is Aggregation.LATEST else None)
    return Cells(1) if number is None else Cells(1, *split(number))


def combine(aggregation: Aggregation, cells: Iterable[Cell]) -> Cell:
    """The cell of all together; of nothing, an empty one."""
    return reduce(_COMBINERS[aggregation], cells, Extreme() if aggregation in EXTREME else Cells())


def beats(aggregation: Aggregation, one: Extreme, other: Extreme) -> bool:
    """Whether MIN, MAX or LATEST keeps the one rather than the other; equals do not beat each other."""
    if one.value is None or other.value is None:
        return one.value is not None
    match aggregation:
        case Aggregation.MIN:
            return one.value < other.value
        case Aggregation.MAX:
            return one.value > other.value
        case _:
            assert one.moment is not None
            assert other.moment is not None
            return one.moment > other.moment


def is_counted(cell: Cell) -> bool:
    """Whether anything is left in the cell to answer with."""
    return cell.count > 0 and (isinstance(cell, Cells) or cell.value is not None)


def answer(aggregation: Aggregation, cell: Cell) -> Decimal:
    """The usage in a counted cell: nothing rounds but a mean, to 34 significant digits.

    For UNIQUE_COUNT, whose cells are of one distinct value each, that is 1: the caller adds up distinct values.
    """
    if isinstance(cell, Extreme):
        assert cell.value is not None
        return cell.value
    match aggregation:
        case Aggregation.COUNT:
            return Decimal(cell.count)
        case Aggregation.AVG:
            return divide(cell.total, cell.count)
        case Aggregation.UNIQUE_COUNT:
            return Decimal(1)
        case _:
            return cell.total


def _add(one: Cell, other: Cell) -> Cell:
    assert isinstance(one, Cells)
    assert isinstance(other, Cells)
    return one + other


def _keep(aggregation: Aggregation) -> Callable[[Cell, Cell], Cell]:
    def keep(one: Cell, other: Cell) -> Cell:
        assert isinstance(one, Extreme)
        assert isinstance(other, Extreme)
        kept = other if beats(aggregation, other, one) else one
        return Extreme(one.count + other.count, kept.value, kept.moment)

    return keep


_COMBINERS: dict[Aggregation, Callable[[Cell, Cell], Cell]] = {
    **dict.fromkeys(ADDITIVE, _add),
    **{aggregation: _keep(aggregation) for aggregation in EXTREME},
}
