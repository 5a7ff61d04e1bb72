"""Paths: jsonpath-ng's results, without what would be unbounded or ambiguous."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpath_ng.parser import parse

from dynameter.meters.path import MAX_PATH_CHARACTERS, InvalidPath, compile_path

NAMES = ("a", "b", "c-d", "0", "*", "a b", "'", "é")

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
steps = st.one_of(
    st.sampled_from(("a", "b")).map(lambda name: f".{name}"),
    st.sampled_from(NAMES).map(lambda name: "['" + name.replace("'", "\\'") + "']"),
    st.integers(-3, 3).map(lambda index: f"[{index}]"),
    st.sampled_from((".*", "[*]")),
)
paths = st.lists(steps, max_size=4).map(lambda found: "$" + "".join(found))


@settings(deadline=None)
@given(paths, json_values)
def test_the_first_match_is_that_of_jsonpath_ng(path: str, data: Any) -> None:
    matches = [match.value for match in parse(path).find(data)]
    expected = (True, matches[0]) if matches else (False, None)
    assert compile_path(path).find(data) == expected


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("$.a.b", {"a": {"b": 1}}, (True, 1)),
        ("$['a']['b']", {"a": {"b": 1}}, (True, 1)),
        ("$.a[0]", {"a": [7]}, (True, 7)),
        ("$.a[-1]", {"a": [7, 8]}, (True, 8)),
        ("$.a[1]", {"a": [7]}, (False, None)),
        ("$.a", {"a": None}, (True, None)),
        ("$.a", {}, (False, None)),
        ("$.a", None, (False, None)),
        ("$.a[0]", {"a": "text"}, (False, None)),
        ("$.a[0]", {"a": {"0": 1}}, (False, None)),
        ("$.a.b", {"a": "text"}, (False, None)),
        ("$.a[*].n", {"a": [{}, {"n": 2}, {"n": 3}]}, (True, 2)),
        ("$", {"a": 1}, (True, {"a": 1})),
    ],
)
def test_a_path_finds_the_first_match(path: str, data: Any, expected: tuple[bool, Any]) -> None:
    assert compile_path(path).find(data) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a.$",
        " $.a",
        "$.",
        "$a",
        "$(",
        "$'",
        "$.a\x00",
        "$..a",
        "$.a..b",
        "$[0,1]",
        "$['a','b']",
        "$[0:1]",
        "$[?(@.a>1)]",
        "$.a|$.b",
        "$.a&$.b",
        "$.a where b",
        "$.a.`parent`",
        "$.a.`this`",
        "$.a.`len`",
        "$.a.$",
        "$.a.$.b",
        "$" + ".a" * MAX_PATH_CHARACTERS,
        "$" + "(" * 400,
    ],
)
def test_a_path_of_unbounded_or_ambiguous_meaning_is_refused(path: str) -> None:
    with pytest.raises(InvalidPath):
        compile_path(path)


@settings(deadline=None)
@given(st.text(alphabet="$.[]()*'\"`|&,:?@~\\ab01 \n", max_size=30))
def test_any_text_is_either_a_path_or_refused(text: str) -> None:
    with suppress(InvalidPath):
        compile_path("$" + text).find({"a": [{"b": 1}], "b": None})


def test_deep_data_of_many_branches_is_visited_once() -> None:
    data: Any = 1
    for _ in range(31):
        data = [data]
    assert compile_path("$" + "[*]" * 31).find(data) == (True, 1)
    assert compile_path("$" + "[*]" * 32).find(data) == (False, None)
