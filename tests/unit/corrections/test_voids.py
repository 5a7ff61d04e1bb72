"""Voids through the doors: what they change in usage, and what they answer."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.events.store import partition_key
from tests.unit.corrections.desk import SOURCE, Customer

AGGREGATIONS = ("SUM", "COUNT", "AVG", "MIN", "MAX", "LATEST", "UNIQUE_COUNT")
EVENTS = (("1", "10:00:05", 4), ("2", "10:00:30", 9), ("3", "10:07:00", 9), ("4", "11:30:00", 1))
ALL = {"SUM": "23", "COUNT": "4", "AVG": "5.75", "MIN": "1", "MAX": "9", "LATEST": "1", "UNIQUE_COUNT": "3"}


@pytest.fixture
def filled(customer: Customer) -> Customer:
    """A meter of every aggregation, and four events."""
    for aggregation in AGGREGATIONS:
        customer.live_meter(aggregation.lower(), aggregation, {"model": "$.model"})
    customer.send(*EVENTS)
    customer.desk.drain()
    return customer


def usage_of(customer: Customer, **query: object) -> dict[str, str | None]:
    return {one: customer.usage(one.lower(), **query) for one in AGGREGATIONS}


def test_a_voided_event_counts_nowhere_and_counts_again_when_the_void_is_undone(filled: Customer) -> None:
    status, void = filled.void("4", "2", reason="sent by mistake")
    filled.desk.drain()

    without = {"SUM": "13", "COUNT": "2", "AVG": "6.5", "MIN": "4", "MAX": "9", "LATEST": "9", "UNIQUE_COUNT": "2"}
    assert (status, void["state"], void["events"], void["reason"]) == (201, "done", 2, "sent by mistake")
    assert usage_of(filled) == without
    assert usage_of(filled, subject=["a"]) == without

    assert filled.undo(void["id"])[0] == 204
    filled.desk.drain()

    assert usage_of(filled) == ALL
    assert usage_of(filled, subject=["a"]) == ALL


def test_an_event_that_is_sent_again_after_its_void_stays_void(filled: Customer) -> None:
    filled.void("2")
    filled.send(EVENTS[1])
    filled.desk.drain()

    assert filled.usage("sum") == "14"


def test_a_void_of_an_event_that_was_sent_twice_takes_it_away_once(filled: Customer) -> None:
    filled.send(EVENTS[1])
    filled.void("2")
    filled.desk.drain()

    assert (filled.usage("sum"), filled.usage("count")) == ("14", "3")


def test_an_event_may_be_voided_before_it_is_counted(filled: Customer) -> None:
    filled.send(("5", "12:00:00", 100))
    filled.void("5")
    filled.desk.drain()

    assert usage_of(filled) == ALL


def test_a_void_may_be_undone_before_anything_was_counted(filled: Customer) -> None:
    filled.send(("5", "12:00:00", 2))
    filled.undo(filled.void("5", "1")[1]["id"])
    filled.desk.drain()

    assert (filled.usage("sum"), filled.usage("latest"), filled.usage("max")) == ("25", "2", "9")


def test_a_meter_made_later_does_not_count_what_was_voided(filled: Customer) -> None:
    filled.void("3")
    filled.meter("later", "SUM")
    filled.desk.drain()

    assert filled.usage("later") == "14"


def test_the_answer_says_which_events_could_not_be_voided(filled: Customer) -> None:
    first = filled.void("1")[1]

    status, second = filled.void("1", "2", "9", "2")

    assert status == 201
    assert (second["named"], second["events"], second["skipped"]) == (3, 1, 1)
    assert second["already_voided"] == [{"source": SOURCE, "id": "1", "void": first["id"]}]
    assert second["not_found"] == [{"source": SOURCE, "id": "9"}]
    assert second["over_limit"] == []


def test_undoing_a_void_leaves_what_another_one_voids(filled: Customer) -> None:
    filled.void("1")
    second = filled.void("1", "2")[1]

    filled.undo(second["id"])
    filled.desk.drain()

    assert filled.usage("sum") == "19"


def test_an_event_that_was_toggled_too_often_is_reported(filled: Customer) -> None:
    stamps = [{"N": str(filled.desk.clock.now + number)} for number in range(20)]
    filled.desk.client.update_item(
        TableName="EventsTable",
        Key={"pk": {"S": partition_key(filled.workspace, SOURCE, "1")}},
        UpdateExpression="SET v = :stamps",
        ExpressionAttributeValues={":stamps": {"L": stamps}},
    )

    _, void = filled.void("1", "2")

    assert (void["events"], void["skipped"], void["over_limit"]) == (1, 1, [{"source": SOURCE, "id": "1"}])


@pytest.fixture
def mixed(customer: Customer) -> Customer:
    """Two subjects, two types, three hours."""
    customer.live_meter("sum", "SUM")
    customer.live_meter("other", "SUM", event_type="other")
    customer.send(("1", "10:00:00", 1), ("2", "11:00:00", 10))
    customer.send(("3", "10:30:00", 100), ("4", "12:00:00", 1000), subject="b")
    customer.send(("5", "10:30:00", 7), subject="b", type="other")
    customer.desk.drain()
    return customer


@pytest.mark.parametrize(
    ("conditions", "left", "other"),
    [
        ({"subject": "b"}, "11", None),
        ({"type": "request"}, None, "7"),
        ({"type": "request", "subject": "a"}, "1100", "7"),
        ({"since": "2026-01-14T11:00:00Z"}, "101", "7"),
        ({"to": "2026-01-14T10:30:00.000001Z"}, "1010", None),
        ({"since": "2026-01-14T10:30:00Z", "to": "2026-01-14T12:00:00Z", "subject": "b"}, "1011", None),
        ({"source": "test"}, None, None),
        ({"source": "elsewhere"}, "1111", "7"),
    ],
)
def test_a_filter_voids_the_events_that_meet_all_of_it(
    mixed: Customer, conditions: dict[str, Any], left: str | None, other: str | None
) -> None:
    status, void = mixed.void_where(**conditions)
    mixed.desk.drain()

    assert (status, void["state"]) == (201, "done")
    assert (mixed.usage("sum"), mixed.usage("other")) == (left, other)

    assert mixed.undo(void["id"])[0] == 204
    mixed.desk.drain()

    assert (mixed.usage("sum"), mixed.usage("other")) == ("1111", "7")


def test_a_filter_covers_what_was_stored_before_it_only(mixed: Customer) -> None:
    _, void = mixed.void_where(subject="a")
    mixed.send(("6", "10:00:00", 50))
    mixed.desk.drain()

    assert mixed.usage("sum") == "1150"
    assert mixed.get_void(void["id"])[1]["events"] == 2


def test_a_filter_counts_what_another_void_has_as_skipped(mixed: Customer) -> None:
    mixed.void("1")

    _, void = mixed.void_where(subject="a")

    assert (void["events"], void["skipped"]) == (1, 1)


def test_a_void_reaches_no_other_workspace(mixed: Customer) -> None:
    neighbour = Customer(mixed.desk, "11111111-1111-4111-8111-111111111111")

    _, void = neighbour.void_where(subject="a")
    _, named = neighbour.void("1")

    assert (void["events"], named["events"]) == (0, 0)
    assert neighbour.call("GET /v1/{workspace_id}/voids")[1]["items"][0]["id"] == named["id"]
    assert mixed.get_void(void["id"])[0] == 404
    assert mixed.undo(void["id"])[0] == 404


@pytest.mark.parametrize("ids", [("2", "4"), ("1", "2", "3", "4")])
def test_a_dry_run_says_what_then_changes(filled: Customer, ids: tuple[str, ...]) -> None:
    _, preview = filled.void(*ids, dry_run=True)
    before = {one["slug"]: filled.usage(one["slug"], **_window(one)) for one in preview["meters"]}
    filled.void(*ids)
    filled.desk.drain()

    assert {one["slug"] for one in preview["meters"]} == {one.lower() for one in AGGREGATIONS}
    for one in preview["meters"]:
        after = filled.usage(one["slug"], **_window(one))
        nothing = "0" if one["aggregation"] in ("SUM", "UNIQUE_COUNT", "COUNT") else None
        assert (one["before"], one["after"]) == (before[one["slug"]], after or nothing), one


def _window(change: dict[str, str]) -> dict[str, str]:
    return {"from": change["from"], "to": change["to"]}


def test_a_dry_run_of_a_filter_gives_the_difference_of_each_meter(mixed: Customer) -> None:
    status, preview = mixed.void_where(dry_run=True, subject="b")

    assert (status, preview["events"], preview["truncated"]) == (200, 3, False)
    assert [(one["slug"], one["events"], one["difference"]) for one in preview["meters"]] == [
        ("other", 1, "-7"),
        ("sum", 2, "-1100"),
    ]


def test_a_dry_run_changes_nothing(mixed: Customer) -> None:
    mixed.void("1", dry_run=True)
    mixed.desk.drain()

    assert mixed.usage("sum") == "1111"
    assert mixed.call("GET /v1/{workspace_id}/voids")[1]["items"] == []


def test_a_dry_run_reports_the_events_that_could_not_be_voided(mixed: Customer) -> None:
    void = mixed.void("1")[1]

    _, preview = mixed.void("1", "2", "9", dry_run=True)

    assert (preview["events"], preview["skipped"]) == (1, 1)
    assert preview["already_voided"][0]["void"] == void["id"]
    assert preview["not_found"] == [{"source": SOURCE, "id": "9"}]


def test_the_list_pages_through_the_voids_newest_first(mixed: Customer) -> None:
    made = [mixed.void(id_)[1]["id"] for id_ in ("1", "2", "3")]

    route = "GET /v1/{workspace_id}/voids"
    _, first = mixed.call(route, query=[("limit", "2")])
    _, second = mixed.call(route, query=[("limit", "2"), ("cursor", first["next_cursor"])])

    assert [one["id"] for one in first["items"]] + [one["id"] for one in second["items"]] == sorted(made, reverse=True)
    assert second["next_cursor"] is None


def test_a_void_is_shown_with_its_events_and_stays_when_it_is_undone(mixed: Customer) -> None:
    void = mixed.void("1", "2")[1]
    mixed.undo(void["id"])
    mixed.undo(void["id"])

    status, shown = mixed.get_void(void["id"])

    assert status == 200
    assert (shown["state"], shown["events"]) == ("undone", 2)
    assert shown["names"] == [{"source": SOURCE, "id": "1"}, {"source": SOURCE, "id": "2"}]
    assert shown["undone_at"] >= shown["done_at"] >= shown["created_at"]


def test_a_void_of_a_filter_shows_the_filter(mixed: Customer) -> None:
    void = mixed.void_where(subject="b", since="2026-01-14T10:30:00Z")[1]

    shown = mixed.get_void(void["id"])[1]

    assert shown["filter"] == {"subject": "b", "from": "2026-01-14T10:30:00Z"}
    assert (shown["named"], shown["names"]) == (None, None)


def test_undoing_a_void_twice_is_no_error(mixed: Customer) -> None:
    void = mixed.void("1")[1]

    assert [mixed.undo(void["id"])[0] for _ in range(2)] == [204, 204]


def test_an_event_that_is_explained_names_its_void(mixed: Customer) -> None:
    void = mixed.void("1")[1]

    query = [("source", SOURCE), ("id", "1")]
    explained = mixed.call("GET /v1/{workspace_id}/events/explain", query=query)[1]

    assert (explained["voided"], explained["void"]["id"]) == (True, void["id"])


def test_jobs_leave_nothing_behind(mixed: Customer) -> None:
    mixed.undo(mixed.void("1")[1]["id"])
    mixed.void_where(subject="b")
    mixed.desk.drain()

    items = mixed.desk.client.scan(TableName="CatalogTable")["Items"]
    assert [item["sk"]["S"] for item in items if item["sk"]["S"].startswith(("j.void", "j.unvoid"))] == []
