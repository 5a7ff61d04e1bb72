"""What the operators do with values. Pure; what they cannot do is a ``Fault``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final

from dynameter.gateway.expression.dates import Instant, Span
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.limits import MAX_EXPONENT, MAX_POWER, PATTERN_STEPS, POWER_STEPS
from dynameter.gateway.expression.values import (
    ARITHMETIC,
    ARRAYS,
    MAPS,
    NUMBERS,
    MadeMap,
    elements,
    equal,
    kind_of,
    map_key,
    to_index,
    within,
)
from dynameter.gateway.pattern import InvalidPattern, Pattern, compile_pattern

Operation = Callable[[Frame, Any, Any], Any]
_LONG_TEXT = 4_096
# A pattern of twice the size may take twice as long.
_PATTERN_SIZE_FOR_FREE = 8


def _undefined(operator: str, left: Any, right: Any) -> Fault:
    return Fault(f"{kind_of(left)} {operator} {kind_of(right)} is not defined")


def _reckon(operation: Callable[[Any, Any], Decimal], left: Any, right: Any) -> Decimal:
    """Runs an operation of ``ARITHMETIC`` on two numbers."""
    try:
        return operation(left, right)
    except DivisionByZero:
        raise Fault("division by zero") from None
    except Overflow:
        raise Fault(f"number past 10^{MAX_EXPONENT}") from None
    except InvalidOperation:
        raise Fault("the result is no number") from None


def add(frame: Frame, left: Any, right: Any) -> Any:
    """Sum of numbers, or text after text."""
    one, other = type(left), type(right)
    if one in NUMBERS and other in NUMBERS:
        return within(left + right) if one is int and other is int else _reckon(ARITHMETIC.add, left, right)
    if one is str and other is str:
        frame.spend_text(len(left) + len(right))
        return left + right
    if isinstance(left, Instant | Span) or isinstance(right, Instant | Span):
        return left + right if isinstance(left, Instant | Span) else right + left
    raise _undefined("+", left, right)


def subtract(_: Frame, left: Any, right: Any) -> Any:
    """Difference of numbers, of times or of durations."""
    one, other = type(left), type(right)
    if one in NUMBERS and other in NUMBERS:
        return within(left - right) if one is int and other is int else _reckon(ARITHMETIC.subtract, left, right)
    if isinstance(left, Instant | Span):
        return left - right
    raise _undefined("-", left, right)


def multiply(_: Frame, left: Any, right: Any) -> Any:
    """Product."""
    one, other = type(left), type(right)
    if one in NUMBERS and other in NUMBERS:
        return within(left * right) if one is int and other is int else _reckon(ARITHMETIC.multiply, left, right)
    if one is Span and other in NUMBERS:
        return left.times(right)
    if other is Span and one in NUMBERS:
        return right.times(left)
    raise _undefined("*", left, right)


def divide(_: Frame, left: Any, right: Any) -> Decimal:
    """Quotient to 38 significant digits; a float, also of two ints."""
    if type(left) in NUMBERS and type(right) in NUMBERS:
        if not right:
            raise Fault("division by zero")
        return _reckon(ARITHMETIC.divide, left, right)
    raise _undefined("/", left, right)


def modulo(_: Frame, left: Any, right: Any) -> int:
    """Rest of a division of ints, with the sign of the first, as in Go."""
    if type(left) is not int or type(right) is not int:
        raise Fault(f"{kind_of(left)} % {kind_of(right)} is not defined: % is for integers, see int()")
    if right == 0:
        raise Fault("division by zero")
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def power(frame: Frame, left: Any, right: Any) -> Decimal:
    """Power to 38 significant digits; a float, also of two ints."""
    if type(left) not in NUMBERS or type(right) not in NUMBERS:
        raise _undefined("**", left, right)
    if not -MAX_POWER <= right <= MAX_POWER:
        raise Fault(f"an exponent past {MAX_POWER}")
    frame.spend_steps(POWER_STEPS)
    if not left and right < 0:
        raise Fault("division by zero")
    if not right:
        return Decimal(1)
    # Digits beyond those kept would be multiplied through, too.
    base, exponent = ARITHMETIC.create_decimal(left), ARITHMETIC.create_decimal(right)
    return _reckon(ARITHMETIC.power, base, exponent)


def negate(_: Frame, value: Any) -> Any:
    """``-x``."""
    if type(value) is int:
        return within(-value)
    if type(value) is Decimal:
        return ARITHMETIC.minus(value)
    if type(value) is Span:
        return value.times(-1)
    raise Fault(f"-{kind_of(value)} is not defined")


def same(frame: Frame, left: Any, right: Any) -> bool:
    """``==``."""
    if type(left) is str and type(right) is str and len(left) < _LONG_TEXT:
        return bool(left == right)
    return equal(frame, left, right)


def different(frame: Frame, left: Any, right: Any) -> bool:
    """``!=``."""
    return not same(frame, left, right)


def _ordering(operator: str, holds: Callable[[Any, Any], bool]) -> Operation:
    def compare(frame: Frame, left: Any, right: Any) -> bool:
        one, other = type(left), type(right)
        if one in NUMBERS and other in NUMBERS:
            return holds(left, right)
        if one is other and one in (str, Instant, Span):
            if one is str and len(left) > _LONG_TEXT:
                frame.spend_text(len(left))
            return holds(left, right)
        raise _undefined(operator, left, right)

    return compare


def contained(frame: Frame, item: Any, container: Any) -> bool:
    """``in``: an element of an array, a key of a map; nothing is in nil."""
    if container is None:
        return False
    kind = type(container)
    if kind in ARRAYS:
        frame.spend_steps(len(container))
        return any(equal(frame, item, other) for other in container)
    if kind is MadeMap:
        return map_key(item) in container
    if kind in MAPS:
        if type(item) is not str:
            raise Fault(f"a map has no {kind_of(item)} keys")
        return item in container
    raise _undefined("in", item, container)


def _on_text(operator: str, holds: Callable[[str, str], bool]) -> Operation:
    def test(frame: Frame, left: Any, right: Any) -> bool:
        if type(left) is not str or type(right) is not str:
            raise _undefined(operator, left, right)
        frame.spend_text(len(left))
        return holds(left, right)

    return test


def matches(frame: Frame, left: Any, right: Any) -> bool:
    """Whether a pattern that is known only now is found in the text."""
    if type(left) is not str or type(right) is not str:
        raise _undefined("matches", left, right)
    frame.spend_steps(PATTERN_STEPS)
    try:
        pattern = compile_pattern(right)
    except InvalidPattern:
        # Its reason would show the pattern, which may come out of the data.
        raise Fault("invalid pattern") from None
    return _search(frame, left, pattern)


def matching(pattern: Pattern) -> Operation:
    """The operator with the pattern that an expression's text names; it is compiled once."""

    def match(frame: Frame, left: Any, right: Any) -> bool:
        if type(left) is not str:
            raise _undefined("matches", left, right)
        return _search(frame, left, pattern)

    return match


