"""SUM, COUNT and AVG: aggregations whose cells are added to.

A family of aggregations is what ``fold`` and the queries need of it; MIN, MAX, LATEST and UNIQUE_COUNT will be others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dynameter.meters.meter import Aggregation
from dynameter.meters.quantity import divide, join, split

AGGREGATIONS = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.AVG})
"""What this family serves."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one event adds to one row; ``minute`` is the minute of the hour, ``value`` None for COUNT."""

    sequence: int
    minute: int
    value: Decimal | str | None


@dataclass(frozen=True, slots=True)
class Cells:
    """A count and an exact sum, the sum as its integer part and its fraction x 10^18."""

    count: int = 0
    integer: int = 0
    fraction: int = 0

    def __add__(self, other: Cells) -> Cells:
        return Cells(self.count + other.count, self.integer + other.integer, self.fraction + other.fraction)


def fold_cells(contributions: Sequence[Contribution]) -> dict[str, int]:
    """What the contributions add to each attribute of their row; what nothing is added to is left out."""
    minutes: dict[int, Cells] = {}
    for one in contributions:
        integer, fraction = split(one.value) if isinstance(one.value, Decimal) else (0, 0)
        minutes[one.minute] = minutes.get(one.minute, _NONE) + Cells(1, integer, fraction)
    added = _attributes("", sum(minutes.values(), _NONE))
    for minute in sorted(minutes):
        added |= _attributes(f"{minute:02d}", minutes[minute])
    return added


def answer(aggregation: Aggregation, cells: Cells) -> Decimal:
    """The usage in the cells, whose count is above 0: a sum never rounds, a mean has 34 significant digits."""
    return _ANSWERS[aggregation](cells)


def _attributes(suffix: str, cells: Cells) -> dict[str, int]:
    values = {"n": cells.count, "i": cells.integer, "f": cells.fraction}
    return {name + suffix: value for name, value in values.items() if value}


def _sum(cells: Cells) -> Decimal:
    return join(cells.integer, cells.fraction)


_NONE = Cells()
_ANSWERS: dict[Aggregation, Callable[[Cells], Decimal]] = {
    Aggregation.COUNT: lambda cells: Decimal(cells.count),
    Aggregation.SUM: _sum,
    Aggregation.AVG: lambda cells: divide(_sum(cells), cells.count),
}
