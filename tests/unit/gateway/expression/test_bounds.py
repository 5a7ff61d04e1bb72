"""Hostile expressions end within bounds, with an error that says which bound."""

import pytest

from dynameter.gateway.exchange import Exchange
from dynameter.gateway.expression import EvaluationError, ExpressionError, check_expression, compile_expression
from dynameter.gateway.expression.limits import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_NESTING,
    MAX_NODES,
    MAX_POWER,
    MAX_STEPS,
    MAX_TEXT,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1" + " " * MAX_CHARACTERS, f"longer than {MAX_CHARACTERS} characters"),
        ("[" + "1," * MAX_NODES + "]", f"more than {MAX_NODES} parts"),
        ("(" * 2_000 + "1" + ")" * 2_000, f"deeper than {MAX_NESTING}"),
        ("[" * 2_000 + "]" * 2_000, f"deeper than {MAX_NESTING}"),
        ("-" * 4_000 + "1", f"deeper than {MAX_NESTING}"),
        ("not " * 1_000 + "true", f"deeper than {MAX_NESTING}"),
        ("true ? 1 : " * 300 + "2", f"deeper than {MAX_NESTING}"),
        ("2 ** " * 500 + "2", f"deeper than {MAX_NESTING}"),
        ("let a = 1; " * 300 + "1", f"deeper than {MAX_NESTING}"),
        ("map([1], {" * 300 + "#" + "})" * 300, f"deeper than {MAX_NESTING}"),
        ("respBody" + ".a" * 400, f"more than {MAX_DEPTH} operators or accesses in a row"),
        ("1" + " + 1" * 400, f"more than {MAX_DEPTH} operators or accesses in a row"),
        ("9" * 200, "longer than 100 digits"),
        ("0x" + "f" * 90, "too large"),
        ("'a' matches '" + "a" * 1_001 + "'", "longer than 1000 characters"),
        ("'a' matches '((a{1,100}){1,100}){1,100}'", "invalid pattern"),
    ],
)
def test_a_text_past_a_bound_does_not_compile(text, words):
    with pytest.raises(ExpressionError, match=words):
        check_expression(text, streaming=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 ** 1e9", f"an exponent past {MAX_POWER}"),
        ("10.0 ** 1000 * 10", "number past 10"),
        ("map(1..5000, 1.1 ** 0.3)", f"more than {MAX_STEPS} steps"),
        ("map(1..200, 'a' matches string(#))", f"more than {MAX_STEPS} steps"),
        ("map(1..5000, date(repeat('x', # % 9), repeat('x', # % 9)))", f"more than {MAX_STEPS} steps"),
        ("9 ** 9 ** 9", f"an exponent past {MAX_POWER}"),
        ("reduce(1..90000, #acc * 2)", "integer overflow"),
        ("reduce(1..9000, #acc * 1000.0)", "number past 10"),
        ("1..9223372036854775807", f"more than {MAX_STEPS} steps"),
        ("-9223372036854775807..9223372036854775807", f"more than {MAX_STEPS} steps"),
        ("map(1..1000, map(1..1000, #))", f"more than {MAX_STEPS} steps"),
        ("len(map(1..1000, {filter(1..1000, {# > 1})}))", f"more than {MAX_STEPS} steps"),
        ("reduce(1..60, concat(#acc, #acc), [1])", f"more than {MAX_STEPS} steps"),
        ("map(1..90, repeat('x', 1000000))", f"more than {MAX_TEXT} characters"),
        ("repeat('x', 9223372036854775807)", f"more than {MAX_TEXT} characters"),
        ("repeat(repeat('x', 10000), 10000)", f"more than {MAX_TEXT} characters"),
        ("reduce(1..60, #acc + #acc, 'x')", f"more than {MAX_TEXT} characters"),
        ("replace(repeat('x', 10000), 'x', repeat('y', 10000))", f"more than {MAX_TEXT} characters"),
        ("replace(repeat('x', 10000), '', repeat('y', 10000))", f"more than {MAX_TEXT} characters"),
        ("join(map(1..1000, 'x'), repeat('y', 100000))", f"more than {MAX_TEXT} characters"),
        ("split(repeat('x,', 1000000), ',')", f"more than {MAX_STEPS} steps"),
        ("split(repeat('x', 1000000), '')", f"more than {MAX_STEPS} steps"),
        ("lines(repeat('\\n', 1000000))", f"more than {MAX_STEPS} steps"),
        ("repeat('a', 1000000) matches '(a|b)*a(a|b){300}c'", f"more than {MAX_TEXT} characters"),
        ("let s = repeat('a', 100000); map(1..1000, {s contains 'b'})", f"more than {MAX_TEXT} characters"),
        ("let s = repeat('a', 100000); map(1..1000, {s == s})", f"more than {MAX_TEXT} characters"),
        ("let l = 1..9000; map(1..1000, {l == l})", f"more than {MAX_STEPS} steps"),
        ("json(repeat('[', 100000))", "malformed JSON"),
        ("json(repeat('9', 100000))", "malformed JSON"),
        ("json('1e999999999')", "malformed JSON"),
        ("int(repeat('9', 100000))", "more than 100 digits"),
        ("float('1e999999')", "number past 10"),
        ("int(10.0 ** 900)", "integer overflow"),
        ("get(respBody, repeat('.', 100000))", "a path of more than"),
        ("flatten(reduce(1..300, [#acc], [1]))", "nest deeper"),
        ("reduce(1..300, [#acc], [1]) == reduce(1..300, [#acc], [1])", "nest deeper"),
        ("toJSON(reduce(1..300, [#acc], [1]))", "nest deeper"),
    ],
)
def test_a_run_past_a_bound_fails(text, words):
    compiled = compile_expression(text, streaming=False)

    with pytest.raises(EvaluationError, match=words):
        compiled.evaluate(Exchange(200, response_body={}))


def test_a_stopped_search_costs_only_what_it_looked_at():
    compiled = compile_expression("count(filter(1..5000, {any(respBody, {true})}))", streaming=False)

    assert compiled.evaluate(Exchange(200, response_body=[1] * 80_000)) == 5_000


def test_expressions_up_to_the_bounds_run():
    nested = "(" * (MAX_NESTING - 1) + "1" + ")" * (MAX_NESTING - 1)
    row = "1" + "+1" * (MAX_DEPTH - 1)

    values = [compile_expression(text, streaming=False).evaluate(Exchange(200)) for text in (nested, row)]

    assert values == [1, MAX_DEPTH]


def test_a_wrong_expression_is_refused_again_from_the_cache():
    for _ in range(2):
        with pytest.raises(ExpressionError, match="unknown name"):
            check_expression("nowhere", streaming=False)
