"""Recounts through the door: zero where all is well, and what was damaged is found and restored."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from dynameter.dialects import answer_size
from dynameter.usage.rows.row import RowKey, Series, groups_text, item_key
from dynameter.usage.rows.store import UsageStore
from tests.unit.corrections.desk import Customer, Desk, open_desk
from tests.unit.usage.builders import instant

AGGREGATIONS = ("SUM", "COUNT", "AVG", "MIN", "MAX", "LATEST", "UNIQUE_COUNT")
WHOLE = {"SUM": "23.5", "COUNT": "4", "AVG": "5.875", "MIN": "1", "MAX": "9.25", "LATEST": "1", "UNIQUE_COUNT": "3"}
TEN = instant("2026-01-14T10:00:00Z") // 3_600_000_000


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as found:
        yield found


@pytest.fixture
def customer(desk: Desk, request: pytest.FixtureRequest) -> Customer:
    """A meter of the test's aggregation, or some, and events of two subjects and models in two hours."""
    made = Customer(desk, str(uuid.uuid4()))
    given = "aggregation" in request.fixturenames
    for aggregation in (request.getfixturevalue("aggregation"),) if given else ("SUM", "COUNT", "MIN"):
        made.live_meter(aggregation.lower(), aggregation, {"model": "$.model"})
    made.send(("1", "10:00:05.000001", 4), ("2", "10:00:30", "9.25"), subject="a", model="x")
    made.send(("3", "10:07:00", "9.25"), subject="b", model="y")
    made.send(("4", "11:30:00", 1), subject="b", model="x")
    made.desk.drain()
    return made


def damage(
    customer: Customer, aggregation: str, subject: str | None, model: str, hour: int = TEN, **cells: int
) -> None:
    """Change cells of a row by hand; no cells at all remove the row."""
    route = "GET /api/v1/meters/{meterIdOrSlug}"
    meter_id = customer.call(route, path={"meterIdOrSlug": aggregation.lower()})[1]["id"]
    groups = (model, "9.25") if aggregation == "UNIQUE_COUNT" else (model,)
    key = item_key(RowKey(Series(customer.workspace, meter_id, 1), subject, hour, groups))
    client = customer.desk.client
    if not cells:
        client.delete_item(TableName="UsageTable", Key=key)
        return
    item = client.get_item(TableName="UsageTable", Key=key).get("Item", key)
    changed = {name: {"N": str(cell)} for name, cell in cells.items()}
    client.put_item(TableName="UsageTable", Item={**item, "g": {"S": groups_text(groups)}, **changed})


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_healthy_usage_differs_by_nothing(customer: Customer, aggregation: str) -> None:
    status, answer = customer.recount(aggregation.lower())

    whole = WHOLE[aggregation]
    assert status == 200
    assert (answer["aggregate"], answer["recount"], answer["difference"]) == (whole, whole, "0")
    assert (answer["groups"], answer["state"]) == ([], "live")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"from": "2026-01-14T10:00:00Z", "to": "2026-01-14T11:00:00Z"}, "22.5"),
        ({"from": "2026-01-14T10:00:05.000001Z", "to": "2026-01-14T10:00:30Z"}, "4"),
        ({"from": "2026-01-14T10:00:05.000002Z", "to": "2026-01-14T10:07:00.000001Z"}, "18.5"),
        ({"from": "2026-01-14T11:00:00Z", "to": "2026-01-14T11:30:00Z"}, "0"),
    ],
)
def test_the_ends_of_the_range_are_exact_to_the_microsecond(
    customer: Customer, ends: dict[str, str], expected: str
) -> None:
    _, answer = customer.recount("sum", **ends)

    assert (answer["aggregate"], answer["recount"], answer["difference"]) == (expected, expected, "0")


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_where_nothing_counts_both_sides_say_so(customer: Customer, aggregation: str) -> None:
    _, answer = customer.recount(aggregation.lower(), **{"from": "2026-02-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"})

    nothing = "0" if aggregation in ("SUM", "COUNT", "UNIQUE_COUNT") else None
    assert (answer["aggregate"], answer["recount"], answer["difference"]) == (nothing, nothing, "0")


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_voids_leave_no_difference(customer: Customer, aggregation: str) -> None:
    customer.void("2", "4")
    customer.desk.drain()

    answer = customer.recount(aggregation.lower())[1]

    assert answer["difference"] == "0"
    assert answer["aggregate"] != WHOLE[aggregation] or aggregation == "MAX"


def test_one_subject_is_recounted_by_itself(customer: Customer) -> None:
    _, answer = customer.recount("sum", subject="a")

    assert (answer["aggregate"], answer["recount"], answer["subject"]) == ("13.25", "13.25", "a")


def test_a_meter_without_groups_has_no_groups_in_the_answer(customer: Customer) -> None:
    customer.live_meter("plain", "COUNT")

    assert "groups" not in customer.recount("plain")[1]


def test_a_damaged_row_is_found_with_its_group(customer: Customer) -> None:
    damage(customer, "SUM", None, "x", i=100)

    _, answer = customer.recount("sum")

    assert (answer["aggregate"], answer["recount"], answer["difference"]) == ("110.5", "23.5", "87")
    assert answer["groups"] == [
        {"groups": {"model": "x"}, "aggregate": "101.25", "recount": "14.25", "difference": "87"}
    ]


