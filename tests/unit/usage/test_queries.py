"""Queries answer exactly, in order, at a cost that does not grow with events, or say why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.meters.meter import Aggregation, Generation
from dynameter.usage.windows import Calendar, WindowSize, load_zone
from tests.unit.usage.builders import NOON, instant, make_event, make_meter
from tests.unit.usage.usage_in_memory import Usage, among, event

COUNT = make_meter(Aggregation.COUNT)


# ---- ranges and windows


def test_from_counts_and_to_does_not() -> None:
    usage = Usage().add(
        event(1, "2026-01-14T09:59:59.999999Z"),
        event(2, "2026-01-14T10:00:00Z"),
        event(4, "2026-01-14T10:04:59.999999Z"),
        event(8, "2026-01-14T10:05:00Z"),
    )

    answer = usage.ask(from_us=instant("2026-01-14T10:00:00Z"), to_us=instant("2026-01-14T10:05:00Z"))

    assert [row.value for row in answer.rows] == [6]


def test_without_a_window_the_row_spans_what_was_asked() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:00Z"))
    ends = {"from_us": instant("2026-01-01T00:00:00Z"), "to_us": instant("2026-02-01T00:00:00Z")}

    (row,) = usage.ask(**ends).rows

    assert {"from_us": row.start_us, "to_us": row.end_us} == ends


def test_with_open_ends_each_row_spans_the_minutes_of_its_own_first_and_last_event() -> None:
    usage = Usage().add(
        event(1, "2026-01-14T10:07:30Z", model="m"),
        event(1, "2026-01-14T12:45:10Z", model="m"),
        event(1, "2026-01-14T12:50:10Z", model="n"),
    )

    rows = usage.ask(group_by=("model",)).rows

    assert [(row.groups["model"], row.start_us, row.end_us) for row in rows] == [
        ("m", instant("2026-01-14T10:07:00Z"), instant("2026-01-14T12:46:00Z")),
        ("n", instant("2026-01-14T12:50:00Z"), instant("2026-01-14T12:51:00Z")),
    ]


def test_windows_are_whole_although_the_range_cuts_them_and_empty_ones_are_left_out() -> None:
    usage = Usage().add(
        event(1, "2026-01-14T10:07:00Z"), event(2, "2026-01-14T10:40:00Z"), event(4, "2026-01-14T13:00:00Z")
    )

    answer = usage.ask(from_us=instant("2026-01-14T10:30:00Z"), window_size=WindowSize.HOUR)

    assert [(row.start_us, row.end_us, row.value) for row in answer.rows] == [
        (instant("2026-01-14T10:00:00Z"), instant("2026-01-14T11:00:00Z"), 2),
        (instant("2026-01-14T13:00:00Z"), instant("2026-01-14T14:00:00Z"), 4),
    ]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_days_of_a_zone_are_exact_to_the_minute(zone: str) -> None:
    midnight = Calendar(WindowSize.DAY, load_zone(zone)).containing(instant("2024-11-03T12:00:00Z")).start_us
    usage = Usage().add(
        make_event(1, {"value": 1}, time_us=midnight - 1),
        make_event(2, {"value": 2}, time_us=midnight),
        make_event(3, {"value": 4}, time_us=midnight + MINUTE_US),
    )

    rows = usage.ask(window_size=WindowSize.DAY, time_zone=zone).rows

    assert [row.value for row in rows] == [1, 6]
    assert rows[0].end_us == midnight == rows[1].start_us


def test_a_zone_that_left_whole_hours_inside_the_range_is_exact() -> None:
    """Caracas was 4:30 behind UTC until May 2016: hour totals do for the ends of the range, but not for its middle."""
    usage = Usage().add(event(1, "2016-04-20T04:29:00Z"), event(2, "2016-04-20T04:30:00Z"))
    rows = usage.ask(
        from_us=instant("2007-01-01T00:00:00Z"),
        to_us=instant("2020-01-01T00:00:00Z"),
        window_size=WindowSize.DAY,
        time_zone="America/Caracas",
    ).rows

    assert [row.value for row in rows] == [1, 2]


def test_an_offset_with_seconds_is_refused_where_it_cuts_a_minute() -> None:
    usage = Usage().add(event(1, "1971-06-01T00:44:10Z"))

    assert usage.refused(window_size=WindowSize.DAY, time_zone="Africa/Monrovia") == [
        ("time_zone", "invalid_time_zone")
    ]


# ---- groups, subjects, order


def test_rows_are_ordered_by_window_then_subject_then_groups() -> None:
    events = [
        event(1, f"2026-01-14T{hour:02d}:00:00Z", subject, model=model)
        for hour in (11, 10)
        for subject in ("b", "a")
        for model in ("y", "x")
    ]
    usage = Usage().add(*events)

    rows = usage.ask(window_size=WindowSize.HOUR, group_by=("model", "subject")).rows

    found = [(row.start_us, row.subject or "", row.groups["model"]) for row in rows]
    assert found == sorted(found)
    assert len(found) == 8


def test_a_subject_filter_groups_by_subject_and_leaves_out_subjects_without_usage() -> None:
    usage = Usage().add(*(event(1, "2026-01-14T10:00:00Z", subject) for subject in "abc"))

    rows = usage.ask(subjects=("c", "a", "a", "nobody")).rows

    assert [(row.subject, row.value) for row in rows] == [("a", 1), ("c", 1)]


def test_filters_keep_only_the_named_values() -> None:
    usage = Usage().add(
        event(1, "2026-01-14T10:00:00Z", model="x", tier="1"),
        event(2, "2026-01-14T10:00:00Z", model="y", tier="1"),
        event(4, "2026-01-14T10:00:00Z", model="z", tier="2"),
        event(8, "2026-01-14T10:00:00Z"),
    )

    assert usage.ask(filters={"model": among("x", "z")}).rows[0].value == 5
    assert usage.ask(filters={"model": among("x", "z"), "tier": among("2")}).rows[0].value == 4
    assert usage.ask(filters={"model": among("")}).rows[0].value == 8


def test_subjects_of_every_month_with_usage_are_found_between_open_ends() -> None:
    usage = Usage().add(
        event(1, "1970-01-01T00:00:00Z", "first"),
        event(2, "2026-02-01T00:00:00Z", "middle"),
        event(4, "9998-12-31T23:59:59Z", "last"),
    )

    assert [row.subject for row in usage.ask(group_by=("subject",)).rows] == ["first", "last", "middle"]


def test_a_subject_without_usage_in_the_range_has_no_row() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:00Z", "a"), event(2, "2026-01-20T10:00:00Z", "b"))

    rows = usage.ask(
        from_us=instant("2026-01-20T00:00:00Z"), to_us=instant("2026-01-21T00:00:00Z"), group_by=("subject",)
    ).rows

    assert [row.subject for row in rows] == ["b"]


def test_another_meter_generation_and_workspace_are_not_part_of_the_answer() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:00Z"))
    others = [
        make_meter(id="01KEYZ8Q4V0000000000000002"),
        make_meter(workspace="00000000-0000-4000-8000-000000000002"),
        make_meter(generations=(Generation(2, {}, 0, True),), active=2),
    ]
    for other in others:
        usage.meter = other
        assert usage.ask().rows == ()


# ---- empty answers


def test_counting_nothing_is_zero() -> None:
    (row,) = Usage(COUNT).ask().rows

    assert (row.value, row.start_us, row.end_us) == (0, 0, MINUTE_US)


def test_counting_nothing_in_a_range_is_zero_in_that_range() -> None:
    (row,) = Usage(COUNT).ask(from_us=NOON, to_us=NOON + HOUR_US).rows

    assert (row.value, row.start_us, row.end_us) == (0, NOON, NOON + HOUR_US)


@pytest.mark.parametrize(
    "question", [{"window_size": WindowSize.DAY}, {"group_by": ("subject",)}, {"subjects": ("a",)}]
)
def test_counting_nothing_divided_has_no_row(question: dict[str, Any]) -> None:
    assert Usage(COUNT).ask(**question).rows == ()


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.AVG])
def test_other_aggregations_of_nothing_have_no_row(aggregation: Aggregation) -> None:
    assert Usage(make_meter(aggregation)).ask().rows == ()


def test_a_sum_of_zero_is_a_row() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:00Z"), event(-1, "2026-01-14T10:00:00Z"))

    assert [row.value for row in usage.ask(window_size=WindowSize.MINUTE).rows] == [0]


def test_a_group_value_may_be_any_text() -> None:
    usage = Usage()
    odd = ['"', "a,b", "[]", "é", "\u2028", " "]

    usage.add(*(event(Decimal(1), "2026-01-14T10:00:00Z", model=one) for one in odd))

    assert {row.groups["model"] for row in usage.ask(group_by=("model",)).rows} == set(odd)
