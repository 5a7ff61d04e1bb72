"""JSON, base64, URL escapes and digests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from dynameter import codec
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.function import Function, text
from dynameter.gateway.expression.values import as_float, bytes_of, text_of, to_json


def _decode(frame: Frame, data: bytes) -> Any:
    frame.spend_text(len(data))
    try:
        return as_float(codec.decode(data))
    except codec.MalformedJson:
        # The decoder's words may show the data.
        raise Fault("malformed JSON") from None


def json(frame: Frame, value: Any) -> Any:
    data = bytes_of(frame, value)
    return _decode(frame, data) if data else None


def json_decode(frame: Frame, value: Any) -> Any:
    return _decode(frame, bytes_of(frame, value))


def from_json(frame: Frame, value: Any) -> Any:
    return _decode(frame, text(value).encode())


def json_encode(frame: Frame, value: Any) -> str:
    return codec.encode(to_json(frame, value)).decode()


def base64_encode(frame: Frame, value: Any) -> str:
    data = bytes_of(frame, value)
    frame.spend_text(len(data) * 4 // 3)
    return base64.b64encode(data).decode()


def base64_decode(frame: Frame, value: Any) -> str:
    data = bytes_of(frame, value)
    try:
        return base64.b64decode(data, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise Fault("the text is no base64") from None


def url_encode(frame: Frame, value: Any) -> str:
    data = bytes_of(frame, value)
    frame.spend_text(len(data) * 3)
    return quote_plus(data, safe="~")


def url_decode(frame: Frame, value: Any) -> str:
    return unquote_plus(text_of(frame, value))


def sha256(frame: Frame, value: Any) -> str:
    return hashlib.sha256(bytes_of(frame, value)).hexdigest()


def hmac_sha256(frame: Frame, value: Any, key: Any) -> str:
    return hmac.new(bytes_of(frame, key), bytes_of(frame, value), hashlib.sha256).hexdigest()


FUNCTIONS: Final = {
    "json": Function(json, 1, 1),
    "jsonDecode": Function(json_decode, 1, 1),
    "fromJSON": Function(from_json, 1, 1),
    "jsonEncode": Function(json_encode, 1, 1, "string"),
    "toJSON": Function(json_encode, 1, 1, "string"),
    "base64Encode": Function(base64_encode, 1, 1, "string"),
    "toBase64": Function(base64_encode, 1, 1, "string"),
    "base64Decode": Function(base64_decode, 1, 1, "string"),
    "fromBase64": Function(base64_decode, 1, 1, "string"),
    "urlEncode": Function(url_encode, 1, 1, "string"),
    "urlDecode": Function(url_decode, 1, 1, "string"),
    "sha256": Function(sha256, 1, 1, "string"),
    "hmacSha256": Function(hmac_sha256, 2, 2, "string"),
}
