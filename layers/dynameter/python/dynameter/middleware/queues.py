"""A queue whose producers never wait, and that knows what its consumer has in hand."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class LendingQueue(Generic[T]):
    """First in, first out, for one consumer. What ``take`` gives is lent until ``settle``: ``reclaim`` finds it."""

    def __init__(self) -> None:
        self._items: deque[tuple[T, int, float]] = deque()
        self._lent: list[T] = []
        self._filled = Condition()
        self._hurried = 0
        self._poked = False
        self.bytes = 0
        self.added = 0
        """How many were ever put in."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, size: int) -> None:
        """Add at the end."""
        with self._filled:
            self._items.append((item, size, time.monotonic()))
            self.bytes += size
            self.added += 1
            self._filled.notify()

    def take(self, count: int, bytes_max: int, *, wait_s: float, linger_s: float = 0.0) -> list[T]:
        """Up to ``count`` items and ``bytes_max`` (one item at least), lent.

        Waits up to ``wait_s`` for a first item, then until there are enough or the first has waited ``linger_s``.
        """
        with self._filled:
            self._filled.wait_for(lambda: self._items or self._poked, wait_s)
            self._poked = False
            while self._items and not self._enough(count, bytes_max):
                left_s = self._items[0][2] + linger_s - time.monotonic()
                if left_s <= 0 or not self._filled.wait(left_s):
                    break
            self._lent = self._pop(count, bytes_max)
            return list(self._lent)

    def settle(self, left: list[T] | None = None) -> None:
        """What was lent is done, but for ``left``."""
        with self._filled:
            self._lent = left or []

    def shed(self, count: int) -> list[T]:
        """Take away the oldest that are not lent."""
        with self._filled:
            return self._pop(count, self.bytes)

    def reclaim(self) -> list[T]:
        """Take away everything, with what is lent."""
        with self._filled:
            found = self._lent + self._pop(len(self._items), self.bytes)
            self._lent = []
            return found

    def poke(self) -> None:
        """Let a ``take`` that waits for a first item, or else the next one, return."""
        with self._filled:
            self._poked = True
            self._filled.notify_all()

    def hurry(self, hurried: bool) -> None:
        """Whether ``take`` may linger; each True wants its False."""
        with self._filled:
            self._hurried += 1 if hurried else -1
            self._filled.notify_all()

    def _enough(self, count: int, bytes_max: int) -> bool:
        return self._hurried > 0 or len(self._items) >= count or self.bytes >= bytes_max

    def _pop(self, count: int, bytes_max: int) -> list[T]:
        popped: list[T] = []
        while self._items and len(popped) < count and (not popped or self._items[0][1] <= bytes_max):
            item, size, _ = self._items.popleft()
            self.bytes -= size
            bytes_max -= size
            popped.append(item)
        return popped
