"""Walkthrough 2 to its end: three agent runs become one line of 3 USD, in OpenMeter v1 and in v3 (Kong) form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.api import Api
from tests.conformance.polling import eventually

AGENTS = ("summarizer", "summarizer", "translator")
LONG_AGO = "2020-01-14T10:00:00Z"


def created(answer: Any, status: int = 201) -> Any:
    assert answer.status == status, answer.text
    return answer.json()


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Walk:
    """One walk with names of its own, for all tests share the server."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.event_type = api.fresh("agent_run")
        self.feature = api.fresh("agent_runs")
        self.plan = api.fresh("premium_plan")
        self.subject = api.fresh("acme-inc")
        self.subscription = ""

    def send(self, base: str, event_id: str, agent: str, time: str) -> None:
        event = {
            "specversion": "1.0",
            "type": self.event_type,
            "id": event_id,
            "source": f"acme-platform/{self.event_type}",
            "time": time,
            "datacontenttype": "application/json",
            "subject": self.subject,
            "data": {"agent_name": agent},
        }
        answer = self.api.post(f"{base}/events", event, media_type="application/cloudevents+json")
        assert answer.status in (202, 204), answer.text

    def run_agents(self, base: str, time: str) -> None:
        for number, agent in enumerate(AGENTS):
            self.send(base, f"run-{number}", agent, time)

    def subscribe_v1(self) -> str:
        """The v1 calls; the customer's id."""
        api = self.api
        group_by = {"agent_name": "$.agent_name"}
        meter = {"slug": self.event_type, "aggregation": "COUNT", "eventType": self.event_type, "groupBy": group_by}
        assert api.post("/api/v1/meters", meter).status in (200, 201)
        feature = {"key": self.feature, "name": "Agent Runs", "meterSlug": self.event_type}
        created(api.post("/api/v1/features", feature))
        card = {
            "type": "usage_based",
            "key": self.feature,
            "name": "Agent Runs",
            "featureKey": self.feature,
            "billingCadence": "P1M",
            "price": {"type": "unit", "amount": "1"},
            "entitlementTemplate": {"type": "boolean"},
        }
        plan = {
            "key": self.plan,
            "name": "Premium Plan",
            "currency": "USD",
            "billingCadence": "P1M",
            "phases": [{"key": "default", "name": "Default", "duration": None, "rateCards": [card]}],
        }
        plan_id = created(api.post("/api/v1/plans", plan))["id"]
        created(api.post(f"/api/v1/plans/{plan_id}/publish", None), 200)
        attribution = {"subjectKeys": [self.subject]}
        customer = {"name": "Acme Inc", "key": self.subject, "currency": "USD", "usageAttribution": attribution}
        customer_id = str(created(api.post("/api/v1/customers", customer))["id"])
        wanted = {"customerId": customer_id, "plan": {"key": self.plan}}
        self.subscription = str(created(api.post("/api/v1/subscriptions", wanted))["id"])
        return customer_id

    def subscribe_v3(self, base: str) -> str:
        """The v3 calls; the customer's id."""
        api = self.api
        meter = {
            "key": self.event_type,
            "name": "Agent runs",
            "aggregation": "count",
            "event_type": self.event_type,
            "dimensions": {"agent_name": "$.agent_name"},
        }
        meter_id = created(api.post(f"{base}/meters", meter))["id"]
        feature = {"key": self.feature, "name": "Agent Runs", "meter": {"id": meter_id}}
        feature_id = created(api.post(f"{base}/features", feature))["id"]
        card = {
            "key": self.feature,
            "name": "Agent Runs",
            "feature": {"id": feature_id},
            "billing_cadence": "P1M",
            "payment_term": "in_arrears",
            "price": {"type": "unit", "amount": "1"},
            "entitlement": {"type": "boolean"},
        }
        plan = {
            "key": self.plan,
            "name": "Premium Plan",
            "currency": "USD",
            "billing_cadence": "P1M",
            "phases": [{"key": "default", "name": "Default", "rate_cards": [card]}],
        }
        plan_id = created(api.post(f"{base}/plans", plan))["id"]
        created(api.post(f"{base}/plans/{plan_id}/publish", None), 200)
        attribution = {"subject_keys": [self.subject]}
        customer = {"key": self.subject, "name": "Acme Inc", "currency": "USD", "usage_attribution": attribution}
        customer_id = str(created(api.post(f"{base}/customers", customer))["id"])
        subscription = {"customer": {"id": customer_id}, "plan": {"key": self.plan}}
        created(api.post(f"{base}/subscriptions", subscription))
        return customer_id

    def previewed(self, customer_id: str) -> Any:
        """The lines of the gathering invoice."""
        path = f"/api/v1/billing/invoices?customers={customer_id}&statuses=gathering&expand=lines"
        (invoice,) = created(self.api.get(path), 200)["items"]
        return [
            (one["featureKey"], one["quantity"], one["totals"]["amount"], one["totals"]["total"], invoice["currency"])
            for one in invoice["lines"]
        ]

    def metered(self) -> Any:
        rows = created(self.api.get(f"/api/v1/meters/{self.event_type}/query?subject={self.subject}"), 200)["data"]
        return rows[0]["value"] if rows else 0


