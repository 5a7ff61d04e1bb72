"""Quotas through the function: the contract's answers, headers and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import render
from dynameter.events.history import EventHistory
from dynameter.gateway.quotas.meters import LiveUsage
from dynameter.gateway.usage import REQUESTS_METER
from dynameter.meters.meter import Aggregation, MeterDraft
from dynameter.runtime.settings import Settings
from tests.unit.routes.conftest import Answer, Call

BASE = "POST /v1/{workspace_id}/quota/"
SOON = "2026-02-01T00:00:00Z"


@pytest.fixture
def ask(call: Call, workspace: str) -> Any:
    def post(action: str, body: Any = None, **given: Any) -> Answer:
        sent = {"user_id": "user-1"} if body is None else body
        return call(BASE + action, path={"workspace_id": workspace}, body=sent, **given)

    return post


@pytest.fixture
def plan(call: Call) -> Any:
    """Puts user-1 on a plan of 10 requests a month without grace."""

    def make(**attributes: Any) -> None:
        given = {"name": "small", "requests_per_month": 10, "quota_grace_pct": 0, **attributes}
        assert call("POST /admin/plans", body=given).status == 201
        assert call("PUT /admin/users/{id}/plan", "user-1", body={"plan_id": "small"}).status == 200

    return make


@pytest.fixture
def used(function: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what the meters say was used."""

    def set_usage(units: Any) -> None:
        live = LiveUsage(Decimal(units), Decimal(0))
        monkeypatch.setattr(function.quota_meters(), "usage", lambda *_: live)

    return set_usage


# ---- check


def test_a_user_without_a_plan_is_on_the_free_one(ask: Any) -> None:
    answer = ask("check")

    assert answer.status == 200
    assert answer.body["data"]["type"] == "quota"
    assert answer.attributes == {
        "allowed": True,
        "used": 1,
        "limit": 1000,
        "remaining": 999,
        "percent": Decimal("0.1"),
        "level": "none",
        "overage": 0,
        "current": 0,
        "increment": 1,
        "reset": SOON,
        "plan_id": "free",
        "meter_type": "requests",
        "enforce_mode": "hard",
    }


def test_an_answer_has_the_quota_headers(ask: Any, plan: Any, used: Any) -> None:
    plan()
    used(4)

    headers = {name: one for name, one in ask("check").headers.items() if name.startswith("x-quota")}

    assert headers == {
        "x-quota-used": "5",
        "x-quota-limit": "10",
        "x-quota-remaining": "5",
        "x-quota-reset": SOON,
    }


