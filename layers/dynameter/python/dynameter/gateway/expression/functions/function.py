"""What a function is: its code, how many arguments it takes, and what it gives. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.values import kind_of

MANY: Final = 100
"""Arguments of a function that takes any number."""


@dataclass(frozen=True, slots=True)
class Function:
    """``call`` gets the evaluation's frame, for its budget, and then the arguments."""

    call: Callable[..., Any]
    least: int
    most: int
    gives: str = "any"


def text(value: Any) -> str:
    """The argument of a builtin that takes text only."""
    if type(value) is str:
        return value
    raise Fault(f"expected a string, found {kind_of(value)}")
