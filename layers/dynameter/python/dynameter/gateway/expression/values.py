"""What values an expression has, and how one kind becomes another. Pure.

    nil     None
    bool    bool
    int     int: literals, counts and the integers of the context
    float   Decimal: every number of a JSON body (100 too), and what ``/`` and ``**`` give
    string  str
    bytes   bytes: data of a stream
    array   list as it comes out of JSON, tuple where an expression made it
    map     dict as it comes out of JSON, MadeMap where an expression made it

JSON's containers are not copied: an int that is fetched from one becomes a Decimal on the way. That is why containers
made by an expression, whose ints are ints, are of types of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final

from dynameter import codec
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.limits import (
    MAX_DIGITS,
    MAX_EXPONENT,
    MAX_INTEGER,
    MAX_LITERAL_DIGITS,
    MAX_VALUE_DEPTH,
)
from dynameter.meters.quantity import number_text

ARITHMETIC: Final = Context(
    prec=MAX_DIGITS,
    rounding=ROUND_HALF_EVEN,
    Emax=MAX_EXPONENT,
    Emin=-MAX_EXPONENT,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""Where numbers are reckoned: 38 digits, and an exception instead of NaN or infinity."""

NUMBERS: Final = frozenset([int, Decimal])
ARRAYS: Final = frozenset([list, tuple])


class MadeMap(dict[Any, Any]):
    """A map that an expression made; its keys are as ``map_key`` has them."""


MAPS: Final = frozenset([dict, MadeMap])

