"""The arithmetic of quotas: what a plan lets a user do in a month. Pure; it is APIGate's own, to the digit.

    increment   1, or where compute units count int(estimated_cost_per_req)
    current     int(usage of the month so far)
    used        current + increment
    graced      int(limit x (1 + grace))
    hard        allowed where used <= graced; warn and soft: always
    percent     used / limit x 100, 0 for a limit of 0
    level       none below 80 %, approaching from 80 %, critical from 95 %, exceeded past 100 %

``int`` cuts towards zero, as Go's conversion does. A reservation is told from the exact numbers and without grace:
grace makes up for a check that others can overtake, and a reservation cannot be overtaken.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, Inexact
from enum import Enum

from dynameter.clock import MICROSECONDS
from dynameter.gateway.plan import UNLIMITED, EnforceMode, MeterType, Plan
from dynameter.usage.windows import Calendar, Window, WindowSize, load_zone

APPROACHING_PERCENT, CRITICAL_PERCENT, FULL_PERCENT = 80, 95, 100
PERCENT_DIGITS = 6
"""Digits after the point of ``percent``, rounded half to even; levels are told from the exact numbers."""
BOOK_DIGITS = 9
"""Digits after the point that the books of reservations keep."""

# Sums and products here are exact at any size that can occur; a digit lost would raise.
_EXACT = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
_ROUNDED = Context(prec=200, rounding=ROUND_HALF_EVEN)
_LEAST_BOOKED = Decimal(1).scaleb(-BOOK_DIGITS)
_LEAST_PERCENT = Decimal(1).scaleb(-PERCENT_DIGITS)
_ZERO = Decimal(0)


class QuotaLevel(Enum):
    """How near the limit is."""

    NONE = "none"
    APPROACHING = "approaching"
    CRITICAL = "critical"
    EXCEEDED = "exceeded"


@dataclass(frozen=True, slots=True)
class Quota:
    """Where a user stands in the month, what is asked for counted in.

    ``limit`` is -1 without one; then ``used`` is None, as nobody has counted.
    """

    allowed: bool
    limit: int
    current: Decimal | None
    increment: Decimal

    @property
    def used(self) -> Decimal | None:
        """The usage if what is asked for is done."""
        return None if self.current is None else add(self.current, self.increment)

    @property
    def remaining(self) -> Decimal | None:
        """What is left then, at least 0."""
        return None if self.used is None else max(_ZERO, subtract(Decimal(self.limit), self.used))

    @property
    def percent(self) -> Decimal:
        """Used of the limit."""
        if self.used is None or self.limit <= 0:
            return _ZERO
        share = _ROUNDED.divide(_EXACT.multiply(self.used, Decimal(100)), Decimal(self.limit))
        return _ROUNDED.quantize(share, _LEAST_PERCENT)

    @property
    def level(self) -> QuotaLevel:
        """How near the limit is, told without rounding."""
        if self.used is None or self.limit <= 0:
            return QuotaLevel.NONE
        hundredfold = _EXACT.multiply(self.used, Decimal(100))
        if hundredfold > FULL_PERCENT * self.limit:
            return QuotaLevel.EXCEEDED
        if hundredfold >= CRITICAL_PERCENT * self.limit:
            return QuotaLevel.CRITICAL
        return QuotaLevel.APPROACHING if hundredfold >= APPROACHING_PERCENT * self.limit else QuotaLevel.NONE

    @property
    def overage(self) -> Decimal:
        """What is used past the limit."""
        return _ZERO if self.used is None else max(_ZERO, subtract(self.used, Decimal(self.limit)))


def check(plan: Plan, usage: Decimal) -> Quota:
    """The pre-check of one request, given the month's usage so far."""
    increment = increment_of(plan)
    if plan.unlimited:
        return unlimited(increment)
    current = whole(usage)
    allowed = plan.quota_enforce_mode is not EnforceMode.HARD or add(current, increment) <= graced_limit(plan)
    return Quota(allowed, plan.requests_per_month, current, increment)


def unlimited(increment: Decimal) -> Quota:
    """The answer for a plan without a limit."""
    return Quota(True, UNLIMITED, None, increment)


def increment_of(plan: Plan) -> Decimal:
    """What the pre-check counts for the request that is about to be made."""
    return whole(plan.estimated_cost_per_req) if plan.meter_type is MeterType.COMPUTE_UNITS else Decimal(1)


def graced_limit(plan: Plan) -> Decimal:
    """The usage up to which a hard plan allows requests."""
    return whole(_EXACT.multiply(Decimal(plan.requests_per_month), add(Decimal(1), plan.quota_grace_pct)))


def month_of(plan: Plan, instant_us: int) -> Window:
    """The calendar month in the plan's time zone that the instant lies in, its end excluded."""
    return Calendar(WindowSize.MONTH, load_zone(plan.time_zone)).containing(instant_us)


def seconds_until(end_us: int, now_us: int) -> int:
    """Whole seconds to the end of the month, rounded up: to wait for them is enough."""
    return max(1, -(-(end_us - now_us) // MICROSECONDS))


def whole(number: Decimal) -> Decimal:
    """The number cut towards zero."""
    return number.to_integral_value(rounding=ROUND_DOWN) + _ZERO


def booked(units: Decimal) -> Decimal:
    """The units as books keep them: rounded up to nine digits after the point, so that a limit is never passed."""
    return units.quantize(_LEAST_BOOKED, rounding=ROUND_CEILING, context=_ROUNDED).normalize(_EXACT)


def add(*numbers: Decimal) -> Decimal:
    """The exact sum."""
    total = _ZERO
    for one in numbers:
        total = _EXACT.add(total, one)
    return total


def subtract(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """The exact difference."""
    return _EXACT.subtract(minuend, subtrahend)
