"""What an exchange counts on a route. Pure, and it never raises.

Units are finite, not negative, and have at most 20 digits before and 18 after the point, as every meter's values. A
result with more digits after the point is rounded half to even. Of anything that fails, the default counts and the
error says why, in words that hold nothing of the exchange.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache
from typing import Any, Final

from dynameter.gateway.exchange import Exchange, Measurement
from dynameter.gateway.expression import EvaluationError, Expression, ExpressionError
from dynameter.gateway.expression.context import BODY_VARIABLES, variables
from dynameter.gateway.expression.parser import parse
from dynameter.gateway.expression.program import CACHED_EXPRESSIONS, compile_expression, compile_tree
from dynameter.gateway.expression.syntax import Call, Literal, Member, Name, Node, Unary
from dynameter.gateway.route import Metering, MeteringMode
from dynameter.meters.quantity import MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS

MAX_ERROR_CHARACTERS: Final = 200
"""Of what is recorded as ``metering_error``."""

_ONE = Decimal(1)
_ZERO = Decimal(0)
_LEAST = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
_ROUNDING = Context(
    prec=MAX_INTEGER_DIGITS + MAX_FRACTION_DIGITS + 1, rounding=ROUND_HALF_EVEN, Emax=MAX_EMAX, Emin=MIN_EMIN
)
# APIGate reads text by its numeric prefix, as C's scanf does.
_PREFIX = re.compile(r"[ \t]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9}(?![0-9]))?)")
_NOT_FINITE = re.compile(r"[ \t]*[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_READ_CHARACTERS = 1_000


class _Uncountable(Exception):
    """A result that is no amount of units."""


def check_metering(metering: Metering) -> None:
    """Compile a route's expression as its mode and protocol have it. Raises ``ExpressionError``; "" is no expression.

    An expression is checked in mode ``request``, too, though it has no effect there.
    """
    if metering.expression:
        _compile(metering)


def needs_body(metering: Metering) -> bool:
    """Whether measuring reads the response's body; of a stream: the data that passed."""
    if metering.mode is MeteringMode.REQUEST or not metering.expression:
        return False
    try:
        return not BODY_VARIABLES.isdisjoint(_compile(metering).names)
    except ExpressionError:
        return False


def measure(
    metering: Metering, exchange: Exchange, default: Decimal = _ONE, *, now_us: int | None = None
) -> Measurement:
    """Count an exchange as its route says.

    ``request`` counts 1; ``bytes`` without an expression the response's bytes; the other modes without one the
    default. ``now_us`` is what ``now()`` tells in expressions; without it ``now()`` fails.
    """
    if metering.mode is MeteringMode.REQUEST:
        return Measurement(_ONE)
    if not metering.expression:
        return Measurement(Decimal(exchange.response_bytes) if metering.mode is MeteringMode.BYTES else default)
    try:
        return Measurement(units_of(_compile(metering).evaluate(exchange, now_us=now_us)))
    except ExpressionError as error:
        reason = f"the expression does not compile: {error}"
    except (EvaluationError, _Uncountable) as error:
        reason = str(error)
    except Exception as error:
        # Whatever a hostile exchange may still find: it is counted, and a metering never breaks a request.
        reason = f"the evaluation failed: {type(error).__name__}"
    return Measurement(default, reason[:MAX_ERROR_CHARACTERS])


def _compile(metering: Metering) -> Expression:
    if metering.mode is MeteringMode.RESPONSE_FIELD:
        compiled = _compiled_field(metering.expression, metering.streaming)
        if compiled is not None:
            return compiled
    return compile_expression(metering.expression, streaming=metering.streaming)


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def _compiled_field(text: str, streaming: bool) -> Expression | None:
    """A bare path (``usage.total_tokens``) into the body, or into the JSON of a stream's last data; None for others."""
    try:
        tree = parse(text)
        path = _under(tree, _last_data() if streaming else Name(0, "respBody"), streaming)
        return None if path is None else compile_tree(text, path, streaming=streaming)
    except (ExpressionError, RecursionError):
        return None


def _under(node: Node, root: Node, streaming: bool) -> Node | None:
    """The row of accesses with ``root`` put before it; None where it is more than a row, or begins with a variable."""
    if isinstance(node, Name):
        known = node.name in variables(streaming=streaming)
        return None if known else Member(node.at, root, Literal(node.at, node.name), False)
    if isinstance(node, Member) and _is_constant(node.key) and not node.optional:
        target = _under(node.target, root, streaming)
        return None if target is None else Member(node.at, target, node.key, False)
    return None


def _is_constant(key: Node) -> bool:
    return isinstance(key.operand if isinstance(key, Unary) else key, Literal)


def _last_data() -> Node:
    return Call(0, "json", (Call(0, "sseLastData", (Name(0, "allData"),)),))


def units_of(value: Any) -> Decimal:
    """The units that an expression's value stands for: nil is 0, text its numeric prefix, what is no number 0.

    Raises ``_Uncountable`` for what is negative, not finite or has too many digits.
    """
    if type(value) is str:
        value = _from_text(value)
    if type(value) is not int and type(value) is not Decimal:
        return _ZERO
    number = Decimal(value)
    if not number.is_finite():
        raise _Uncountable("the result is not finite")
    if not number:
        return _ZERO
    if number < 0:
        raise _Uncountable("the result is negative")
    if number.adjusted() >= MAX_INTEGER_DIGITS:
        raise _Uncountable(f"the result has more than {MAX_INTEGER_DIGITS} digits before the point")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_FRACTION_DIGITS:
        number = _ROUNDING.quantize(number, _LEAST) or _ZERO
        if number.adjusted() >= MAX_INTEGER_DIGITS:
            raise _Uncountable(f"the result has more than {MAX_INTEGER_DIGITS} digits before the point")
    return number


def _from_text(text: str) -> Decimal:
    if found := _PREFIX.match(text[:_READ_CHARACTERS]):
        return Decimal(found.group(1))
    if _NOT_FINITE.fullmatch(text):
        raise _Uncountable("the result is not finite")
    return _ZERO