_KINDS: dict[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    Decimal: "float",
    str: "string",
    bytes: "bytes",
    list: "array",
    tuple: "array",
    dict: "map",
    MadeMap: "map",
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_NUMBER_PREFIX = re.compile(rf"\s*({_NUMBER.pattern})")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_INTEGER_PREFIX = re.compile(rf"\s*({_INTEGER.pattern})")
_PLAIN_TEXT_BYTES = 4_096
_ZERO = Decimal(0)


def kind_of(value: Any) -> str:
    """The name of a value's kind, as ``type()`` and messages have it."""
    return _KINDS.get(type(value)) or str(getattr(value, "kind", "unknown"))


def as_float(value: Any) -> Any:
    """A value fetched from JSON: its whole numbers are floats, too."""
    return Decimal(value) if type(value) is int else value


def elements(value: Any) -> Iterable[Any]:
    """The elements of an array, in order. Raises ``Fault`` for anything else."""
    if type(value) is tuple:
        return value
    if type(value) is list:
        return map(as_float, value)
    raise Fault(f"expected an array, found {kind_of(value)}")


def element(array: Any, index: int) -> Any:
    """One element of an array; the index is within it."""
    found = array[index]
    return as_float(found) if type(array) is list else found


def map_key(key: Any) -> Any:
    """A key under which no two different values meet: true is not 1, and 1 is 1.0."""
    if type(key) is str:
        return key
    if key is None or type(key) is bool:
        return ("nil" if key is None else "bool", key)
    if type(key) in NUMBERS:
        return ("number", key)
    raise Fault(f"{kind_of(key)} cannot be a key")


def read_key(key: Any) -> Any:
    """What ``map_key`` was made of."""
    return key[1] if type(key) is tuple else key


def fetch(target: Any, key: Any) -> Any:
    """``target[key]``: nil for a key that a map lacks, a ``Fault`` for everything else that is not there."""
    kind = type(target)
    if kind is dict:
        if type(key) is not str:
            raise Fault(f"a map has no {kind_of(key)} keys")
        found = target.get(key)
        return Decimal(found) if type(found) is int else found
    if kind is MadeMap:
        return target.get(map_key(key))
    if kind in ARRAYS:
        index = to_index(key)
        if -len(target) <= index < len(target):
            return element(target, index)
        raise Fault("index out of range")
    shown = f"field {key}" if type(key) is str and len(key) <= 64 else "an element"
    raise Fault(f"cannot read {shown} of {kind_of(target)}")


def to_index(value: Any) -> int:
    """An index or a count: an int, or a float cut to one."""
    if type(value) is int:
        return value
    if type(value) is Decimal:
        return cut(value)
    raise Fault(f"expected an integer, found {kind_of(value)}")


def within(number: int) -> int:
    """The integer, if it is one that fits 64 bits; raises ``Fault``."""
    if -MAX_INTEGER - 1 <= number <= MAX_INTEGER:
        return number
    raise Fault("integer overflow")


def cut(number: Decimal) -> int:
    """A float's integer part, towards zero."""
    if number.adjusted() > MAX_DIGITS:
        raise Fault("integer overflow")
    return within(int(number))


def number_of(value: Any) -> Decimal | int:
    """A number as APIGate's functions read values: text by its numeric prefix, what is no number as 0."""
    if type(value) is int or type(value) is Decimal:
        return value
    if type(value) is str and (found := _NUMBER_PREFIX.match(value[:_PLAIN_TEXT_BYTES])):
        return parse_float(found.group(1))
    return _ZERO


def integer_of(value: Any) -> int:
    """An integer, read as ``number_of`` does."""
    if type(value) is str:
        found = _INTEGER_PREFIX.match(value[:_PLAIN_TEXT_BYTES])
        return parse_integer(found.group(1)) if found else 0
    return to_index(value) if type(value) in NUMBERS else 0


def parse_float(text: str) -> Decimal:
    """A float from its text. Raises ``Fault`` where that is none, or too long or large."""
    if len(text) > MAX_LITERAL_DIGITS:
        raise Fault(f"a number of more than {MAX_LITERAL_DIGITS} digits")
    if not _NUMBER.fullmatch(text):
        raise Fault("the text is no number")
    number = Decimal(text)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise Fault(f"number past 10^{MAX_EXPONENT}")
    return number


def parse_integer(text: str) -> int:
    """An int from its text; raises ``Fault``."""
    if len(text) > MAX_LITERAL_DIGITS:
        raise Fault(f"a number of more than {MAX_LITERAL_DIGITS} digits")
    if not _INTEGER.fullmatch(text):
        raise Fault("the text is no integer")
    return within(int(text))


def text_of(frame: Frame, value: Any) -> str:
    """A value as text: nil is "", numbers are plain, arrays and maps are JSON. Spends what it makes."""
    if type(value) is str:
        frame.spend_text(len(value))
        return value
    if value is None:
        return ""
    if type(value) is bytes:
        frame.spend_text(len(value))
        return value.decode("utf-8", "replace")
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in NUMBERS:
        return number_text(value)
    if kind_of(value) in ("array", "map"):
        return codec.encode(to_json(frame, value)).decode()
    return str(value)


def bytes_of(frame: Frame, value: Any) -> bytes:
    """A value as bytes: those of its text."""
    if type(value) is bytes:
        frame.spend_text(len(value))
        return value
    return text_of(frame, value).encode("utf-8", "replace")


def to_json(frame: Frame, value: Any, depth: int = 0) -> Any:
    """A value as the JSON encoder takes it; map keys become text. Spends a step for each part."""
    if depth >= MAX_VALUE_DEPTH and (type(value) in ARRAYS or type(value) in MAPS):
        raise Fault(f"arrays and maps nest deeper than {MAX_VALUE_DEPTH}")
    frame.spend_steps(1)
    if type(value) is str:
        frame.spend_text(len(value))
        return value
    if type(value) in ARRAYS:
        return [to_json(frame, item, depth + 1) for item in value]
    if type(value) in MAPS:
        return {text_of(frame, read_key(key)): to_json(frame, item, depth + 1) for key, item in value.items()}
    if value is None or type(value) is bool or type(value) in NUMBERS:
        return value
    return text_of(frame, value)


def equal(frame: Frame, left: Any, right: Any, depth: int = 0) -> bool:
    """Whether two values are the same: numbers by value, whatever their kind, arrays and maps part by part."""
    one, other = type(left), type(right)
    if one in NUMBERS:
        return other in NUMBERS and bool(left == right)
    if one is str or one is bytes:
        if one is not other:
            return False
        if len(left) > _PLAIN_TEXT_BYTES:
            frame.spend_text(len(left))
        return bool(left == right)
    if one in ARRAYS and other in ARRAYS:
        # Of an array and its equal every part is looked at; keys of maps are, in any case.
        return len(left) == len(right) and _equal_parts(frame, zip(left, right, strict=True), depth)
    if one in MAPS and other in MAPS:
        frame.spend_steps(len(left))
        if left.keys() != right.keys():
            return False
        return _equal_parts(frame, ((item, right[key]) for key, item in left.items()), depth)
    return one is other and bool(left == right)


def _equal_parts(frame: Frame, parts: Iterable[tuple[Any, Any]], depth: int) -> bool:
    if depth >= MAX_VALUE_DEPTH:
        raise Fault(f"arrays and maps nest deeper than {MAX_VALUE_DEPTH}")
    for left, right in parts:
        frame.spend_steps(1)
        if not equal(frame, left, right, depth + 1):
            return False
    return True
