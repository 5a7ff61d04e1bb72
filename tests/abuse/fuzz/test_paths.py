"""JSONPaths of meters and patterns of routes: any text compiles or is refused, in time bounded by its length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynameter.gateway.pattern import InvalidPattern, Pattern, compile_pattern
from dynameter.meters.path import MAX_PATH_CHARACTERS, InvalidPath, Path, compile_path
from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import texts
from tests.abuse.fuzz.steps import lines_run, outcome

PIECES = [
    "$",
    ".",
    "..",
    "*",
    "[*]",
    "[0]",
    "[-1]",
    "[1:2]",
    "[::]",
    "['a']",
    '["a"]',
    "['a','b']",
    "[?(@.a>1)]",
    "[?(@.a",
    "=~",
    "'x')]",
    "@",
    "`this`",
    "`len`",
    "`parent`",
    "`sorted`",
    "`sub(/a/,b)`",
    "`split(a,0,-1)`",
    "a",
    "b",
    "items",
    ".a",
    ".b",
    ".items",
    "__class__",
    ".__class__",
    ".__init__",
    "`filter`",
    "|",
    "&",
    "where",
    "wherenot",
    ",",
    "(",
    ")",
    "[",
    "]",
    "'",
    '"',
    "\\",
    "//",
    "#",
    "99999999999999999999999999",
    "[99999999999999999999]",
    "é",
    "\x00",
    "$$",
    ".$",
    "~",
]
paths = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | texts
rooted = paths.map("${}".format)
good = st.lists(st.sampled_from((".a", ".b", ".items", "[*]", "[0]", "[-1]", "['a']", ".*")), max_size=9).map(
    lambda steps: "$" + "".join(steps)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(("a", "b", "items")), inner, max_size=3)
    ),
    max_leaves=60,
)

LINES_A_CHARACTER = 1_500
LINES_A_PLACE = 60


def inside(value: Any) -> Iterator[Any]:
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(one)


@given(paths | rooted)
@effort(400)
def test_any_text_is_a_path_or_refused_in_steps_bounded_by_its_length(text: str) -> None:
    found, lines = lines_run(lambda: compile_path.__wrapped__(text))

    assert isinstance(found, Path | InvalidPath), found
    assert lines <= LINES_A_CHARACTER * min(len(text) + 10, MAX_PATH_CHARACTERS)


@given(good | rooted, values)
@effort(400)
def test_a_path_finds_only_what_is_in_the_data_in_steps_bounded_by_its_size(text: str, data: Any) -> None:
    try:
        path = compile_path(text)
    except InvalidPath:
        return

    (matches, found), lines = lines_run(lambda: path.find(data))

    places = list(inside(data))
    assert not matches or any(found is one for one in places)
    assert lines <= LINES_A_PLACE * (len(places) + len(path.steps) + 1)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                ".",
                "*",
                "+",
                "?",
                "|",
                "^",
                "$",
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                "\\",
                "1",
                ",",
                "-",
                "(?i)",
                "(?=",
                "(?P<n>",
                "\\1",
                "\\pL",
                "\\C",
                "{1000}",
                "é",
            ]
        )
    ).map("".join)
    | texts,
    texts,
)
@effort(400)
def test_any_text_is_a_pattern_or_refused_with_a_reason(text: str, searched: str) -> None:
    found = outcome(lambda: compile_pattern(text))

    if isinstance(found, InvalidPattern):
        assert str(found)
    else:
        assert isinstance(found, Pattern), found
        assert found.search(searched) in (True, False)
