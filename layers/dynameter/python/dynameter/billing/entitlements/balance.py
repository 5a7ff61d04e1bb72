"""How grants burn down. Pure: the usage between the instants at which something changes is passed in.

At one instant things happen in this order: grants expire or are voided, a reset rolls balances over, recurring grants
fill up, grants become effective. Between two such instants the usage, and any overage from before, burns the grants
that are active, the lower priority first, then the earlier expiry, then the earlier creation, then the id. What finds
no grant is overage; a grant that becomes effective later pays it. Negative usage is kept as a credit for what follows.

A reset sets each balance to what lies between ``min_rollover`` and ``max_rollover`` and forgets the overage, unless it
preserves it: then the new period begins with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from dynameter.billing.entitlements.entitlement import Grant
from dynameter.billing.period import boundary, period_at, read_cadence
from dynameter.billing.pricing.money import WORKING, total

_ZERO = Decimal(0)
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Reset:
    """The start of a usage period."""

    at_us: int
    preserve_overage: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """The state just before the first point: what earlier periods left of each grant, and their overage."""

    balances: Mapping[str, Decimal] = field(default_factory=dict)
    overage: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch in which nothing changed but usage, with the state at its end; ``period_start_us`` is its reset."""

    start_us: int
    end_us: int
    period_start_us: int
    usage: Decimal
    period_usage: Decimal
    overage: Decimal
    balances_before: dict[str, Decimal] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)

    @property
    def balance(self) -> Decimal:
        """What is left of all grants."""
        return total(self.balances.values())


def change_points(grants: Sequence[Grant], resets: Sequence[Reset], start_us: int, at_us: int, zone: str) -> list[int]:
    """The instants from ``start_us`` to ``at_us``, both among them, between which only usage changes anything."""
    points = {start_us, at_us, *(reset.at_us for reset in resets)}
    for grant in grants:
        points |= {grant.effective_at_us, _end(grant), *_refills(grant, at_us, zone)}
    return sorted(point for point in points if start_us <= point <= at_us)


def burn_down(
    grants: Sequence[Grant],
    resets: Sequence[Reset],
    points: Sequence[int],
    usages: Sequence[Decimal],
    zone: str,
    opening: Opening | None = None,
) -> list[Segment]:
    """Burn ``usages``, one for each two neighbouring ``points`` of ``change_points``; the segments in order.

    The first point begins a usage period; with an ``opening``, a reset there is carried out on it. A last segment of
    no length shows the state at the last point.
    """
    state = _State(grants, zone, points, opening)
    by_instant = {reset.at_us: reset for reset in resets}
    segments: list[Segment] = []
    for (start_us, end_us), usage in zip(pairwise(points), usages, strict=True):
        state.arrive(start_us, by_instant.get(start_us))
        segments.append(state.burn(start_us, end_us, usage))
    state.arrive(points[-1], by_instant.get(points[-1]))
    segments.append(state.burn(points[-1], points[-1], _ZERO))
    return segments


class _State:
    """Balances and overage as time goes on."""

    def __init__(self, grants: Sequence[Grant], zone: str, points: Sequence[int], opening: Opening | None) -> None:
        self._grants = sorted(grants, key=lambda one: (one.priority, _end(one), one.created_at_us, one.id))
        self._refills = {grant.id: _refills(grant, points[-1], zone) for grant in grants}
        self._balances = dict(opening.balances) if opening else {}
        self._overage = opening.overage if opening else _ZERO
        self._period_start_us = points[0] - 1 if opening else points[0]
        self._period_usage = _ZERO

    def arrive(self, at_us: int, reset: Reset | None) -> None:
        """Let what happens at the instant happen."""
        for grant in self._grants:
            if _end(grant) <= at_us:
                self._balances.pop(grant.id, None)
        if reset is not None and at_us > self._period_start_us:
            self._reset(reset)
        for grant in self._grants:
            if grant.effective_at_us > at_us or _end(grant) <= at_us:
                continue
            if grant.id not in self._balances or at_us in self._refills[grant.id]:
                self._balances[grant.id] = grant.amount

    def burn(self, start_us: int, end_us: int, usage: Decimal) -> Segment:
        """Burn a segment's usage."""
        before = dict(self._balances)
        self._period_usage = WORKING.add(self._period_usage, usage)
        owed = WORKING.add(self._overage, usage)
        for grant in self._grants:
            if owed <= 0:
                break
            if grant.id in self._balances:
                burnt = min(owed, self._balances[grant.id])
                self._balances[grant.id] = WORKING.subtract(self._balances[grant.id], burnt)
                owed = WORKING.subtract(owed, burnt)
        self._overage = owed
        return Segment(
            start_us,
            end_us,
            self._period_start_us,
            usage,
            self._period_usage,
            max(_ZERO, owed),
            before,
            dict(self._balances),
        )

    def _reset(self, reset: Reset) -> None:
        for grant in self._grants:
            if grant.id in self._balances:
                left = min(grant.max_rollover, max(grant.min_rollover, self._balances[grant.id]))
                self._balances[grant.id] = left
        self._overage = max(_ZERO, self._overage) if reset.preserve_overage else _ZERO
        self._period_start_us = reset.at_us
        self._period_usage = _ZERO


def _end(grant: Grant) -> int:
    """When the grant ends: it expires or is voided, whichever is earlier."""
    ends = (grant.expires_at_us, grant.voided_at_us)
    return min((end for end in ends if end is not None), default=_NEVER)


def _refills(grant: Grant, until_us: int, zone: str) -> frozenset[int]:
    """The instants after it became effective at which a recurring grant fills up again."""
    return frozenset(_each_refill(grant, until_us, zone)) if grant.recurrence else frozenset()


def _each_refill(grant: Grant, until_us: int, zone: str) -> Iterator[int]:
    cadence = read_cadence(grant.recurrence or "")
    anchor_us = grant.effective_at_us if grant.recurrence_anchor_us is None else grant.recurrence_anchor_us
    number = period_at(anchor_us, cadence, zone, grant.effective_at_us)[0] + 1
    last_us = min(until_us, _end(grant) - 1)
    while (at_us := boundary(anchor_us, cadence, zone, number)) <= last_us:
        yield at_us
        number += 1
