"""Cuts an expression's text into tokens. Pure.

The lexical rules are expr-lang's: three kinds of quotes (backquotes are raw), b"" for bytes, numbers in four bases with
underscores, ``//`` and ``/* */`` comments, and words that are operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

from dynameter.gateway.expression.errors import ExpressionError, Position
from dynameter.gateway.expression.limits import MAX_INTEGER, MAX_LITERAL_DIGITS


class Kind(Enum):
    """What a token is."""

    NUMBER = "number"
    STRING = "string"
    BYTES = "bytes"
    NAME = "name"
    OPERATOR = "operator"
    END = "end of expression"


class Token(msgspec.Struct, frozen=True):
    """A token at ``offset`` of the text; ``value`` is what a literal stands for."""

    kind: Kind
    text: str
    offset: int
    value: str | bytes | int | Decimal | None = None

    def is_operator(self, *texts: str) -> bool:
        """Whether it is one of these operators."""
        return self.kind is Kind.OPERATOR and self.text in texts


WORD_OPERATORS: Final = frozenset(
    ["not", "in", "and", "or", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"]
)

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_BASED = re.compile(r"0[xX](?P<x>[0-9a-fA-F_]+)|0[oO](?P<o>[0-7_]+)|0[bB](?P<b>[01_]+)")
_NUMBER = re.compile(r"(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?")
_NAME = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"""(?P<bytes>b)?(?:"(?P<double>(?:[^"\\\n]|\\.)*)"|'(?P<single>(?:[^'\\\n]|\\.)*)')""")
_RAW = re.compile(r"`([^`]*)`")
_OPERATOR = re.compile(r"\?\?|\?\.|\.\.|\*\*|&&|\|\||==|!=|<=|>=|::|[-+*/%^!<>=?:.,;|#()\[\]{}]")
_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-7]{3})|(?P<other>.?))",
    re.DOTALL,
)
_SIMPLE_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "`": "`",
    "?": "?",
}
_BASES = {"x": 16, "o": 8, "b": 2}
# Python's "surrogateescape" turns this and a byte's number into that byte.
_LONE_BYTE = 0xDC00
_SURROGATES = range(0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


def tokenize(text: str) -> list[Token]:
    """All tokens of the text and the end. Raises ``ExpressionError``."""
    for offset, character in enumerate(text):
        if ord(character) in _SURROGATES:
            raise _error(text, offset, "half a surrogate pair")
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    offset = 0
    while True:
        if space := _SPACE.match(text, offset):
            offset = space.end()
        if offset >= len(text):
            yield Token(Kind.END, "", len(text))
            return
        token, offset = _next(text, offset)
        yield token


def _next(text: str, offset: int) -> tuple[Token, int]:
    if match := _BASED.match(text, offset) or _NUMBER.match(text, offset):
        end = match.end()
        if _NAME.match(text, end):
            raise _error(text, offset, f"{text[offset : end + 1]!r} is no number")
        return Token(Kind.NUMBER, match.group(), offset, _number(text, offset, match)), end
    if match := _QUOTED.match(text, offset):
        return _quoted(text, offset, match), match.end()
    if match := _RAW.match(text, offset):
        return Token(Kind.STRING, match.group(), offset, match.group(1)), match.end()
    if match := _NAME.match(text, offset):
        kind = Kind.OPERATOR if match.group() in WORD_OPERATORS else Kind.NAME
        return Token(kind, match.group(), offset), match.end()
    if text.startswith("/*", offset):
        raise _error(text, offset, "the comment has no end")
    if match := _OPERATOR.match(text, offset):
        return Token(Kind.OPERATOR, match.group(), offset), match.end()
    if text[offset] in "\"'`":
        raise _error(text, offset, "the string has no end")
    raise _error(text, offset, f"unexpected character {text[offset]!r}")


def _number(text: str, offset: int, match: re.Match[str]) -> int | Decimal:
    digits = match.group().replace("_", "")
    if len(digits) > MAX_LITERAL_DIGITS:
        raise _error(text, offset, f"the number is longer than {MAX_LITERAL_DIGITS} digits")
    if match.re is _NUMBER and any(mark in digits for mark in ".eE"):
        number = Decimal(digits)
        if abs(number.adjusted()) > MAX_LITERAL_DIGITS:
            raise _error(text, offset, "the number is too large or too small")
        return number
    if match.re is _BASED:
        base = next(name for name, found in match.groupdict().items() if found)
        found = match.group(base).replace("_", "")
        if not found:
            raise _error(text, offset, f"{match.group()!r} is no number")
        integer = int(found, _BASES[base])
    else:
        integer = int(digits)
    if integer > MAX_INTEGER:
        raise _error(text, offset, "the integer is too large")
    return integer


def _quoted(text: str, offset: int, match: re.Match[str]) -> Token:
    inner = match.group("single")
    inner = match.group("double") if inner is None else inner
    as_bytes = match.group("bytes") is not None

    def unescape(escape: re.Match[str]) -> str:
        for name, base in (("x", 16), ("u", 16), ("U", 16), ("octal", 8)):
            if digits := escape.group(name):
                code = int(digits, base)
                one_byte = as_bytes and name in ("x", "octal") and 0x80 <= code < 0x100
                return chr(_LONE_BYTE + code) if one_byte else _character(text, offset, code)
        if (simple := _SIMPLE_ESCAPES.get(escape.group("other"))) is None:
            raise _error(text, offset, f"unknown escape {escape.group()!r}")
        return simple

    value = _ESCAPE.sub(unescape, inner) if "\\" in inner else inner
    if not as_bytes:
        return Token(Kind.STRING, match.group(), offset, value)
    return Token(Kind.BYTES, match.group(), offset, value.encode("utf-8", "surrogateescape"))


def _character(text: str, offset: int, code: int) -> str:
    if code in _SURROGATES or code > _LAST_CHARACTER:
        raise _error(text, offset, "the escape names no character")
    return chr(code)


def _error(text: str, offset: int, message: str) -> ExpressionError:
    return ExpressionError(message, Position.of(text, offset))
