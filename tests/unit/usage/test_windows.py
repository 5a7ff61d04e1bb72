"""Windows lie edge to edge and follow the local clock of their zone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.usage.windows import Calendar, UnknownZone, WindowSize, load_zone, render_in_zone
from tests.unit.usage.builders import instant

ZONES = [
    "UTC",
    "America/Los_Angeles",
    "Europe/London",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",  # put its clocks back at 00:01 until 2011, so that a date began twice
    "America/Havana",  # puts them back from 1:00 to midnight, so that midnight comes twice and the date but once
    "Atlantic/Azores",  # likewise
    "America/Sao_Paulo",  # put them forward at midnight until 2018
    "Pacific/Apia",  # had no 30 December 2011
    "Pacific/Chatham",
]


def window(size: WindowSize, zone: str, moment: str) -> tuple[str, str]:
    found = Calendar(size, load_zone(zone)).containing(instant(moment))
    return render_in_zone(found.start_us, load_zone(zone)), render_in_zone(found.end_us, load_zone(zone))


def walk(size: WindowSize, zone: str, start: str, end: str) -> list[str]:
    """The starts of the windows from one moment to another."""
    calendar, found, at_us = Calendar(size, load_zone(zone)), [], instant(start)
    while at_us < instant(end):
        one = calendar.containing(at_us)
        found.append(render_in_zone(one.start_us, load_zone(zone)))
        at_us = one.end_us
    return found


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(list(WindowSize)),
    st.integers(instant("1972-01-08T00:00:00Z") // MINUTE_US, instant("2060-01-01T00:00:00Z") // MINUTE_US),
)
def test_windows_hold_their_instant_and_touch_their_neighbours(zone: str, size: WindowSize, minute: int) -> None:
    at_us = minute * MINUTE_US
    calendar = Calendar(size, load_zone(zone))

    one = calendar.containing(at_us)

    assert one.start_us <= at_us < one.end_us
    assert calendar.containing(one.start_us) == one
    assert calendar.containing(one.end_us - 1) == one
    assert calendar.containing(one.end_us).start_us == one.end_us
    assert calendar.containing(one.start_us - 1).end_us == one.start_us


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "around",
    [
        "2010-11-07",
        "2011-03-13",
        "2026-10-25",
        "2026-11-01",
        "2011-12-30",
        "2017-10-15",
        "2024-03-10",
        "2024-04-07",
        "2024-10-06",
        "2024-11-03",
    ],
)
@pytest.mark.parametrize("size", [WindowSize.HOUR, WindowSize.DAY])
def test_windows_around_changes_of_the_clocks_neither_overlap_nor_leave_gaps(
    zone: str, around: str, size: WindowSize
) -> None:
    calendar = Calendar(size, load_zone(zone))
    start = instant(f"{around}T00:00:00Z")
    for at_us in range(start - 30 * HOUR_US, start + 30 * HOUR_US, 15 * MINUTE_US):
        one = calendar.containing(at_us)

        assert one.start_us <= at_us < one.end_us
        assert calendar.containing(one.end_us).start_us == one.end_us


def test_a_day_in_spring_has_23_hours_in_los_angeles() -> None:
    assert window(WindowSize.DAY, "America/Los_Angeles", "2024-03-10T12:00:00Z") == (
        "2024-03-10T00:00:00-08:00",
        "2024-03-11T00:00:00-07:00",
    )


def test_a_day_in_autumn_has_25_hours_in_los_angeles() -> None:
    assert window(WindowSize.DAY, "America/Los_Angeles", "2024-11-03T12:00:00Z") == (
        "2024-11-03T00:00:00-07:00",
        "2024-11-04T00:00:00-08:00",
    )


def test_the_hour_that_comes_twice_is_two_windows() -> None:
    assert walk(WindowSize.HOUR, "America/Los_Angeles", "2024-11-03T08:00:00Z", "2024-11-03T11:00:00Z") == [
        "2024-11-03T01:00:00-07:00",
        "2024-11-03T01:00:00-08:00",
        "2024-11-03T02:00:00-08:00",
    ]


def test_hours_and_days_of_a_zone_45_minutes_off_begin_there() -> None:
    assert window(WindowSize.HOUR, "Asia/Kathmandu", "2026-01-14T10:00:00Z")[0] == "2026-01-14T15:00:00+05:45"
    assert window(WindowSize.DAY, "Asia/Kathmandu", "2026-01-14T18:20:00Z")[0] == "2026-01-15T00:00:00+05:45"


def test_lord_howe_cuts_the_hour_in_which_its_clocks_move_by_thirty_minutes() -> None:
    back = walk(WindowSize.HOUR, "Australia/Lord_Howe", "2024-04-06T14:00:00Z", "2024-04-06T16:30:00Z")
    forward = walk(WindowSize.HOUR, "Australia/Lord_Howe", "2024-10-05T14:30:00Z", "2024-10-05T17:00:00Z")

    assert back == ["2024-04-07T01:00:00+11:00", "2024-04-07T01:30:00+10:30", "2024-04-07T02:00:00+10:30"]
    assert forward == ["2024-10-06T01:00:00+10:30", "2024-10-06T02:30:00+11:00", "2024-10-06T03:00:00+11:00"]


def test_a_day_whose_midnight_was_skipped_begins_at_its_first_instant() -> None:
    assert window(WindowSize.DAY, "America/Sao_Paulo", "2017-10-15T12:00:00Z")[0] == "2017-10-15T01:00:00-02:00"


@pytest.mark.parametrize("at", ["04:00", "04:59", "05:00"])
def test_a_day_whose_first_hour_comes_twice_begins_at_its_first_midnight(at: str) -> None:
    assert window(WindowSize.DAY, "America/Havana", f"2026-11-01T{at}:00Z") == (
        "2026-11-01T00:00:00-04:00",
        "2026-11-02T00:00:00-05:00",
    )


def test_a_month_whose_first_hour_comes_twice_begins_at_its_first_midnight() -> None:
    assert window(WindowSize.MONTH, "America/Havana", "2026-11-01T04:30:00Z")[0] == "2026-11-01T00:00:00-04:00"


def test_a_day_that_the_day_before_interrupts_begins_when_that_is_over() -> None:
    assert walk(WindowSize.DAY, "America/St_Johns", "2010-11-06T12:00:00Z", "2010-11-08T00:00:00Z") == [
        "2010-11-06T00:00:00-02:30",
        "2010-11-07T00:00:00-03:30",
    ]


def test_a_date_that_was_skipped_has_no_window() -> None:
    assert walk(WindowSize.DAY, "Pacific/Apia", "2011-12-29T11:00:00Z", "2012-01-01T00:00:00Z") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2012-01-01T00:00:00+14:00",
    ]


def test_a_month_is_a_calendar_month_of_the_zone() -> None:
    assert window(WindowSize.MONTH, "Europe/Paris", "2026-01-31T23:30:00Z") == (
        "2026-02-01T00:00:00+01:00",
        "2026-03-01T00:00:00+01:00",
    )
    assert window(WindowSize.MONTH, "UTC", "2025-12-31T23:59:59Z") == ("2025-12-01T00:00:00Z", "2026-01-01T00:00:00Z")


def test_an_offset_of_zero_is_printed_as_z() -> None:
    assert window(WindowSize.DAY, "Europe/London", "2026-01-14T10:00:00Z")[0] == "2026-01-14T00:00:00Z"
    assert window(WindowSize.DAY, "Europe/London", "2026-07-14T10:00:00Z")[0] == "2026-07-14T00:00:00+01:00"


def test_the_first_and_the_last_instants_have_windows() -> None:
    assert window(WindowSize.MONTH, "America/Los_Angeles", "1970-01-01T00:00:00Z")[0] == "1969-12-01T00:00:00-08:00"
    assert window(WindowSize.MONTH, "Pacific/Kiritimati", "9998-12-31T23:59:59Z")[1] == "9999-02-01T00:00:00+14:00"


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "a\0b", "UTC " * 20, "zone.tab", "é"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        load_zone(name)