@pytest.fixture
def walk(api: Api) -> Walk:
    return Walk(api)


def test_v1_previews_one_line_of_three_units_and_three_dollars(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()

    walk.run_agents("/api/v1", now())

    eventually(lambda: walk.previewed(customer_id), [(walk.feature, "3", "3", "3", "USD")])


def test_five_sendings_of_the_same_events_change_nothing(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()
    time = now()

    for _ in range(6):
        walk.run_agents("/api/v1", time)
    walk.send("/api/v1", "the-last", "translator", now())

    # Once the event after them counts, so would all of them.
    eventually(lambda: walk.previewed(customer_id), [(walk.feature, "4", "4", "4", "USD")])


def test_an_event_before_the_subscription_is_metered_and_not_invoiced(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()
    walk.send("/api/v1", "old", "translator", LONG_AGO)

    walk.run_agents("/api/v1", now())

    eventually(walk.metered, 4)
    assert walk.previewed(customer_id) == [(walk.feature, "3", "3", "3", "USD")]


def real_time_totals(walk: Walk, base: str, customer_id: str) -> Any:
    query = "expand=real_time_usage&filter%5Bstatus%5D%5Boeq%5D=created,active"
    charges = created(walk.api.get(f"{base}/customers/{customer_id}/charges?{query}"), 200)["data"]
    return [(one["feature_key"], one["price"], one["totals"]["realtime"]["total"], one["currency"]) for one in charges]


@pytest.mark.parametrize("base", ["/api/v3/openmeter", "/v3/openmeter"])
def test_v3_previews_one_charge_of_three_dollars(walk: Walk, base: str) -> None:
    customer_id = walk.subscribe_v3(base)
    walk.send(base, "old", "translator", LONG_AGO)

    walk.run_agents(base, now())
    walk.run_agents(base, now())

    expected = [(walk.feature, {"type": "unit", "amount": "1"}, "3", "USD")]
    eventually(lambda: real_time_totals(walk, base, customer_id), expected)
    assert walk.previewed(customer_id) == [(walk.feature, "3", "3", "3", "USD")]


def test_the_page_and_the_table_of_a_preview_can_be_read(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()
    walk.run_agents("/api/v1", now())
    eventually(lambda: walk.previewed(customer_id), [(walk.feature, "3", "3", "3", "USD")])
    path = f"/api/v1/billing/invoices?customers={customer_id}"
    (invoice,) = created(walk.api.get(path), 200)["items"]

    page = walk.api.get(f"/v1/{walk.api.workspace}/invoices/{invoice['id']}.html")
    table = walk.api.get(f"/v1/{walk.api.workspace}/invoices/{invoice['id']}.csv")

    assert (page.status, "Acme Inc" in page.text, "3.00" in page.text) == (200, True, True)
    assert (table.status, table.text.splitlines()[1].endswith("3.00,0.00,0.00,3.00")) == (200, True)


def issued(walk: Walk, customer_id: str) -> Any:
    """What an issue answers: the quantities and totals of the lines of each invoice."""
    answer = walk.api.post("/api/v1/billing/invoices/invoice", {"customerId": customer_id})
    if answer.status == 400:
        return []
    lines = (one for invoice in created(answer) for one in invoice["lines"])
    return [(one["quantity"], one["preLinePeriodQuantity"], one["totals"]["total"]) for one in lines]


def test_an_ended_subscription_is_invoiced_and_late_usage_after_it(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()
    time = now()
    walk.run_agents("/api/v1", time)
    eventually(lambda: walk.previewed(customer_id), [(walk.feature, "3", "3", "3", "USD")])
    cancel = {"timing": "immediate"}
    created(walk.api.post(f"/api/v1/subscriptions/{walk.subscription}/cancel", cancel), 200)

    assert issued(walk, customer_id) == [("3", "0", "3")]
    assert issued(walk, customer_id) == []

    walk.send("/api/v1", "late", "translator", time)
    eventually(lambda: issued(walk, customer_id), [("1", "3", "1")])


def test_a_voided_invoice_is_issued_anew(walk: Walk) -> None:
    customer_id = walk.subscribe_v1()
    walk.run_agents("/api/v1", now())
    eventually(lambda: walk.previewed(customer_id), [(walk.feature, "3", "3", "3", "USD")])
    cancel = {"timing": "immediate"}
    created(walk.api.post(f"/api/v1/subscriptions/{walk.subscription}/cancel", cancel), 200)
    answer = walk.api.post("/api/v1/billing/invoices/invoice", {"customerId": customer_id})
    (first,) = created(answer)

    voided = created(walk.api.post(f"/api/v1/billing/invoices/{first['id']}/void", None), 200)

    assert voided["status"] == "voided"
    assert issued(walk, customer_id) == [("3", "0", "3")]
