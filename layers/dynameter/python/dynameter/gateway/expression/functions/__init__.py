"""The functions of expressions: APIGate's own, and expr-lang's builtins that APIGate leaves standing.

Where both have a name, APIGate's counts, as it does there: ``max``, ``min``, ``sum``, ``count`` and ``avg`` take an
array. ``env`` is not offered: it would show the process's environment to whoever writes a route.
"""

from __future__ import annotations

from typing import Final

from dynameter.gateway.expression.functions import arrays, encodings, numbers, strings, times
from dynameter.gateway.expression.functions.function import Function

FUNCTIONS: Final[dict[str, Function]] = {
    **strings.FUNCTIONS,
    **numbers.FUNCTIONS,
    **arrays.FUNCTIONS,
    **encodings.FUNCTIONS,
    **times.FUNCTIONS,
}

__all__ = ["FUNCTIONS", "Function"]
