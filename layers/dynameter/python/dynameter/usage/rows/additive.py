"""Rows that are added to: SUM, COUNT, AVG and UNIQUE_COUNT. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from dynameter.meters.quantity import split
from dynameter.usage.rows.delta import Contribution


def fold_cells(contributions: Sequence[Contribution]) -> dict[str, int]:
    """What the contributions add to each attribute of their row; what nothing is added to is left out."""
    # Plain lists of count, integer and fraction: this loop runs twice for each event and meter.
    minutes: dict[int, list[int]] = {}
    for one in contributions:
        cells = minutes.get(one.minute)
        if cells is None:
            cells = minutes[one.minute] = [0, 0, 0]
        sign, value = one.sign, one.value
        cells[0] += sign
        if isinstance(value, Decimal):
            integer, fraction = split(value)
            cells[1] += sign * integer
            cells[2] += sign * fraction
    hour = [sum(parts) for parts in zip(*minutes.values(), strict=True)]
    added = _attributes("", hour)
    for minute in sorted(minutes):
        added |= _attributes(f"{minute:02d}", minutes[minute])
    return added


def _attributes(suffix: str, cells: Sequence[int]) -> dict[str, int]:
    return {name + suffix: value for name, value in zip("nif", cells, strict=False) if value}
