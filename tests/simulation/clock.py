"""Time in the simulation: one true time, and processes that each see it with a skew of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

START_US = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z


class _Seen(threading.local):
    skew_us = 0


@dataclass
class WorldClock:
    """Every look at the clock finds it a little later. ``now`` is what nobody in the world can read."""

    now: int = START_US
    _seen: _Seen = field(default_factory=_Seen)

    def now_us(self) -> int:
        """The time as the process of this thread sees it."""
        self.now += 3
        return self.now + self._seen.skew_us

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000) + 1

    @contextmanager
    def skewed(self, skew_us: int) -> Iterator[None]:
        """What runs in here, in this thread, is a process whose clock is off by ``skew_us``."""
        before, self._seen.skew_us = self._seen.skew_us, skew_us
        try:
            yield
        finally:
            self._seen.skew_us = before
