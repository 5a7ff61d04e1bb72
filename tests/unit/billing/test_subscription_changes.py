"""Subscriptions over the wire of OpenMeter v1 and v3: change, migrate, list."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.rfc3339 import parse
from tests.conftest import ManualClock
from tests.unit.billing.shop import DAY_S, V1, V3, Call, Shop, open_for_subscribers

ONE = V1 + "/subscriptions/{subscriptionId}"


@pytest.fixture
def shop(call: Call, moving: ManualClock) -> Shop:
    return open_for_subscribers(call, moving)


@pytest.fixture
def wide(shop: Shop) -> Shop:
    shop.publish(shop.phase(shop.fee()), key="basic", name="Basic")
    return shop


def test_a_change_ends_one_and_starts_the_other_at_the_same_instant(wide: Shop, moving: ManualClock) -> None:
    made = wide.subscribe()
    moving.advance(5 * DAY_S)

    status, both = wide.of(made, "change", body={"timing": "immediate", "plan": {"key": "basic"}})

    assert status == 200
    assert (both["current"]["id"], both["current"]["status"]) == (made["id"], "inactive")
    assert both["current"]["activeTo"] == both["next"]["activeFrom"] == "2026-01-19T10:00:00Z"
    assert (both["next"]["plan"]["key"], both["next"]["name"], both["next"]["status"]) == ("basic", "Basic", "active")
    assert both["next"]["alignment"]["currentAlignedBillingPeriod"]["to"] == "2026-02-14T10:00:00Z"


def test_a_change_in_v3_with_the_next_billing_cycle(wide: Shop) -> None:
    made = wide.subscribe()
    route = f"POST {V3}/subscriptions/{{subscriptionId}}/change"
    body = {"timing": "next_billing_cycle", "plan": {"key": "basic"}}

    other = wide.call(route, path={"subscriptionId": made["id"]}, body=body | {"customer": {"key": "nobody"}})
    both = wide.ok(route, path={"subscriptionId": made["id"]}, body=body | {"customer": {"key": "acme-inc"}})

    assert other[0] == 400
    assert (both["current"]["status"], both["next"]["status"]) == ("canceled", "scheduled")
    assert both["current"]["active_to"] == both["next"]["active_from"] == "2026-02-14T10:00:00Z"


def test_a_change_without_timing_or_of_an_ended_subscription_is_refused(wide: Shop) -> None:
    made = wide.subscribe()

    no_timing = wide.of(made, "change", body={"plan": {"key": "basic"}})[0]
    wide.of(made, "cancel")
    ended = wide.of(made, "change", body={"timing": "immediate", "plan": {"key": "basic"}})[0]

    assert (no_timing, ended) == (400, 409)


def test_a_change_can_be_undone_by_restoring(wide: Shop) -> None:
    made = wide.subscribe()
    both = wide.of(made, "change", body={"timing": "next_billing_cycle", "plan": {"key": "basic"}})[1]

    restored = wide.of(made, "restore")[1]

    assert restored["status"] == "active"
    assert wide.of(both["next"], method="GET")[0] == 404


def test_migrating_changes_to_a_later_version_of_the_same_plan(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe(name="Ours", metadata={"team": "ai"})
    same = shop.of(made, "migrate")[0]
    plan = shop.act("next", {"id": "premium_plan"})
    body = shop.plan(shop.phase(shop.card(price={"type": "unit", "amount": "2"})))
    shop.ok(f"PUT {V1}/plans/{{planId}}", path={"planId": plan["id"]}, body=body)
    shop.act("publish", plan)
    moving.advance(60)

    status, both = shop.of(made, "migrate", body={"timing": "immediate"})

    assert (same, status) == (400, 200)
    assert (both["next"]["plan"]["version"], both["next"]["name"]) == (2, "Ours")
    assert both["next"]["metadata"] == {"team": "ai"}
    assert both["next"]["phases"][0]["items"][0]["price"]["amount"] == "2"
    assert both["current"]["phases"][0]["items"][0]["price"]["amount"] == "1"


def test_migrating_to_a_phase_without_a_name_is_refused(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe()
    shop.act("publish", shop.act("next", {"id": "premium_plan"}))
    moving.advance(60)

    assert shop.of(made, "migrate", body={"timing": "immediate", "startingPhase": ""})[0] == 400


# ---- lists


def test_a_customers_subscriptions_are_listed_latest_first(wide: Shop) -> None:
    made = wide.subscribe()
    both = wide.of(made, "change", body={"timing": "next_billing_cycle", "plan": {"key": "basic"}})[1]
    path = {"customerIdOrKey": "acme-inc"}

    listed = wide.ok(f"GET {V1}/customers/{{customerIdOrKey}}/subscriptions", path=path)

    assert listed["totalCount"] == 2
    assert listed["items"] == [both["next"], both["current"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([], ["premium_plan", "basic", "premium_plan"]),
        ([("filter[status]", "scheduled")], ["basic"]),
        ([("filter[plan_key]", "premium_plan"), ("sort", "active_from desc")], ["premium_plan", "premium_plan"]),
        ([("filter[customer_id]", "nobody")], []),
        ([("sort", "active_to"), ("page[size]", "1")], ["premium_plan"]),
    ],
)
def test_v3_lists_filter_order_and_page(wide: Shop, moving: ManualClock, query: Any, found: list[str]) -> None:
    made = wide.subscribe()
    wide.of(made, "change", body={"timing": "next_billing_cycle", "plan": {"key": "basic"}})
    wide.customer("other")
    wide.subscribe(customerKey="other", timing="2026-01-14T10:00:00.5Z")
    moving.advance(1)

    listed = wide.ok(f"GET {V3}/subscriptions", *query)

    assert sorted(one["plan"]["key"] for one in listed["data"]) == sorted(found)
    starts = [parse(one["active_from"]) for one in listed["data"]]
    assert starts == sorted(starts, reverse="desc" in dict(query).get("sort", ""))


def test_a_v3_list_by_customer(wide: Shop) -> None:
    made = wide.subscribe()

    listed = wide.ok(f"GET {V3}/subscriptions", ("filter[customer_id]", made["customerId"]))

    assert [one["id"] for one in listed["data"]] == [made["id"]]


@pytest.mark.parametrize("what", ["", "/cancel", "/unschedule-cancelation", "/restore", "/migrate"])
@pytest.mark.parametrize("identity", ["01KFHZ0J4VPJ4P5D0M3Q1N8R7S", "nothing"])
def test_a_subscription_that_is_not_there_is_not_found(shop: Shop, what: str, identity: str) -> None:
    route = f"POST {ONE}{what}" if what else f"GET {ONE}"

    assert shop.call(route, path={"subscriptionId": identity})[0] == 404


def test_another_workspaces_subscription_is_not_found(shop: Shop) -> None:
    made = shop.subscribe()
    path = {"subscriptionId": made["id"]}

    assert shop.call(f"GET {ONE}", path=path, workspace="00000000-0000-4000-8000-00000000000f")[0] == 404


def test_a_reader_cannot_subscribe(shop: Shop) -> None:
    assert shop.call(f"POST {V1}/subscriptions", body=shop.wanted(), scopes="billing:read")[0] == 403
