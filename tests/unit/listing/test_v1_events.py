"""GET /api/v1/events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import render
from tests.unit.listing.conftest import NOW, SECOND, Desk

ROUTE = "GET /api/v1/events"
DAY = 86_400 * SECOND


def ids(desk: Desk, *query: tuple[str, str]) -> list[str]:
    status, body, _ = desk.send(ROUTE, *query)
    assert status == 200, body
    return [one["event"]["id"] for one in body]


def test_the_newest_event_comes_first(desk: Desk) -> None:
    desk.add("a", "b", "c")

    assert ids(desk) == ["c", "b", "a"]


def test_an_item_has_the_event_and_when_it_was_stored(desk: Desk) -> None:
    desk.meter("tokens")
    desk.store(desk.event("a", at=123_456, data={"tokens": 5, "model": "x"}, ingested_at_us=NOW + 7))

    assert desk.send(ROUTE)[1] == [
        {
            "event": {
                "specversion": "1.0",
                "id": "a",
                "source": "test",
                "type": "completion",
                "subject": "customer-1",
                "time": "2026-01-14T10:00:00.123456Z",
                "datacontenttype": "application/json",
                "data": {"model": "x", "tokens": 5},
            },
            "ingestedAt": "2026-01-14T10:00:00.000007Z",
            "storedAt": "2026-01-14T10:00:00.000007Z",
        }
    ]


def test_extension_attributes_are_shown(desk: Desk) -> None:
    desk.store(desk.event("a", extensions='{"traceparent":"00-1"}'))

    assert desk.send(ROUTE)[1][0]["event"]["traceparent"] == "00-1"


def test_data_keeps_every_digit(desk: Desk) -> None:
    digits = Decimal("12345678901234567890.1234567890")
    desk.add("a", data={"tokens": digits})

    assert str(desk.send(ROUTE)[1][0]["event"]["data"]["tokens"]) == str(digits)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([("id", "b-")], ["b-2", "b-1"]),
        ([("id", "B")], []),
        ([("id", "%")], ["100%"]),
        ([("subject", "s1")], ["100%", "b-1"]),
        ([("subject", "s")], []),
        ([("from", render(NOW + SECOND))], ["b-2", "100%"]),
        ([("to", render(NOW + SECOND))], ["b-1"]),
        ([("ingestedAtFrom", render(NOW + 2))], ["100%"]),
        ([("ingestedAtTo", render(NOW + 2))], ["b-2", "b-1"]),
        ([("limit", "1")], ["b-2"]),
        ([("clientId", "anything"), ("limit", "100")], ["b-2", "100%", "b-1"]),
    ],
)
def test_a_parameter_filters(desk: Desk, query: list[tuple[str, str]], expected: list[str]) -> None:
    desk.store(
        desk.event("b-1", subject="s1"),
        desk.event("100%", subject="s1", at=SECOND, ingested_at_us=NOW + 2),
        desk.event("b-2", subject="s2", at=2 * SECOND),
    )

    assert ids(desk, *query) == expected


def test_without_from_the_last_32_days_are_listed(desk: Desk) -> None:
    desk.store(desk.event("old", at=-32 * DAY), desk.event("in", at=-32 * DAY + SECOND), desk.event("new", at=DAY))

    assert ids(desk) == ["new", "in"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", render(NOW - 32 * DAY - 1)),
        ("from", "yesterday"),
        ("to", "2026-01-14"),
        ("to", render(NOW - 40 * DAY)),
        ("ingestedAtFrom", ""),
        ("ingestedAtTo", "1"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("customerId", "01G65Z755AFWAKHE12NY0CQ9FH"),
        ("customerId[]", "01G65Z755AFWAKHE12NY0CQ9FH"),
        ("id", "x" * 1_025),
        ("subject", "x" * 1_025),
        ("cursor", "x"),
        ("cursor", "é" * 300),
        ("includeVoided", "yes"),
    ],
)
def test_what_cannot_be_asked_is_refused_naming_the_parameter(desk: Desk, name: str, value: str) -> None:
    status, body, headers = desk.send(ROUTE, (name, value))

    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert body["extensions"]["validationErrors"][0]["field"] == name.removesuffix("[]")


def test_a_full_page_says_where_the_list_goes_on(desk: Desk) -> None:
    desk.add(*"abcde")
    _, first, headers = desk.send(ROUTE, ("limit", "2"))
    _, second, more = desk.send(ROUTE, ("limit", "3"), ("cursor", headers["dynameter-next-cursor"]))

    assert [one["event"]["id"] for one in first + second] == ["e", "d", "c", "b", "a"]
    assert "dynameter-next-cursor" not in more


def test_no_other_workspace_is_listed(desk: Desk) -> None:
    desk.add("a")

    assert desk.send(ROUTE, workspace="00000000-0000-4000-8000-00000000000f")[1] == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"tokens": "12.5"}, None),
        (None, "invalid event: null and missing value property"),
        ({}, 'invalid event: missing value property: "$.tokens"'),
        ({"tokens": None}, "invalid event: value cannot be null"),
        ({"tokens": "NaN"}, "invalid event: value cannot be NaN"),
        ({"tokens": "many"}, "invalid event: value cannot be parsed as float64: many"),
    ],
)
def test_an_event_says_what_is_wrong_with_it(desk: Desk, data: Any, problem: str | None) -> None:
    desk.meter("tokens")
    desk.add("a", data=data)

    assert desk.send(ROUTE)[1][0].get("validationError") == problem


def test_an_event_of_no_meters_type_says_so(desk: Desk) -> None:
    desk.add("a", type="other")

    assert desk.send(ROUTE)[1][0]["validationError"] == "no meter found for event type: other"


def test_the_errors_of_several_meters_are_joined_by_lines(desk: Desk) -> None:
    desk.meter("tokens")
    desk.meter("seconds", valueProperty="$.seconds")
    desk.meter("requests", aggregation="COUNT", valueProperty=None)
    desk.add("a", data={"tokens": None})

    assert desk.send(ROUTE)[1][0]["validationError"].splitlines() == [
        'invalid event: missing value property: "$.seconds"',
        "invalid event: value cannot be null",
    ]


def test_a_deleted_meter_has_no_say(desk: Desk) -> None:
    desk.meter("tokens")
    desk.add("a", data={})
    desk.send("DELETE /api/v1/meters/{meterIdOrSlug}", path={"meterIdOrSlug": "tokens"})

    assert desk.send(ROUTE)[1][0]["validationError"] == "no meter found for event type: completion"
