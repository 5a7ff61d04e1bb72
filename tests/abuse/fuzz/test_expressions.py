"""Expressions of routes: any text is refused with a place or runs within its bounds, and reaches nothing of Python."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.gateway.exchange import Exchange
from dynameter.gateway.expression import EvaluationError, ExpressionError, compile_expression
from dynameter.gateway.expression.functions import FUNCTIONS
from dynameter.gateway.expression.limits import MAX_CHARACTERS, MAX_STEPS
from dynameter.gateway.expression.parser import parse
from dynameter.gateway.expression.program import compile_tree
from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import texts
from tests.abuse.fuzz.steps import lines_run, outcome

BODY: Any = {"n": Decimal("1.5"), "items": [1, "a", None, [2], {"n": 3}], "a": "text", "__class__": 7}
PYTHON = [
    "__class__",
    "__dict__",
    "__init__",
    "__globals__",
    "__builtins__",
    "__import__",
    "__subclasses__",
    "mro",
    "format",
    "join",
    "keys",
    "items",
    "pop",
    "real",
    "imag",
    "conjugate",
    "as_tuple",
    "decode",
    "hex",
    "cr_frame",
    "gi_frame",
    "func_globals",
    "__mro__",
    "__base__",
    "lambda",
    "import",
    "exec",
    "eval",
    "open",
]
WORDS = [
    "respBody",
    "status",
    "path",
    "method",
    "userID",
    "n",
    "items",
    "a",
    "0",
    "1",
    "-2.5",
    "1e400",
    "9223372036854775807",
    "'a'",
    '"b"',
    "b'x'",
    "nil",
    "true",
    "false",
    "#",
    "#acc",
    "#index",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "not",
    "in",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "??",
    "?.",
    ".",
    "..",
    "|",
    "?",
    ":",
    ",",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    "=",
    "let",
    "if",
    "else",
    "map(",
    "filter(",
    "reduce(",
    "sortBy(",
    "groupBy(",
    "find(",
    "1..100000",
    "'a('",
    "'{0.__class__}'",
    "'%s'",
    "x",
    "let",
    "x",
    "=",
    "))",
    "]]",
    "}}",
]
PIECES = [*WORDS, *(f"{name}(" for name in FUNCTIONS), *PYTHON, *(f".{name}" for name in PYTHON)]
programs = st.lists(st.sampled_from(PIECES), max_size=16).map(" ".join) | texts
PLAIN = (type(None), bool, int, Decimal, str, bytes, list, tuple, dict)

HUNGRY = [
    "sum(1..100000)",
    "len(map(1..400, map(1..400, #)))",
    "reduce(1..100000, #acc + #, 0)",
    "repeat('a', 1000000000)",
    "repeat(repeat('abc', 10000), 10000)",
    "reduce(1..1000, #acc + #acc, 'abcdefgh')",
    "reduce(1..1000, concat(#acc, #acc), [1,2,3])",
    "9 ** 1000 ** 1000",
    "reduce(1..90000, #acc * 9999999999, 1)",
    "sort(map(1..50000, 0 - #))",
    "join(map(1..90000, string(#)), ',')",
    "filter(1..90000, string(#) matches '(1|2|3)*9$')",
    "reduce(1..1000, [#acc], [])",
    "toJSON(reduce(1..1000, {a: #acc, b: #acc}, {}))",
    "reduce(1..1000, [#acc, #acc], [1]) == reduce(1..1000, [#acc, #acc], [1])",
]
LINES_A_STEP = 60
MEMORY_BYTES = 64 << 20


def run(text: str) -> Any:
    """The value over a response."""
    return compile_expression(text, streaming=False).evaluate(Exchange(200, response_body=BODY), now_us=0)


def python_in(value: Any) -> list[Any]:
    """What is no value of the language; its dates and durations have types of their own, made by it."""
    if isinstance(value, list | tuple):
        return [found for one in value for found in python_in(one)]
    if isinstance(value, dict):
        return [found for pair in value.items() for one in pair for found in python_in(one)]
    is_own = type(value).__module__.startswith(("dynameter.gateway.expression", "datetime"))
    return [] if type(value) in PLAIN or is_own else [value]


@given(programs, st.booleans())
@effort(500)
def test_any_text_is_refused_with_a_place_or_ends_in_a_value_of_the_language(text: str, streaming: bool) -> None:
    exchange = Exchange(200, response_body=BODY, streaming=streaming, all_data=b"data: 1\n\n")

    found = outcome(lambda: compile_expression(text, streaming=streaming).evaluate(exchange, now_us=0))

    if isinstance(found, ExpressionError | EvaluationError):
        lines = (text + " ").split("\n")
        assert 1 <= found.position.line <= len(lines)
        assert 1 <= found.position.column <= len(lines[found.position.line - 1]) + 1
    else:
        assert python_in(found) == []


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize("value", ["respBody", "'a'", "1", "1.5", "[1]", "b'x'", "now()", "path", "{a: 1}", "1..3"])
def test_no_attribute_of_a_value_can_be_read(value: str, name: str) -> None:
    for text in (f"{value}.{name}", f"({value})?.{name}", f"({value})['{name}']", f"({value}).{name}()"):
        found = outcome(partial(run, text))
        if isinstance(found, ExpressionError | EvaluationError):
            continue
        expected = (BODY.get(name), None) if value == "respBody" else (None,)
        assert found in expected, text


@given(
    st.text("()[]{}!-+.,:?a1'\"#|", max_size=MAX_CHARACTERS) | st.sampled_from("([{-!a.").map(lambda one: one * 4_000)
)
@effort(60)
def test_a_text_is_compiled_in_steps_bounded_by_its_length(text: str) -> None:
    _, lines = lines_run(lambda: compile_tree(text, parse(text), streaming=False))

    assert lines <= 2_000 * (len(text) + 10)


@pytest.mark.parametrize("text", HUNGRY)
def test_a_hungry_expression_stays_within_its_steps_and_memory(text: str) -> None:
    tracemalloc.start()
    outcome(partial(run, text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found, lines = lines_run(partial(run, text))

    assert peak <= MEMORY_BYTES
    assert lines <= LINES_A_STEP * MAX_STEPS
    assert not isinstance(found, Exception) or isinstance(found, ExpressionError | EvaluationError)
