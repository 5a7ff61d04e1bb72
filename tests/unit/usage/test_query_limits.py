"""What a query may not ask, how much it may read, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import TooLarge
from dynameter.usage.queries import service, summation
from dynameter.usage.rows import budget
from dynameter.usage.rows.row import HOUR_ATTRIBUTES
from dynameter.usage.windows import WindowSize
from tests.unit.usage.builders import NOON, instant
from tests.unit.usage.usage_in_memory import Usage, among, event


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"from_us": NOON, "to_us": NOON}, ("to", "range")),
        ({"from_us": NOON + MINUTE_US, "to_us": NOON}, ("to", "range")),
        ({"to_us": 0}, ("to", "range")),
        ({"time_zone": "Mars/Olympus"}, ("time_zone", "invalid_time_zone")),
        ({"group_by": ("nope",)}, ("group_by", "invalid_group_by")),
        ({"group_by": ("customer_id",)}, ("group_by", "invalid_group_by")),
        ({"filters": {"nope": among("x")}}, ("filters", "invalid_filter")),
        ({"filters": {"subject": among("x")}}, ("filters", "invalid_filter")),
        ({"subjects": ("x",) * 101}, ("subjects", "max_items")),
        ({"group_by": ("model",) * 101}, ("group_by", "max_items")),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(question: dict[str, Any], expected: tuple[str, str]) -> None:
    assert Usage().refused(**question) == [expected]


def test_every_wrong_field_is_named_at_once() -> None:
    refused = Usage().refused(from_us=NOON, to_us=1, time_zone="x", group_by=("y",), filters={"z": among("x")})

    assert {field for field, _ in refused} == {"to", "time_zone", "group_by", "filters"}


def test_a_hundred_subjects_may_be_named() -> None:
    Usage().ask(subjects=("x",) * 100)


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summation, "MAX_ROWS", 3)
    usage = Usage().add(*(event(1, f"2026-01-14T10:0{minute}:00Z") for minute in range(4)))

    with pytest.raises(TooLarge, match="shorter range"):
        usage.ask(window_size=WindowSize.MINUTE)
    assert len(usage.ask(window_size=WindowSize.MINUTE, from_us=instant("2026-01-14T10:01:00Z")).rows) == 3


def test_more_subjects_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_SUBJECTS", 2)
    usage = Usage().add(*(event(1, "2026-01-14T10:00:00Z", subject) for subject in "abc"))

    with pytest.raises(TooLarge, match="name subjects"):
        usage.ask(group_by=("subject",))
    assert len(usage.ask(subjects=("a", "b", "c")).rows) == 3


@pytest.mark.parametrize(("limit", "most"), [("MAX_PAGES", 1), ("MAX_ATTRIBUTES", 5)])
def test_more_reading_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(budget, limit, most)
    usage = Usage(page_items=1).add(*(event(1, f"2026-01-14T{hour:02d}:00:00Z") for hour in range(5)))

    with pytest.raises(TooLarge, match="shorter range"):
        usage.ask()


@pytest.mark.parametrize("subject", ["", "x" * 3_000, "é" * 600])
def test_a_subject_that_no_event_can_have_is_not_looked_for(subject: str) -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:00Z"))

    assert usage.ask(subjects=(subject,)).rows == ()
    assert usage.table.queries == []


# ---- cost


def test_pages_of_a_partition_are_read_to_the_end() -> None:
    usage = Usage(page_items=2)
    usage.add(*(event(1, f"2026-01-14T{hour:02d}:00:00Z") for hour in range(7)))

    assert usage.ask(window_size=WindowSize.DAY).rows[0].value == 7


def test_a_month_by_day_reads_one_query_of_hour_totals_whatever_the_number_of_events() -> None:
    usage = Usage().add_all(event(1, f"2026-01-14T10:{number % 60:02d}:00Z") for number in range(600))

    usage.ask(
        from_us=instant("2026-01-01T00:00:00Z"),
        to_us=instant("2026-02-01T00:00:00Z"),
        window_size=WindowSize.DAY,
        subjects=("a",),
    )

    (query,) = usage.table.queries
    assert set(query["ProjectionExpression"].split(", ")) == set(HOUR_ATTRIBUTES)


def test_only_the_hours_that_the_range_cuts_are_read_by_the_minute() -> None:
    usage = Usage().add(*(event(1, f"2026-01-14T{hour:02d}:30:00Z") for hour in range(24)))

    answer = usage.ask(from_us=instant("2026-01-14T02:15:00Z"), to_us=instant("2026-01-14T20:15:00Z"))

    assert answer.rows[0].value == 18
    fine = [one for one in usage.table.queries if "ProjectionExpression" not in one]
    hours = [int(one["ExpressionAttributeValues"][":first"]["S"][:8]) for one in fine]
    assert hours == [instant(f"2026-01-14T{hour:02d}:00:00Z") // HOUR_US for hour in (2, 20)]
