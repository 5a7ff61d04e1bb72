"""JSONPath as meters use it: one place in the data, found in time bounded by the data's size.

jsonpath-ng reads the text; what has an unbounded or ambiguous meaning (``..``, filters, slices, unions, functions) is
refused. The steps that remain are walked here, with the results of jsonpath-ng.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from jsonpath_ng.jsonpath import Child, Fields, Index, JSONPath, Root, Wildcard
from jsonpath_ng.parser import parse

MAX_PATH_CHARACTERS = 512
MAX_PATH_STEPS = 32
"""Reading a path takes some 50 us a step, and a process of aggregate may need those of a thousand meters at once."""
CACHED_PATHS = 16_384
"""More than the distinct paths of a workspace's meters, so that one more meter costs its own paths alone."""


class _Every(Enum):
    """The step ``[*]``: every element of an array, every member of an object."""

    CHILD = "*"


_ABSENT = object()
_UNSUPPORTED = "invalid JSONPath: only child names, single indexes and [*] are supported, such as $.a.b, $['a'], $.a[0]"

Step = str | int | _Every


class InvalidPath(ValueError):
    """The text is no JSONPath that a meter may use; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path: a member's name, an array's index or every child, from the root down."""

    steps: tuple[Step, ...]
    plain: bool
    """Whether the steps are names and indexes alone, so that at most one place matches."""

    def find(self, data: Any) -> tuple[bool, Any]:
        """Whether anything matches, and the first match in document order. Never raises on JSON data."""
        found = _walk(data, self.steps) if self.plain else next(_matches(data, self.steps), _ABSENT)
        return (False, None) if found is _ABSENT else (True, found)


@lru_cache(maxsize=CACHED_PATHS)
def compile_path(text: str) -> Path:
    """Compile the path. Raises ``InvalidPath`` with a reason that can be shown to the caller."""
    if not text.startswith("$"):
        raise InvalidPath("must start with $")
    if len(text) > MAX_PATH_CHARACTERS:
        raise InvalidPath(f"must have at most {MAX_PATH_CHARACTERS} characters")
    steps = tuple(_step(node) for node in _nodes(_parse(text)))
    if len(steps) > MAX_PATH_STEPS:
        raise InvalidPath(f"must have at most {MAX_PATH_STEPS} steps")
    return Path(steps, plain=_Every.CHILD not in steps)


def _parse(text: str) -> JSONPath:
    try:
        return parse(text)
    except Exception as error:  # the parser raises several kinds, its warnings of obsolete syntax among them
        raise InvalidPath(f"invalid JSONPath: {error}") from None


def _nodes(tree: JSONPath) -> list[JSONPath]:
    """The tree's leaves from left to right, without the root at their head."""
    leaves: list[JSONPath] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Child):
            waiting += (node.right, node.left)
        else:
            leaves.append(node)
    # Every text begins with $, so a tree whose first leaf is no root has another operator at its top.
    if not isinstance(leaves[0], Root):
        raise InvalidPath(_UNSUPPORTED)
    return leaves[1:]


def _step(node: JSONPath) -> Step:
    if type(node) is Fields and len(node.fields) == 1:
        return str(node.fields[0])
    if type(node) is Index and len(node.indices) == 1:
        return int(node.indices[0])
    if type(node) is Wildcard:
        return _Every.CHILD
    raise InvalidPath(_UNSUPPORTED)


def _walk(data: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        if type(step) is str:
            if type(data) is not dict:
                return _ABSENT
            data = data.get(step, _ABSENT)
        else:
            data = _element(data, step)
        if data is _ABSENT:
            return _ABSENT
    return data


def _matches(data: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Every match in document order. Each step goes a level down, so no place is visited twice."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth == len(steps):
            yield place
            continue
        step = steps[depth]
        if step is _Every.CHILD:
            children = place.values() if type(place) is dict else place if type(place) is list else ()
            waiting += [(child, depth + 1) for child in reversed(list(children))]
        elif (child := _walk(place, (step,))) is not _ABSENT:
            waiting.append((child, depth + 1))


def _element(data: Any, index: Any) -> Any:
    """The array's element; only arrays have elements, a string's characters and an object's members are none."""
    if type(data) is list and -len(data) <= index < len(data):
        return data[index]
    return _ABSENT
