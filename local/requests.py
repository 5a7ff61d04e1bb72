"""The requests under way, so that jobs can wait for them.

On AWS, work over stored events begins a minute after it was asked for (SETTLE_MS): no request that might still write
an event with an earlier stamp lives that long. Here that minute is milliseconds, because the requests can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any

PATIENCE_S = 60.0
"""No function's time-out is longer; whoever is not done by then is not waited for."""


class RequestsUnderWay:
    """Counts requests in and out."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._entered = 0
        self._under_way: set[int] = set()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around each request."""
        with self._changed:
            self._entered += 1
            number = self._entered
            self._under_way.add(number)
        try:
            yield
        finally:
            with self._changed:
                self._under_way.discard(number)
                self._changed.notify_all()

    def wait(self) -> None:
        """Return when every request that is under way now has ended."""
        with self._changed:
            last = self._entered
            self._changed.wait_for(lambda: all(number > last for number in self._under_way), PATIENCE_S)

    def settled(self, invoke: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        """The call made when nothing stamped before it was asked for is under way.

        Twice: the request that asks for work with an instant to come answers when that has passed, and only those
        that began after that may go on.
        """

        def call(event: dict[str, Any]) -> Any:
            self.wait()
            self.wait()
            return invoke(event)

        return call
