"""Patterns from outside."""

import pytest

from dynameter.gateway.pattern import MAX_PATTERN_CHARACTERS, InvalidPattern, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^/v1/[a-z]+$", "/v1/chat", True),
        ("^/v1/[a-z]+$", "/v1/chat/x", False),
        ("chat", "/v1/chat/x", True),
        (r"^/\d+/é$", "/12/é", True),
        ("(?i)GPT", "gpt-4", True),
        ("", "anything", True),
        (".", "\ud800", True),
    ],
)
def test_a_pattern_is_searched_anywhere_in_the_text(pattern, text, found):
    assert compile_pattern(pattern).search(text) is found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", r"missing \)"),
        ("a**", "bad repetition"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape"),
        ("a" * (MAX_PATTERN_CHARACTERS + 1), "longer than"),
        ("(a{1,100}){1,10}", "too large"),
        ("((a{1,100}){1,100}){1,100}", "repetition"),
        ("\ud800", "surrogate"),
    ],
)
def test_what_is_no_pattern_here_is_refused_with_a_reason(pattern, reason):
    with pytest.raises(InvalidPattern, match=reason):
        compile_pattern(pattern)


def test_a_pattern_that_would_backtrack_for_ever_ends():
    assert compile_pattern("^(a+)+$").search("a" * 100_000 + "b") is False
