"""Reading an event with a meter: the value and the groups it counts with, or why it does not count."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event adds to one generation of a meter.

    ``value`` is a Decimal for SUM, AVG, MIN, MAX and LATEST, the text form for UNIQUE_COUNT, None for COUNT.
    ``groups`` are the values of the generation's group-by keys in sorted order of the keys, "" where missing.
    """

    value: Decimal | str | None
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """The event does not count in the meter; ``reason`` is OpenMeter's wording of a validation error."""

    reason: str
