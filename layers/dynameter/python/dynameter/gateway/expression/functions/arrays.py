"""Functions on arrays and maps that take no closure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal, Overflow
from itertools import islice
from typing import Any, Final

from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.function import MANY, Function
from dynameter.gateway.expression.limits import MAX_EXPONENT, MAX_STEPS, MAX_VALUE_DEPTH
from dynameter.gateway.expression.values import (
    ARITHMETIC,
    ARRAYS,
    MAPS,
    NUMBERS,
    MadeMap,
    as_float,
    element,
    elements,
    equal,
    fetch,
    kind_of,
    map_key,
    number_of,
    read_key,
    text_of,
    to_index,
)

MAX_PATH_CHARACTERS: Final = 1_000
_ZERO = Decimal(0)
_ORDERED = ("int", "float", "string", "time", "duration")


def first(_: Frame, values: Any) -> Any:
    return element(values, 0) if type(values) in ARRAYS and values else None


def last(_: Frame, values: Any) -> Any:
    return element(values, -1) if type(values) in ARRAYS and values else None


def count(_: Frame, values: Any) -> int:
    return len(values) if type(values) in ARRAYS else 0


def get(frame: Frame, target: Any, path: Any) -> Any:
    """APIGate's ``get``: keys joined by dots through maps; an index into an array works, as in expr-lang."""
    if type(path) in NUMBERS:
        try:
            return fetch(target, path)
        except Fault:
            return None
    keys = text_of(frame, path)
    if len(keys) > MAX_PATH_CHARACTERS:
        raise Fault(f"a path of more than {MAX_PATH_CHARACTERS} characters")
    for part in keys.split("."):
        if type(target) not in MAPS:
            return None
        target = fetch(target, part)
    return target


def _numbers(frame: Frame, values: Any, field: Any) -> list[Decimal | int] | None:
    """The numbers of an array, or of a field of the maps in it; None where there is no array."""
    if type(values) not in ARRAYS:
        return None
    frame.spend_steps(len(values))
    if field is None:
        return [number_of(value) for value in values]
    name = text_of(frame, field)
    return [number_of(value[name]) for value in values if type(value) in MAPS and name in value]


def total_of(numbers: Iterable[Decimal | int]) -> Decimal:
    """The sum, to 38 digits."""
    total = _ZERO
    try:
        for number in numbers:
            total = ARITHMETIC.add(total, number)
    except Overflow:
        raise Fault(f"number past 10^{MAX_EXPONENT}") from None
    return total


def add_up(frame: Frame, values: Any, field: Any = None) -> Decimal:
    return total_of(_numbers(frame, values, field) or ())


def average(frame: Frame, values: Any, field: Any = None) -> Decimal:
    numbers = _numbers(frame, values, field)
    return ARITHMETIC.divide(total_of(numbers or ()), len(values)) if numbers is not None and values else _ZERO


def _extreme(choose: Callable[[list[Decimal | int]], Decimal | int]) -> Function:
    def run(frame: Frame, values: Any, field: Any = None) -> Decimal | None:
        numbers = _numbers(frame, values, field)
        if numbers is None or not values:
            return None
        return Decimal(choose(numbers)) if numbers else _ZERO

    return Function(run, 1, 2)


def _flat_numbers(frame: Frame, name: str, values: Iterable[Any], depth: int = 0) -> list[Decimal | int]:
    """The numbers of arguments and of arrays in them, as expr-lang's ``mean`` takes them."""
    if depth > MAX_VALUE_DEPTH:
        raise Fault(f"arrays nest deeper than {MAX_VALUE_DEPTH}")
    found: list[Decimal | int] = []
    for value in values:
        frame.spend_steps(1)
        if type(value) in NUMBERS:
            found.append(value)
        elif type(value) in ARRAYS:
            found += _flat_numbers(frame, name, value, depth + 1)
        else:
            raise Fault(f"{name} of {kind_of(value)} is not defined")
    return found


def mean(frame: Frame, *values: Any) -> Decimal:
    numbers = _flat_numbers(frame, "mean", values)
    return ARITHMETIC.divide(total_of(numbers), len(numbers)) if numbers else _ZERO


def median(frame: Frame, *values: Any) -> Decimal:
    numbers = sorted(_flat_numbers(frame, "median", values))
    if not numbers:
        return _ZERO
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return Decimal(numbers[middle])
    return ARITHMETIC.divide(total_of(numbers[middle - 1 : middle + 1]), 2)


def reverse(frame: Frame, values: Any) -> tuple[Any, ...]:
    found = tuple(elements(values))
    frame.spend_steps(len(found))
    return found[::-1]


