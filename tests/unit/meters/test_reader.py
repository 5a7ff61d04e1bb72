"""What a meter reads from an event, with OpenMeter's vectors and wordings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter import codec
from dynameter.meters.meter import Aggregation
from dynameter.meters.path import InvalidPath
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading, Skip

NUMERIC = [one for one in Aggregation if one not in (Aggregation.COUNT, Aggregation.UNIQUE_COUNT)]


@pytest.mark.parametrize("data", [None, {}, {"value": "x"}])
def test_count_counts_every_event(data: dict[str, Any] | None) -> None:
    assert compile_reader(Aggregation.COUNT, None, {}).read(data) == Reading(None, ())


@pytest.mark.parametrize("aggregation", NUMERIC)
@pytest.mark.parametrize("value", [123, Decimal("0.456789012345678"), "0.456789012345678"])
def test_numbers_and_numeric_text_are_read_exactly(aggregation: Aggregation, value: Any) -> None:
    found = compile_reader(aggregation, "$.value", {}).read({"value": value})
    assert found == Reading(Decimal(value), ())


def test_a_value_of_19_fraction_digits_is_skipped_rather_than_rounded() -> None:
    found = compile_reader(Aggregation.SUM, "$.value", {}).read({"value": "0.4567890123456789012"})
    assert found == Skip("invalid event: value has more than 18 digits after the decimal point")


@pytest.mark.parametrize("aggregation", NUMERIC)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "invalid event: null and missing value property"),
        ({}, 'invalid event: missing value property: "$.duration_ms"'),
        ({"duration_ms": None}, "invalid event: value cannot be null"),
        ({"duration_ms": "NaN"}, "invalid event: value cannot be NaN"),
        ({"duration_ms": "Inf"}, "invalid event: value cannot be infinity"),
        ({"duration_ms": "fast"}, "invalid event: value cannot be parsed as float64: fast"),
        ({"duration_ms": True}, "invalid event: unsupported value property type: bool"),
        ({"duration_ms": []}, "invalid event: unsupported value property type: list"),
        ({"duration_ms": {}}, "invalid event: unsupported value property type: dict"),
    ],
)
def test_what_cannot_be_used_is_skipped_in_openmeters_words(
    aggregation: Aggregation, data: dict[str, Any] | None, reason: str
) -> None:
    assert compile_reader(aggregation, "$.duration_ms", {}).read(data) == Skip(reason)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), ("", ""), (1, "1"), (Decimal("1.0"), "1"), ("1", "1"), (True, "true"), (Decimal("1e400"), "1E+400")],
)
def test_unique_count_reads_the_text_form_of_a_scalar(value: Any, expected: str) -> None:
    assert compile_reader(Aggregation.UNIQUE_COUNT, "$.name", {}).read({"name": value}) == Reading(expected, ())


@pytest.mark.parametrize("data", [None, {}, {"name": None}, {"name": []}, {"name": {}}])
def test_unique_count_skips_missing_null_and_structured_values(data: dict[str, Any] | None) -> None:
    assert isinstance(compile_reader(Aggregation.UNIQUE_COUNT, "$.name", {}).read(data), Skip)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gpt-4", "gpt-4"),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (0, "0"),
        (False, "false"),
        (None, ""),
        ([1], ""),
        ({"a": 1}, ""),
        ("é" * 256, "é" * 256),
    ],
)
def test_a_group_value_is_the_text_of_a_scalar_or_empty(value: Any, expected: str) -> None:
    reader = compile_reader(Aggregation.COUNT, None, {"model": "$.model"})
    assert reader.read({"model": value}) == Reading(None, (expected,))


@pytest.mark.parametrize("data", [None, {}])
def test_a_missing_group_value_is_empty(data: dict[str, Any] | None) -> None:
    assert compile_reader(Aggregation.COUNT, None, {"model": "$.model"}).read(data) == Reading(None, ("",))


def test_groups_come_in_the_order_of_their_keys() -> None:
    reader = compile_reader(Aggregation.COUNT, None, {"b": "$.x", "a": "$.y"})
    assert reader.read({"x": "of b", "y": "of a"}) == Reading(None, ("of a", "of b"))


@pytest.mark.parametrize("value", ["x" * 513, "é" * 257, 10**600 + 1, 10**4000 + 1])
def test_an_event_with_a_group_value_over_512_bytes_is_skipped(value: Any) -> None:
    found = compile_reader(Aggregation.COUNT, None, {"model": "$.model"}).read({"model": value})
    assert found == Skip('invalid event: the value of group by "model" exceeds 512 bytes')


def test_a_meter_without_the_value_property_it_needs_cannot_be_compiled() -> None:
    with pytest.raises(ValueError, match="SUM needs a value property"):
        compile_reader(Aggregation.SUM, None, {})


def test_a_meter_with_a_broken_path_cannot_be_compiled() -> None:
    with pytest.raises(InvalidPath):
        compile_reader(Aggregation.COUNT, None, {"a": "$..a"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("vg"), inner, max_size=2),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(Aggregation), st.none() | st.dictionaries(st.sampled_from("vg"), json_values, max_size=2))
def test_reading_never_raises(aggregation: Aggregation, data: dict[str, Any] | None) -> None:
    value_property = None if aggregation is Aggregation.COUNT else "$.v"
    found = compile_reader(aggregation, value_property, {"g": "$.g[0]", "h": "$.g"}).read(data)
    assert isinstance(found, Reading | Skip)


def test_numbers_of_the_wire_reach_the_reading_unchanged() -> None:
    data = codec.decode('{"v":12345678901234567890.123456789}')
    found = compile_reader(Aggregation.SUM, "$.v", {}).read(data)
    assert found == Reading(Decimal("12345678901234567890.123456789"), ())
