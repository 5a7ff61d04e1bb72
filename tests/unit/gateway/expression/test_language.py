"""The language: literals, operators, accesses, closures, and what is wrong with a text."""

from contextlib import suppress
from decimal import Decimal

import pytest

from dynameter.gateway.expression import EvaluationError, ExpressionError, check_expression, compile_expression

D = Decimal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("0x2A + 0o52 + 0b101010 + 0XfF", 381),
        ("1_000_000", 1_000_000),
        (".5 + 1.5e1", D("15.5")),
        ("1e3", D(1000)),
        (r"'a\'b' + " + '"\\n\\x41\\u00e9\\U0001F600\\101"', "a'b\nA\u00e9\U0001f600A"),
        (r"`raw\n`", r"raw\n"),
        (r'string(b"\x68\u00ed")', "h\u00ed"),
        (r'b"\xff\303" == b"\377\xc3"', True),
        ("[1, 'a', nil,]", (1, "a", None)),
        ("{a: 1, 'b c': 2, (1 + 2): 3, 4: 5,} | keys()", ("a", "b c", 3, "4")),
        ("true and not false", True),
        ("nil == nil", True),
        ("1 // the rest\n + /* within */ 2", 3),
    ],
)
def test_literals_stand_for_their_values(run, text, value):
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ** 3 ** 2", 512),
        ("2 ^ 3", 8),
        ("-2 ** 2", -4),
        ("2 * -3", -6),
        ("10 - 2 - 3", 5),
        ("7 / 2", D("3.5")),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("0.1 + 0.2", D("0.3")),
        ("0.1 * 3", D("0.3")),
        ("1 / 3", D("0." + "3" * 38)),
        ("2 / 3", D("0." + "6" * 37 + "7")),
        ("2 ** 0.5 * 2 ** 0.5 > 1.9999999999", True),
        ("2 ** -1", D("0.5")),
        ("'a' + 'b'", "ab"),
        ("1 == 1.0", True),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("'a' < 'b'", True),
        ("true || 1 / 0 > 0", True),
        ("false && 1 / 0 > 0", False),
        ("false or true and false", False),
        ("!true == false", True),
        ("not (1 in [1])", False),
        ("2 not in [1]", True),
        ("'k' in {k: 1}", True),
        ("1 in nil", False),
        ("'hello' contains 'ell' and 'hello' startsWith 'he' and 'hello' endsWith 'lo'", True),
        ("'hello' not contains 'x'", True),
        ("'gpt-4o' matches '^gpt-[0-9]'", True),
        ("'gpt' not matches '[0-9]'", True),
        ("1..3", (1, 2, 3)),
        ("3..1", ()),
        ("1..2 + 2", (1, 2, 3, 4)),
        ("nil ?? 1 + 2", 3),
        ("1 + nil ?? 2", 3),
        ("nil ?? nil ?? 3", 3),
        ("false ? 1 : true ? 2 : 3", 2),
        ("if status == 404 { 1 } else if status == 200 { 2 } else { 3 }", 2),
        ("let x = 2; let y = x * 3; x + y", 8),
        ("1; 2; 3", 3),
        ("(1; 2) + 1", 3),
        ("[1, 2] == [1.0, 2]", True),
        ("{a: [1]} == {a: [1]}", True),
        ("{a: 1} != {a: 2}", True),
        ("'Abc' | lower() | split('') | len()", 3),
        ("status >= 400 ? 0 : 1", 1),
    ],
)
def test_operators_bind_and_reckon_as_in_expr_lang(run, text, value):
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("respBody.a.b", 7),
        ("respBody['a']['b']", 7),
        ("respBody.missing", None),
        ("respBody.missing?.b.c.d", None),
        ("respBody?.a?.b", 7),
        ("respBody?.list?.[0]", 1),
        ("respBody.list[-1]", 3),
        ("respBody.list[1.9]", 2),
        ("respBody.list[1:]", (2, 3)),
        ("respBody.list[:-1]", (1, 2)),
        ("respBody.list[0:99]", (1, 2, 3)),
        ("respBody.list[:]", (1, 2, 3)),
        ("'hello'[1:3]", "el"),
        ("respBody.not", "word"),
        ("{a: {b: 1}}.a.b", 1),
    ],
)
def test_accesses_find_what_is_there_and_nil_for_missing_keys(run, text, value):
    assert run(text, '{"a":{"b":7},"list":[1,2,3],"not":"word"}') == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("filter(1..5, {# > 3})", (4, 5)),
        ("filter(1..5, # % 2 == 0)", (2, 4)),
        ("map(respBody.items, .n)", (1, 2, None)),
        ("map(respBody.items, {.n ?? 0})", (1, 2, 0)),
        ("map(1..3, {# * #index})", (0, 2, 6)),
        ("all(1..3, # > 0) and any(1..3, # > 2) and one(1..3, # == 2) and none(1..3, # > 3)", True),
        ("find(1..5, # > 2)", 3),
        ("findLast(1..5, # < 4)", 3),
        ("findIndex(1..5, # > 2)", 2),
        ("findLastIndex(1..5, # > 9)", -1),
        ("find([], true)", None),
        ("reduce(1..4, #acc * #)", 24),
        ("reduce([], #acc + #, 5)", 5),
        ("reduce(1..3, {#acc + # * #index}, 100)", 108),
        ("map(1..2, {map(1..2, {# * 10})})", ((10, 20), (10, 20))),
        ("map(1..2, {let x = #; map(1..2, # + x)})", ((2, 3), (3, 4))),
        ("groupBy(respBody.items, .n)[1] | len()", 1),
        ("groupBy([1, true, '1'], #) | keys()", (1, True, "1")),
        ("sortBy([{n: 2}, {n: 1}], .n) | map(.n)", (1, 2)),
        ("sortBy(1..3, #, 'desc')", (3, 2, 1)),
    ],
)
def test_closures_go_through_arrays(run, text, value):
    assert run(text, '{"items":[{"n":1},{"n":2},{}]}') == value


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("1 +", (1, 4), "the end"),
        ("", (1, 1), "empty"),
        ("respBody.a\n  + foo", (2, 5), "unknown name foo"),
        ("env('HOME')", (1, 1), "unknown function env"),
        ("$env", (1, 1), "unexpected character '$'"),
        ("$env.HOME", (1, 1), "unexpected character"),
        ("now(1)", (1, 1), "takes 0 arguments, not 1"),
        ("get(respBody)", (1, 1), "takes 2 arguments, not 1"),
        ("filter(1..3)", (1, 1), "takes 2 arguments, not 1"),
        ("lower", (1, 1), "is a function"),
        ("status + 'a'", (1, 8), "int + string"),
        ("not 1", (1, 1), "int"),
        ("status ? 1 : 2", (1, 8), "a condition"),
        ("1.5 % 2", (1, 5), "%"),
        ("path == 1", (1, 6), "string == int"),
        ("path.x", (1, 6), "string"),
        ("'a' matches '('", (1, 13), "invalid pattern"),
        ("# > 1", (1, 1), "inside a closure"),
        (".x", (1, 1), "inside a closure"),
        ("map(1..2, #foo)", (1, 11), "unknown pointer"),
        ("map(1..2, #acc)", (1, 11), "reduce only"),
        ("sum(respBody.items, {.x})", (1, 22), "key of the map"),
        ("let status = 1; status", (1, 5), "known already"),
        ("let len = 1; len", (1, 5), "known already"),
        ("let nil = 1; 2", (1, 5), "cannot be redefined"),
        ("'abc", (1, 1), "no end"),
        ("/* abc", (1, 1), "no end"),
        (r"'\q'", (1, 1), "unknown escape"),
        (r"'\ud800'", (1, 1), "names no character"),
        ("'\ud800'", (1, 2), "surrogate"),
        ("1abc", (1, 1), "no number"),
        ("9223372036854775808", (1, 1), "too large"),
        ("1e999", (1, 1), "too large"),
        ("(1", (1, 3), "expected ')'"),
        ("1 2", (1, 3), "unexpected '2'"),
        ("a ? b", (1, 6), "expected ':'"),
        ("if true {1}", (1, 12), "expected 'else'"),
        ("1 not 2", (1, 3), "unexpected 'not'"),
        ("x.Foo()", (1, 3), "unknown method Foo"),
        ("::len([1])", (1, 1), "not offered"),
        ("sseEvents * 2", (1, 1), "streams only"),
    ],
)
def test_a_wrong_text_is_refused_with_its_place(text, place, words):
    with pytest.raises(ExpressionError) as refusal:
        check_expression(text, streaming=False)

    assert refusal.value.position == place
    assert words in refusal.value.message
    assert str(refusal.value).endswith(f"(line {place[0]}, column {place[1]})")