def take(frame: Frame, values: Any, number: Any) -> tuple[Any, ...]:
    wanted = to_index(number)
    if wanted < 0:
        raise Fault("take takes a count of 0 or more")
    found = tuple(islice(elements(values), min(wanted, MAX_STEPS)))
    frame.spend_steps(len(found))
    return found


def concat(frame: Frame, *arrays: Any) -> tuple[Any, ...]:
    joined: list[Any] = []
    for array in arrays:
        found = tuple(elements(array))
        frame.spend_steps(len(found))
        joined += found
    return tuple(joined)


def flatten(frame: Frame, values: Any) -> tuple[Any, ...]:
    found: list[Any] = []
    _flatten(frame, values, found, 0)
    return tuple(found)


def _flatten(frame: Frame, values: Any, found: list[Any], depth: int) -> None:
    if depth >= MAX_VALUE_DEPTH:
        raise Fault(f"arrays nest deeper than {MAX_VALUE_DEPTH}")
    for value in elements(values):
        frame.spend_steps(1)
        if type(value) in ARRAYS:
            _flatten(frame, value, found, depth + 1)
        else:
            found.append(value)


def uniq(frame: Frame, values: Any) -> tuple[Any, ...]:
    simple: set[Any] = set()
    other: list[Any] = []
    found: list[Any] = []
    for value in elements(values):
        frame.spend_steps(1 + len(other))
        if type(value) in ARRAYS or type(value) in MAPS:
            if any(equal(frame, value, known) for known in other):
                continue
            other.append(value)
        else:
            key = map_key(value) if type(value) is not bytes else value
            if key in simple:
                continue
            simple.add(key)
        found.append(value)
    return tuple(found)


def sort_by_key(frame: Frame, pairs: list[tuple[Any, Any]], order: Any) -> tuple[Any, ...]:
    """Values ordered by their keys, which are all numbers or all text; ``order`` is "asc" or "desc"."""
    if order not in ("asc", "desc"):
        raise Fault('the order is "asc" or "desc"')
    kinds = {"number" if type(key) in NUMBERS else kind_of(key) for key, _ in pairs}
    if len(kinds) > 1 or not kinds <= {"number", *_ORDERED}:
        raise Fault("what is sorted must be all numbers or all strings")
    frame.spend_steps(len(pairs) * max(len(pairs).bit_length(), 1))
    ordered = sorted(pairs, key=lambda pair: pair[0], reverse=order == "desc")
    return tuple(value for _, value in ordered)


def sort(frame: Frame, values: Any, order: Any = "asc") -> tuple[Any, ...]:
    return sort_by_key(frame, [(value, value) for value in elements(values)], order)


def _map(value: Any) -> dict[Any, Any]:
    if type(value) in MAPS:
        return dict(value)
    raise Fault(f"expected a map, found {kind_of(value)}")


def keys(frame: Frame, value: Any) -> tuple[Any, ...]:
    frame.spend_steps(len(_map(value)))
    return tuple(read_key(key) for key in value)


def values_of(frame: Frame, value: Any) -> tuple[Any, ...]:
    frame.spend_steps(len(_map(value)))
    return tuple(value.values()) if type(value) is MadeMap else tuple(map(as_float, value.values()))


def to_pairs(frame: Frame, value: Any) -> tuple[Any, ...]:
    return tuple(zip(keys(frame, value), values_of(frame, value), strict=True))


def from_pairs(frame: Frame, pairs: Any) -> MadeMap:
    made = MadeMap()
    for pair in elements(pairs):
        frame.spend_steps(1)
        if type(pair) not in ARRAYS or len(pair) != 2:
            raise Fault("fromPairs takes arrays of a key and a value")
        made[map_key(element(pair, 0))] = element(pair, 1)
    return made


FUNCTIONS: Final = {
    "first": Function(first, 1, 1),
    "last": Function(last, 1, 1),
    "count": Function(count, 1, 1, "int"),
    "get": Function(get, 2, 2),
    "sum": Function(add_up, 1, 2, "float"),
    "avg": Function(average, 1, 2, "float"),
    "max": _extreme(max),
    "min": _extreme(min),
    "mean": Function(mean, 1, MANY, "float"),
    "median": Function(median, 1, MANY, "float"),
    "reverse": Function(reverse, 1, 1, "array"),
    "take": Function(take, 2, 2, "array"),
    "concat": Function(concat, 1, MANY, "array"),
    "flatten": Function(flatten, 1, 1, "array"),
    "uniq": Function(uniq, 1, 1, "array"),
    "sort": Function(sort, 1, 2, "array"),
    "keys": Function(keys, 1, 1, "array"),
    "values": Function(values_of, 1, 1, "array"),
    "toPairs": Function(to_pairs, 1, 1, "array"),
    "fromPairs": Function(from_pairs, 1, 1, "map"),
}
