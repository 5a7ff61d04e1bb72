"""/admin/plans and /admin/users/{id}/plan."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.gateway import store
from tests.unit.routes.conftest import Call

CREATE, LIST = "POST /admin/plans", "GET /admin/plans"
GET, UPDATE, DELETE = "GET /admin/plans/{id}", "PATCH /admin/plans/{id}", "DELETE /admin/plans/{id}"
SET, READ = "PUT /admin/users/{id}/plan", "GET /admin/users/{id}/plan"


def document(attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"data": {"type": "plans", "attributes": attributes, **members}}


@pytest.fixture
def plan(call: Call) -> str:
    """The id of a plan."""
    found: str = call(CREATE, body={"id": "pro", "name": "Pro"}).body["data"]["id"]
    return found


# ---- plans


def test_a_plan_has_the_defaults_of_the_peer(call: Call) -> None:
    answer = call(CREATE, body=document({"name": "Pro"}))

    assert answer.status == 201
    assert {name: answer.attributes[name] for name in answer.attributes if not name.endswith("_at")} == {
        "name": "Pro",
        "description": "",
        "requests_per_month": 1000,
        "meter_type": "requests",
        "estimated_cost_per_req": 1,
        "quota_enforce_mode": "hard",
        "quota_grace_pct": Decimal("0.05"),
        "price_monthly": 0,
        "overage_price": 0,
        "time_zone": "UTC",
        "enabled": True,
        "built_in": False,
    }


def test_a_name_makes_an_id(call: Call) -> None:
    answer = call(CREATE, body={"name": " Pro: Monthly! "})

    assert answer.body["data"]["id"] == "pro-monthly"
    assert answer.headers["location"] == "/admin/plans/pro-monthly"


def test_a_name_that_makes_no_id_asks_for_one(call: Call) -> None:
    assert call(CREATE, body={"name": "無料"}).pointers == ["/id"]


def test_an_id_is_taken_once(call: Call, plan: str) -> None:
    answer = call(CREATE, body={"id": plan, "name": "Another"})

    assert (answer.status, answer.error["code"]) == (409, "plan_exists")


@pytest.mark.parametrize("sent", ['"12345678901234567.123456789"', "12345678901234567.123456789"])
def test_numbers_come_back_with_every_digit(call: Call, sent: str) -> None:
    answer = call(CREATE, body='{"name":"a","overage_price":' + sent.replace("12345678901234567", "123456789") + "}")

    assert answer.attributes["overage_price"] == Decimal("123456789.123456789")


def test_a_small_number_has_no_exponent_on_the_wire(call: Call) -> None:
    answer = call(CREATE, body={"name": "a", "overage_price": "0.000000001"})

    assert str(answer.attributes["overage_price"]) == "1E-9"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_per_month", -1),
        ("requests_per_month", 0),
        ("requests_per_month", "100000"),
        ("requests_per_month", 10**15),
        ("quota_grace_pct", 0),
        ("quota_grace_pct", 1),
        ("quota_grace_pct", "0.125"),
        ("estimated_cost_per_req", 10),
        ("estimated_cost_per_req", "0.5"),
        ("price_monthly", 4900),
        ("meter_type", "compute_units"),
        ("quota_enforce_mode", "soft"),
        ("time_zone", "Europe/Berlin"),
        ("enabled", False),
    ],
)
def test_an_attribute_can_be_set(call: Call, plan: str, name: str, value: Any) -> None:
    answer = call(UPDATE, plan, body={name: value})

    assert answer.status == 200
    shown = answer.attributes[name]
    assert str(shown) == str(value)
    assert call(GET, plan).attributes == answer.attributes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "x" * 257),
        ("name", None),
        ("description", "x" * 1_025),
        ("requests_per_month", -2),
        ("requests_per_month", 1.5),
        ("requests_per_month", True),
        ("requests_per_month", 10**15 + 1),
        ("requests_per_month", "1e999999999"),
        ("quota_grace_pct", -0.1),
        ("quota_grace_pct", 1.01),
        ("quota_grace_pct", "NaN"),
        ("estimated_cost_per_req", 0),
        ("estimated_cost_per_req", -1),
        ("estimated_cost_per_req", "many"),
        ("estimated_cost_per_req", [1]),
        ("price_monthly", -1),
        ("price_monthly", "12.5"),
        ("overage_price", -1),
        ("overage_price", 10**13),
        ("overage_price", "0.0000000000000000001"),
        ("meter_type", "bytes"),
        ("quota_enforce_mode", "HARD"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../etc/passwd"),
        ("enabled", 1),
        ("is_default", True),
        ("colour", "red"),
    ],
)
def test_a_wrong_attribute_is_named(call: Call, plan: str, name: str, value: Any) -> None:
    answer = call(UPDATE, plan, body=document({name: value}))

    assert answer.status == 422
    assert answer.pointers == [f"/data/attributes/{name}"]


def test_every_wrong_attribute_is_told_in_one_answer(call: Call) -> None:
    wrong = {"name": "", "requests_per_month": -5, "meter_type": "x", "quota_grace_pct": 2, "time_zone": "x"}

    answer = call(CREATE, body={"id": "a b", **wrong})

    assert sorted(answer.pointers) == sorted(f"/{name}" for name in ("id", *wrong))


def test_attributes_of_payment_providers_are_told_as_ignored(call: Call) -> None:
    answer = call(CREATE, body={"name": "Pro", "rate_limit_per_minute": 600, "stripe_price_id": "price_1"})

    assert answer.status == 201
    assert answer.body["meta"] == {"ignored": ["rate_limit_per_minute", "stripe_price_id"]}


def test_a_workspace_holds_only_so_many_plans(call: Call, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_PLANS", 1)

    answer = call(CREATE, body={"name": "More"})

    assert (answer.status, answer.error["code"]) == (409, "plan_limit_exceeded")


def test_a_change_can_depend_on_the_version(call: Call, plan: str) -> None:
    tag = call(GET, plan).headers["etag"]
    call(UPDATE, plan, body={"enabled": False})

    assert call(UPDATE, plan, body={"enabled": True}, headers={"if-match": tag}).status == 412


def test_plans_are_listed_by_id_with_the_built_in_one(call: Call, plan: str) -> None:
    answer = call(LIST)

    assert [one["id"] for one in answer.body["data"]] == ["free", "pro"]
    assert answer.body["meta"]["total"] == 2


def test_a_deleted_plan_is_gone_and_its_id_free_again(call: Call, plan: str) -> None:
    assert call(DELETE, plan).status == 204
    assert call(GET, plan).error["code"] == "plan_not_found"
    assert call(CREATE, body={"id": plan, "name": "Again"}).status == 201


# ---- the built-in plan


def test_free_is_there_without_anybody_making_it(call: Call) -> None:
    answer = call(GET, "free")

    assert answer.status == 200
    assert (answer.attributes["requests_per_month"], answer.attributes["built_in"]) == (1000, True)
    assert answer.attributes["created_at"] is None


def test_free_can_be_changed(call: Call) -> None:
    call(UPDATE, "free", body={"requests_per_month": 50})
    call(UPDATE, "free", body={"name": "Trial"})

    answer = call(GET, "free")

    assert (answer.attributes["requests_per_month"], answer.attributes["name"]) == (50, "Trial")
    assert answer.attributes["built_in"] is False


def test_free_can_be_neither_created_nor_deleted(call: Call) -> None:
    assert call(CREATE, body={"name": "Free"}).error["code"] == "plan_exists"
    assert call(DELETE, "free").error["code"] == "plan_built_in"
    assert call(DELETE, "free").status == 409


def test_free_can_be_changed_in_a_workspace_that_is_full(
    call: Call, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_PLANS", 1)

    assert call(UPDATE, "free", body={"requests_per_month": 50}).status == 200


# ---- users


def test_a_user_gets_a_plan(call: Call, plan: str) -> None:
    answer = call(SET, "customer 1/é", body={"plan_id": plan})

    assert answer.status == 200
    assert answer.body["data"]["type"] == "users"
    assert answer.body["data"]["relationships"] == {"plan": {"data": {"type": "plans", "id": plan}}}
    read = call(READ, "customer 1/é")
    assert read.body == answer.body
    assert (read.attributes["plan_id"], read.attributes["assigned"]) == (plan, True)


def test_a_user_without_a_plan_has_the_built_in_one(call: Call) -> None:
    answer = call(READ, "nobody")

    assert answer.status == 200
    assert (answer.attributes["plan_id"], answer.attributes["assigned"]) == ("free", False)


def test_the_plan_may_come_in_a_document(call: Call, plan: str) -> None:
    body = {"data": {"type": "users", "id": "u", "attributes": {"plan_id": plan}}}

    assert call(SET, "u", body=body).attributes["plan_id"] == plan


def test_the_same_plan_again_changes_nothing(call: Call, plan: str) -> None:
    first = call(SET, "u", body={"plan_id": plan})

    assert call(SET, "u", body={"plan_id": plan}).body == first.body


@pytest.mark.parametrize(
    "body", [{"plan_id": "nothing"}, {"plan_id": ""}, {"plan_id": 5}, {}, {"plan_id": "x" * 3_000}, {"plan_id": "\x00"}]
)
def test_a_plan_that_is_not_there_is_refused(call: Call, body: Any) -> None:
    answer = call(SET, "u", body=body)

    assert answer.status == 422
    assert answer.pointers == ["/plan_id"]


def test_nobody_is_put_on_a_disabled_plan_and_nobody_is_taken_off_it(call: Call, plan: str) -> None:
    call(SET, "old", body={"plan_id": plan})
    call(UPDATE, plan, body={"enabled": False})

    assert call(SET, "new", body={"plan_id": plan}).pointers == ["/plan_id"]
    assert call(SET, "old", body={"plan_id": plan}).status == 200
    assert call(READ, "old").attributes["plan_id"] == plan


@pytest.mark.parametrize("user_id", ["", "x" * 513, "é" * 257, "a\x00b", "\ud800"])
def test_what_can_be_no_subject_can_be_no_user(call: Call, user_id: str) -> None:
    answer = call(SET, user_id, body={"plan_id": "free"})

    assert answer.status == 400
    assert answer.error["source"] == {"parameter": "id"}


def test_a_plan_with_users_cannot_be_deleted(call: Call, plan: str) -> None:
    for user in ("a", "b"):
        call(SET, user, body={"plan_id": plan})
    call(SET, "a", body={"plan_id": "free"})

    answer = call(DELETE, plan)

    assert (answer.status, answer.error["code"]) == (409, "plan_in_use")


def test_a_plan_whose_users_have_left_can_be_deleted(call: Call, plan: str) -> None:
    other = call(CREATE, body={"name": "Other"}).body["data"]["id"]
    call(SET, "a", body={"plan_id": plan})
    call(SET, "b", body={"plan_id": plan})
    call(SET, "a", body={"plan_id": "free"})
    call(SET, "b", body={"plan_id": other})

    assert call(DELETE, plan).status == 204
    assert call(DELETE, other).status == 409


def test_plans_and_users_are_of_one_workspace(call: Call, plan: str) -> None:
    other = "00000000-0000-4000-8000-00000000000f"
    call(SET, "u", body={"plan_id": plan})

    assert call(GET, plan, workspace=other).status == 404
    assert call(READ, "u", workspace=other).attributes["assigned"] is False
    assert call(SET, "u", body={"plan_id": plan}, workspace=other).status == 422


@pytest.mark.parametrize(("known", "id_"), [(CREATE, None), (UPDATE, "x"), (DELETE, "x"), (SET, "x")])
def test_changing_plans_needs_the_scope_that_defines_meters(call: Call, known: str, id_: str | None) -> None:
    assert call(known, id_, body={}, scopes="usage:read events:write").error["code"] == "insufficient_scope"
