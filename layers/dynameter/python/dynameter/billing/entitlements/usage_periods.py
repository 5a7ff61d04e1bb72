"""When the usage periods of a metered entitlement begin. Pure.

A period begins when usage begins to count, wherever the usage period repeats from its anchor, and with each reset that
somebody asks for. Such a reset moves the anchor to itself unless it retains it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from dynameter.billing.entitlements.balance import Reset
from dynameter.billing.entitlements.entitlement import Entitlement, UsageReset
from dynameter.billing.period import period_at, read_cadence
from dynameter.usage.windows import Window


class UsagePeriods:
    """The resets of one entitlement; ``asked`` are those that somebody asked for."""

    def __init__(self, entitlement: Entitlement, asked: Sequence[UsageReset]) -> None:
        self._start_us = entitlement.measure_from_us
        self._preserve = entitlement.preserve_overage_at_reset
        self._cadence = read_cadence(entitlement.usage_period or "P1M")
        self._zone = entitlement.time_zone
        self._asked = sorted(asked, key=lambda one: one.at_us)
        self._instants = [one.at_us for one in self._asked]
        moving = [one.at_us for one in self._asked if not one.retain_anchor]
        self._moves = [-(1 << 62), *moving]
        self._anchors = [entitlement.anchor_us, *moving]

    @property
    def start_us(self) -> int:
        """When usage begins to count."""
        return self._start_us

    def last_reset(self, at_us: int) -> Reset | None:
        """The last reset up to that instant; None in the first period."""
        place = bisect_right(self._moves, at_us) - 1
        repeated_us = period_at(self._anchors[place], self._cadence, self._zone, at_us)[1].start_us
        found = None
        if repeated_us > max(self._moves[place], self._start_us):
            found = Reset(repeated_us, self._preserve)
        number = bisect_right(self._instants, at_us) - 1
        if number >= 0:
            asked = self._asked[number]
            if asked.at_us > self._start_us and (found is None or asked.at_us >= found.at_us):
                found = Reset(asked.at_us, asked.preserve_overage)
        return found

    def period(self, at_us: int) -> Window:
        """The usage period that the instant lies in; before the first one, the first."""
        at_us = max(at_us, self._start_us)
        last = self.last_reset(at_us)
        place = bisect_right(self._moves, at_us) - 1
        anchor_us = self._anchors[place]
        repeated = period_at(anchor_us, self._cadence, self._zone, at_us)[1]
        end_us = repeated.end_us
        later = bisect_right(self._instants, at_us)
        if later < len(self._instants):
            end_us = min(end_us, self._instants[later])
        return Window(self._start_us if last is None else last.at_us, end_us)


def current_period(entitlement: Entitlement, at_us: int) -> Window:
    """The usage period that the instant lies in, at or after the last reset that somebody asked for."""
    if entitlement.last_reset_us is None:
        return UsagePeriods(entitlement, ()).period(at_us)
    known = [UsageReset(entitlement.last_reset_us, retain_anchor=True)]
    if entitlement.moved_anchor_us is not None:
        known.append(UsageReset(entitlement.moved_anchor_us))
    return UsagePeriods(entitlement, known).period(at_us)
