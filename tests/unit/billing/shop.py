"""A workspace with something to sell, through the billing function in either form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dynameter.clock import render
from tests.conftest import ManualClock

Call = Callable[..., tuple[int, Any]]

DAY_S = 86_400
START = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z
V1, V3, KONG = "/api/v1", "/api/v3/openmeter", "/v3/openmeter"


@dataclass(frozen=True)
class Shop:
    """Meter ``agent_runs_total`` and feature ``agent_runs`` are there."""

    call: Call
    feature: Any

    def ok(self, route: str, *query: tuple[str, str], **sent: Any) -> Any:
        status, body = self.call(route, *query, **sent)
        assert status < 300, body
        return body

    def card(self, **changed: Any) -> dict[str, Any]:
        """A v1 rate card of 1 USD a unit."""
        return {
            "type": "usage_based",
            "key": "agent_runs",
            "name": "Agent Runs",
            "featureKey": "agent_runs",
            "billingCadence": "P1M",
            "price": {"type": "unit", "amount": "1"},
            "entitlementTemplate": {"type": "boolean"},
        } | changed

    def fee(self, amount: str = "5", **changed: Any) -> dict[str, Any]:
        """A v1 rate card of a flat fee."""
        price = {"type": "flat", "amount": amount}
        return {"type": "flat_fee", "key": "base", "name": "Base", "billingCadence": "P1M", "price": price} | changed

    def phase(self, *cards: dict[str, Any], key: str = "default", duration: str | None = None) -> dict[str, Any]:
        """A v1 phase."""
        return {"key": key, "name": key.title(), "duration": duration, "rateCards": list(cards or (self.card(),))}

    def plan(self, *phases: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """A v1 plan."""
        return {
            "key": "premium_plan",
            "name": "Premium Plan",
            "currency": "USD",
            "billingCadence": "P1M",
            "phases": list(phases or (self.phase(),)),
        } | changed

    def plan_v3(self, **card: Any) -> dict[str, Any]:
        """A v3 plan with one rate card."""
        default = {
            "key": "agent_runs",
            "name": "Agent Runs",
            "feature": {"id": self.feature["id"]},
            "billing_cadence": "P1M",
            "payment_term": "in_arrears",
            "price": {"type": "unit", "amount": "1"},
            "entitlement": {"type": "boolean"},
        }
        phase = {"key": "default", "name": "Default", "rate_cards": [default | card]}
        named = {"key": "premium_plan", "name": "Premium Plan", "currency": "USD", "billing_cadence": "P1M"}
        return named | {"phases": [phase]}

    def draft(self, *phases: dict[str, Any], **changed: Any) -> Any:
        """A draft that is stored."""
        return self.ok(f"POST {V1}/plans", body=self.plan(*phases, **changed))

    def publish(self, *phases: dict[str, Any], **changed: Any) -> Any:
        """A plan that is published."""
        return self.act("publish", self.draft(*phases, **changed))

    def act(self, what: str, plan: Any) -> Any:
        """A plan after a v1 action."""
        return self.ok(f"POST {V1}/plans/{{planId}}/{what}", path={"planId": plan["id"]})

    def customer(self, key: str = "acme-inc", **changed: Any) -> Any:
        """A customer."""
        return self.ok(f"POST {V1}/customers", body={"key": key, "name": "Acme Inc"} | changed)

    def subscribe(self, **changed: Any) -> Any:
        """A v1 subscription of the customer ``acme-inc`` to the plan ``premium_plan``."""
        return self.ok(f"POST {V1}/subscriptions", body=self.wanted(**changed))

    def wanted(self, **changed: Any) -> dict[str, Any]:
        """The body of such a subscription."""
        return {"customerKey": "acme-inc", "plan": {"key": "premium_plan"}} | changed

    def of(self, subscription: Any, what: str = "", method: str = "POST", body: Any = None) -> tuple[int, Any]:
        """What an action on a subscription answers in v1."""
        route = f"{method} {V1}/subscriptions/{{subscriptionId}}{what and '/' + what}"
        return self.call(route, path={"subscriptionId": subscription["id"]}, body=body)


def open_shop(call: Call) -> Shop:
    """A shop in the test's workspace."""
    meter = {
        "slug": "agent_runs_total",
        "aggregation": "COUNT",
        "eventType": "agent_run",
        "groupBy": {"agent_name": "$.agent_name"},
    }
    assert call("POST /api/v1/meters", body=meter)[0] == 201
    sold = {"key": "agent_runs", "name": "Agent Runs", "meterSlug": "agent_runs_total"}
    status, feature = call("POST /api/v1/features", body=sold)
    assert status == 201, feature
    return Shop(call, feature)


def at(plan: Any) -> dict[str, str]:
    """The path of a plan."""
    return {"planId": plan["id"]}


def codes(problem: Any) -> list[str]:
    """The v1 problem's codes."""
    return [one["code"] for one in problem["extensions"]["validationErrors"]]


def fields(problem: Any) -> list[str]:
    """The v1 problem's fields."""
    return [one["field"] for one in problem["extensions"]["validationErrors"]]


def open_for_subscribers(call: Call, moving: ManualClock) -> Shop:
    """The plan is active, the customer there, the clock at ``START``."""
    moving.now = START - 3_600_000_000
    found = open_shop(call)
    found.publish()
    found.customer()
    moving.now = START
    return found


def later(moving: ManualClock, days: float) -> str:
    """The clock so many days on, as text."""
    return render(moving.now + int(days * DAY_S) * 1_000_000)