def test_a_body_is_no_variable_of_streams():
    with pytest.raises(ExpressionError, match="see allData"):
        check_expression("respBody.tokens", streaming=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("respBody.a.b", "cannot read field b of nil (line 1, column 12)"),
        ("respBody.list[9]", "index out of range"),
        ("respBody.list.x", "cannot read field x of array"),
        ("respBody.s.x", "cannot read field x of string"),
        ("respBody[1]", "a map has no int keys"),
        ("respBody.n % 2", "float % int"),
        ("respBody.s + 1", "string + int"),
        ("respBody.s > 1", "string > int"),
        ("respBody.n ? 1 : 2", "a condition must be a bool"),
        ("respBody.n and true", "&& of float"),
        ("1 / 0", "division by zero"),
        ("0 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("(-8) ** 0.5", "no number"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("json('{')", "malformed JSON"),
        ("filter(respBody.list, # + 1)", "must give a bool"),
        ("now()", "the time is not known"),
        ("sort([1, 'a'])", "all numbers or all strings"),
        ("reduce([], #)", "initial value"),
        ("respBody.s matches respBody.bad", "invalid pattern"),
    ],
)
def test_a_run_that_fails_says_what_and_where(run, text, words):
    with pytest.raises(EvaluationError) as failure:
        run(text, '{"list":[1],"n":4,"s":"secret","bad":"(secret"}')

    assert words in str(failure.value)
    assert "secret" not in str(failure.value)


