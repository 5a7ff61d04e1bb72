"""DynamoDB's expressions, as far as the stores use them: conditions, key conditions, updates, projections."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = dict[str, dict[str, Any]]
Value = dict[str, Any]
Condition = Callable[[Item, Mapping[str, Value]], bool]
Operand = Callable[[Item, Mapping[str, Value]], Value | None]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+\-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_FUNCTIONS = ("attribute_exists", "attribute_not_exists", "begins_with", "contains", "size")


def comparable(value: Value) -> tuple[str, Any]:
    """A value that orders as DynamoDB orders values of its type."""
    ((kind, content),) = value.items()
    return kind, Decimal(content) if kind == "N" else content.encode() if kind == "S" else content


class Parser:
    """A recursive descent over one expression; names are resolved while parsing, values when evaluating."""

    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self.tokens = _tokens(text)
        self.names = names
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if not token or (expected and token.upper() not in expected):
            raise ValueError(f"expected {expected}, found {token!r} in {' '.join(self.tokens)}")
        self.at += 1
        return token

    def accept(self, word: str) -> bool:
        if self.peek().upper() == word:
            self.at += 1
            return True
        return False

    def name(self) -> str:
        token = self.take()
        return self.names[token] if token.startswith("#") else token

    def condition(self) -> Condition:
        terms = [self._conjunction()]
        while self.accept("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda item, values: any(term(item, values) for term in terms)

    def _conjunction(self) -> Condition:
        terms = [self._negation()]
        while self.accept("AND"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda item, values: all(term(item, values) for term in terms)

    def _negation(self) -> Condition:
        if self.accept("NOT"):
            inner = self._negation()
            return lambda item, values: not inner(item, values)
        if self.accept("("):
            inner = self.condition()
            self.take(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        word = self.peek().lower()
        if word in ("attribute_exists", "attribute_not_exists"):
            self.take()
            self.take("(")
            name = self.name()
            self.take(")")
            wanted = word == "attribute_exists"
            return lambda item, values: (name in item) is wanted
        if word in ("begins_with", "contains"):
            self.take()
            self.take("(")
            left = self.operand()
            self.take(",")
            right = self.operand()
            self.take(")")
            return _textual(word, left, right)
        left = self.operand()
        if self.accept("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return lambda item, values: (
                _compare(">=", left(item, values), low(item, values))
                and _compare("<=", left(item, values), high(item, values))
            )
        if self.accept("IN"):
            self.take("(")
            options = [self.operand()]
            while self.accept(","):
                options.append(self.operand())
            self.take(")")
            return lambda item, values: any(_compare("=", left(item, values), one(item, values)) for one in options)
        operator = self.take("=", "<>", "<", "<=", ">", ">=")
        right = self.operand()
        return lambda item, values: _compare(operator, left(item, values), right(item, values))

    def operand(self) -> Operand:
        word = self.peek().lower()
        if word == "size":
            self.take()
            self.take("(")
            name = self.name()
            self.take(")")
            return lambda item, values: {"N": str(len(next(iter(item[name].values()))))} if name in item else None
        if word == "if_not_exists":
            self.take()
            self.take("(")
            name = self.name()
            self.take(",")
            other = self.operand()
            self.take(")")
            return lambda item, values: item.get(name) or other(item, values)
        if word == "list_append":
            self.take()
            self.take("(")
            first = self.operand()
            self.take(",")
            second = self.operand()
            self.take(")")
            return lambda item, values: {
                "L": [*_required(first(item, values))["L"], *_required(second(item, values))["L"]]
            }
        if word.startswith(":"):
            token = self.take()
            return lambda item, values: values[token]
        name = self.name()
        return lambda item, values: item.get(name)

    def sum(self) -> Operand:
        left = self.operand()
        if self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            right = self.operand()
            return lambda item, values: number(
                Decimal(_required(left(item, values))["N"]) + sign * Decimal(_required(right(item, values))["N"])
            )
        return left


def number(value: Decimal) -> Value:
    """A number as DynamoDB gives it back: plain digits, no zeros at the end."""
    text = format(value, "f")
    return {"N": (text.rstrip("0").rstrip(".") if "." in text else text) or "0"}


def holds(text: str | None, names: Mapping[str, str] | None, values: Mapping[str, Value] | None, item: Item) -> bool:
    """Whether the condition holds for the item; an absent condition always does."""
    if not text:
        return True
    return _condition(text, _frozen(names))(item, values or {})


def update(text: str, names: Mapping[str, str] | None, values: Mapping[str, Value] | None, item: Item) -> Item:
    """The item after the update expression; every operand reads the item as it was before."""
    parser = Parser(text, names or {})
    found = dict(item)
    given = values or {}
    while parser.peek():
        clause = parser.take("SET", "REMOVE", "ADD", "DELETE").upper()
        while True:
            name = parser.name()
            if clause == "SET":
                parser.take("=")
                found[name] = _required(parser.sum()(item, given))
            elif clause == "REMOVE":
                found.pop(name, None)
            else:
                added = _required(parser.operand()(item, given))
                if clause != "ADD" or "N" not in added:
                    raise ValueError(f"{clause} of {added} is not served")
                before = Decimal(item[name]["N"]) if name in item else Decimal(0)
                total = int(before) + int(Decimal(added["N"]))
                if Decimal(added["N"]) != int(Decimal(added["N"])):
                    raise ValueError("only whole numbers are added")
                found[name] = {"N": str(total)}
            if not parser.accept(","):
                break
    return found


def project(text: str | None, names: Mapping[str, str] | None, item: Item) -> Item:
    """The attributes that a projection expression names; all of them without one."""
    if not text:
        return dict(item)
    wanted = [(names or {}).get(name.strip(), name.strip()) for name in text.split(",")]
    return {name: item[name] for name in wanted if name in item}


@lru_cache(maxsize=4096)
def _condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    parser = Parser(text, dict(names))
    found = parser.condition()
    if parser.peek():
        raise ValueError(f"left over {parser.peek()!r} in {text}")
    return found


@lru_cache(maxsize=8192)
def _tokens(text: str) -> tuple[str, ...]:
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no token at {at} of {text!r}")
        found.append(match[1])
        at = match.end()
    return tuple(found)


def _frozen(names: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((names or {}).items()))


def _required(value: Value | None) -> Value:
    if value is None:
        raise ValueError("an operand's attribute does not exist")
    return value


def _textual(word: str, left: Operand, right: Operand) -> Condition:
    def test(item: Item, values: Mapping[str, Value]) -> bool:
        found, wanted = left(item, values), right(item, values)
        if found is None or wanted is None or "S" not in found:
            return False
        return str(found["S"]).startswith(wanted["S"]) if word == "begins_with" else wanted["S"] in found["S"]

    return test


def _compare(operator: str, left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return False
    (left_kind, one), (right_kind, other) = comparable(left), comparable(right)
    if left_kind != right_kind:
        return operator == "<>"
    result: bool = {
        "=": one == other,
        "<>": one != other,
        "<": operator == "<" and one < other,
        "<=": operator == "<=" and one <= other,
        ">": operator == ">" and one > other,
        ">=": operator == ">=" and one >= other,
    }[operator]
    return result
