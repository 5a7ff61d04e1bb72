"""JSON in and out keeps every digit and takes no harm from hostile numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import codec

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(JSON)
def test_what_was_encoded_decodes_to_the_same_value(value: object) -> None:
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("text", ["12345678901234567890.123456789", "9007199254740993", "1.50", "-0.000001"])
def test_a_number_keeps_its_spelling(text: str) -> None:
    assert codec.encode(codec.decode(text)).decode() == text


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "Infinity", "[1e99999999999999999999]", "1e-999999999", "1e1001", "1" * 5000, "[" * 5000,
     '"\\ud800"', b"\xff", "01", "{'a':1}"],
)  # fmt: skip
def test_bad_text_is_malformed_json_and_nothing_else(text: str | bytes) -> None:
    with pytest.raises(codec.MalformedJson):
        codec.decode(text)


def test_a_number_at_the_edge_of_the_exponents_is_read() -> None:
    assert codec.decode("1e1000") == Decimal("1e1000")


def test_sorted_encoding_does_not_depend_on_the_order_of_keys() -> None:
    assert codec.encode_sorted({"b": {"d": 1, "c": 2}, "a": 3}) == codec.encode_sorted({"a": 3, "b": {"c": 2, "d": 1}})
