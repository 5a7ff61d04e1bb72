"""Quantities: every allowed digit survives, everything else is refused quickly and with a reason."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter import codec
from dynameter.meters.quantity import (
    MAX_FRACTION_DIGITS,
    UnusableQuantity,
    divide,
    join,
    number_text,
    parse_quantity,
    render_number,
    render_text,
    split,
)

quantities = st.builds(lambda scaled: join(0, scaled), st.integers(min_value=-(10**35) + 1, max_value=10**35 - 1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        (-3, "-3"),
        (2**53 + 1, "9007199254740993"),
        (Decimal("1.50"), "1.5"),
        ("1.50", "1.5"),
        ("+.5e1", "5"),
        ("5.", "5"),
        ("-1E-15", "-0.000000000000001"),
        ("1.0000000000000000000", "1"),
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("99999999999999999999.999999999999999", "99999999999999999999.999999999999999"),
        (Decimal("1e19"), "10000000000000000000"),
        ("-0", "0"),
        (Decimal("0E+999999999"), "0"),
        ("0" * 100_000 + "1", "1"),
        ("1." + "0" * 100_000, "1"),
    ],
)
def test_a_number_or_numeric_text_is_read_digit_for_digit(value: Any, expected: str) -> None:
    assert render_text(parse_quantity(value)) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "value cannot be null"),
        ("NaN", "value cannot be NaN"),
        ("-Infinity", "value cannot be infinity"),
        ("inf", "value cannot be infinity"),
        (Decimal("NaN"), "value cannot be NaN"),
        (Decimal("Infinity"), "value cannot be infinity"),
        ("abc", "value cannot be parsed as float64: abc"),
        ("", "value cannot be parsed as float64: "),
        (" 1", "value cannot be parsed as float64:  1"),
        ("1_000", "value cannot be parsed as float64: 1_000"),
        ("0x10", "value cannot be parsed as float64: 0x10"),
        ("١", "value cannot be parsed as float64: ١"),
        ("1\n", "value cannot be parsed as float64: 1\n"),
        ("x" * 1_000, "value cannot be parsed as float64: " + "x" * 64 + "..."),
        ("1e99999999999999999999", "value cannot be parsed as float64: 1e99999999999999999999"),
        (True, "unsupported value property type: bool"),
        ([1], "unsupported value property type: list"),
        ({"a": 1}, "unsupported value property type: dict"),
        (10**20, "value has more than 20 digits before the decimal point"),
        (-(10**4000), "value has more than 20 digits before the decimal point"),
        (Decimal("1e999999999"), "value has more than 20 digits before the decimal point"),
        ("1e999999999999999999", "value has more than 20 digits before the decimal point"),
        (Decimal("1e-999999999"), "value has more than 18 digits after the decimal point"),
        ("0.0000000000000000001", "value has more than 18 digits after the decimal point"),
        ("1.0000000000000000001", "value has more than 18 digits after the decimal point"),
    ],
)
def test_anything_else_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises(UnusableQuantity) as refusal:
        parse_quantity(value)
    assert refusal.value.reason == reason


@settings(deadline=None)
@given(quantities)
def test_a_quantity_survives_being_read_from_text_number_or_json(value: Decimal) -> None:
    text = render_text(value)
    assert parse_quantity(text) == parse_quantity(value) == value
    assert parse_quantity(codec.decode(text)) == value


@settings(deadline=None)
@given(quantities)
def test_the_two_parts_carry_the_sign_and_make_up_the_value(value: Decimal) -> None:
    integer, fraction = split(value)
    assert integer * fraction >= 0
    assert abs(fraction) < 10**MAX_FRACTION_DIGITS
    assert join(integer, fraction) == value


@settings(deadline=None)
@given(st.lists(quantities, max_size=20))
def test_a_sum_of_parts_is_the_exact_sum(values: list[Decimal]) -> None:
    parts = [split(one) for one in values]
    summed = join(sum(one[0] for one in parts), sum(one[1] for one in parts))
    with localcontext() as wide:
        wide.prec = 100
        assert summed == sum(values, Decimal(0))


def test_joining_does_not_depend_on_the_context_of_the_thread() -> None:
    with localcontext() as narrow:
        narrow.prec = 3
        assert render_text(join(10**40, 1)) == "1" + "0" * 40 + ".000000000000000001"


def test_a_value_of_too_many_fraction_digits_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="18 digits"):
        split(Decimal("1E-19"))


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [
        ("1", 3, "0." + "3" * 34),
        ("2", 3, "0." + "6" * 33 + "7"),
        ("10", 4, "2.5"),
        ("-7", 2, "-3.5"),
        ("0", 5, "0"),
        ("1.0000000000000000000000000000000005", 1, "1"),  # half to even
        ("1.0000000000000000000000000000000015", 1, "1.000000000000000000000000000000002"),
    ],
)
def test_a_quotient_has_34_digits_rounded_half_even(total: str, count: int, expected: str) -> None:
    assert render_text(divide(Decimal(total), count)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1E+3", "1000"),
        ("0.10", "0.1"),
        ("-0", "0"),
        ("0E-7", "0"),
        ("1E-7", "0.0000001"),
        ("-2.50E-9", "-0.0000000025"),
    ],
)
def test_a_number_is_printed_plainly(value: str, expected: str) -> None:
    assert codec.encode(render_number(Decimal(value))).decode() == render_text(Decimal(value)) == expected


@settings(deadline=None)
@given(quantities)
def test_what_is_printed_reads_back_as_the_same_value(value: Decimal) -> None:
    printed = codec.encode(render_number(value)).decode()
    assert "e" not in printed.lower()
    assert Decimal(printed) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [(10, Decimal("1E+1")), (Decimal("1.50"), Decimal("1.5")), (0, Decimal("-0.0")), (10**400, Decimal("1E+400"))],
)
def test_equal_numbers_have_one_text_form(one: int | Decimal, other: int | Decimal) -> None:
    assert number_text(one) == number_text(other)


def test_the_text_of_a_huge_exponent_stays_short() -> None:
    assert number_text(Decimal("1e999999999")) == "1E+999999999"
