"""Conditions on a text or an instant: ``read_filter`` checks what a caller sent, ``matches`` applies it. Pure.

Two vocabularies spell the same operators: OpenMeter v1's FilterString (``{"$in": ["a", "b"]}``) and
v3's (``{"in": ["a", "b"]}``). Several operators in one object must all hold; an object without any holds
for everything. Text is compared by code points, as OpenMeter's storage does. Nothing here takes longer than in
proportion to the lengths of the text and the filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from dynameter import rfc3339

MAX_DEPTH = 3
"""Levels of and/or, one within the other."""
MAX_CHARACTERS = 1_024
"""Characters of one operand."""
MAX_ITEMS = 100
"""Operands of one list."""
MAX_CONDITIONS = 100
"""Conditions of one filter, all levels together."""

_SHOWN_CHARACTERS = 64

_Maker = Callable[[tuple[Any, ...]], Callable[[Any], bool]]

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class InvalidFilter(ValueError):
    """What was sent is no filter. ``place`` leads from the filter to the fault, e.g. ``("$or", 1, "$in")``."""

    def __init__(self, place: tuple[str | int, ...], rule: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.rule = rule
        self.reason = reason


class Filter(Protocol[T_contra]):
    """A condition; ``Condition``, ``Every`` and ``Either`` are all there are."""

    def matches(self, value: T_contra) -> bool:
        """Whether the value meets the condition."""


class Operator(Enum):
    """What a condition asks; the I forms and CONTAINS do not tell upper case from lower."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NIN = "nin"
    LIKE = "like"
    NLIKE = "nlike"
    ILIKE = "ilike"
    NILIKE = "nilike"
    CONTAINS = "contains"
    NCONTAINS = "ncontains"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"
    """The text is not empty: a missing value reads as ""."""
    NEXISTS = "nexists"
    AND = "and"
    OR = "or"


@dataclass(frozen=True, slots=True)
class Condition(Generic[T]):
    """One comparison with the operands ``given``; CONTAINS with several holds if any is contained."""

    operator: Operator
    given: tuple[T, ...]
    test: Callable[[T], bool] = field(compare=False, repr=False)

    def matches(self, value: T) -> bool:
        """See ``Filter``."""
        return self.test(value)


