"""All seven aggregations answer as OpenMeter documents them, and better where it is accidental."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import MINUTE_US
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation, Meter
from dynameter.usage.windows import WindowSize
from tests.unit.usage.builders import NOON, instant, make_event, make_meter
from tests.unit.usage.query_api import METER, Api
from tests.unit.usage.usage_in_memory import Usage

SECOND_US = 1_000_000
GOLDEN = (
    make_event(1, {"value": 123, "name": 1}, time_us=NOON),
    make_event(2, {"value": "0.4567890123456789", "name": "a"}, time_us=NOON + SECOND_US),
    make_event(3, {"value": None, "name": None}, time_us=NOON + 2 * SECOND_US),
)
VALUES = [
    (Aggregation.SUM, "123.4567890123456789"),
    (Aggregation.AVG, "61.72839450617283945"),
    (Aggregation.MIN, "0.4567890123456789"),
    (Aggregation.MAX, "123"),
    (Aggregation.LATEST, "0.4567890123456789"),
    (Aggregation.COUNT, "3"),
    (Aggregation.UNIQUE_COUNT, "2"),
]
COUNTING = (Aggregation.COUNT, Aggregation.UNIQUE_COUNT)
OTHERS = [one for one in Aggregation if one not in COUNTING]


def meter_of(aggregation: Aggregation, **changes: Any) -> Meter:
    if aggregation is Aggregation.UNIQUE_COUNT:
        changes.setdefault("value_property", "$.name")
    return make_meter(aggregation, **changes)


def at(text: str, value: Any, number: int = 1, subject: str = "a", **data: Any) -> Event:
    return make_event(number, {"value": value, **data}, subject=subject, time_us=instant(text))


# ---- the golden vectors


@pytest.mark.parametrize(("aggregation", "value"), VALUES)
@pytest.mark.parametrize("window", [None, *WindowSize])
def test_golden_vectors(aggregation: Aggregation, value: str, window: WindowSize | None) -> None:
    (row,) = Usage(meter_of(aggregation)).add(*GOLDEN).ask(window_size=window).rows

    assert row.value == Decimal(value)


@pytest.mark.parametrize(("aggregation", "value"), VALUES)
def test_golden_vectors_on_the_wire(api: Api, aggregation: Aggregation, value: str) -> None:
    api.define_over(meter_of(aggregation), *GOLDEN)

    assert f'"value":{value},' in api.file(accept="application/json")["body"]
    assert api.v3({})[1]["data"][0]["value"] == value


@pytest.mark.parametrize("aggregation", COUNTING)
def test_counting_nothing_is_zero(aggregation: Aggregation) -> None:
    (row,) = Usage(meter_of(aggregation)).ask().rows

    assert (row.value, row.start_us, row.end_us) == (0, 0, MINUTE_US)


@pytest.mark.parametrize("aggregation", OTHERS)
def test_anything_else_of_nothing_has_no_row(aggregation: Aggregation) -> None:
    assert Usage(meter_of(aggregation)).ask(from_us=NOON, to_us=NOON + MINUTE_US).rows == ()


@pytest.mark.parametrize("aggregation", list(Aggregation))
@pytest.mark.parametrize(
    "question", [{"window_size": WindowSize.DAY}, {"group_by": ("subject",)}, {"subjects": ("nobody",)}]
)
def test_nothing_divided_has_no_row_in_any_aggregation(aggregation: Aggregation, question: dict[str, Any]) -> None:
    assert Usage(meter_of(aggregation)).ask(**question).rows == ()


@pytest.mark.parametrize("aggregation", [one for one in Aggregation if one is not Aggregation.COUNT])
@pytest.mark.parametrize("data", [{}, None, {"value": None, "name": None}, {"value": [1], "name": {"a": 1}}])
def test_a_missing_null_or_structured_value_does_not_count(aggregation: Aggregation, data: Any) -> None:
    meter = meter_of(aggregation)
    usage = Usage(meter).add(make_event(1, data))

    assert [row.value for row in usage.ask().rows] == ([0] if aggregation in COUNTING else [])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf", "ten", "", True])
@pytest.mark.parametrize("aggregation", OTHERS)
def test_what_is_no_number_is_left_out_of_the_numbers(aggregation: Aggregation, value: Any) -> None:
    usage = Usage(make_meter(aggregation)).add(at("2026-01-14T10:00:00Z", value), at("2026-01-14T10:00:01Z", "7.5"))

    assert [row.value for row in usage.ask().rows] == [Decimal("7.5")]


def test_a_mean_is_an_exact_quotient_of_34_digits() -> None:
    usage = Usage(make_meter(Aggregation.AVG)).add(
        *(at("2026-01-14T10:00:00Z", value) for value in ("12345678901234567890.1", 0, 0))
    )

    assert usage.ask().rows[0].value == Decimal("4115226300411522630.033333333333333")


# ---- across minutes, hours, subjects and groups


@pytest.mark.parametrize(
    ("aggregation", "expected"), [(Aggregation.MIN, [-3, 2]), (Aggregation.MAX, [9, 2]), (Aggregation.LATEST, [5, 2])]
)
def test_the_best_of_a_day_is_the_best_of_its_minutes_and_hours(aggregation: Aggregation, expected: list[int]) -> None:
    usage = Usage(make_meter(aggregation)).add(
        at("2026-01-14T10:00:00Z", 9),
        at("2026-01-14T10:59:00Z", -3),
        at("2026-01-14T23:59:59Z", 5),
        at("2026-01-15T00:00:00Z", 2),
        at("2026-01-14T11:00:00Z", 4),
    )

    assert [row.value for row in usage.ask(window_size=WindowSize.DAY).rows] == expected


def test_a_distinct_value_counts_once_a_window_whatever_its_minute_subject_and_group() -> None:
    usage = Usage(make_meter(Aggregation.UNIQUE_COUNT, group_by={"model": "$.model"})).add(
        at("2026-01-14T10:00:00Z", "x", subject="a", model="m"),
        at("2026-01-14T10:01:00Z", "x", subject="b", model="n"),
        at("2026-01-14T11:00:00Z", "x", subject="a", model="n"),
        at("2026-01-14T11:00:00Z", "y", subject="a", model="n"),
    )

    assert [row.value for row in usage.ask().rows] == [2]
    assert [row.value for row in usage.ask(window_size=WindowSize.HOUR).rows] == [1, 2]
    assert [(row.subject, row.value) for row in usage.ask(group_by=("subject",)).rows] == [("a", 2), ("b", 1)]
    assert [row.value for row in usage.ask(group_by=("model",)).rows] == [1, 2]
    assert [row.value for row in usage.ask(subjects=("a",), group_by=("model",)).rows] == [1, 2]


def test_distinct_values_are_told_apart_by_their_text() -> None:
    usage = Usage(make_meter(Aggregation.UNIQUE_COUNT)).add(
        *(at("2026-01-14T10:00:00Z", value) for value in (1, "1", Decimal("1.0"), "1.0", True, "true", "", " "))
    )

    assert usage.ask().rows[0].value == 5


def test_a_missing_value_is_no_distinct_value_and_an_empty_one_is() -> None:
    usage = Usage(make_meter(Aggregation.UNIQUE_COUNT)).add(make_event(1, {}), make_event(2, {"value": ""}))

    assert usage.ask().rows[0].value == 1


def test_the_latest_is_told_by_microseconds_then_by_id_then_by_source() -> None:
    def latest(*events: Event) -> Decimal:
        (row,) = Usage(make_meter(Aggregation.LATEST)).add(*events).ask().rows
        return row.value

    same = {"time_us": NOON + 1}
    assert latest(make_event(1, {"value": 1}, **same), make_event(2, {"value": 2}, time_us=NOON)) == 1
    assert latest(make_event(2, {"value": 2}, **same), make_event(1, {"value": 1}, **same)) == 2
    assert latest(make_event(1, {"value": 2}, source="t", **same), make_event(1, {"value": 1}, source="s", **same)) == 2


def test_the_latest_across_subjects_is_the_latest_of_all() -> None:
    usage = Usage(make_meter(Aggregation.LATEST, group_by={"model": "$.model"})).add(
        at("2026-01-14T10:00:02Z", 1, subject="a", model="m"), at("2026-01-14T10:00:01Z", 2, subject="b", model="n")
    )

    assert [row.value for row in usage.ask().rows] == [1]
    assert [row.value for row in usage.ask(group_by=("subject",)).rows] == [1, 2]


def test_a_filter_leaves_out_what_would_have_been_the_best() -> None:
    usage = Usage(make_meter(Aggregation.MAX)).add(at("2026-01-14T10:00:00Z", 9, subject="a"))

    assert usage.ask(subjects=("b",)).rows == ()


def test_the_wire_gives_an_extreme_with_every_digit(api: Api) -> None:
    api.define_over(
        make_meter(Aggregation.MIN, group_by=METER.group_by),
        at("2026-01-14T10:00:00Z", "12345678901234567890.123456789"),
    )

    assert '"value":12345678901234567890.123456789,' in api.file(accept="application/json")["body"]
