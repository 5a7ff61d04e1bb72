"""The time that is left for storage: set where a function is called, looked at wherever storage is asked.

Threads of a pool do not see what their caller has set, so whoever hands work to a pool wraps it in ``carry``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from dynameter.clock import Clock

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class _Deadline:
    """An instant of the clock that it was set by."""

    at_us: int
    clock: Clock

    def left_us(self) -> int:
        return self.at_us - self.clock.now_us()


_deadline: ContextVar[_Deadline | None] = ContextVar("storage_deadline", default=None)


def time_left_us() -> int | None:
    """How long storage may take; None where nobody has set a deadline."""
    deadline = _deadline.get()
    return None if deadline is None else deadline.left_us()


@contextmanager
def within(deadline_us: int, clock: Clock) -> Iterator[None]:
    """Give storage until that instant of the clock; an earlier deadline around it holds."""
    outer, inner = _deadline.get(), _Deadline(deadline_us, clock)
    token = _deadline.set(inner if outer is None or inner.left_us() < outer.left_us() else outer)
    try:
        yield
    finally:
        _deadline.reset(token)


def carry(call: Callable[..., _R]) -> Callable[..., _R]:
    """The call with the deadline that holds here, to be run by a thread of a pool."""
    deadline = _deadline.get()

    def run(*arguments: Any) -> _R:
        token = _deadline.set(deadline)
        try:
            return call(*arguments)
        finally:
            _deadline.reset(token)

    return run


def end_of_invocation(context: Any, clock: Clock, reserve_us: int) -> int:
    """The instant by which a Lambda invocation must be done with storage, so that it ends by itself."""
    return clock.now_us() + int(context.get_remaining_time_in_millis()) * 1_000 - reserve_us
