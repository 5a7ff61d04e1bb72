"""The end of a recorder's work: it is begun from outside, and has a time limit."""

from __future__ import annotations

import math
import time
from threading import Event

PAUSE_MAX_S = 0.5
"""While the process ends, the longest pause between two tries."""
HALF = 0.5


class Ending:
    """Threads ask it how much time they have."""

    def __init__(self) -> None:
        self._event = Event()
        self._due = math.inf
        self._half = math.inf
        self.over = False
        """Whether what was left is in safety, and the work may begin anew."""

    def begin(self, limit_s: float) -> None:
        """From now on there is so much time."""
        now = time.monotonic()
        self._due, self._half = now + limit_s, now + limit_s * HALF
        self._event.set()

    def finish(self) -> None:
        """There is no more time."""
        self._due = 0.0

    def close(self) -> None:
        """Nothing is left."""
        self.over = True

    @property
    def begun(self) -> bool:
        """Whether the end has begun."""
        return self._event.is_set()

    @property
    def half_over(self) -> bool:
        """Whether half of the time is over."""
        return time.monotonic() >= self._half

    @property
    def left_s(self) -> float:
        """The time left."""
        return max(0.0, self._due - time.monotonic())

    def pause(self, seconds: float) -> bool:
        """Wait, but not on when the end begins, and short pauses from then on; False when the time is over."""
        if not self._event.is_set():
            self._event.wait(seconds)
            return True
        time.sleep(min(seconds, PAUSE_MAX_S, self.left_s))
        return self.left_s > 0