@dataclass(frozen=True, slots=True)
class Every(Generic[T]):
    """All parts must hold."""

    parts: tuple[Filter[T], ...]

    def matches(self, value: T) -> bool:
        """See ``Filter``."""
        return all(part.matches(value) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either(Generic[T]):
    """At least one part must hold."""

    parts: tuple[Filter[T], ...]

    def matches(self, value: T) -> bool:
        """See ``Filter``."""
        return any(part.matches(value) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Vocabulary(Generic[T]):
    """The words for operators, and how an operand is read: ``read`` raises ValueError with a reason."""

    words: Mapping[str, Operator]
    read: Callable[[Any], T]
    max_items: int = MAX_ITEMS


def read_filter(sent: Any, vocabulary: Vocabulary[T]) -> Filter[T]:
    """The filter in a decoded JSON object. Raises ``InvalidFilter``."""
    return _Reading(vocabulary).read(sent, (), 0)


def condition(operator: Operator, *given: T) -> Condition[T]:
    """One comparison whose operands are known to be good."""
    return Condition(operator, given, _TESTS[operator](given))


def escape_like(text: str) -> str:
    """The LIKE pattern that matches the text itself."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def only_values(one: Filter[T]) -> frozenset[T] | None:
    """The only values that can match, as far as equality says so; None where any may."""
    if isinstance(one, Condition):
        return frozenset(one.given) if one.operator in (Operator.EQ, Operator.IN) else None
    if isinstance(one, Every):
        known = [values for part in one.parts if (values := only_values(part)) is not None]
        return frozenset.intersection(*known) if known else None
    if isinstance(one, Either):
        parts = [only_values(part) for part in one.parts]
        united = [values for values in parts if values is not None]
        return frozenset[T]().union(*united) if len(united) == len(parts) else None
    raise TypeError(type(one))


def span(one: Filter[int], low: int, high: int) -> tuple[int, int]:
    """The narrowest known range, its end excluded, of the values from ``low`` up to ``high`` that can match."""
    if isinstance(one, Condition):
        found = _SPANS[one.operator](one.given[0]) if one.operator in _SPANS else (low, high)
        return max(low, found[0]), min(high, found[1])
    spans = [span(part, low, high) for part in one.parts] if isinstance(one, Every | Either) else []
    if not spans:
        return low, high
    if isinstance(one, Every):
        return max(first for first, _ in spans), min(last for _, last in spans)
    return min(first for first, _ in spans), max(last for _, last in spans)


class _Reading(Generic[T]):
    """Reads one filter and counts its conditions."""

    def __init__(self, vocabulary: Vocabulary[T]) -> None:
        self._vocabulary = vocabulary
        self._conditions = 0

    def read(self, sent: Any, place: tuple[str | int, ...], depth: int) -> Filter[T]:
        if not isinstance(sent, dict):
            raise InvalidFilter(place, "type", "must be an object of operators")
        parts = tuple(self._operator(word, operand, (*place, word), depth) for word, operand in sent.items())
        return parts[0] if len(parts) == 1 else Every(parts)

    def _operator(self, word: Any, operand: Any, place: tuple[str | int, ...], depth: int) -> Filter[T]:
        operator = self._vocabulary.words.get(word)
        if operator is None:
            known = ", ".join(self._vocabulary.words)
            shown = (*place[:-1], str(word)[:_SHOWN_CHARACTERS])
            raise InvalidFilter(shown, "unsupported_filter_operator", f"the operator must be one of {known}")
        if operator in (Operator.AND, Operator.OR):
            if depth == MAX_DEPTH:
                raise InvalidFilter(place, "max_depth", f"and/or may nest {MAX_DEPTH} levels deep")
            parts = tuple(
                self.read(part, (*place, index), depth + 1) for index, part in enumerate(self._list(operand, place))
            )
            return Every(parts) if operator is Operator.AND else Either(parts)
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise InvalidFilter((), "max_items", f"must have at most {MAX_CONDITIONS} conditions")
        if operator is Operator.EXISTS:
            if not isinstance(operand, bool):
                raise InvalidFilter(place, "type", "must be true or false")
            return condition(Operator.EXISTS if operand else Operator.NEXISTS)
        many = operator in (Operator.IN, Operator.NIN) or (operator is Operator.CONTAINS and isinstance(operand, list))
        operands = self._list(operand, place) if many else [operand]
        return condition(operator, *(self._operand(one, place) for one in operands))

    def _list(self, operand: Any, place: tuple[str | int, ...]) -> list[Any]:
        if not isinstance(operand, list):
            raise InvalidFilter(place, "type", "must be a list")
        if not 1 <= len(operand) <= self._vocabulary.max_items:
            raise InvalidFilter(place, "max_items", f"must have 1 to {self._vocabulary.max_items} items")
        return operand

    def _operand(self, operand: Any, place: tuple[str | int, ...]) -> T:
        if isinstance(operand, str) and len(operand) > MAX_CHARACTERS:
            raise InvalidFilter(place, "max_length", f"must have at most {MAX_CHARACTERS} characters")
        try:
            return self._vocabulary.read(operand)
        except ValueError as error:
            raise InvalidFilter(place, "format", str(error)) from None


def _read_text(operand: Any) -> str:
    if not isinstance(operand, str):
        raise ValueError("must be a string")
    return operand


def _read_instant(operand: Any) -> int:
    return rfc3339.parse(_read_text(operand))


def _like(patterns: tuple[Any, ...]) -> Callable[[str], bool]:
    """SQL's LIKE on the whole text: ``%`` stands for any run, ``_`` for one character, a backslash escapes.

    Between the runs stand pieces of fixed length, so the first place for each is as good as any later one and
    nothing is ever tried again: a pattern cannot be made to take long.
    """
    (pattern,) = patterns
    pieces = _pieces(pattern)
    compiled = [re.compile("".join("." if one is None else re.escape(one) for one in piece), re.S) for piece in pieces]
    first, last, tail = compiled[0], compiled[-1], len(pieces[-1])

    def test(text: str) -> bool:
        if len(compiled) == 1:
            return first.fullmatch(text) is not None
        found = first.match(text)
        end = len(text) - tail
        for piece in compiled[1:-1]:
            if found is None:
                return False
            found = piece.search(text, found.end(), max(end, 0))
        return found is not None and found.end() <= end and last.fullmatch(text, end) is not None

    return test


def _pieces(pattern: str) -> list[list[str | None]]:
    """The pattern between its ``%``, character by character; None for ``_``."""
    pieces: list[list[str | None]] = [[]]
    escaped = False
    for character in pattern:
        if escaped or character not in "%_\\":
            pieces[-1].append(character)
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "_":
            pieces[-1].append(None)
        else:
            pieces.append([])
    if escaped:
        pieces[-1].append("\\")
    return pieces


def _ilike(patterns: tuple[Any, ...]) -> Callable[[str], bool]:
    test = _like((patterns[0].casefold(),))
    return lambda text: test(text.casefold())


def _contains(given: tuple[Any, ...]) -> Callable[[str], bool]:
    folded = tuple(one.casefold() for one in given)
    return lambda text: any(one in text.casefold() for one in folded)


def _among(given: tuple[Any, ...]) -> Callable[[Any], bool]:
    values = frozenset(given)
    return lambda value: value in values


def _not(make: _Maker) -> _Maker:
    def negated(given: tuple[Any, ...]) -> Callable[[Any], bool]:
        test = make(given)
        return lambda value: not test(value)

    return negated


_TESTS: dict[Operator, _Maker] = {
    Operator.EQ: _among,
    Operator.NE: _not(_among),
    Operator.IN: _among,
    Operator.NIN: _not(_among),
    Operator.LIKE: _like,
    Operator.NLIKE: _not(_like),
    Operator.ILIKE: _ilike,
    Operator.NILIKE: _not(_ilike),
    Operator.CONTAINS: _contains,
    Operator.NCONTAINS: _not(_contains),
    Operator.GT: lambda given: lambda value: value > given[0],
    Operator.GTE: lambda given: lambda value: value >= given[0],
    Operator.LT: lambda given: lambda value: value < given[0],
    Operator.LTE: lambda given: lambda value: value <= given[0],
    Operator.EXISTS: lambda _: lambda value: value != "",
    Operator.NEXISTS: lambda _: lambda value: value == "",
}
_SPANS: dict[Operator, Callable[[int], tuple[int, int]]] = {
    Operator.EQ: lambda at: (at, at + 1),
    Operator.GT: lambda at: (at + 1, rfc3339.LATEST_US),
    Operator.GTE: lambda at: (at, rfc3339.LATEST_US),
    Operator.LT: lambda at: (rfc3339.EARLIEST_US, at),
    Operator.LTE: lambda at: (rfc3339.EARLIEST_US, at + 1),
}
_ORDERED = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)

V1_TEXT = Vocabulary(
    {
        f"${one.value}": one
        for one in (
            Operator.EQ,
            Operator.NE,
            Operator.IN,
            Operator.NIN,
            Operator.LIKE,
            Operator.NLIKE,
            Operator.ILIKE,
            Operator.NILIKE,
            *_ORDERED,
            Operator.AND,
            Operator.OR,
        )
    },
    _read_text,
)
"""OpenMeter v1's and v2's FilterString."""

V1_INSTANT = Vocabulary(
    {f"${one.value}": one for one in (Operator.EQ, *_ORDERED, Operator.AND, Operator.OR)}, _read_instant
)
"""OpenMeter v2's FilterTime: RFC 3339 operands, microseconds in the filter."""

V3_TEXT = Vocabulary(
    {
        "exists": Operator.EXISTS,
        "eq": Operator.EQ,
        "neq": Operator.NE,
        "in": Operator.IN,
        "nin": Operator.NIN,
        "oeq": Operator.IN,
        "contains": Operator.CONTAINS,
        "ncontains": Operator.NCONTAINS,
        "ocontains": Operator.CONTAINS,
        **{one.value: one for one in _ORDERED},
        "and": Operator.AND,
        "or": Operator.OR,
    },
    _read_text,
)
"""OpenMeter v3's string filters, in a body's JSON."""

V3_INSTANT = Vocabulary({one.value: one for one in (Operator.EQ, *_ORDERED)}, _read_instant)
"""OpenMeter v3's filters on a time."""
