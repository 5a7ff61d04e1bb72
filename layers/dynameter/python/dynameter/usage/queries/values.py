"""What one row of an answer comes to, cell by cell. Pure.

The cells are those of ``usage.rows.cells``. A row of UNIQUE_COUNT is of one value, the last element of its group
tuple, so the same value in another minute, hour, subject or group that is not asked for counts no second time.
"""

from __future__ import annotations

from decimal import Decimal

from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.cells import Cell, answer, combine


class Tally:
    """Takes counted cells, at least one, and says what they come to."""

    __slots__ = ("_aggregation", "_cell", "_values")

    def __init__(self, aggregation: Aggregation) -> None:
        self._aggregation = aggregation
        self._cell: Cell | None = None
        self._values: set[str] | None = set() if aggregation is Aggregation.UNIQUE_COUNT else None

    def add(self, cell: Cell, groups: tuple[str, ...]) -> None:
        """Add a counted cell of a row with these groups."""
        if self._values is not None:
            self._values.add(groups[-1])
        else:
            self._cell = cell if self._cell is None else combine(self._aggregation, (self._cell, cell))

    def answer(self) -> Decimal:
        """The usage in all cells."""
        if self._values is not None:
            return Decimal(len(self._values))
        assert self._cell is not None
        return answer(self._aggregation, self._cell)
