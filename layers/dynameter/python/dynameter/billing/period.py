"""Billing periods: a cadence repeated from an anchor, in a time zone. Pure.

A month later is the same day of the month at the same local time, or the month's last day where there is no such day
(31 January, 28 February, 31 March: always counted from the anchor, so the day is not lost). A local time that the
clocks skip or repeat is taken as ``zoneinfo`` reads it (fold 0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from dateutil.relativedelta import relativedelta

from dynameter.clock import from_datetime, to_datetime
from dynameter.usage.windows import Window, load_zone

MAX_COUNT = 999
"""Of each unit in a cadence."""

DURATION_PATTERN: Final = r"^P(?:(\d{1,3})Y)?(?:(\d{1,3})M)?(?:(\d{1,3})W)?(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?)?$"
"""A duration as text; one of its parts must be more than 0."""
_DURATION: Final = re.compile(DURATION_PATTERN[1:-1])
_GUESS_US: Final = {"years": 31_556_952, "months": 2_629_746, "weeks": 604_800, "days": 86_400, "hours": 3_600}


class InvalidCadence(ValueError):
    """Text that is no duration this service bills by."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """An ISO 8601 duration of years, months, weeks, days and hours, longer than nothing."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0

    def times(self, count: int) -> relativedelta:
        """The duration ``count`` times, as one step from an anchor."""
        return relativedelta(
            years=self.years * count,
            months=self.months * count,
            weeks=self.weeks * count,
            days=self.days * count,
            hours=self.hours * count,
        )

    @property
    def about_us(self) -> int:
        """Its length in microseconds on the average."""
        return sum(int(getattr(self, unit)) * seconds for unit, seconds in _GUESS_US.items()) * 1_000_000


def read_cadence(text: str) -> Cadence:
    """Read an ISO 8601 duration. Raises ``InvalidCadence`` for one of other parts, or of none."""
    match = _DURATION.fullmatch(text)
    parts = [int(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise InvalidCadence("must be an ISO 8601 duration of whole years, months, weeks, days or hours, such as P1M")
    return Cadence(*parts)


def boundary(anchor_us: int, cadence: Cadence, zone: str, number: int) -> int:
    """The instant ``number`` cadences after the anchor (before it where negative)."""
    if number == 0:
        # Not by its local time: in an hour that the clocks repeat that may be an hour earlier.
        return anchor_us
    local = to_datetime(anchor_us).astimezone(load_zone(zone))
    if cadence.hours and not (cadence.years or cadence.months or cadence.weeks or cadence.days):
        return anchor_us + number * cadence.about_us
    moved = local.replace(tzinfo=None) + cadence.times(number)
    return from_datetime(moved.replace(tzinfo=local.tzinfo).astimezone(UTC))


def period_at(anchor_us: int, cadence: Cadence, zone: str, instant_us: int) -> tuple[int, Window]:
    """The number of the period that the instant lies in, and the period; period 0 begins at the anchor."""
    number = (instant_us - anchor_us) // cadence.about_us
    while boundary(anchor_us, cadence, zone, number) > instant_us:
        number -= 1
    while boundary(anchor_us, cadence, zone, number + 1) <= instant_us:
        number += 1
    start_us = boundary(anchor_us, cadence, zone, number)
    return number, Window(start_us, boundary(anchor_us, cadence, zone, number + 1))
