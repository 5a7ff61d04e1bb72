"""JSON that keeps every digit: numbers with a fraction or exponent are Decimal, the others int.

msgspec is used because it reads and writes Decimal as JSON numbers, refuses NaN and broken Unicode, and costs a
fraction of the standard library's time.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

MAX_EXPONENT = 1_000
"""Numbers beyond 10^1000 or finer than 10^-1000 are refused: turned into digits they would take all the memory."""


def read_decimal(text: str) -> Decimal:
    """The number in a text as ``decode`` reads it, to be read again. Raises ValueError or ArithmeticError."""
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"number with an exponent past {MAX_EXPONENT}")
    return number


_decoder = msgspec.json.Decoder(float_hook=read_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


_REASONS: dict[type[BaseException], str] = {
    RecursionError: "nested too deep",
    InvalidOperation: f"number with an exponent past {MAX_EXPONENT}",
}


class MalformedJson(ValueError):
    """The text is no JSON, nests too deep or holds a number of absurd length."""


def decode(text: bytes | str) -> Any:
    """Decode JSON text. Raises ``MalformedJson``, never anything else, for bad input."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError) as error:
        reason = _REASONS.get(type(error)) or str(error)
        raise MalformedJson(reason) from None


def encode(value: Any) -> bytes:
    """Encode as compact JSON in the given key order; Decimal becomes a JSON number, digit for digit."""
    return _encoder.encode(value)


def encode_sorted(value: Any) -> bytes:
    """Encode as compact JSON with keys sorted: equal values give equal text."""
    return _sorted_encoder.encode(value)
