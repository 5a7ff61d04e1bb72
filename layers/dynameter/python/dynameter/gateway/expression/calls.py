"""The code of a call, by how many arguments it has: most have one or two, and a list for them costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from dynameter.gateway.expression.closures import Run
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame


def call_run(call: Callable[..., Any], arguments: Sequence[Run], fail: Callable[[Fault], NoReturn]) -> Run:
    """Runs the arguments, then the call; ``fail`` gets what it cannot do."""
    if len(arguments) == 1:
        (only,) = arguments

        def run_one(frame: Frame) -> Any:
            try:
                return call(frame, only(frame))
            except Fault as fault:
                fail(fault)

        return run_one

    def run_many(frame: Frame) -> Any:
        try:
            return call(frame, *[run(frame) for run in arguments])
        except Fault as fault:
            fail(fault)

    return run_many
