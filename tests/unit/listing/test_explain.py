"""GET /v1/{workspace_id}/events/explain."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.events.store import partition_key
from tests.unit.listing.conftest import NOW, SECOND, Desk

ROUTE = "GET /v1/{workspace_id}/events/explain"


def explain(desk: Desk, id_: str = "a", source: str = "test", **given: Any) -> tuple[int, Any]:
    query = [("source", source), ("id", id_)]
    return desk.send(ROUTE, *query, path={"workspace_id": desk.workspace}, **given)[:2]


def verdicts(desk: Desk) -> list[dict[str, Any]]:
    status, body = explain(desk)
    assert status == 200, body
    return list(body["meters"])


def test_a_counted_event_says_where_and_with_which_value(desk: Desk) -> None:
    made = desk.meter("tokens", groupBy={"model": "$.model", "agent": "$.agent"})
    desk.store(desk.event("a", at=61 * SECOND, data={"tokens": "12.50", "model": "x"}, ingested_at_us=NOW + 10**9))

    body = explain(desk)[1]

    assert body["meters"][0].pop("state") in ("live", "rebuilding")
    assert body == {
        "event": {
            "specversion": "1.0",
            "id": "a",
            "source": "test",
            "type": "completion",
            "subject": "customer-1",
            "time": "2026-01-14T10:01:01Z",
            "datacontenttype": "application/json",
            "data": {"model": "x", "tokens": "12.50"},
        },
        "ingested_at": "2026-01-14T10:16:40Z",
        "voided": False,
        "void": None,
        "toggles": [],
        "meters": [
            {
                "slug": "tokens",
                "id": made["id"],
                "generation": 1,
                "counted": True,
                "value": "12.5",
                "groups": {"agent": "", "model": "x"},
                "windows": {
                    "minute": "2026-01-14T10:01:00Z",
                    "hour": "2026-01-14T10:00:00Z",
                    "day": "2026-01-14T00:00:00Z",
                    "month": "2026-01-01T00:00:00Z",
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("aggregation", "path", "value"),
    [("COUNT", None, "1"), ("UNIQUE_COUNT", "$.model", "x"), ("MAX", "$.tokens", "12345678901234567890.5")],
)
def test_the_value_is_what_the_aggregation_reads(desk: Desk, aggregation: str, path: str | None, value: str) -> None:
    desk.meter("m", aggregation=aggregation, valueProperty=path)
    desk.store(desk.event("a", data={"tokens": "12345678901234567890.5", "model": "x"}, ingested_at_us=NOW + 10**9))

    assert [(one["counted"], one["value"]) for one in verdicts(desk)] == [(True, value)]


def test_an_event_that_a_meter_cannot_use_says_why(desk: Desk) -> None:
    desk.meter("tokens")
    desk.add("a", data={"tokens": [1]})

    (verdict,) = verdicts(desk)

    assert (verdict["counted"], verdict["reason"]) == (
        False,
        "invalid event: unsupported value property type: list",
    )


def test_an_event_before_the_meters_first_says_so(desk: Desk) -> None:
    desk.meter("tokens", eventFrom="2026-01-14T10:00:01Z")
    desk.add("a")

    assert verdicts(desk)[0]["reason"] == (
        "the event's time lies before 2026-01-14T10:00:01Z, from which on the meter counts"
    )


def test_meters_come_in_the_order_of_their_slugs_and_only_those_of_the_type(desk: Desk) -> None:
    desk.meter("b")
    desk.meter("a")
    desk.meter("other", eventType="search")
    desk.add("a")

    assert [one["slug"] for one in verdicts(desk)] == ["a", "b"]


def test_an_event_of_no_meters_type_says_so(desk: Desk) -> None:
    desk.add("a")

    assert explain(desk)[1]["reason"] == "no meter found for event type: completion"


def test_the_source_is_part_of_the_identity(desk: Desk) -> None:
    desk.store(desk.event("c", source="a-b"), desk.event("b-c", source="a", subject="other"))

    assert explain(desk, "c", "a-b")[1]["event"]["subject"] == "customer-1"


@pytest.mark.parametrize(("id_", "source"), [("b", "test"), ("a", "x"), ("a" * 513, "test"), ("a", "é" * 513)])
def test_an_unknown_event_is_not_found(desk: Desk, id_: str, source: str) -> None:
    desk.add("a")

    status, body = explain(desk, id_, source)

    assert (status, body["title"], body["type"]) == (404, "Not Found", "about:blank")


@pytest.mark.parametrize(("query", "field"), [([("id", "a")], "source"), ([("source", "x"), ("id", "")], "id")])
def test_source_and_id_are_required(desk: Desk, query: list[tuple[str, str]], field: str) -> None:
    status, body, _ = desk.send(ROUTE, *query, path={"workspace_id": desk.workspace})

    assert (status, body["extensions"]["validationErrors"][0]["field"]) == (400, field)


def test_no_other_workspaces_event_is_explained(desk: Desk) -> None:
    desk.add("a")
    other = "00000000-0000-4000-8000-00000000000f"

    assert desk.send(ROUTE, ("source", "test"), ("id", "a"), path={"workspace_id": other})[0] == 403
    assert explain(desk, workspace=other)[0] == 403


def test_a_key_without_the_scope_is_forbidden(desk: Desk) -> None:
    assert explain(desk, scopes="events:write")[0] == 403


def void(desk: Desk, *stamps: int, by: str | None) -> None:
    """Mark the event a as a void does."""
    key = {"pk": {"S": partition_key(desk.workspace, "test", "a")}}
    marks: dict[str, Any] = {"v": {"Value": {"L": [{"N": str(one)} for one in stamps]}}}
    if by is not None:
        marks["i"] = {"Value": {"S": by}}
    desk.client.update_item(TableName=desk.settings.events_table, Key=key, AttributeUpdates=marks)


def test_a_voided_event_says_by_what_and_since_when(desk: Desk) -> None:
    desk.meter("tokens")
    desk.add("a")
    void(desk, NOW + SECOND, by="01G65Z755AFWAKHE12NY0CQ9FH")

    _, body = explain(desk)

    assert (body["voided"], body["void"]) == (True, {"id": "01G65Z755AFWAKHE12NY0CQ9FH", "at": "2026-01-14T10:00:01Z"})
    assert body["toggles"] == [{"at": "2026-01-14T10:00:01Z", "voided": True}]
    assert [(one["counted"], one["reason"]) for one in body["meters"]] == [(False, "the event is voided")]


def test_an_event_whose_void_was_undone_counts_and_tells_its_past(desk: Desk) -> None:
    desk.meter("requests", aggregation="COUNT", valueProperty=None)
    desk.store(desk.event("a", ingested_at_us=NOW + 10**9))
    void(desk, NOW + SECOND, NOW + 2 * SECOND, by=None)

    _, body = explain(desk)

    assert (body["voided"], body["void"], body["meters"][0]["counted"]) == (False, None, True)
    assert [one["voided"] for one in body["toggles"]] == [True, False]


@pytest.mark.parametrize(
    ("route", "items"),
    [("GET /api/v1/events", None), ("GET /api/v2/events", "items"), ("GET /api/v3/openmeter/events", "data")],
)
def test_lists_hold_a_voided_event_only_where_asked_and_mark_it(desk: Desk, route: str, items: str | None) -> None:
    desk.add("a", "b")
    void(desk, NOW + SECOND, by="01G65Z755AFWAKHE12NY0CQ9FH")

    def listed(*query: tuple[str, str]) -> list[tuple[str, bool]]:
        body = desk.send(route, *query)[1]
        return [(one["event"]["id"], one.get("voided", False)) for one in (body[items] if items else body)]

    assert listed() == [("b", False)]
    assert listed(("includeVoided", "true")) == [("b", False), ("a", True)]


def test_more_verdicts_than_an_answer_carries_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.dialects.answer_size.MAX_ANSWER_BYTES", 500)
    desk.meter("a")
    desk.add("a")

    assert explain(desk)[0] == 413