def test_a_denial_is_402_with_the_contracts_body_and_headers(ask: Any, plan: Any, used: Any, function: Any) -> None:
    plan()
    used(10)

    answer = ask("check")

    assert answer.status == 402
    assert answer.headers["content-type"] == "application/vnd.api+json"
    told = {name: answer.error[name] for name in ("status", "code", "title", "detail")}
    assert told == {
        "status": "402",
        "code": "quota_exceeded",
        "title": "Quota Exceeded",
        "detail": "Monthly request quota exceeded",
    }
    assert answer.error["meta"]["level"] == "exceeded"
    assert {name for name in answer.headers if name.startswith("x-quota")} == {
        "x-quota-used",
        "x-quota-limit",
        "x-quota-remaining",
        "x-quota-reset",
    }
    ends_us = 1_769_904_000_000_000
    assert int(answer.headers["retry-after"]) == -((function._clock.now_us() - ends_us) // 1_000_000)


def test_warn_mode_allows_and_warns(ask: Any, plan: Any, used: Any) -> None:
    plan(quota_enforce_mode="warn")
    used(10)

    answer = ask("check")

    assert (answer.status, answer.attributes["level"], answer.attributes["overage"]) == (200, "exceeded", 1)
    assert answer.headers["x-quota-warning"] == "exceeded; 110% of 10 used"


def test_soft_mode_allows_without_a_warning(ask: Any, plan: Any, used: Any) -> None:
    plan(quota_enforce_mode="soft")
    used(10)

    answer = ask("check")

    assert answer.attributes["allowed"] is True
    assert "x-quota-warning" not in answer.headers


def test_compute_units_count_by_their_estimate(ask: Any, plan: Any, used: Any) -> None:
    plan(meter_type="compute_units", estimated_cost_per_req=3.9)
    used("6.5")

    assert (ask("check").attributes["used"], ask("check").attributes["increment"]) == (9, 3)


def test_without_a_limit_nothing_is_counted(ask: Any, plan: Any) -> None:
    plan(requests_per_month=-1)

    answer = ask("check")

    assert (answer.attributes["limit"], answer.attributes["used"], answer.attributes["level"]) == (-1, None, "none")
    assert "x-quota-limit" not in answer.headers


def test_a_route_that_is_named_must_exist(ask: Any, route: str) -> None:
    assert ask("check", {"user_id": "u", "route_id": route}).status == 200
    assert ask("check", {"user_id": "u", "route_id": "nowhere"}).error["code"] == "route_not_found"


def test_a_meter_of_another_definition_is_told(ask: Any, call: Call, function: Any, workspace: str) -> None:
    draft = MeterDraft(slug=REQUESTS_METER, event_type="x", aggregation=Aggregation.COUNT)
    function.quota_meters()._meters.create(workspace, draft)

    answer = ask("check")

    assert (answer.status, answer.error["code"]) == (409, "quota_meter_conflict")


# ---- reservations


def test_a_reservation_says_where_the_user_stands(ask: Any, plan: Any, function: Any) -> None:
    plan()

    answer = ask("reserve", {"user_id": "user-1", "units": 8, "ttl_s": 30})

    assert answer.status == 201
    assert answer.body["data"]["type"] == "reservations"
    expires_at = render(function._clock.now_us() + 30_000_000)
    found = {name: answer.attributes[name] for name in ("units", "expires_at", "used", "remaining", "level")}
    assert found == {"units": 8, "expires_at": expires_at, "used": 8, "remaining": 2, "level": "approaching"}


def test_a_reservation_past_the_limit_is_denied(ask: Any, plan: Any) -> None:
    plan(quota_grace_pct=1)
    ask("reserve", {"user_id": "user-1", "units": 10})

    answer = ask("reserve")

    assert (answer.status, answer.error["code"], answer.headers["x-quota-used"]) == (402, "quota_exceeded", "11")


def test_a_commit_stores_its_usage(ask: Any, plan: Any, engine: Settings, client: Any, workspace: str) -> None:
    plan()
    id_ = ask("reserve").body["data"]["id"]

    answer = ask("commit", {"id": id_})

    assert (answer.status, answer.attributes["units"], answer.attributes["repeated"]) == (200, 1, False)
    event = EventHistory(client, engine).get(workspace, "dynameter-quota", id_)
    assert event is not None
    assert event.subject == "user-1"


def test_a_commit_again_is_the_same(ask: Any, plan: Any) -> None:
    plan()
    id_ = ask("reserve").body["data"]["id"]
    first = ask("commit", {"id": id_, "units": "0.5"})

    second = ask("commit", {"id": id_, "units": "0.5"})

    assert second.attributes == {**first.attributes, "repeated": True}


def test_a_commit_measures_its_exchange(ask: Any, plan: Any, call: Call) -> None:
    plan(meter_type="compute_units", requests_per_month=1000)
    call("POST /admin/routes", body={"name": "r", "path_pattern": "/x", "metering_mode": "bytes"})
    id_ = ask("reserve", {"user_id": "user-1", "units": 500}).body["data"]["id"]

    ask("commit", {"id": id_, "exchange": {"path": "/x", "status": 200, "responseBytes": 120}})

    assert ask("check").attributes["current"] == 120


def test_a_released_reservation_leaves_room(ask: Any, plan: Any) -> None:
    plan()
    id_ = ask("reserve", {"user_id": "user-1", "units": 10}).body["data"]["id"]

    assert ask("release", {"id": id_}).attributes == {"state": "released"}
    assert ask("reserve").status == 201


def test_an_expired_reservation_cannot_be_committed(ask: Any, plan: Any, function: Any) -> None:
    plan()
    id_ = ask("reserve", {"user_id": "user-1", "ttl_s": 1}).body["data"]["id"]
    function._clock.advance(1)

    answer = ask("commit", {"id": id_})

    assert (answer.status, answer.error["code"]) == (409, "reservation_expired")


@pytest.mark.parametrize(
    ("action", "body", "pointers"),
    [
        ("check", {}, ["/user_id"]),
        ("check", {"user_id": ""}, ["/user_id"]),
        ("check", {"user_id": 7}, ["/user_id"]),
        ("check", {"user_id": "u", "colour": 1}, ["/colour"]),
        ("reserve", {"user_id": "u", "units": 0}, ["/units"]),
        ("reserve", {"user_id": "u", "units": "1e16"}, ["/units"]),
        ("reserve", {"user_id": "u", "ttl_s": 0}, ["/ttl_s"]),
        ("reserve", {"user_id": "u", "ttl_s": 3601}, ["/ttl_s"]),
        ("commit", {}, ["/id"]),
        ("commit", {"id": "x", "units": -1}, ["/units"]),
        ("commit", {"id": "x", "exchange": {"status": 1000}}, ["/exchange/path", "/exchange/status"]),
        ("release", {"id": 1}, ["/id"]),
    ],
)
def test_what_is_wrong_is_named(ask: Any, action: str, body: Any, pointers: list[str]) -> None:
    answer = ask(action, body)

    assert (answer.status, sorted(answer.pointers)) == (422, pointers)


@pytest.mark.parametrize("action", ["commit", "release"])
def test_what_is_no_reservation_is_not_found(ask: Any, action: str) -> None:
    answer = ask(action, {"id": "qr_nothing"})

    assert (answer.status, answer.error["code"]) == (404, "reservation_not_found")


@pytest.mark.parametrize(
    ("action", "scopes"),
    [("check", "events:write"), ("reserve", "usage:read"), ("commit", "usage:read"), ("release", "usage:read")],
)
def test_the_scope_is_checked(ask: Any, action: str, scopes: str) -> None:
    assert ask(action, scopes=scopes).status == 403
