"""The token bucket of a workspace, kept as one instant: when all that was spent will have been earned again. Pure.

A bucket earns ``rate`` events a second and holds ``burst`` of them. Kept as an instant it needs no reading and no
writing while it fills, and spending is one addition: the bucket is full when the instant is past, and empty when it
lies further ahead than the burst takes to earn.
"""

from __future__ import annotations

from dataclasses import dataclass

from dynameter.clock import MICROSECONDS

SHARE = 20
"""A process reports what it admitted whenever that comes to this part of a second's events."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Events a second, and events at once; ``rate`` is above 0."""

    rate: int
    burst: int

    @property
    def unreported(self) -> int:
        """Events that one process admits before it reports them."""
        return max(1, self.rate // SHARE)

    def cost_us(self, events: int) -> int:
        """The time in which the events are earned."""
        return events * MICROSECONDS // self.rate

    def overdrawn_us(self, earned_at_us: int, now_us: int) -> int:
        """How long the bucket stays empty; 0 or less where something is in it."""
        return earned_at_us - now_us - self.cost_us(self.burst)
