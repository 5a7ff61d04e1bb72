"""GET /api/v3/openmeter/events, and the same on Konnect's path."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.clock import render
from tests.unit.listing.conftest import NOW, SECOND, Desk

ROUTE = "GET /api/v3/openmeter/events"


def ids(desk: Desk, *query: tuple[str, str]) -> list[str]:
    status, body, _ = desk.send(ROUTE, *query)
    assert status == 200, body
    return [one["event"]["id"] for one in body["data"]]


@pytest.fixture
def three(desk: Desk) -> Desk:
    """a, b, c by time, but c, a, b by ingestion."""
    desk.store(
        desk.event("a", subject="s1", ingested_at_us=NOW + 20),
        desk.event("b", subject="s2", type="search", at=SECOND, ingested_at_us=NOW + 30),
        desk.event("c", subject="s3", at=2 * SECOND, ingested_at_us=NOW + 10),
    )
    return desk


@pytest.mark.parametrize("route", [ROUTE, "GET /v3/openmeter/events"])
def test_an_item_has_the_event_its_times_and_what_is_wrong_with_it(desk: Desk, route: str) -> None:
    desk.store(desk.event("a", data=None, extensions='{"traceparent":"00-1"}'))

    assert desk.send(route)[1]["data"] == [
        {
            "event": {
                "specversion": "1.0",
                "id": "a",
                "source": "test",
                "type": "completion",
                "subject": "customer-1",
                "time": "2026-01-14T10:00:00Z",
            },
            "ingested_at": "2026-01-14T10:00:00.000001Z",
            "stored_at": "2026-01-14T10:00:00.000001Z",
            "validation_errors": [{"code": "validation_error", "message": "no meter found for event type: completion"}],
        }
    ]


def test_an_event_without_fault_has_no_validation_errors(desk: Desk) -> None:
    desk.meter("tokens")
    desk.add("a")

    assert "validation_errors" not in desk.send(ROUTE)[1]["data"][0]


def test_a_page_has_twenty_events_unless_told_otherwise(desk: Desk) -> None:
    desk.add(*(f"{one:02d}" for one in range(21)))

    body = desk.send(ROUTE)[1]

    assert len(body["data"]) == body["meta"]["page"]["size"] == 20
    assert body["meta"]["page"]["previous"] is None


def test_an_empty_page_has_no_cursors(desk: Desk) -> None:
    page = {"first": None, "last": None, "next": None, "previous": None, "size": 5}

    assert desk.send(ROUTE, ("page[size]", "5"))[1] == {"data": [], "meta": {"page": page}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("filter[id]", "a")], "a"),
        ([("filter[id][neq]", "a")], "cb"),
        ([("filter[subject][oeq]", "s1,s3")], "ca"),
        ([("filter[type][contains]", "SEAR")], "b"),
        ([("filter[source][exists]", "true")], "cba"),
        ([("filter[source][exists]", "false")], ""),
        ([("filter[time][gt]", render(NOW))], "cb"),
        ([("filter[time][gte]", render(NOW + SECOND)), ("filter[time][lt]", render(NOW + 2 * SECOND))], "b"),
        ([("filter[time]", render(NOW))], "a"),
        ([("filter[ingested_at][lte]", render(NOW + 20))], "ca"),
        ([("filter[stored_at][gt]", render(NOW + 20))], "b"),
        ([("filter[subject]", "s1"), ("filter[type]", "search")], ""),
    ],
)
def test_a_filter_narrows(three: Desk, query: list[tuple[str, str]], expected: str) -> None:
    assert "".join(ids(three, *query)) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", "cba"),
        ("time", "cba"),
        ("time desc", "cba"),
        ("time asc", "abc"),
        ("ingested_at", "bac"),
        ("ingested_at asc", "cab"),
        ("stored_at desc", "bac"),
    ],
)
def test_a_list_is_sorted(three: Desk, sort: str, expected: str) -> None:
    assert "".join(ids(three, ("sort", sort))) == expected


@pytest.mark.parametrize("sort", ["time asc", "time desc", "ingested_at asc", "ingested_at desc"])
def test_pages_follow_each_other_in_every_order(desk: Desk, sort: str) -> None:
    desk.store(
        *(
            desk.event(str(one), subject=f"s{one}", at=one * SECOND, ingested_at_us=NOW + one * 7 % 5)
            for one in range(7)
        )
    )
    whole = ids(desk, ("sort", sort))
    seen: list[str] = []
    after: list[tuple[str, str]] = []
    for _ in range(4):
        body = desk.send(ROUTE, ("sort", sort), ("page[size]", "2"), *after)[1]
        seen += (one["event"]["id"] for one in body["data"])
        after = [("page[after]", body["meta"]["page"]["next"])]

    assert seen == whole
    assert body["meta"]["page"]["next"] is None


def test_the_cursor_of_the_last_event_goes_on_after_it(three: Desk) -> None:
    page = three.send(ROUTE, ("page[size]", "2"))[1]["meta"]["page"]

    assert ids(three, ("page[after]", page["last"])) == ["a"]
    assert ids(three, ("page[after]", page["first"])) == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page[before]", "x"),
        ("page[after]", "x"),
        ("page[size]", "0"),
        ("page[size]", "101"),
        ("filter[color]", "red"),
        ("filter[id][like]", "a%"),
        ("filter[time][neq]", render(NOW)),
        ("filter[time][gt]", "soon"),
        ("filter[ingested_at]", ""),
        ("filter[customer_id]", "01G65Z755AFWAKHE12NY0CQ9FH"),
        ("filter[customer_id][neq]", "01G65Z755AFWAKHE12NY0CQ9FH"),
        ("sort", "id"),
        ("sort", "time up"),
        ("includeVoided", "1"),
    ],
)
def test_what_cannot_be_asked_is_refused_naming_the_parameter(desk: Desk, name: str, value: str) -> None:
    status, body, _ = desk.send(ROUTE, (name, value))
    parameter: dict[str, Any] = body["invalid_parameters"][0]

    assert status == 400
    assert (parameter["field"], parameter["source"]) == (name, "query")
