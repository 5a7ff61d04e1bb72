"""What can be known of values before anything runs: the kinds of literals, variables and results. Pure.

Only what would fail on every run is refused, as expr-lang's checker does; a body's parts are of kind ``any``.
"""

from __future__ import annotations

from typing import Final

from dynameter.gateway.expression.errors import Fault

ANY: Final = "any"
_NUMERIC: Final = frozenset(["int", "float"])
_TEXT: Final = frozenset(["string"])
_BOOL: Final = frozenset(["bool"])
_OPERANDS: Final[dict[str, frozenset[str]]] = {
    "-": _NUMERIC,
    "*": _NUMERIC,
    "/": _NUMERIC,
    "**": _NUMERIC,
    "%": frozenset(["int"]),
    "..": _NUMERIC,
    "&&": _BOOL,
    "||": _BOOL,
    "contains": _TEXT,
    "startsWith": _TEXT,
    "endsWith": _TEXT,
    "matches": _TEXT,
}
_ADDED: Final = (_NUMERIC, _TEXT)
_RESULTS: Final = {"/": "float", "**": "float", "%": "int", "..": "array"}
_READABLE: Final = frozenset(["map", "array", "nil"])
_SLICED: Final = frozenset(["array", "string", "bytes"])


def require(kind: str, allowed: frozenset[str], what: str) -> None:
    """Raises ``Fault`` where a value of this kind can never do."""
    if kind != ANY and kind not in allowed:
        raise Fault(f"{what} is not defined for {kind}")


def require_bool(kind: str, what: str) -> None:
    """Raises ``Fault`` where this can be no bool."""
    require(kind, _BOOL, what)


def _both(left: str, right: str, groups: tuple[frozenset[str], ...]) -> bool:
    return any((left == ANY or left in group) and (right == ANY or right in group) for group in groups)


def binary_kind(operator: str, left: str, right: str) -> str:
    """The kind of an operator's result. Raises ``Fault`` where the operands can never do."""
    if operator in ("==", "!="):
        if not (_both(left, right, (_NUMERIC,)) or ANY in (left, right) or "nil" in (left, right) or left == right):
            raise Fault(f"{left} {operator} {right} is always the same")
        return "bool"
    if operator == "in":
        require(right, frozenset(["array", "map", "nil"]), "in")
        return "bool"
    if operator in ("+", "<", "<=", ">", ">="):
        if not _both(left, right, _ADDED):
            raise Fault(f"{left} {operator} {right} is not defined")
    else:
        require(left, _OPERANDS[operator], operator)
        require(right, _OPERANDS[operator], operator)
    if operator in ("+", "-", "*"):
        return _sum_kind(left, right)
    return _RESULTS.get(operator, "bool")


def _sum_kind(left: str, right: str) -> str:
    if left == right:
        return left
    return "float" if left in _NUMERIC and right in _NUMERIC else ANY


def sign_kind(kind: str) -> str:
    """The kind of ``-x``."""
    require(kind, _NUMERIC, "a sign")
    return kind


def require_readable(kind: str) -> None:
    """Raises ``Fault`` where nothing can be read by key or index."""
    require(kind, _READABLE, "reading a field or element")


def slice_kind(kind: str) -> str:
    """The kind of ``x[a:b]``."""
    require(kind, _SLICED, "a slice")
    return kind
