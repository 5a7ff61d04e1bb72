"""What is left of an entitlement at an instant, and how it came to that, in bounded reads.

What a period leaves matters to the next only where something rolls over: a reset that preserves no overage, at which
every grant keeps a fixed amount (``min_rollover`` equals ``max_rollover``, as 0 and 0 do, and as what is issued after a
reset does), forgets everything before it. So a balance is computed from the last such reset on.

Where something does roll over, the state before a reset is sealed once nothing more is waited for: the reset lies
``SEAL_AFTER_US`` in the past, or ``SETTLED_US`` and more than ``MAX_UNSEALED`` resets have come since. Late usage of a
sealed period changes no balance any more; until then it does, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from dynameter.billing.entitlements.balance import Opening, Reset, Segment, burn_down, change_points
from dynameter.billing.entitlements.entitlement import Balance, Entitlement, Grant, UsageReset
from dynameter.billing.entitlements.usage_periods import UsagePeriods
from dynameter.billing.pricing.money import WORKING, total
from dynameter.clock import HOUR_US, Clock
from dynameter.errors import TooLarge

SETTLED_US = 24 * HOUR_US
SEAL_AFTER_US = 30 * 24 * HOUR_US
MAX_UNSEALED = 32
MAX_PERIODS = 20_000
"""Usage periods that one balance looks back over: two years of hours that nobody has asked about."""

_ZERO = Decimal(0)
_NEVER = 1 << 62

UsageBetween = Callable[[Sequence[int], Sequence[int]], Sequence[Decimal]]
"""The usage between each two neighbouring points; the second are those points that begin a usage period."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What the periods before the reset at ``at_us`` have left."""

    at_us: int
    opening: Opening


@dataclass(frozen=True, slots=True)
class Book:
    """All that was written about an entitlement's balance."""

    grants: tuple[Grant, ...] = ()
    resets: tuple[UsageReset, ...] = ()
    seal: Seal | None = None


class Books(Protocol):
    """What is needed of ``dynameter.billing.entitlements.store.EntitlementStore``."""

    def book(self, workspace: str, entitlement_id: str) -> Book:
        """The entitlement's grants, resets and seal."""

    def seal(self, entitlement: Entitlement, at_us: int, opening: Opening) -> None:
        """Keep what the periods before the reset left, unless a later seal is there."""


