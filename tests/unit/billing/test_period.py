"""Billing periods repeat from an anchor without a gap, whatever the calendar does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import rfc3339
from dynameter.billing.period import Cadence, InvalidCadence, boundary, period_at, read_cadence

MONTH = Cadence(months=1)


@pytest.mark.parametrize(
    ("text", "cadence"),
    [("P1M", MONTH), ("P1Y", Cadence(years=1)), ("P2W", Cadence(weeks=2)), ("P1DT6H", Cadence(days=1, hours=6))],
)
def test_a_duration_of_whole_parts_is_a_cadence(text: str, cadence: Cadence) -> None:
    assert read_cadence(text) == cadence


@pytest.mark.parametrize("text", ["", "P", "PT", "P0M", "P1.5M", "PT30M", "1M", "P1000D", "P-1M", "P1M "])
def test_other_text_is_no_cadence(text: str) -> None:
    with pytest.raises(InvalidCadence):
        read_cadence(text)


def test_a_month_from_the_31st_ends_on_the_last_day_and_comes_back_to_the_31st() -> None:
    anchor = rfc3339.parse("2026-01-31T12:00:00Z")

    found = [boundary(anchor, MONTH, "UTC", number) for number in (1, 2, 3)]

    assert found == [rfc3339.parse(f"2026-{day}T12:00:00Z") for day in ("02-28", "03-31", "04-30")]


def test_a_month_keeps_its_local_time_when_the_clocks_change() -> None:
    anchor = rfc3339.parse("2026-03-01T00:00:00-05:00")

    assert boundary(anchor, MONTH, "America/New_York", 1) == rfc3339.parse("2026-04-01T00:00:00-04:00")


def test_a_period_begins_at_its_anchor_in_an_hour_that_the_clocks_repeat() -> None:
    anchor = rfc3339.parse("2026-11-01T01:30:00-05:00")

    assert period_at(anchor, MONTH, "America/New_York", anchor)[1].start_us == anchor


@given(
    anchor=st.integers(0, 4_000_000_000_000_000),
    instant=st.integers(0, 4_000_000_000_000_000),
    cadence=st.sampled_from([MONTH, Cadence(years=1), Cadence(weeks=1), Cadence(days=1), Cadence(hours=5)]),
    zone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_every_instant_lies_in_one_period_that_meets_the_next(
    anchor: int, instant: int, cadence: Cadence, zone: str
) -> None:
    number, period = period_at(anchor, cadence, zone, instant)

    assert period.start_us <= instant < period.end_us
    assert period.start_us == boundary(anchor, cadence, zone, number)
    assert period_at(anchor, cadence, zone, period.end_us)[1].start_us == period.end_us
