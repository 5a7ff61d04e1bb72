"""The functions that go through an array with a closure: ``filter(items, {# > 1})`` and its like. Pure.

Each element costs the closure's size in steps, so that closures inside closures cannot run away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.arrays import sort_by_key
from dynameter.gateway.expression.values import ARRAYS, MadeMap, element, elements, kind_of, map_key

Run = Callable[[Frame], Any]


@dataclass(frozen=True, slots=True)
class Loop:
    """A closure over an array: where the current element, its index and the accumulator live, and a round's cost."""

    body: Run
    element: int
    index: int
    accumulator: int
    cost: int

    def rounds(self, frame: Frame, values: Any, *, backwards: bool = False) -> Iterator[tuple[int, Any, Any]]:
        """Index, element and the closure's result, element by element."""
        for index, value in _backwards(values) if backwards else enumerate(elements(values)):
            frame.spend_steps(self.cost)
            frame.slots[self.element] = value
            frame.slots[self.index] = index
            yield index, value, self.body(frame)

    def tests(self, frame: Frame, values: Any, *, backwards: bool = False) -> Iterator[tuple[int, Any, bool]]:
        """The same, where the closure must say true or false."""
        for index, value, result in self.rounds(frame, values, backwards=backwards):
            if type(result) is not bool:
                raise Fault(f"the closure must give a bool, not {kind_of(result)}")
            yield index, value, result


def _backwards(values: Any) -> Iterator[tuple[int, Any]]:
    if type(values) not in ARRAYS:
        elements(values)
    return ((index, element(values, index)) for index in range(len(values) - 1, -1, -1))


def _all(frame: Frame, loop: Loop, values: Any) -> bool:
    return all(held for _, _, held in loop.tests(frame, values))


def _any(frame: Frame, loop: Loop, values: Any) -> bool:
    return any(held for _, _, held in loop.tests(frame, values))


def _none(frame: Frame, loop: Loop, values: Any) -> bool:
    return not _any(frame, loop, values)


def _one(frame: Frame, loop: Loop, values: Any) -> bool:
    return sum(held for _, _, held in loop.tests(frame, values)) == 1


def _filter(frame: Frame, loop: Loop, values: Any) -> tuple[Any, ...]:
    return tuple(value for _, value, held in loop.tests(frame, values) if held)


def _map(frame: Frame, loop: Loop, values: Any) -> tuple[Any, ...]:
    return tuple(result for _, _, result in loop.rounds(frame, values))


def _find(backwards: bool) -> Callable[..., Any]:
    def run(frame: Frame, loop: Loop, values: Any) -> Any:
        return next((value for _, value, held in loop.tests(frame, values, backwards=backwards) if held), None)

    return run


def _find_index(backwards: bool) -> Callable[..., Any]:
    def run(frame: Frame, loop: Loop, values: Any) -> int:
        return next((index for index, _, held in loop.tests(frame, values, backwards=backwards) if held), -1)

    return run


def _group_by(frame: Frame, loop: Loop, values: Any) -> MadeMap:
    groups: dict[Any, list[Any]] = {}
    for _, value, key in loop.rounds(frame, values):
        groups.setdefault(map_key(key), []).append(value)
    return MadeMap((key, tuple(group)) for key, group in groups.items())


def _sort_by(frame: Frame, loop: Loop, values: Any, order: Any = "asc") -> tuple[Any, ...]:
    return sort_by_key(frame, [(key, value) for _, value, key in loop.rounds(frame, values)], order)


def _reduce(frame: Frame, loop: Loop, values: Any, *initial: Any) -> Any:
    found = tuple(elements(values))
    if not initial and not found:
        raise Fault("reduce of an empty array needs an initial value")
    start = 0 if initial else 1
    result = initial[0] if initial else found[0]
    for index in range(start, len(found)):
        frame.spend_steps(loop.cost)
        frame.slots[loop.element] = found[index]
        frame.slots[loop.index] = index
        frame.slots[loop.accumulator] = result
        result = loop.body(frame)
    return result


@dataclass(frozen=True, slots=True)
class ClosureFunction:
    """``run`` gets the frame, the loop, the array and what stands after the closure (``more`` arguments at most)."""

    run: Callable[..., Any]
    gives: str = "any"
    more: int = 0


CLOSURE_FUNCTIONS: Final[dict[str, ClosureFunction]] = {
    "all": ClosureFunction(_all, "bool"),
    "any": ClosureFunction(_any, "bool"),
    "none": ClosureFunction(_none, "bool"),
    "one": ClosureFunction(_one, "bool"),
    "filter": ClosureFunction(_filter, "array"),
    "map": ClosureFunction(_map, "array"),
    "find": ClosureFunction(_find(False)),
    "findLast": ClosureFunction(_find(True)),
    "findIndex": ClosureFunction(_find_index(False), "int"),
    "findLastIndex": ClosureFunction(_find_index(True), "int"),
    "groupBy": ClosureFunction(_group_by, "map"),
    "sortBy": ClosureFunction(_sort_by, "array", more=1),
    "reduce": ClosureFunction(_reduce, more=1),
}
