"""Work counted in steps of the interpreter, where a clock would tell of the machine."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def outcome(work: Callable[[], Any]) -> Any:
    """What the work gives or raises."""
    try:
        return work()
    except Exception as error:
        return error


def lines_run(work: Callable[[], Any]) -> tuple[Any, int]:
    """What the work gives, and how many lines of Python it ran. What it raises is given, too.

    The work is done once before it is counted: the first run also fills caches of the process, such as the compiled
    patterns of ``re``, which another test may have emptied. No finalizer of another test's objects is counted either.
    """
    outcome(work)
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    try:
        found = outcome(work)
        return found, count
    finally:
        sys.settrace(before)
        if collecting:
            gc.enable()
