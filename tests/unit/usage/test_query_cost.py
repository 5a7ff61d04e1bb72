"""A query costs by the hours and minutes that have usage, not by the events in them.

Sizes are counted by the documented rule (names and values in UTF-8, a number by its significant digits), units by a
page's bytes: one strongly consistent unit for every 4,096 begun. A projection saves none of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.events.store import size_of
from dynameter.meters.meter import Aggregation
from dynameter.usage.windows import WindowSize
from tests.unit.usage.builders import instant, make_event, make_meter
from tests.unit.usage.fake_table import FakeTable
from tests.unit.usage.usage_in_memory import Usage

MONTH = {"from_us": instant("2026-01-01T00:00:00Z"), "to_us": instant("2026-02-01T00:00:00Z")}
DAYS: dict[str, Any] = {**MONTH, "window_size": WindowSize.DAY, "subjects": ("customer-1",)}
UNIT_BYTES = 4_096
PAGE_BYTES = 1_000_000


def cost(usage: Usage, **question: Any) -> tuple[int, int, int]:
    """Queries sent, items read and read units spent by one question."""
    table: FakeTable = usage.table
    table.queries.clear()
    usage.ask(**question)
    items = units = 0
    for query in table.queries:
        values = {name: typed["S"] for name, typed in query["ExpressionAttributeValues"].items()}
        read = [
            size_of(item)
            for (pk, sk), item in table.items.items()
            if pk == values[":pk"] and values[":first"] <= sk <= values[":last"]
        ]
        assert sum(read) < PAGE_BYTES
        items += len(read)
        units += -(-sum(read) // UNIT_BYTES)
    return len(table.queries), items, units


def busy_minutes(usage: Usage, minutes: int) -> Usage:
    """One event in each of so many minutes, evenly over the month."""
    step = (MONTH["to_us"] - MONTH["from_us"]) // minutes
    return usage.add_all(
        make_event(number, {"value": 10 + number % 90}, time_us=MONTH["from_us"] + number * step)
        for number in range(minutes)
    )


def repeat(usage: Usage, times: int) -> Usage:
    """What the rows are when every event has come so many times: each count and sum so many times as great."""
    for item in usage.table.items.values():
        for name, typed in item.items():
            if "N" in typed and name[0] in "nif":
                item[name] = {"N": str(int(typed["N"]) * times)}
    return usage


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.COUNT, Aggregation.AVG])
def test_a_month_by_day_reads_the_same_with_a_thousand_and_a_million_events(aggregation: Aggregation) -> None:
    usage = busy_minutes(Usage(make_meter(aggregation)), 1_000)
    thousand = cost(usage, **DAYS)

    million = cost(repeat(usage, 1_000), **DAYS)

    assert million == thousand
    queries, items, units = thousand
    assert queries == 1
    assert items <= 31 * 24
    assert units < 60


def test_events_in_minutes_that_have_some_already_make_no_row_greater_but_by_digits() -> None:
    usage = Usage(make_meter(Aggregation.MAX))
    usage.add_all(make_event(number, {"value": number % 60}, time_us=MONTH["from_us"]) for number in range(100))
    few = cost(usage, **DAYS)

    usage.add_all(make_event(number, {"value": number % 60}, time_us=MONTH["from_us"]) for number in range(2_000))

    assert cost(usage, **DAYS) == few


def test_a_row_full_of_minutes_is_of_bounded_size() -> None:
    usage = Usage(make_meter(Aggregation.SUM))
    usage.add_all(
        make_event(minute, {"value": "1234567.891"}, time_us=MONTH["from_us"] + minute * MINUTE_US)
        for minute in range(60)
    )

    assert cost(repeat(usage, 1_000_000), **DAYS) == (1, 1, 1)


@pytest.mark.parametrize("size", [WindowSize.HOUR, WindowSize.DAY, WindowSize.MONTH, None])
def test_no_window_reads_more_than_the_hours_of_its_range(size: WindowSize | None) -> None:
    usage = busy_minutes(Usage(), 2_000)

    _, items, _ = cost(usage, **DAYS | {"window_size": size})

    assert items == 31 * 24


def test_the_usage_of_all_subjects_costs_what_one_subjects_does() -> None:
    usage = Usage()
    for subject in ("a", "b", "c"):
        usage.add_all(
            make_event(1, {"value": 1}, subject=subject, time_us=MONTH["from_us"] + hour * HOUR_US)
            for hour in range(48)
        )

    assert cost(usage, **DAYS | {"subjects": ()})[1] == cost(usage, **DAYS | {"subjects": ("a",)})[1] == 48