def test_where_one_side_has_no_value_there_is_no_difference_to_give(customer: Customer) -> None:
    damage(customer, "MIN", None, "x")
    damage(customer, "MIN", None, "x", hour=TEN + 1)
    damage(customer, "MIN", None, "y")

    _, answer = customer.recount("min")

    assert (answer["aggregate"], answer["recount"], answer["difference"]) == (None, "1", None)


DAMAGES: dict[str, dict[str, int]] = {
    "wrong": {"n": 7, "n07": 7, "i": 1, "i07": 1},
    "stray": {"n00": 1, "i00": 1, "m00": 5},
    "gone": {},
}


@pytest.mark.parametrize(
    ("aggregation", "damaged", "subject"),
    [
        *((one, damaged, None) for one in AGGREGATIONS for damaged in DAMAGES if (one, damaged) != ("LATEST", "stray")),
        *((one, "wrong", "b") for one in AGGREGATIONS),
    ],
)
def test_what_is_damaged_is_restored(customer: Customer, aggregation: str, damaged: str, subject: str | None) -> None:
    damage(customer, aggregation, subject, "y", **DAMAGES[damaged])

    status, answer = customer.recount(aggregation.lower(), repair=True)
    customer.desk.drain()

    assert (status, answer["repairing"]) == (202, 1)
    for question in ({}, {"subject": "b"}):
        restored = customer.recount(aggregation.lower(), repair=True, **question)
        assert (restored[0], restored[1]["difference"], restored[1]["repairing"]) == (200, "0", 0)
    assert customer.usage(aggregation.lower()) == WHOLE[aggregation]


def test_a_row_that_no_event_stands_behind_is_emptied(customer: Customer) -> None:
    damage(customer, "COUNT", None, "x", hour=TEN + 5, n=3, n07=3)

    found = customer.recount("count")[1]
    customer.recount("count", repair=True)
    customer.desk.drain()

    assert found["difference"] == "3"
    assert customer.recount("count")[1]["difference"] == "0"


def test_the_usage_stays_what_it_was_until_the_repair_is_done(customer: Customer) -> None:
    damage(customer, "SUM", None, "y", i=100, i07=100)

    customer.recount("sum", repair=True)
    between = customer.usage("sum")
    customer.desk.drain()

    assert (between, customer.usage("sum")) == ("114.5", "23.5")


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_what_comes_while_a_repair_is_under_way_counts_once(customer: Customer, aggregation: str) -> None:
    damage(customer, aggregation, None, "x", n=2, n00=1)
    customer.send(("5", "10:01:00", 50), subject="a", model="x")
    customer.recount(aggregation.lower(), repair=True)
    customer.send(("6", "10:02:00", 60), subject="a", model="x")
    customer.void("5", "1")
    customer.desk.clock.advance(1)
    customer.send(("7", "10:03:00", 70), subject="a", model="x")
    customer.void("6")
    customer.desk.aggregate()
    customer.desk.drain()

    for question in ({}, {"subject": "a"}):
        assert customer.recount(aggregation.lower(), **question)[1]["difference"] == "0"


def test_a_repair_of_one_subject_restores_the_total_too(customer: Customer) -> None:
    damage(customer, "SUM", "a", "x", i=1)
    damage(customer, "SUM", None, "x", i=2)
    damage(customer, "SUM", "b", "y", i=3)

    _, answer = customer.recount("sum", subject="a", repair=True)
    customer.desk.drain()

    assert answer["repairing"] == 2
    assert [customer.recount("sum", subject=one)[1]["difference"] for one in ("a", "b")] == ["0", "-6"]
    assert customer.recount("sum")[1]["difference"] == "0"


def test_a_meter_that_is_being_rebuilt_is_not_repaired(customer: Customer) -> None:
    customer.meter("new", "SUM")

    assert customer.recount("new")[1]["state"] == "rebuilding"
    assert customer.recount("new", repair=True)[0] == 409

    customer.desk.drain()
    assert customer.recount("new", repair=True)[1]["difference"] == "0"


def test_too_many_raw_events_are_refused(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = customer.desk.functions["meters"].recounts()._raw
    monkeypatch.setattr(raw, "_most", 3)

    status, answer = customer.recount("sum")

    assert (status, "at most 3" in answer["detail"]) == (413, True)
    assert customer.recount("sum", subject="a")[0] == 200


def test_an_answer_too_large_for_lambda_is_refused_before_anything_is_repaired(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(customer, "SUM", None, "x", n=7)
    with monkeypatch.context() as patch:
        patch.setattr(answer_size, "MAX_ANSWER_BYTES", 100)
        assert customer.recount("sum", repair=True)[0] == 413
    customer.desk.drain()

    assert customer.recount("sum", repair=True)[1]["repairing"] == 1


def test_a_repair_that_runs_out_of_time_says_how_many_rows_it_has_begun(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject, model in ((None, "x"), (None, "y"), ("a", "x"), ("b", "y")):
        damage(customer, "SUM", subject, model, n=7)
    start = UsageStore.start_epoch

    def slowly(*given: Any) -> int:
        customer.desk.clock.advance(12)
        return start(*given)

    monkeypatch.setattr(UsageStore, "start_epoch", slowly)

    status, answer = customer.recount("sum", repair=True)

    assert (status, answer["repairing"]) == (202, 2)
