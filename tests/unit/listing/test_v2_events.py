"""GET /api/v2/events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynameter.clock import render
from tests.unit.listing.conftest import NOW, SECOND, Desk

ROUTE = "GET /api/v2/events"


def ids(desk: Desk, **filters: Any) -> list[str]:
    status, body, _ = desk.send(ROUTE, ("filter", json.dumps(filters)))
    assert status == 200, body
    return [one["event"]["id"] for one in body["items"]]


@pytest.fixture
def three(desk: Desk) -> Desk:
    desk.store(
        desk.event("a-1", subject="s1", type="completion", source="one"),
        desk.event("a-2", subject="s2", type="search", source="two", at=SECOND),
        desk.event("b-1", subject="s3", type="search", source="two", at=2 * SECOND, ingested_at_us=NOW + 5),
    )
    return desk


def test_everything_is_listed_newest_first_whatever_its_age(desk: Desk) -> None:
    desk.add("old", at=-NOW)
    desk.add("new")

    assert desk.send(ROUTE)[1].keys() == {"items"}
    assert [one["event"]["id"] for one in desk.send(ROUTE)[1]["items"]] == ["new", "old"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"id": {"$like": "a-%"}}, ["a-2", "a-1"]),
        ({"source": {"$eq": "two"}}, ["b-1", "a-2"]),
        ({"subject": {"$in": ["s1", "s3"]}}, ["b-1", "a-1"]),
        ({"subject": {"$eq": "s9"}}, []),
        ({"type": {"$ne": "search"}}, ["a-1"]),
        ({"type": {"$eq": "search"}, "id": {"$like": "a%"}}, ["a-2"]),
        ({"id": {"$or": [{"$eq": "a-1"}, {"$ilike": "B%"}]}}, ["b-1", "a-1"]),
        ({"time": {"$gte": render(NOW + SECOND)}}, ["b-1", "a-2"]),
        ({"time": {"$and": [{"$gt": render(NOW)}, {"$lt": render(NOW + 2 * SECOND)}]}}, ["a-2"]),
        ({"time": {"$eq": render(NOW)}}, ["a-1"]),
        ({"ingestedAt": {"$lt": render(NOW + 5)}}, ["a-2", "a-1"]),
        ({"time": {"$lte": render(NOW + SECOND)}, "ingestedAt": {"$lte": render(NOW + 1)}}, ["a-2", "a-1"]),
        ({"id": {}, "type": None}, ["b-1", "a-2", "a-1"]),
    ],
)
def test_a_filter_narrows(three: Desk, filters: Any, expected: list[str]) -> None:
    assert ids(three, **filters) == expected


def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk) -> None:
    desk.store(*(desk.event(f"{one:02d}", at=one // 3 * SECOND, subject=f"s{one}") for one in range(20)))
    seen: list[str] = []
    query: list[tuple[str, str]] = [("limit", "3")]
    for _ in range(10):
        body = desk.send(ROUTE, *query)[1]
        seen += (one["event"]["id"] for one in body["items"])
        if "nextCursor" not in body:
            break
        query = [("limit", "3"), ("cursor", body["nextCursor"])]

    assert sorted(seen) == [f"{one:02d}" for one in range(20)]
    assert [int(one) // 3 for one in seen] == sorted((int(one) // 3 for one in seen), reverse=True)


def test_the_last_page_has_no_cursor_even_where_it_is_full(desk: Desk) -> None:
    desk.add("a", "b")

    assert "nextCursor" not in desk.send(ROUTE, ("limit", "2"))[1]


def test_an_event_that_came_late_does_not_disturb_the_pages(desk: Desk) -> None:
    desk.add("a", "b", "c", "d")
    cursor = desk.send(ROUTE, ("limit", "2"))[1]["nextCursor"]
    desk.add("later", at=10 * SECOND)

    assert [one["event"]["id"] for one in desk.send(ROUTE, ("cursor", cursor))[1]["items"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ("{", "filter"),
        ("[]", "filter"),
        ("null", "filter"),
        ("x" * 8_193, "filter"),
        ('{"color":{"$eq":"red"}}', "filter.color"),
        ('{"id":"a"}', "filter.id"),
        ('{"id":{"eq":"a"}}', "filter.id.eq"),
        ('{"id":{"$in":[1]}}', "filter.id.$in"),
        ('{"time":{"$gt":"soon"}}', "filter.time.$gt"),
        ('{"time":{"$like":"2026%"}}', "filter.time.$like"),
        ('{"customerId":{"$in":["01G65Z755AFWAKHE12NY0CQ9FH"]}}', "filter"),
        ('{"customerId":{"$like":"01%"}}', "filter.customerId"),
    ],
)
def test_what_is_no_filter_is_refused_naming_the_place(desk: Desk, sent: str, field: str) -> None:
    status, body, _ = desk.send(ROUTE, ("filter", sent))

    assert status == 400
    assert body["extensions"]["validationErrors"][0]["field"] == field


@pytest.mark.parametrize(("name", "value"), [("limit", "101"), ("limit", "0"), ("cursor", "!")])
def test_other_parameters_are_checked(desk: Desk, name: str, value: str) -> None:
    assert desk.send(ROUTE, (name, value))[0] == 400


def test_a_cursor_of_another_order_is_refused(desk: Desk) -> None:
    desk.add("a", "b")
    page = desk.send("GET /v3/openmeter/events", ("page[size]", "1"), ("sort", "time asc"))[1]["meta"]["page"]

    assert desk.send(ROUTE, ("cursor", page["next"]))[0] == 400


def test_validation_errors_are_shown(desk: Desk) -> None:
    desk.add("a")

    item = desk.send(ROUTE)[1]["items"][0]

    assert item["validationError"] == "no meter found for event type: completion"
