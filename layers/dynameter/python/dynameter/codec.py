"""JSON that keeps every digit: numbers with a fraction or exponent are Decimal, the others int.

msgspec is used because it reads and writes Decimal as JSON numbers, refuses NaN and broken Unicode, and costs a
fraction of the standard library's time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_sorted_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


class MalformedJson(ValueError):
    """The text is no JSON, nests too deep or holds a number of absurd length."""


def decode(text: bytes | str) -> Any:
    """Decode JSON text. Raises ``MalformedJson``, never anything else, for bad input."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise MalformedJson(reason) from None


def encode(value: Any) -> bytes:
    """Encode as compact JSON in the given key order; Decimal becomes a JSON number, digit for digit."""
    return _encoder.encode(value)


def encode_sorted(value: Any) -> bytes:
    """Encode as compact JSON with keys sorted: equal values give equal text."""
    return _sorted_encoder.encode(value)