class Standings:
    """Balances of metered entitlements."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    def at(self, entitlement: Entitlement, at_us: int, usage: UsageBetween) -> Balance:
        """What is left at the instant, when the entitlement was measured already. Raises TooLarge."""
        book = self._books.book(entitlement.workspace, entitlement.id)
        periods = UsagePeriods(entitlement, book.resets)
        run = _Run(entitlement, book, periods, at_us, at_us)
        segments = run.segments(usage, ())
        self._seal(entitlement, run, segments, at_us)
        return _balance(entitlement, periods, segments, at_us)

    def history(
        self, entitlement: Entitlement, from_us: int, to_us: int, cuts: Sequence[int], usage: UsageBetween
    ) -> list[Segment]:
        """The segments from one instant to another, cut at ``cuts`` too. Raises TooLarge."""
        book = self._books.book(entitlement.workspace, entitlement.id)
        run = _Run(entitlement, book, UsagePeriods(entitlement, book.resets), from_us, to_us)
        found = run.segments(usage, (from_us, *cuts))
        return [one for one in found if from_us <= one.start_us < to_us]

    def _seal(self, entitlement: Entitlement, run: _Run, segments: Sequence[Segment], at_us: int) -> None:
        """Seal the last reset that nothing is waited for before, if that is later than where the run began."""
        now_us = min(self._clock.now_us(), at_us)
        later = [reset.at_us for reset in run.resets if reset.at_us > run.start_us]
        crowded = later[:-MAX_UNSEALED]
        settled = [one for one in later if one <= now_us - SEAL_AFTER_US]
        settled += [one for one in crowded if one <= now_us - SETTLED_US]
        if not settled:
            return
        sealed_us = max(settled)
        before = next(one for one in segments if one.end_us == sealed_us)
        self._books.seal(entitlement, sealed_us, Opening(before.balances, before.overage))


class _Run:
    """From where a burn-down starts so that it is right from ``base_us`` on, and its resets up to ``at_us``."""

    def __init__(self, entitlement: Entitlement, book: Book, periods: UsagePeriods, base_us: int, at_us: int) -> None:
        self._zone = entitlement.time_zone
        self._at_us = at_us
        self.resets: list[Reset] = []
        self.start_us = periods.start_us
        self.opening: Opening | None = None
        last = periods.last_reset(at_us)
        while last is not None:
            self.resets.append(last)
            if len(self.resets) > MAX_PERIODS:
                message = f"more than {MAX_PERIODS} usage periods would have to be looked at"
                raise TooLarge(message, code="too_many_periods")
            if last.at_us <= base_us and (opening := _opening(last, book)) is not None:
                self.start_us, self.opening = last.at_us, opening
                break
            last = periods.last_reset(last.at_us - 1)
        self.resets.reverse()
        trimmed = (_trimmed(one, self.start_us) for one in book.grants)
        self._grants = [one for one in trimmed if one.effective_at_us <= at_us and _end(one) > self.start_us]
        if self.opening is not None:
            # What ends at the very start is gone, whatever was left of it just before.
            held = {one.id for one in self._grants}
            kept = {name: left for name, left in self.opening.balances.items() if name in held}
            self.opening = replace(self.opening, balances=kept)

    def segments(self, usage: UsageBetween, cuts: Sequence[int]) -> list[Segment]:
        """The burn-down's segments, the last one of no length at the end."""
        changes = change_points(self._grants, self.resets, self.start_us, self._at_us, self._zone)
        inside = {one for one in cuts if self.start_us < one < self._at_us}
        points = sorted({*changes, *inside})
        usages = usage(points, [reset.at_us for reset in self.resets])
        return burn_down(self._grants, self.resets, points, usages, self._zone, self.opening)


def _opening(reset: Reset, book: Book) -> Opening | None:
    """The state just before the reset, as far as it matters, where it is known without looking further back."""
    if book.seal is not None and book.seal.at_us == reset.at_us:
        return book.seal.opening
    held = [one for one in book.grants if one.effective_at_us < reset.at_us < _end(one)]
    if reset.preserve_overage or any(one.min_rollover != one.max_rollover for one in held):
        return None
    return Opening(dict.fromkeys((one.id for one in held), _ZERO))


def _trimmed(grant: Grant, start_us: int) -> Grant:
    """The grant as if it had begun just before the run does: fewer recurrences have to be reckoned."""
    if grant.effective_at_us >= start_us:
        return grant
    anchor_us = grant.effective_at_us if grant.recurrence_anchor_us is None else grant.recurrence_anchor_us
    return replace(grant, effective_at_us=start_us - 1, recurrence_anchor_us=anchor_us)


def _end(grant: Grant) -> int:
    ends = (grant.expires_at_us, grant.voided_at_us)
    return min((end for end in ends if end is not None), default=_NEVER)


def _balance(entitlement: Entitlement, periods: UsagePeriods, segments: Sequence[Segment], at_us: int) -> Balance:
    last = segments[-1]
    window = periods.period(at_us)
    burnt = _ZERO
    for one in segments:
        if one.start_us >= window.start_us:
            held = WORKING.subtract(total(one.balances_before.values()), one.balance)
            burnt = WORKING.add(burnt, held)
    return Balance(
        balance=last.balance,
        usage=last.period_usage,
        overage=last.overage,
        total_available=WORKING.add(last.balance, burnt),
        has_access=entitlement.is_soft_limit or last.balance > 0,
        grant_balances=last.balances,
        period_start_us=window.start_us,
        period_end_us=window.end_us,
    )
