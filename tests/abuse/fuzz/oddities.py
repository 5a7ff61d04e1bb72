"""What parsers stumble over: texts, JSON values as bytes, percent-encodings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dynameter import codec

TEXTS = (
    "",
    " ",
    "\t\n",
    "\x00",
    "a\x00b",
    "null",
    "undefined",
    "true",
    "-1",
    "-0",
    "0x10",
    "1e999999",
    "NaN",
    "Infinity",
    "9" * 400,
    "18446744073709551616",
    "9223372036854775808",
    "0." + "0" * 2_000 + "1",
    "١٢٣",
    "１２",
    "²",
    "1_000",
    "é",
    "\u202e",
    "\ufeff",
    "\U0001f4a5",
    "ß" * 600,
    "a" * 5_000,
    "../../etc/passwd",
    "..",
    ".",
    "%",
    "%00",
    "%zz",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "' OR 1=1 --",
    "<script>",
    "__proto__",
    "__class__",
    "pk",
    "#",
    "a#b",
    "a|b",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "10000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2026-02-30T00:00:00Z",
    "2026-06-30T23:59:60Z",
    "2026-01-14T10:00:00.1234567890123456789Z",
    "P1M",
    "P" + "9" * 30 + "Y",
    "PT0S",
    "P-1D",
    "P1Y2M3W4DT5H6M7.8S",
    "Europe/../UTC",
    "posixrules",
    "Z" * 26,
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "$" + ".a" * 250,
    "$..*",
    "(" * 300,
    "[" * 2_000,
)

_NUMBERS = (
    b"-0",
    b"-0.0",
    b"1e999999",
    b"-1e999999",
    b"1e-999999",
    b"1e1000",
    b"1e-1000",
    b"1E+400",
    b"0.1" + b"0" * 500,
    b"1" + b"0" * 400,
    b"99999999999999999999.999999999999999999",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"9" * 5_000,
    b"0.000000000000000001",
    b"1.5",
)
_BROKEN = (
    b"",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nul",
    b"+1",
    b"01",
    b"1.",
    b".5",
    b"'a'",
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\xc0\x80"',
    b'"a\nb"',
    b'"\\x41"',
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"[1,]",
    b'{"a":1,}',
    b"/**/1",
)
_ODD = (
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"[[]]",
    b'""',
    b'"\\u0000"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'{"":null}',
    b'{"a":1,"a":2}',
    b"[" * 900 + b"]" * 900,
    b"[" + b"0," * 2_000 + b"0]",
)
HUGE = b"9" * 1_000_000
"""An integer of a million digits."""

texts = st.sampled_from(TEXTS) | st.text(max_size=30)
"""Texts, half surrogates among them."""
tokens = st.sampled_from(_NUMBERS + _BROKEN + _ODD) | texts.map(
    lambda text: codec.encode(text.encode("utf-8", "replace").decode())
)
"""JSON values as bytes; some are none."""

_MARK = "@here@"


@st.composite
def spoiled(draw: st.DrawFn, body: Any) -> bytes:
    """The body as JSON with one value replaced, renamed or given twice, or something around it."""
    places = list(_places(body))
    value = _replaced(body, draw(st.sampled_from(places)), _MARK) if places else _MARK
    text = codec.encode(value).replace(f'"{_MARK}"'.encode(), draw(tokens))
    how = draw(st.sampled_from(("as it is",) * 6 + ("twice", "bom", "cut", "behind", "utf-16", "nul")))
    if how == "twice" and text.startswith(b"{"):
        return text[:-1] + b"," + text[1:]
    return {
        "bom": b"\xef\xbb\xbf" + text,
        "cut": text[: len(text) // 2],
        "behind": text + text,
        "utf-16": text.decode("utf-8", "replace").encode("utf-16"),
        "nul": text + b"\x00",
    }.get(how, text)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Any:
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*at, key))


def _replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    if not at:
        return by
    if isinstance(value, dict):
        return {key: _replaced(one, at[1:], by) if key == at[0] else one for key, one in value.items()}
    return [_replaced(one, at[1:], by) if index == at[0] else one for index, one in enumerate(value)]


_ENCODINGS: tuple[str, ...] = (
    "%00",
    "%2F",
    "%2f..%2f",
    "%2e%2e",
    "..",
    ".",
    "%FF",
    "%ED%A0%80",
    "%C3%A9",
    "%C3",
    "%",
    "%zz",
    "%25",
    "+",
)
_ENCODINGS += ("%20", "%0A", "%0D%0A", ";", "\\", "é", "*", "~", "%7B", "a" * 3_000, "@", ":", "%23", "%3F", "&", "=")


def percent(text: str) -> str:
    """The text as a path's segment or a query's part, every byte that is not a letter encoded."""
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


segments = st.lists(st.sampled_from(_ENCODINGS) | st.text("abz019", max_size=3), min_size=1, max_size=4).map(
    "".join
) | texts.map(percent)
"""Parts of paths and query strings as they stand on the wire."""
lines = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
"""What a header may hold on the wire."""
