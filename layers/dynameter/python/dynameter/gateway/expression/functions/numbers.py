"""Functions on numbers and on kinds of values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, Final

from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.function import MANY, Function
from dynameter.gateway.expression.limits import MAX_INTEGER
from dynameter.gateway.expression.values import (
    ARITHMETIC,
    NUMBERS,
    cut,
    integer_of,
    kind_of,
    number_of,
    parse_float,
    parse_integer,
    text_of,
    within,
)

_BITS = 64
_MASK = (1 << _BITS) - 1


def absolute(_: Frame, value: Any) -> Any:
    if type(value) is int:
        return within(abs(value))
    if type(value) is Decimal:
        return ARITHMETIC.abs(value)
    raise Fault(f"abs of {kind_of(value)} is not defined")


def _rounding(name: str, rounding: str) -> Function:
    def run(_: Frame, value: Any) -> Decimal:
        if type(value) not in NUMBERS:
            raise Fault(f"{name} of {kind_of(value)} is not defined")
        number = Decimal(value)
        return number if number.adjusted() >= ARITHMETIC.prec else number.to_integral_value(rounding)

    return Function(run, 1, 1, "float")


def to_int_strict(_: Frame, value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is Decimal:
        return cut(value)
    if type(value) is str:
        return parse_integer(value)
    raise Fault(f"int of {kind_of(value)} is not defined")


def to_float_strict(_: Frame, value: Any) -> Decimal:
    if type(value) in NUMBERS:
        return Decimal(value)
    if type(value) is str:
        return parse_float(value)
    raise Fault(f"float of {kind_of(value)} is not defined")


def to_int(_: Frame, value: Any) -> int:
    return integer_of(value)


def to_float(_: Frame, value: Any) -> Decimal:
    return Decimal(number_of(value))


def to_string(frame: Frame, value: Any) -> str:
    return text_of(frame, value)


def string(frame: Frame, value: Any) -> str:
    return "nil" if value is None else text_of(frame, value)


def type_of(_: Frame, value: Any) -> str:
    return kind_of(value)


def coalesce(_: Frame, *values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def default(_: Frame, value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value == "" else value


def _signed(bits: int) -> int:
    bits &= _MASK
    return bits - (1 << _BITS) if bits > MAX_INTEGER else bits


def _integers(name: str, *values: Any) -> None:
    for value in values:
        if type(value) is not int:
            raise Fault(f"{name} takes integers, found {kind_of(value)}")


def _bitwise(name: str, operation: Callable[[int, int], int]) -> Function:
    def run(_: Frame, left: Any, right: Any) -> int:
        _integers(name, left, right)
        return _signed(operation(left, right))

    return Function(run, 2, 2, "int")


def _shift(name: str, operation: Callable[[int, int], int]) -> Function:
    def run(_: Frame, value: Any, by: Any) -> int:
        _integers(name, value, by)
        if by < 0:
            raise Fault(f"{name} by less than nothing")
        return _signed(operation(value, min(by, _BITS)))

    return Function(run, 2, 2, "int")


def bit_not(_: Frame, value: Any) -> int:
    _integers("bitnot", value)
    return int(~value)


FUNCTIONS: Final = {
    "abs": Function(absolute, 1, 1),
    "ceil": _rounding("ceil", ROUND_CEILING),
    "floor": _rounding("floor", ROUND_FLOOR),
    "round": _rounding("round", ROUND_HALF_UP),
    "int": Function(to_int_strict, 1, 1, "int"),
    "float": Function(to_float_strict, 1, 1, "float"),
    "string": Function(string, 1, 1, "string"),
    "type": Function(type_of, 1, 1, "string"),
    "toInt": Function(to_int, 1, 1, "int"),
    "toFloat": Function(to_float, 1, 1, "float"),
    "toString": Function(to_string, 1, 1, "string"),
    "coalesce": Function(coalesce, 0, MANY),
    "default": Function(default, 2, 2),
    "bitand": _bitwise("bitand", lambda left, right: left & right),
    "bitor": _bitwise("bitor", lambda left, right: left | right),
    "bitxor": _bitwise("bitxor", lambda left, right: left ^ right),
    "bitnand": _bitwise("bitnand", lambda left, right: left & ~right),
    "bitnot": Function(bit_not, 1, 1, "int"),
    "bitshl": _shift("bitshl", lambda value, by: value << by),
    "bitshr": _shift("bitshr", lambda value, by: value >> by),
    "bitushr": _shift("bitushr", lambda value, by: (value & _MASK) >> by),
}
