"""A house with a tenant in it, as the tests of all routes have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.clock import WorldClock
from tests.unit.http.conftest import Settled, settled, untouched


class StandingClock:
    """What processes read of a clock: storage takes no time, so an edge in time is exact. Sleeping moves it."""

    def __init__(self, clock: WorldClock) -> None:
        self._clock = clock
        self._at_us = clock.now

    def now_us(self) -> int:
        """Where it stands."""
        return self._at_us

    def sleep(self, seconds: float) -> None:
        """Move it, and the time behind it."""
        WorldClock.sleep(self._clock, seconds)
        self._at_us = self._clock.now


@pytest.fixture
def still(untouched: Settled) -> Iterator[Settled]:
    """The same house while time stands still."""
    clock = untouched.house.world.clock
    standing = StandingClock(clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now_us", standing.now_us)
        patch.setattr(clock, "sleep", standing.sleep)
        yield untouched


__all__ = ["settled", "still", "untouched"]
