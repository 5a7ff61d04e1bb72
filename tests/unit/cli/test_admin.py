"""Routes, plans, quotas and keys: what is sent, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import WORKSPACE
from tests.fake_service import FakeService, Told
from tests.unit.cli.conftest import Run

JSON_API = "application/vnd.api+json"


def resource(id_: str, **attributes: Any) -> dict[str, Any]:
    return {"type": "routes", "id": id_, "attributes": attributes}


@pytest.fixture
def echo(service: FakeService) -> FakeService:
    """A service that answers with what it was sent."""
    service.answer = lambda sent: Told(200, sent.text or {"data": []})
    return service


@pytest.mark.parametrize(
    ("words", "attributes"),
    [
        (["--metering-mode", "request"], {"metering_mode": "request"}),
        (
            ["--metering-mode", "bytes", "--metering-expr", "responseBytes / 1024"],
            {"metering_mode": "bytes", "metering_expr": "responseBytes / 1024"},
        ),
        (
            ["--metering-mode", "response_field", "--metering-expr", "respBody.usage.total_tokens"],
            {"metering_mode": "response_field", "metering_expr": "respBody.usage.total_tokens"},
        ),
        (["--disabled", "--methods", "GET,POST", "--priority", "5"], {
            "enabled": False, "methods": ["GET", "POST"], "priority": 5}),
        (["--methods", ""], {"methods": []}),
    ],
)  # fmt: skip
def test_a_route_is_patched_with_what_is_named_and_nothing_else(
    run: Run, echo: FakeService, words: list[str], attributes: dict[str, Any]
) -> None:
    assert run("routes", "update", "r/1", *words).code == 0

    sent = echo.sent[0]
    assert (sent.method, sent.path, sent.headers["content-type"]) == ("PATCH", "/admin/routes/r%2F1", JSON_API)
    assert sent.json() == {"data": {"type": "routes", "id": "r/1", "attributes": attributes}}


def test_a_plan_is_patched_with_exact_numbers(run: Run, echo: FakeService) -> None:
    run("plans", "update", "pro", "--meter-type", "compute_units", "--estimated-cost-per-req", "0.1000000000000000001")

    assert '"estimated_cost_per_req":0.1000000000000000001' in echo.sent[0].text


def test_an_update_of_nothing_is_refused_before_it_is_sent(run: Run, echo: FakeService) -> None:
    assert (run("routes", "update", "r1").code, run("plans", "update", "p").code, echo.sent) == (2, 2, [])


def test_every_page_of_a_collection_is_read(run: Run, service: FakeService) -> None:
    service.script = [
        Told(200, {"data": [resource("a")], "links": {"next": "/admin/routes?page%5Bnumber%5D=2&page%5Bsize%5D=1"}}),
        Told(200, {"data": [resource("b")], "links": {"next": None}}),
    ]

    assert [one["id"] for one in run("routes", "list", "--json").json()] == ["a", "b"]
    assert service.sent[1].query == [("page[number]", "2"), ("page[size]", "1")]


def test_a_collection_that_links_to_itself_ends(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(200, {"data": [], "links": {"next": "/admin/routes?page%5Bsize%5D=1000"}})

    assert run("routes", "list").code == 0


def test_a_route_is_made_once_even_if_the_answer_is_lost(run: Run, service: FakeService) -> None:
    service.script = [Told(0)]

    assert run("routes", "create", "--name", "n", "--path-pattern", "/").code == 3
    assert len(service.sent) == 1


def test_an_exchange_is_tried_on_a_route(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": {"units": "1.5", "metering_error": None}})]

    done = run("routes", "test", "r1", "--response-bytes", "1536", "--resp-body", '{"n":1.50}', "--method", "POST")

    assert done.out == "units  1.5\n"
    assert service.sent[0].path == "/admin/routes/r1/test"
    assert service.sent[0].text == '{"status":200,"responseBytes":1536,"method":"POST","respBody":{"n":1.50}}'


def test_an_expression_is_tried_without_a_route(run: Run, service: FakeService) -> None:
    service.script = [Told(200, {"data": {"units": "2", "metering_error": None}})]

    run("routes", "test", "--expr", "sseEvents", "--streaming", "--all-data", "data: 1\n\n")

    assert service.sent[0].path == "/admin/expressions/test"
    assert service.sent[0].json() == {
        "expression": "sseEvents",
        "streaming": True,
        "exchange": {"status": 200, "allData": "data: 1\n\n"},
    }


@pytest.mark.parametrize("words", [[], ["r1", "--expr", "1"], ["r1", "--exchange", "[1]"], ["r1", "--resp-body", "{"]])
def test_a_trial_that_makes_no_sense_is_wrong_usage(run: Run, words: list[str]) -> None:
    assert run("routes", "test", *words).code == 2


def test_a_user_is_put_on_a_plan(run: Run, echo: FakeService) -> None:
    run("plans", "set-user", "u 1", "pro")

    assert (echo.sent[0].method, echo.sent[0].path) == ("PUT", "/admin/users/u%201/plan")
    assert echo.sent[0].json()["data"]["attributes"] == {"plan_id": "pro"}


def test_deleting_tells_it_on_standard_error(run: Run, service: FakeService) -> None:
    service.script = [Told(204)]

    done = run("plans", "delete", "pro")

    assert (done.code, done.out, done.err) == (0, "", "plan pro is deleted\n")


def test_a_quota_that_is_used_up_is_exit_code_1(run: Run, service: FakeService) -> None:
    service.script = [Told(402, {"errors": [{"detail": "Monthly request quota exceeded", "code": "quota_exceeded"}]})]

    done = run("quota", "check", "u1", "--route", "r1")

    assert (done.code, done.err) == (1, "Error: Monthly request quota exceeded\n")
    assert service.sent[0].path == f"/v1/{WORKSPACE}/quota/check"
    assert service.sent[0].json() == {"user_id": "u1", "route_id": "r1"}


def test_units_are_reserved_committed_and_released(run: Run, service: FakeService) -> None:
    service.answer = lambda _: Told(200, {"data": {"type": "reservations", "id": "x", "attributes": {"state": "held"}}})

    reserved = run("quota", "reserve", "u1", "2.5", "--ttl", "30")
    run("quota", "commit", "x", "--units", "2")
    run("quota", "release", "x")

    assert reserved.out == "id     x\nstate  held\n"
    assert [(one.path.rpartition("/")[2], one.text) for one in service.sent] == [
        ("reserve", '{"user_id":"u1","units":2.5,"ttl_s":30}'),
        ("commit", '{"id":"x","units":2}'),
        ("release", '{"id":"x"}'),
    ]


def test_a_reservation_whose_answer_is_lost_is_not_made_again(run: Run, service: FakeService) -> None:
    service.script = [Told(0)]

    assert run("quota", "reserve", "u1", "1").code == 3
    assert len(service.sent) == 1


def test_a_new_keys_text_is_on_standard_output(run: Run, service: FakeService) -> None:
    service.script = [Told(201, {"key_id": "k", "api_key": "dm_k_secret", "permissions": ["a", "b"]})]

    done = run("keys", "create", "--name", "ci", "--role", "viewer", "--days", "7")

    assert done.out == "key_id       k\napi_key      dm_k_secret\npermissions  a, b\n"
    assert service.sent[0].json() == {"name": "ci", "role": "viewer", "permissions": [], "duration_days": 7}


def test_all_keys_are_listed_page_by_page(run: Run, service: FakeService) -> None:
    service.script = [
        Told(200, {"items": [{"key_id": "a"}], "continuation_token": 100}),
        Told(200, {"items": [{"key_id": "b"}], "continuation_token": None}),
    ]

    assert [one["key_id"] for one in run("keys", "list", "--json").json()] == ["a", "b"]
    assert ("continuation_token", "100") in service.sent[1].query
