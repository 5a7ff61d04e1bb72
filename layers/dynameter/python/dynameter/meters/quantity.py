"""The values of meters: read exactly, kept as two whole numbers, printed plainly.

Nothing here rounds but ``divide``, and no number passes through a float.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from typing import Any

import msgspec

MAX_INTEGER_DIGITS = 20
"""Digits before the point that a value may have."""
MAX_FRACTION_DIGITS = 18
"""Digits after the point that a value may have, zeros at the end not counted."""
QUOTIENT_DIGITS = 34
"""Significant digits of a quotient, as IEEE 754 decimal128 has."""
NUMBER_PATTERN = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,18})?$"
"""A number as text."""

_SCALE = 10**MAX_FRACTION_DIGITS
_LEAST = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)
_BEYOND = 10**MAX_INTEGER_DIGITS
_ZERO = Decimal(0)
_SHOWN_CHARACTERS = 64
_PLAIN_DIGITS = 64

# Wide enough for every value that is allowed, and it raises instead of losing a digit.
_STRICT = Context(prec=MAX_INTEGER_DIGITS + MAX_FRACTION_DIGITS, traps=[Inexact, InvalidOperation])
# Exact at any size: adding, scaling and trimming need no more room than their result.
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])
_QUOTIENT = Context(prec=QUOTIENT_DIGITS, rounding=ROUND_HALF_EVEN)

_NUMBER = re.compile(NUMBER_PATTERN[1:-1])
_NAMED = {"nan": "value cannot be NaN", "inf": "value cannot be infinity", "infinity": "value cannot be infinity"}
_TOO_MANY_INTEGER = f"value has more than {MAX_INTEGER_DIGITS} digits before the decimal point"
_TOO_MANY_FRACTION = f"value has more than {MAX_FRACTION_DIGITS} digits after the decimal point"


class UnusableQuantity(ValueError):
    """The value is no number that a meter can take; ``reason`` is OpenMeter's wording where it has one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_quantity(value: Any) -> Decimal:
    """Read a decoded JSON value (int, Decimal or numeric text) as a quantity, digit for digit.

    Raises ``UnusableQuantity`` with a reason for anything else, for NaN and infinity, and for
    more digits than are kept.
    """
    if type(value) is int:
        if -_BEYOND < value < _BEYOND:
            return Decimal(value)
        raise UnusableQuantity(_TOO_MANY_INTEGER)
    if isinstance(value, Decimal):
        return _within_limits(value)
    if isinstance(value, str):
        return _within_limits(_parse_text(value))
    if value is None:
        raise UnusableQuantity("value cannot be null")
    raise UnusableQuantity(f"unsupported value property type: {type(value).__name__}")


def _parse_text(text: str) -> Decimal:
    if _NUMBER.fullmatch(text):
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent past what any machine holds
            pass
    elif reason := _NAMED.get(text[:_SHOWN_CHARACTERS].lstrip("+-").lower()):
        raise UnusableQuantity(reason)
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    raise UnusableQuantity(f"value cannot be parsed as float64: {shown}")


def _within_limits(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise UnusableQuantity("value cannot be NaN" if number.is_nan() else "value cannot be infinity")
    if not number:
        return _ZERO
    # The exponent decides before any digit is touched, so that 1e999999999 costs nothing.
    if number.adjusted() >= MAX_INTEGER_DIGITS:
        raise UnusableQuantity(_TOO_MANY_INTEGER)
    if number.adjusted() < -MAX_FRACTION_DIGITS:
        raise UnusableQuantity(_TOO_MANY_FRACTION)
    try:
        # Also drops the zeros past the last kept digit, however many were sent.
        return _STRICT.normalize(_STRICT.quantize(number, _LEAST))
    except Inexact:
        raise UnusableQuantity(_TOO_MANY_FRACTION) from None


def split(value: Decimal) -> tuple[int, int]:
    """The integer part and the fraction times 10**18, both with the value's sign: their sums never round.

    Raises ValueError where the value has more than 18 fraction digits.
    """
    integer = int(value)
    rest = _EXACT.subtract(value, Decimal(integer))
    if not rest:
        return integer, 0
    scaled = _EXACT.scaleb(rest, MAX_FRACTION_DIGITS)
    fraction = int(scaled)
    if fraction != scaled:
        raise ValueError(_TOO_MANY_FRACTION)
    return integer, fraction


def join(integer: int, fraction_e18: int) -> Decimal:
    """The value behind (sums of) the two parts, exact at any size; the parts may differ in sign."""
    if not fraction_e18:
        return Decimal(integer)
    return _trim(_EXACT.scaleb(Decimal(integer * _SCALE + fraction_e18), -MAX_FRACTION_DIGITS))


def divide(total: Decimal, count: int) -> Decimal:
    """The exact quotient rounded half-even to 34 significant digits. Raises ZeroDivisionError for a count of 0."""
    return _QUOTIENT.divide(total, Decimal(count))


def render_text(value: Decimal) -> str:
    """The number as plain text: no exponent, no zeros at its end, no negative zero (1E+3 -> ``1000``)."""
    return format(_trim(value), "f")


def render_number(value: Decimal) -> Decimal | msgspec.Raw:
    """The number in the form that ``codec.encode`` prints as ``render_text`` does.

    A Decimal below 10**-6 always prints with an exponent, so such a number is handed over as finished JSON.
    """
    trimmed = _trim(value)
    return trimmed if trimmed.adjusted() >= -6 else msgspec.Raw(format(trimmed, "f").encode())


def number_text(value: int | Decimal) -> str:
    """A number's one text form, whichever way it was written: plain, or with an exponent where that is too long."""
    number = Decimal(value) if isinstance(value, int) else value
    if not number:
        return "0"
    shortest = _EXACT.normalize(number)
    if abs(shortest.adjusted()) > _PLAIN_DIGITS:
        return str(shortest)
    return format(shortest, "f")


def _trim(value: Decimal) -> Decimal:
    """The same number with the least digits and no positive exponent."""
    if not value:
        return _ZERO
    shortest = _EXACT.normalize(value)
    exponent = shortest.as_tuple().exponent
    return Decimal(int(shortest)) if isinstance(exponent, int) and exponent > 0 else shortest
