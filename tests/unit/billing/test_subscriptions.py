"""Subscriptions over the wire of OpenMeter v1 and v3: start, end, go on, change, migrate."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ManualClock
from tests.unit.billing.shop import DAY_S, KONG, V1, V3, Call, Shop, later, open_for_subscribers

ONE = V1 + "/subscriptions/{subscriptionId}"


@pytest.fixture
def shop(call: Call, moving: ManualClock) -> Shop:
    return open_for_subscribers(call, moving)


# ---- starting


def test_a_subscription_starts_now_and_is_shown_in_full(shop: Shop) -> None:
    made = shop.subscribe()

    assert shop.of(made, method="GET") == (200, made)
    assert (made["status"], made["activeFrom"]) == ("active", "2026-01-14T10:00:00Z")
    assert (made["currency"], made["billingCadence"], made["name"]) == ("USD", "P1M", "Premium Plan")
    assert (made["plan"]["key"], made["plan"]["version"]) == ("premium_plan", 1)
    assert "activeTo" not in made
    assert made["alignment"]["currentAlignedBillingPeriod"] == {
        "from": "2026-01-14T10:00:00Z",
        "to": "2026-02-14T10:00:00Z",
    }
    (phase,) = made["phases"]
    (item,) = phase["items"]
    assert (phase["key"], phase["activeFrom"], item["activeFrom"]) == (
        "default",
        made["activeFrom"],
        made["activeFrom"],
    )
    assert (item["key"], item["featureKey"], item["price"]) == (
        "agent_runs",
        "agent_runs",
        {"type": "unit", "amount": "1"},
    )
    assert phase["itemTimelines"] == {"agent_runs": [item]}


@pytest.mark.parametrize("door", [V3, KONG])
def test_a_v3_subscription_is_shown_in_full(shop: Shop, door: str) -> None:
    sent = {"customer": {"key": "acme-inc"}, "plan": {"key": "premium_plan"}, "labels": {"team": "ai"}}

    made = shop.ok(f"POST {door}/subscriptions", body=sent)

    path = {"subscriptionId": made["id"]}
    assert shop.ok(f"GET {door}/subscriptions/{{subscriptionId}}", path=path) == made
    assert (made["status"], made["settlement_mode"], made["labels"]) == (
        "active",
        "credit_then_invoice",
        {"team": "ai"},
    )
    assert made["current_period"] == {"from": "2026-01-14T10:00:00Z", "to": "2026-02-14T10:00:00Z"}
    assert (made["invoice_currency"], made["billing_cadence"]) == ("USD", "P1M")
    assert made["billing_anchor"] == made["active_from"]
    (item,) = made["phases"][0]["items"]
    assert item["rate_card"]["feature"] == {"id": shop.feature["id"]}
    assert item["rate_card"]["price"] == {"type": "unit", "amount": "1"}


def test_customer_and_plan_may_be_named_by_id(shop: Shop) -> None:
    customer = shop.customer("other")
    plan = shop.ok(f"GET {V1}/plans/{{planId}}", path={"planId": "premium_plan"})
    sent = {"customer": {"id": customer["id"]}, "plan": {"id": plan["id"]}}

    made = shop.ok(f"POST {V3}/subscriptions", body=sent)

    assert (made["customer_id"], made["plan"]["id"]) == (customer["id"], plan["id"])


def test_a_billing_anchor_cuts_the_first_period(shop: Shop) -> None:
    made = shop.subscribe(billingAnchor="2025-05-01T00:00:00Z")

    assert made["alignment"]["currentAlignedBillingPeriod"] == {
        "from": "2026-01-14T10:00:00Z",
        "to": "2026-02-01T00:00:00Z",
    }
    assert made["billingAnchor"] == "2026-01-01T00:00:00Z"


def test_periods_follow_the_customers_time_zone(shop: Shop) -> None:
    sent = {"key": "berlin", "name": "Berlin", "time_zone": "Europe/Berlin"}
    shop.ok(f"POST {V3}/customers", body=sent)

    made = shop.subscribe(customerKey="berlin", billingAnchor="2025-12-31T23:00:00Z")

    assert made["alignment"]["currentAlignedBillingPeriod"]["to"] == "2026-01-31T23:00:00Z"


def test_a_start_to_come_is_scheduled_until_then(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe(timing=later(moving, 1))
    moving.advance(DAY_S)

    begun = shop.of(made, method="GET")[1]

    assert (made["status"], begun["status"]) == ("scheduled", "active")
    assert "currentAlignedBillingPeriod" not in made["alignment"]


def test_next_billing_cycle_starts_where_the_anchors_next_period_does(shop: Shop) -> None:
    made = shop.subscribe(timing="next_billing_cycle", billingAnchor="2026-01-01T00:00:00Z")

    assert made["activeFrom"] == "2026-02-01T00:00:00Z"
    assert shop.call(f"POST {V1}/subscriptions", body=shop.wanted(timing="next_billing_cycle"))[0] == 400


def test_a_start_may_lie_in_the_past_as_long_as_the_plan_was_active(shop: Shop) -> None:
    since = shop.subscribe(timing="2026-01-14T09:00:01Z")
    status, problem = shop.call(f"POST {V1}/subscriptions", body=shop.wanted(timing="2026-01-14T09:00:00Z"))

    assert since["status"] == "active"
    assert (status, problem["extensions"]["validationErrors"][0]["field"]) == (400, "timing")


def test_the_phases_lie_edge_to_edge(shop: Shop) -> None:
    phases = [shop.phase(key="trial", duration="P1M"), shop.phase(key="ramp", duration="P1M"), shop.phase(key="full")]
    shop.publish(*phases, key="ramped")
    made = shop.subscribe(plan={"key": "ramped"}, timing="2026-01-31T00:00:00Z")

    times = [(one["key"], one["activeFrom"], one.get("activeTo")) for one in made["phases"]]
    assert times == [
        ("trial", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("ramp", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        ("full", "2026-03-31T00:00:00Z", None),
    ]


def test_a_starting_phase_leaves_out_those_before(shop: Shop) -> None:
    shop.publish(shop.phase(key="trial", duration="P1M"), shop.phase(key="full"), key="ramped")

    made = shop.subscribe(plan={"key": "ramped"}, startingPhase="full")
    unknown = shop.call(f"POST {V1}/subscriptions", body=shop.wanted(plan={"key": "ramped"}, startingPhase="half"))

    assert [one["key"] for one in made["phases"]] == ["full"]
    assert unknown[0] == 400


def test_a_plan_whose_last_phase_ends_ends_the_subscription(shop: Shop) -> None:
    shop.publish(shop.phase(duration="P2M"), key="short")

    made = shop.subscribe(plan={"key": "short"})

    assert (made["activeTo"], made["status"]) == ("2026-03-14T10:00:00Z", "canceled")


# ---- refusals


def test_a_second_subscription_of_a_customer_is_a_conflict(shop: Shop) -> None:
    first = shop.subscribe()

    status, problem = shop.call(f"POST {V1}/subscriptions", body=shop.wanted())

    assert status == 409
    assert first["id"] in problem["detail"]
    assert shop.subscribe(customerKey=shop.customer("other")["key"])["status"] == "active"


def test_one_that_is_scheduled_conflicts_too(shop: Shop, moving: ManualClock) -> None:
    shop.subscribe(timing=later(moving, 10))

    assert shop.call(f"POST {V1}/subscriptions", body=shop.wanted())[0] == 409


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"plan": {"key": "nothing"}}, 404),
        ({"plan": {"key": "premium_plan", "version": 7}}, 404),
        ({"customerKey": "nobody"}, 404),
        ({"customerKey": None}, 400),
        ({"plan": None}, 400),
        ({"customPlan": {}}, 400),
        ({"timing": "soon"}, 400),
        ({"timing": 5}, 400),
        ({"timing": "9998-01-01T00:00:00Z"}, 400),
        ({"billingAnchor": "9998-01-01T00:00:00Z"}, 400),
        ({"name": ""}, 400),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(shop: Shop, changed: dict[str, Any], status: int) -> None:
    assert shop.call(f"POST {V1}/subscriptions", body=shop.wanted(**changed))[0] == status


def test_v3_names_the_field_that_is_wrong(shop: Shop) -> None:
    sent = {"customer": {"key": "acme-inc"}, "plan": {"key": "premium_plan"}, "colour": "red"}

    status, problem = shop.call(f"POST {V3}/subscriptions", body=sent)

    assert (status, problem["invalid_parameters"][0]["field"]) == (400, "colour")


def test_a_draft_or_archived_version_cannot_be_subscribed_to(shop: Shop) -> None:
    plan = shop.ok(f"GET {V1}/plans/{{planId}}", path={"planId": "premium_plan"})
    shop.act("next", plan)

    draft = shop.call(f"POST {V1}/subscriptions", body=shop.wanted(plan={"key": "premium_plan", "version": 2}))
    shop.act("archive", plan)
    archived = shop.call(f"POST {V1}/subscriptions", body=shop.wanted(plan={"key": "premium_plan", "version": 1}))

    assert (draft[0], archived[0]) == (400, 400)


def test_a_customer_who_pays_in_another_currency_is_refused(shop: Shop) -> None:
    shop.customer("euro", currency="EUR")

    status, problem = shop.call(f"POST {V1}/subscriptions", body=shop.wanted(customerKey="euro"))

    assert (status, problem["extensions"]["validationErrors"][0]["code"]) == (400, "currency_mismatch")


def test_a_plan_with_an_archived_feature_is_sold_no_more(shop: Shop) -> None:
    path = {"featureIdOrKey": "agent_runs"}
    shop.ok(f"DELETE {V1}/features/{{featureIdOrKey}}", path=path)

    assert shop.call(f"POST {V1}/subscriptions", body=shop.wanted())[0] == 409


def test_a_customer_with_a_subscription_cannot_be_deleted(shop: Shop) -> None:
    made = shop.subscribe()
    delete = f"DELETE {V1}/customers/{{customerIdOrKey}}"

    before = shop.call(delete, path={"customerIdOrKey": "acme-inc"})[0]
    shop.of(made, "cancel", body={})
    after = shop.call(delete, path={"customerIdOrKey": "acme-inc"})[0]

    assert (before, after) == (409, 204)


# ---- ending


def test_canceling_at_once_ends_it_and_again_changes_nothing(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe()
    moving.advance(DAY_S)

    status, canceled = shop.of(made, "cancel")

    assert (status, canceled["status"], canceled["activeTo"]) == (200, "inactive", "2026-01-15T10:00:00Z")
    moving.advance(60)
    assert shop.of(made, "cancel", body={"timing": "immediate"}) == (200, canceled)
    assert shop.of(made, "cancel", body={"timing": "next_billing_cycle"})[0] == 409


def test_canceling_with_the_period_cuts_phase_and_items_there(shop: Shop) -> None:
    made = shop.subscribe()

    canceled = shop.of(made, "cancel", body={"timing": "next_billing_cycle"})[1]

    end = "2026-02-14T10:00:00Z"
    assert (canceled["status"], canceled["activeTo"]) == ("canceled", end)
    assert (canceled["phases"][0]["activeTo"], canceled["phases"][0]["items"][0]["activeTo"]) == (end, end)
    assert shop.subscribe(timing=end)["status"] == "scheduled"


def test_canceling_at_an_instant_to_come_moves_the_end_each_time(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe()

    ends = [shop.of(made, "cancel", body={"timing": later(moving, n)})[1]["activeTo"] for n in (5, 3, 7)]
    past = shop.of(made, "cancel", body={"timing": later(moving, -1)})[0]

    assert ends == [later(moving, n) for n in (5, 3, 7)]
    assert past == 400


def test_a_canceled_subscription_goes_on_when_its_cancelation_is_unscheduled(shop: Shop) -> None:
    made = shop.subscribe()
    shop.of(made, "cancel", body={"timing": "next_billing_cycle"})

    status, back = shop.of(made, "unschedule-cancelation")

    assert (status, back["status"]) == (200, "active")
    assert {name: back[name] for name in back if name != "updatedAt"} | {"phases": []} == {
        name: made[name] for name in made if name != "updatedAt"
    } | {"phases": []}
    assert "activeTo" not in back["phases"][0]
    assert shop.of(made, "unschedule-cancelation") == (200, back)


def test_an_end_that_is_past_or_the_plans_own_is_not_taken_back(shop: Shop, moving: ManualClock) -> None:
    shop.publish(shop.phase(duration="P2M"), key="short")
    made = shop.subscribe(plan={"key": "short"})

    own = shop.of(made, "unschedule-cancelation")[0]
    shop.of(made, "cancel")
    moving.advance(1)

    assert (own, shop.of(made, "unschedule-cancelation")[0]) == (409, 409)


def test_a_cancelation_stays_where_another_subscription_follows_but_restoring_deletes_that(shop: Shop) -> None:
    made = shop.subscribe()
    end = shop.of(made, "cancel", body={"timing": "next_billing_cycle"})[1]["activeTo"]
    following = shop.subscribe(timing=end)

    conflict = shop.of(made, "unschedule-cancelation")[0]
    restored = shop.of(made, "restore")[1]

    assert (conflict, restored["status"]) == (409, "active")
    assert shop.of(following, method="GET")[0] == 404


def test_only_a_scheduled_subscription_can_be_deleted(shop: Shop, moving: ManualClock) -> None:
    made = shop.subscribe(timing=later(moving, 1))

    cancel = shop.of(made, "cancel")[0]
    delete = [shop.of(made, method="DELETE")[0] for _ in range(2)]
    active = shop.subscribe()

    assert (cancel, delete) == (409, [204, 404])
    assert shop.of(active, method="DELETE")[0] == 409
