"""Waiting for the stream, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

VISIBLE_WITHIN_S = 60.0
"""How long a test waits for usage to show in a query. It takes milliseconds; a busy machine must not fail the test."""


def eventually(read: Callable[[], T], expected: T, *, within_s: float = VISIBLE_WITHIN_S) -> None:
    """Read until the answer is the expected one; fail with the last answer when the time is over."""
    deadline = time.monotonic() + within_s
    while (found := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == expected
