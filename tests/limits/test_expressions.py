"""Expressions and patterns at their bounds and one past them: tried through the door, and routes that hold them."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.gateway import pattern
from dynameter.gateway.exchange import Exchange
from dynameter.gateway.expression.dates import MAX_DATE_CHARACTERS
from dynameter.gateway.expression.functions.arrays import MAX_PATH_CHARACTERS
from dynameter.gateway.expression.limits import (
    MAX_DIGITS,
    MAX_EXPONENT,
    MAX_INTEGER,
    MAX_POWER,
    MAX_STEPS,
    MAX_TEXT,
    MAX_VALUE_DEPTH,
)
from dynameter.gateway.measurement import MAX_ERROR_CHARACTERS, measure
from dynameter.gateway.pattern import MAX_PATTERN_CHARACTERS, MAX_PATTERN_SIZE, InvalidPattern, compile_pattern
from dynameter.gateway.route import Metering, MeteringMode
from tests.limits.edges import letters, send, wrong_fields
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask

TRIAL, ROUTES = "POST /admin/expressions/test", "POST /admin/routes"
LAYOUT = "2006-01-02"


def tried(settled: Settled, expression: str, body: Any = None) -> tuple[str, str | None]:
    """The units and the error of an expression on a response with that body."""
    answer = send(settled, TRIAL, Ask({"expression": expression, "exchange": {"respBody": body}})).answer
    assert answer.status == 200, answer.text[:600]
    data = answer.json()["data"]
    return data["units"], data["metering_error"]


def arrays(count: int) -> list[Any]:
    """So many arrays inside one another, the innermost of which has a 1."""
    made: list[Any] = [1]
    for _ in range(count - 1):
        made = [made]
    return made


def maps(count: int) -> dict[str, Any]:
    """So many maps inside one another."""
    made: dict[str, Any] = {}
    for _ in range(count - 1):
        made = {"m": made}
    return made


def span(characters: int) -> str:
    """A call that reads a duration of so many characters, an even number or not."""
    return f"duration('{'0s' * (characters // 2 - 1)}{'1s' if characters % 2 == 0 else '01s'}').Seconds()"


def date(characters: int) -> str:
    """A call that reads a date of so many characters, in a layout of as many."""
    spaces = " " * (characters - len(LAYOUT))
    return f"date('2026-01-14{spaces}', '{LAYOUT}{spaces}').Year()"


RUNS = {
    "steps": ("len(1..{})".format, MAX_STEPS, MAX_STEPS, f"more than {MAX_STEPS} steps"),
    "text": ("len(repeat('x', {}))".format, MAX_TEXT, MAX_TEXT, f"more than {MAX_TEXT} characters of text"),
    "greatest integer": (lambda n: f"{MAX_INTEGER} + {n} - {MAX_INTEGER} + 5", 0, 5, "integer overflow"),
    "integer as it is written": (lambda n: f"{n} - {MAX_INTEGER - 5}", MAX_INTEGER, 5, "the integer is too large"),
    "least integer": (lambda n: f"-{MAX_INTEGER} - 1 - {n} + {MAX_INTEGER} + 6", 0, 5, "integer overflow"),
    "integer in text": (lambda n: f"int('{n}') - {MAX_INTEGER - 5}", MAX_INTEGER, 5, "integer overflow"),
    "exponent": (lambda n: f"float('5e{n}') / 10.0 ** {n}", MAX_EXPONENT, 5, f"past 10^{MAX_EXPONENT}"),
    "exponent below 0": (lambda n: f"float('5e-{n}') * 10.0 ** {n}", MAX_EXPONENT, 5, f"past 10^{MAX_EXPONENT}"),
    "reckoned exponent": (
        lambda n: f"5.0 * 10.0 ** {MAX_EXPONENT} * 10 ** {n} / 10.0 ** {MAX_EXPONENT}",
        0,
        5,
        f"past 10^{MAX_EXPONENT}",
    ),
    "power": (lambda n: f"5 * 1 ** {n}", MAX_POWER, 5, f"an exponent past {MAX_POWER}"),
    "power below 0": (lambda n: f"5 * 1 ** -{n}", MAX_POWER, 5, f"an exponent past {MAX_POWER}"),
    "path of get": (
        lambda n: f"get(respBody, repeat('a', {n}))",
        MAX_PATH_CHARACTERS,
        5,
        f"a path of more than {MAX_PATH_CHARACTERS} characters",
    ),
    "date and layout": (date, MAX_DATE_CHARACTERS, 2026, f"more than {MAX_DATE_CHARACTERS} characters"),
    "duration": (span, MAX_DATE_CHARACTERS, 1, f"a duration of more than {MAX_DATE_CHARACTERS} characters"),
}
"""What makes the expression, the limit, what the expression is there, and what is told past it."""

BODY = {letters(MAX_PATH_CHARACTERS): 5}


@pytest.mark.parametrize(("make", "limit", "value", "_"), RUNS.values(), ids=RUNS)
def test_up_to_a_bound_an_expression_runs(make: Any, limit: int, value: int, _: str, untouched: Settled) -> None:
    assert tried(untouched, make(limit), BODY) == (str(value), None)


@pytest.mark.parametrize(("make", "limit", "_", "words"), RUNS.values(), ids=RUNS)
def test_past_a_bound_an_expression_fails_and_says_which(
    make: Any, limit: int, _: int, words: str, untouched: Settled
) -> None:
    units, error = tried(untouched, make(limit + 1), BODY)

    assert words in (error or "")
    assert units == "1"


DEEP = {
    "flatten": ("sum(flatten(respBody))", arrays),
    "mean": ("mean(respBody)", arrays),
    "toJSON": ("len(toJSON(respBody)) - 2 * {} ", arrays),
    "toJSON of maps": ("len(toJSON(respBody)) - 6 * {} + 5", maps),
    "string": ("len(string(respBody)) - 2 * {}", arrays),
    "==": ("respBody == respBody ? 1 : 2", arrays),
    "== of maps": ("respBody == respBody ? 1 : 2", maps),
}


@pytest.mark.parametrize(("text", "make"), DEEP.values(), ids=DEEP)
def test_values_of_the_greatest_depth_are_gone_through(text: str, make: Any, untouched: Settled) -> None:
    assert tried(untouched, text.format(MAX_VALUE_DEPTH), make(MAX_VALUE_DEPTH)) == ("1", None)


@pytest.mark.parametrize(("text", "make"), DEEP.values(), ids=DEEP)
def test_values_one_deeper_are_not(text: str, make: Any, untouched: Settled) -> None:
    error = tried(untouched, text.format(MAX_VALUE_DEPTH + 1), make(MAX_VALUE_DEPTH + 1))[1]

    assert f"nest deeper than {MAX_VALUE_DEPTH}" in (error or "")


def test_one_array_too_deep_is_too_deep_without_anything_in_it(untouched: Settled) -> None:
    empty = {number: arrays(number) for number in (MAX_VALUE_DEPTH, MAX_VALUE_DEPTH + 1)}
    for made in empty.values():
        innermost = made
        while innermost != [1]:
            innermost = innermost[0]
        innermost.clear()

    errors = [
        tried(untouched, f"len({name}(respBody))", made)[1] for name in ("toJSON", "flatten") for made in empty.values()
    ]

    assert [error is None for error in errors] == [True, False, True, False]


@pytest.mark.parametrize(("digits", "left"), [(MAX_DIGITS, "1"), (MAX_DIGITS + 1, "0")])
def test_numbers_keep_so_many_digits(digits: int, left: str, untouched: Settled) -> None:
    scale = f"10.0 ** {digits - 1}"

    assert tried(untouched, f"({scale} + 1) - {scale}") == (left, None)


# ---- what is recorded of an error


@pytest.mark.parametrize(("past", "whole"), [(0, True), (1, False), (50, False)])
def test_an_error_is_cut_at_its_length(past: int, whole: bool) -> None:
    def error(digits: int) -> str:
        return str(measure(Metering(MeteringMode.CUSTOM, "1" * digits + "a"), Exchange(200)).error)

    around = len(error(1)) - 1

    found = error(MAX_ERROR_CHARACTERS - around + past)

    assert len(found) == MAX_ERROR_CHARACTERS
    assert found.endswith("column 1)") == whole


# ---- patterns


def route(text: str) -> Ask:
    """A route whose expression looks for the literal pattern."""
    return Ask(
        {
            "name": "r",
            "path_pattern": "/r",
            "metering_mode": "custom",
            "metering_expr": f"path matches '{text}' ? 1 : 2",
        }
    )


def pattern_of(instructions: int) -> str:
    """A pattern of so many instructions: those that any has, and one for each letter."""
    return letters(instructions - (compile_pattern("a").size - 1))


PATTERNS = {
    "characters": (lambda n: f"[{letters(n - 2)}]", MAX_PATTERN_CHARACTERS),
    "instructions": (pattern_of, MAX_PATTERN_SIZE),
}


@pytest.mark.parametrize(("make", "limit"), PATTERNS.values(), ids=PATTERNS)
def test_a_route_may_look_for_the_largest_pattern(make: Any, limit: int, untouched: Settled) -> None:
    assert send(untouched, ROUTES, route(make(limit))).answer.status == 201


@pytest.mark.parametrize(("make", "limit"), PATTERNS.values(), ids=PATTERNS)
def test_a_route_with_a_larger_pattern_is_refused(make: Any, limit: int, untouched: Settled) -> None:
    outcome = send(untouched, ROUTES, route(make(limit + 1)))

    assert (outcome.answer.status, wrong_fields(ROUTES, outcome.answer)) == (422, ["metering_expr"])
    assert str(limit) in outcome.answer.text
    assert outcome.changed == []


BYTES_AN_INSTRUCTION = 12
"""What RE2 takes of the memory for each instruction, about."""


def repeating(instructions: int) -> str:
    """A short pattern of about so many instructions."""
    whole, rest = divmod(instructions, 1_000)
    return "a{1000}" * whole + f"b{{{rest}}}"


def test_a_pattern_may_take_its_memory_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program takes is RE2's own business, so the edge is bracketed by a tenth of it on either side."""
    monkeypatch.setattr(pattern, "MAX_PATTERN_SIZE", 10**9)
    fitting = pattern.MAX_PATTERN_MEMORY_BYTES // BYTES_AN_INSTRUCTION

    assert compile_pattern(repeating(fitting * 9 // 10)).size > MAX_PATTERN_SIZE
    with pytest.raises(InvalidPattern, match="pattern too large"):
        compile_pattern(repeating(fitting * 11 // 10))


def test_a_route_with_a_pattern_past_the_memory_is_refused(untouched: Settled) -> None:
    too_many = pattern.MAX_PATTERN_MEMORY_BYTES // BYTES_AN_INSTRUCTION * 11 // 10

    outcome = send(untouched, ROUTES, route(repeating(too_many)))

    assert (outcome.answer.status, wrong_fields(ROUTES, outcome.answer)) == (422, ["metering_expr"])
    assert "pattern too large" in outcome.answer.text
    assert outcome.changed == []
