"""The tree of an expression. Pure.

The nodes are structs of msgspec rather than dataclasses, which take twenty times as long to define: a cold start pays.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A number, text, bytes, true, false or nil."""

    at: int
    value: int | Decimal | str | bytes | bool | None


class Name(msgspec.Struct, frozen=True):
    """A variable of the context or of a ``let``."""

    at: int
    name: str


class Pointer(msgspec.Struct, frozen=True):
    """``#``, ``#acc`` or ``#index`` of the innermost closure; ``name`` is "", "acc" or "index"."""

    at: int
    name: str


class Unary(msgspec.Struct, frozen=True):
    """``-x``, ``+x`` or ``not x``."""

    at: int
    operator: str
    operand: Node


class Binary(msgspec.Struct, frozen=True):
    """Two operands and what is between them; ``negated`` is ``x not in y`` and its like."""

    at: int
    operator: str
    left: Node
    right: Node
    negated: bool = False


class Conditional(msgspec.Struct, frozen=True):
    """``a ? b : c`` and ``if a {b} else {c}``."""

    at: int
    condition: Node
    then: Node
    otherwise: Node


class Member(msgspec.Struct, frozen=True):
    """``x.name`` and ``x[key]``; ``optional`` is ``x?.name``."""

    at: int
    target: Node
    key: Node
    optional: bool


class Slice(msgspec.Struct, frozen=True):
    """``x[start:stop]``."""

    at: int
    target: Node
    start: Node | None
    stop: Node | None


class Chain(msgspec.Struct, frozen=True):
    """A row of accesses with a ``?.`` in it: nil as a whole where that finds nil."""

    at: int
    inner: Node


class Closure(msgspec.Struct, frozen=True):
    """What ``filter`` and its like do with each element."""

    at: int
    body: Node


class Call(msgspec.Struct, frozen=True):
    """A function with its arguments."""

    at: int
    name: str
    arguments: tuple[Node, ...]


class MethodCall(msgspec.Struct, frozen=True):
    """``x.Name(...)``: what dates and durations can be asked."""

    at: int
    target: Node
    name: str
    arguments: tuple[Node, ...]


class ArrayLiteral(msgspec.Struct, frozen=True):
    """``[a, b]``."""

    at: int
    items: tuple[Node, ...]


class MapLiteral(msgspec.Struct, frozen=True):
    """``{a: 1, "b": 2, (c): 3}``."""

    at: int
    pairs: tuple[tuple[Node, Node], ...]


class Let(msgspec.Struct, frozen=True):
    """``let name = value; body``."""

    at: int
    name: str
    value: Node
    body: Node


class Sequence(msgspec.Struct, frozen=True):
    """``a; b``: the last one counts."""

    at: int
    items: tuple[Node, ...]


Node = (
    Literal
    | Name
    | Pointer
    | Unary
    | Binary
    | Conditional
    | Member
    | Slice
    | Chain
    | Closure
    | Call
    | MethodCall
    | ArrayLiteral
    | MapLiteral
    | Let
    | Sequence
)
