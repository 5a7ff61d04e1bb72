"""Conditions on texts and instants: what they admit, what is refused, and that none takes long."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import filters, rfc3339
from dynameter.filters import V1_INSTANT, V1_TEXT, V3_INSTANT, V3_TEXT, InvalidFilter, Vocabulary, read_filter


def admits(sent: Any, text: str, vocabulary: Vocabulary[str] = V1_TEXT) -> bool:
    return read_filter(sent, vocabulary).matches(text)


@pytest.mark.parametrize(
    ("sent", "admitted", "refused"),
    [
        ({"$eq": "a"}, "a", "A"),
        ({"$ne": "a"}, "b", "a"),
        ({"$in": ["a", "b"]}, "b", "c"),
        ({"$nin": ["a", "b"]}, "c", "a"),
        ({"$like": "a%"}, "abc", "Abc"),
        ({"$nlike": "a%"}, "bc", "abc"),
        ({"$ilike": "A%C"}, "abc", "abcd"),
        ({"$nilike": "a%"}, "b", "ABC"),
        ({"$gt": "b"}, "ba", "b"),
        ({"$gte": "b"}, "b", "a"),
        ({"$lt": "b"}, "a", "b"),
        ({"$lte": "b"}, "b", "ba"),
        ({"$and": [{"$gte": "b"}, {"$lt": "d"}]}, "c", "d"),
        ({"$or": [{"$eq": "a"}, {"$eq": "z"}]}, "z", "b"),
        ({"$gte": "b", "$lt": "d"}, "c", "d"),
        ({"$or": [{"$and": [{"$like": "x%"}, {"$ne": "xy"}]}, {"$eq": "q"}]}, "xz", "xy"),
    ],
)
def test_a_v1_operator_admits_and_refuses(sent: Any, admitted: str, refused: str) -> None:
    assert admits(sent, admitted)
    assert not admits(sent, refused)


@pytest.mark.parametrize(
    ("sent", "admitted", "refused"),
    [
        ({"eq": "a"}, "a", "b"),
        ({"neq": "a"}, "b", "a"),
        ({"in": ["a", "b"]}, "b", "c"),
        ({"oeq": ["a", "b"]}, "a", "c"),
        ({"nin": ["a"]}, "b", "a"),
        ({"contains": "BC"}, "abcd", "acbd"),
        ({"ncontains": "bc"}, "acbd", "aBCd"),
        ({"ocontains": ["x", "B"]}, "abc", "acd"),
        ({"exists": True}, "a", ""),
        ({"exists": False}, "", "a"),
        ({"gt": "a"}, "b", "a"),
        ({"and": [{"gte": "a"}, {"lte": "b"}]}, "b", "c"),
        ({"or": [{"eq": "a"}, {"eq": "b"}]}, "b", "c"),
    ],
)
def test_a_v3_operator_admits_and_refuses(sent: Any, admitted: str, refused: str) -> None:
    assert admits(sent, admitted, V3_TEXT)
    assert not admits(sent, refused, V3_TEXT)


def test_filters_that_ask_the_same_are_equal() -> None:
    assert read_filter({"$eq": "a"}, V1_TEXT) == filters.condition(filters.Operator.EQ, "a")
    assert read_filter({"$eq": "a"}, V1_TEXT) != read_filter({"$eq": "b"}, V1_TEXT)


def test_no_operator_admits_everything() -> None:
    assert admits({}, "anything")


@pytest.mark.parametrize(
    ("pattern", "admitted", "refused"),
    [
        ("a_c", "abc", "ac"),
        ("%", "", None),
        ("", "", "a"),
        ("a%b%a", "aba", "ab"),
        ("ab%ba", "abba", "aba"),
        (r"100\%", "100%", "1000"),
        (r"a\_b", "a_b", "axb"),
        ("a\\", "a\\", "a"),
        ("_%_", "ab", "a"),
        (".*", ".*", "ab"),
        ("%\n%", "a\nb", "ab"),
    ],
)
def test_like_has_wildcards_and_escapes(pattern: str, admitted: str, refused: str | None) -> None:
    assert admits({"$like": pattern}, admitted)
    assert refused is None or not admits({"$like": pattern}, refused)


@given(st.text("ab%_", max_size=12), st.text("ab", max_size=12))
def test_like_agrees_with_another_matcher(pattern: str, text: str) -> None:
    other = fnmatch.fnmatchcase(text, pattern.replace("%", "*").replace("_", "?"))

    assert admits({"$like": pattern}, text) is other


def test_a_hostile_pattern_is_answered_at_once() -> None:
    pattern = "%a" * 500 + "b"

    assert not admits({"$like": pattern}, "a" * 262_144)


@pytest.mark.parametrize(
    ("sent", "place", "rule"),
    [
        ("a", (), "type"),
        ({"eq": "a"}, ("eq",), "unsupported_filter_operator"),
        ({"$eq": 1}, ("$eq",), "format"),
        ({"$eq": "x" * 1_025}, ("$eq",), "max_length"),
        ({"$in": []}, ("$in",), "max_items"),
        ({"$in": ["a"] * 101}, ("$in",), "max_items"),
        ({"$in": "a"}, ("$in",), "type"),
        ({"$in": ["a", None]}, ("$in",), "format"),
        ({"$or": [{"$eq": "a"}, {"$eq": 2}]}, ("$or", 1, "$eq"), "format"),
        ({"$and": [{"$and": [{"$and": [{"$and": [{}]}]}]}]}, ("$and", 0) * 3 + ("$and",), "max_depth"),
        ({"$or": [{"$eq": "a", "$ne": "b"}] * 51}, (), "max_items"),
        ({"$exists": True}, ("$exists",), "unsupported_filter_operator"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(sent: Any, place: tuple[Any, ...], rule: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        read_filter(sent, V1_TEXT)

    assert (caught.value.place, caught.value.rule) == (place, rule)


def test_exists_takes_true_or_false_only() -> None:
    with pytest.raises(InvalidFilter, match="true or false"):
        read_filter({"exists": "yes"}, V3_TEXT)


def test_an_instant_is_compared_as_an_instant() -> None:
    since = read_filter({"$gte": "2026-01-14T11:00:00+01:00"}, V1_INSTANT)

    assert since.matches(rfc3339.parse("2026-01-14T10:00:00Z"))
    assert not since.matches(rfc3339.parse("2026-01-14T09:59:59.999999Z"))


@pytest.mark.parametrize("sent", [{"gte": "yesterday"}, {"gte": 1}, {"neq": "2026-01-14T10:00:00Z"}])
def test_what_is_no_instant_is_refused(sent: Any) -> None:
    with pytest.raises(InvalidFilter):
        read_filter(sent, V3_INSTANT)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"$eq": "a"}, {"a"}),
        ({"$in": ["a", "b"]}, {"a", "b"}),
        ({"$and": [{"$in": ["a", "b"]}, {"$ne": "a"}]}, {"a", "b"}),
        ({"$and": [{"$in": ["a", "b"]}, {"$in": ["b", "c"]}]}, {"b"}),
        ({"$or": [{"$eq": "a"}, {"$eq": "c"}]}, {"a", "c"}),
        ({"$or": [{"$eq": "a"}, {"$gt": "c"}]}, None),
        ({"$ne": "a"}, None),
        ({}, None),
    ],
)
def test_the_only_values_that_can_match_are_known(sent: Any, expected: set[str] | None) -> None:
    assert filters.only_values(read_filter(sent, V1_TEXT)) == expected


@given(
    st.recursive(
        st.dictionaries(st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte"]), st.integers(0, 9), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)),
        max_leaves=6,
    )
)
def test_whatever_matches_lies_in_the_span(sent: Any) -> None:
    numbers: Vocabulary[int] = Vocabulary(V1_INSTANT.words, int)
    try:
        one = read_filter(sent, numbers)
    except InvalidFilter:
        return
    low, high = filters.span(one, 0, 12)

    assert all(low <= value < high for value in range(12) if one.matches(value))
