"""Ends of a range inside a minute are exact to the microsecond, and bounded in what they read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import HOUR_US
from dynameter.errors import NotSupported, TooLarge
from dynameter.meters.meter import Aggregation
from dynameter.usage.queries import edges
from dynameter.usage.queries.query import UsageQuery, cut
from dynameter.usage.queries.service import UsageService
from dynameter.usage.windows import Window, WindowSize
from tests.unit.usage.builders import NOON, instant, make_event, make_meter
from tests.unit.usage.query_api import Api
from tests.unit.usage.usage_in_memory import METER, Usage, among, event

TICKS = Usage().add(
    event(1, "2026-01-14T09:59:59.999999Z"),
    event(2, "2026-01-14T10:00:00Z", "b", model="x"),
    event(4, "2026-01-14T10:00:00.000001Z"),
    event(8, "2026-01-14T10:00:59.999999Z", "b"),
    event(16, "2026-01-14T10:01:00Z", model="x"),
    event(32, "2026-01-14T11:30:15.5Z"),
    event(64, "2026-01-14T11:30:45Z", "b"),
)


def ends(start: str, end: str) -> dict[str, int]:
    return {"from_us": instant(f"2026-01-14T{start}Z"), "to_us": instant(f"2026-01-14T{end}Z")}


@pytest.mark.parametrize(
    ("start", "end", "value"),
    [
        ("09:59:59.999999", "10:00:00", 1),
        ("09:59:59.999999", "10:00:00.000001", 3),
        ("10:00:00.000001", "10:00:00.000002", 4),
        ("10:00:00.000001", "10:01:00", 12),
        ("10:00:30", "10:01:00.000001", 24),
        ("10:00:00.000001", "11:30:15.500001", 60),
        ("10:00:00.000001", "11:30:15.5", 28),
        ("11:30:16", "11:30:45", None),
        ("11:30:16", "11:30:46", 64),
        ("11:30:15.5", "12:00:00.000001", 96),
    ],
)
def test_every_microsecond_of_the_ends_counts(start: str, end: str, value: int | None) -> None:
    rows = TICKS.ask(**ends(start, end)).rows

    assert [row.value for row in rows] == ([] if value is None else [value])


def test_windows_groups_subjects_and_filters_hold_at_the_ends_too() -> None:
    question: dict[str, Any] = ends("10:00:00.000001", "11:30:15.500001")

    hours = TICKS.ask(**question, window_size=WindowSize.HOUR).rows
    subjects = TICKS.ask(**question, group_by=("subject", "model")).rows
    named = TICKS.ask(**question, subjects=("b",)).rows
    filtered = TICKS.ask(**question, filters={"model": among("")}).rows

    assert [(row.start_us % (24 * HOUR_US) // HOUR_US, row.value) for row in hours] == [(10, 28), (11, 32)]
    assert [(row.subject, row.groups["model"], row.value) for row in subjects] == [
        ("a", "", 36),
        ("a", "x", 16),
        ("b", "", 8),
    ]
    assert [(row.subject, row.value) for row in named] == [("b", 8)]
    assert [row.value for row in filtered] == [44]


def test_an_open_end_spans_the_minute_of_an_event_at_the_other() -> None:
    (row,) = TICKS.ask(from_us=instant("2026-01-14T11:30:30Z")).rows

    assert (row.start_us, row.end_us) == (instant("2026-01-14T11:30:30Z"), instant("2026-01-14T11:31:00Z"))


@pytest.mark.parametrize(
    ("aggregation", "value"),
    [
        (Aggregation.SUM, 6),
        (Aggregation.COUNT, 2),
        (Aggregation.AVG, 3),
        (Aggregation.MIN, 2),
        (Aggregation.MAX, 4),
        (Aggregation.LATEST, 2),
        (Aggregation.UNIQUE_COUNT, 2),
    ],
)
def test_every_aggregation_is_exact_inside_a_minute(aggregation: Aggregation, value: int) -> None:
    usage = Usage(make_meter(aggregation)).add(
        *(make_event(at, {"value": one}, time_us=NOON + at) for at, one in enumerate((9, 4, 2, 7)))
    )

    assert [row.value for row in usage.ask(from_us=NOON + 1, to_us=NOON + 3).rows] == [value]


def test_what_does_not_count_in_the_meter_does_not_count_at_its_ends() -> None:
    usage = Usage(make_meter(event_from_us=NOON + 1))
    usage.history.events += [
        make_event(1, {"value": 1}, type="other", time_us=NOON + 1),
        make_event(2, {"value": "x"}, time_us=NOON + 1),
        make_event(3, None, time_us=NOON + 1),
        make_event(4, {"value": 2}, time_us=NOON),
        make_event(5, {"value": 4}, time_us=NOON + 1, toggles=(NOON,), voided_by="v"),
        make_event(6, {"value": 8}, time_us=NOON + 1, toggles=(NOON, NOON + 1)),
    ]

    assert [row.value for row in usage.ask(from_us=NOON - 1, to_us=NOON + 2).rows] == [8]


def test_another_workspaces_events_are_not_seen() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:01Z"))
    usage.history.events = [
        replace(one, workspace="00000000-0000-4000-8000-000000000002") for one in usage.history.events
    ]

    assert usage.ask(**ends("10:00:00.5", "10:00:30")).rows == ()


def test_whole_minutes_read_no_events() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:01Z"))

    usage.ask(**ends("10:00:00", "10:01:00"))
    usage.ask()

    assert usage.history.reads == 0


def test_one_subjects_ends_are_read_from_its_own_bucket_alone() -> None:
    usage = Usage().add(event(1, "2026-01-14T10:00:01Z"))

    usage.ask(**ends("10:00:00.5", "10:01:00"), subjects=("a",))

    assert usage.history.reads == 1


def test_pages_of_an_end_are_read_to_its_last() -> None:
    usage = Usage(page_items=2).add(*(event(1, f"2026-01-14T10:00:{second:02d}Z") for second in range(30)))

    assert usage.ask(**ends("10:00:00.5", "10:00:59")).rows[0].value == 29


def test_more_events_at_the_ends_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "MAX_EDGE_EVENTS", 3)
    usage = Usage(page_items=1).add(*(event(1, f"2026-01-14T10:00:{second:02d}Z") for second in range(10)))

    with pytest.raises(TooLarge, match="whole minutes"):
        usage.ask(**ends("10:00:00.5", "10:00:30"))
    assert usage.ask(**ends("10:00:00.5", "10:00:03.5")).rows[0].value == 3
    assert usage.ask(**ends("10:00:00", "10:01:00")).rows[0].value == 10


def test_without_a_history_ends_must_be_whole_minutes() -> None:
    rows: Any = None

    with pytest.raises(NotSupported, match="whole minutes"):
        UsageService(rows).query(METER, UsageQuery(from_us=1))


def test_ends_where_events_have_expired_must_be_whole_minutes() -> None:
    """The clock stands at noon of 2026-01-14, and events are kept for 35 days."""
    usage = Usage(retention_days=35)
    kept = instant("2025-12-10T12:00:00Z")

    assert usage.refused(from_us=kept - 1) == [("from", "whole_minute")]
    assert usage.refused(to_us=kept - 1) == [("to", "whole_minute")]
    assert usage.refused(from_us=kept - 2, to_us=kept - 1) == [("from", "whole_minute")]
    assert usage.ask(from_us=kept + 1).rows == ()
    assert usage.ask(from_us=kept - 24 * HOUR_US).rows == ()


@pytest.mark.parametrize(
    ("start", "end", "whole", "left"),
    [
        (0, 120, (0, 120), []),
        (1, 120, (60, 120), [(1, 60)]),
        (0, 121, (0, 120), [(120, 121)]),
        (59, 61, (60, 60), [(59, 60), (60, 61)]),
        (61, 119, (120, 120), [(61, 119)]),
        (61, 120, (120, 120), [(61, 120)]),
        (60, 119, (60, 60), [(60, 119)]),
    ],
)
def test_a_range_is_cut_into_whole_minutes_and_edges(start: int, end: int, whole: Any, left: Any) -> None:
    def window(part: tuple[int, int]) -> Window:
        return Window(part[0] * 1_000_000, part[1] * 1_000_000)

    assert cut(window((start, end))) == (window(whole), tuple(map(window, left)))


def test_the_wire_takes_ends_inside_a_minute_and_gives_them_back(api: Api) -> None:
    api.define(make_meter(), (1, "2026-01-14T10:00:00.25Z", "a", ""), (Decimal(2), "2026-01-14T10:00:00.75Z", "a", ""))

    status, answer = api.v1("from=2026-01-14T10:00:00.5Z&to=2026-01-14T10:02:00.123456Z")
    newer = api.v3({"from": "2026-01-14T10:00:00.25Z", "to": "2026-01-14T10:00:00.75Z"})[1]["data"]

    assert (status, answer["from"], answer["to"]) == (200, "2026-01-14T10:00:00.5Z", "2026-01-14T10:02:00.123456Z")
    assert [(row["value"], row["windowStart"]) for row in answer["data"]] == [(2, "2026-01-14T10:00:00.5Z")]
    assert [row["value"] for row in newer] == ["1"]