def _search(frame: Frame, text: str, pattern: Pattern) -> bool:
    frame.spend_text(len(text) * (1 + pattern.size // _PATTERN_SIZE_FOR_FREE))
    return pattern.search(text)


def span_of(frame: Frame, left: Any, right: Any) -> tuple[int, ...]:
    """``a..b``: the integers from the one to the other, both included."""
    first, last = to_index(left), to_index(right)
    frame.spend_steps(max(last - first + 1, 0))
    return tuple(range(first, last + 1))


def slice_of(frame: Frame, target: Any, start: Any, stop: Any) -> Any:
    """``x[a:b]`` of an array, text or bytes; negative bounds count from the end, bounds past it are moved there."""
    kind = type(target)
    bounds = slice(None if start is None else to_index(start), None if stop is None else to_index(stop))
    if kind in ARRAYS:
        part = target[bounds]
        frame.spend_steps(len(part))
        return tuple(elements(part))
    if kind is str or kind is bytes:
        part = target[bounds]
        frame.spend_text(len(part))
        return part
    raise Fault(f"cannot slice {kind_of(target)}")


BINARY: Final[dict[str, Operation]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "**": power,
    "==": same,
    "!=": different,
    "<": _ordering("<", lambda left, right: bool(left < right)),
    "<=": _ordering("<=", lambda left, right: bool(left <= right)),
    ">": _ordering(">", lambda left, right: bool(left > right)),
    ">=": _ordering(">=", lambda left, right: bool(left >= right)),
    "in": contained,
    "contains": _on_text("contains", lambda left, right: right in left),
    "startsWith": _on_text("startsWith", lambda left, right: left.startswith(right)),
    "endsWith": _on_text("endsWith", lambda left, right: left.endswith(right)),
    "matches": matches,
    "..": span_of,
}