def test_a_computed_key_is_not_shown_in_errors(run):
    with pytest.raises(EvaluationError) as failure:
        run("respBody.n[respBody.s]", '{"n":1,"s":"secret"}')

    assert "secret" not in str(failure.value)


def test_numbers_of_a_body_are_floats_wherever_they_are_met(run):
    kinds = run(
        "[type(respBody), type(respBody.n), type(respBody.l[0]), type(first(respBody.l)), type(values(respBody)[0]),"
        " type(get(respBody, 'n')), type(map(respBody.l, #)[0]), type(reverse(respBody.l)[0]), type(json('1'))]",
        '{"n":1,"l":[1]}',
    )

    assert kinds == ("map", *["float"] * 8)


def test_numbers_of_the_context_and_of_literals_are_ints(run):
    assert run("[type(status), type(requestBytes), type(len('a')), type(1), type(map(1..2, #)[0])]") == ("int",) * 5


def test_a_body_that_is_a_bare_number_is_a_float(run):
    assert run("type(respBody)", "5") == "float"


def test_streams_have_all_variables_but_the_body(run):
    data = b"data: a\n\ndata: b\n\n"

    found = run("[status, responseBytes, requestBytes, path, method, userID, sseEvents, len(allData)]", data=data)

    assert found == (200, 1536, 10, "/v1/chat", "POST", "ada", 2, 18)


def test_sse_events_is_a_count_and_a_function(run):
    assert run("sseEvents == count(sseEvents(allData))", data=b"data: a\n\ndata: b\n\n") is True


def test_the_names_that_an_expression_reads_are_known():
    compiled = compile_expression("let x = status; respBody.path + x", streaming=False)

    assert compiled.names == {"status", "respBody"}


@pytest.mark.parametrize(
    "text", ["respBody.__class__", "respBody['__class__'].x", "status.real", "{}.keys", "respBody.items.__len__"]
)
def test_nothing_of_python_can_be_reached(run, text):
    with suppress(ExpressionError, EvaluationError):
        assert run(text, '{"items":{}}') is None
