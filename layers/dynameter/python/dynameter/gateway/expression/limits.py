"""How far an expression may go. What passes a limit is an error that names it."""

from __future__ import annotations

from typing import Final

MAX_CHARACTERS: Final = 4_096
"""Of an expression's text."""
MAX_NODES: Final = 1_000
"""Literals, names, operators and calls in one expression."""
MAX_NESTING: Final = 64
"""Brackets, calls, signs, ternaries and closures inside one another."""
MAX_DEPTH: Final = 200
"""Operators and accesses in a row, where each works on the result of the one before."""
MAX_STEPS: Final = 100_000
"""Of one evaluation: elements gone through, times the size of the closure they go through."""
MAX_TEXT: Final = 8 << 20
"""Characters and bytes that one evaluation may read or make in functions and operators on text; above what one
request to the service can carry."""
MAX_INTEGER: Final = 2**63 - 1
"""The greatest integer, as in Go; its negative less one is the least."""
MAX_DIGITS: Final = 38
"""Significant digits of what an operator on numbers gives; further ones are rounded half to even."""
MAX_EXPONENT: Final = 1_000
"""Numbers reach 10^1000, as they do in JSON here."""
POWER_STEPS: Final = 100
"""What a power costs: to 38 digits it takes as long as so many other operators."""
PATTERN_STEPS: Final = 1_000
"""What a pattern costs that is no literal: it is compiled while the expression runs."""
MAX_POWER: Final = 1_000
"""The greatest exponent of ``**``, its sign apart."""
MAX_VALUE_DEPTH: Final = 100
"""Arrays and maps inside one another, where a function or comparison goes through them."""
MAX_LITERAL_DIGITS: Final = 100
"""Digits of a number in an expression's text, or of a number read from text."""
