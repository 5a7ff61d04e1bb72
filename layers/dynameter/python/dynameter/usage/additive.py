"""Rows that are added to: SUM, COUNT, AVG and UNIQUE_COUNT. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dynameter.meters.quantity import split
from dynameter.usage.cells import Cells
from dynameter.usage.delta import Contribution


def fold_cells(contributions: Sequence[Contribution]) -> dict[str, int]:
    """What the contributions add to each attribute of their row; what nothing is added to is left out."""
    minutes: dict[int, Cells] = {}
    for one in contributions:
        sign = one.sign
        integer, fraction = split(one.value) if isinstance(one.value, Decimal) else (0, 0)
        minutes[one.minute] = minutes.get(one.minute, _NONE) + Cells(sign, sign * integer, sign * fraction)
    added = _attributes("", sum(minutes.values(), _NONE))
    for minute in sorted(minutes):
        added |= _attributes(f"{minute:02d}", minutes[minute])
    return added


def _attributes(suffix: str, cells: Cells) -> dict[str, int]:
    values = {"n": cells.count, "i": cells.integer, "f": cells.fraction}
    return {name + suffix: value for name, value in values.items() if value}


_NONE = Cells()
