"""One evaluation: what it runs on, its variables, and what it may still spend."""

from __future__ import annotations

from typing import Any

from dynameter.gateway import sse
from dynameter.gateway.exchange import Exchange
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.limits import MAX_STEPS, MAX_TEXT


class Frame:
    """Holds the variables of ``let`` and of closures in numbered slots, and the budget of this evaluation.

    ``now_us`` is the time that ``now()`` tells, None where there is none.
    """

    __slots__ = ("_steps", "_text", "exchange", "now_us", "slots")

    def __init__(self, exchange: Exchange, slots: int, now_us: int | None) -> None:
        self.exchange = exchange
        self.now_us = now_us
        self.slots: list[Any] = [None] * slots
        self._steps = MAX_STEPS
        self._text = MAX_TEXT

    def spend_steps(self, steps: int) -> None:
        """Take part of the budget for going through elements."""
        self._steps -= steps
        if self._steps < 0:
            raise Fault(f"more than {MAX_STEPS} steps")

    def spend_text(self, characters: int) -> None:
        """Take part of the budget for reading and making text."""
        self._text -= characters
        if self._text < 0:
            raise Fault(f"more than {MAX_TEXT} characters of text")

    def events(self, data: bytes) -> list[sse.SseEvent]:
        """The server-sent events of a stream's data."""
        # Lines of a few bytes cost more than other text does.
        self.spend_text(2 * len(data))
        return sse.parse_events(data)
