"""Invoices where events are kept for 35 days, and periods begin inside a minute: usage outlives its events."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from dynameter.runtime.settings import Settings
from tests.conftest import ManualClock, load_function
from tests.unit.billing.entitlement_world import Call, Rights

V1 = "/api/v1"
DAY_S = 86_400


@pytest.fixture(scope="module")
def functions(engine: Settings) -> Iterator[tuple[ModuleType, ...]]:
    """As for all tests of billing, with events that expire."""
    clock = ManualClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENT_RETENTION_DAYS", "35")
        loaded = tuple(load_function(name) for name in ("billing", "meters"))
        for module in loaded:
            module.__dict__["_clock"] = clock
        yield loaded


@pytest.fixture
def sold(
    call: Call, moving: ManualClock, client: Any, engine: Settings, workspace: str, functions: tuple[ModuleType, ...]
) -> Rights:
    """Customer ``acme`` pays 1 USD a token since 2026-01-14T10:00:30Z."""
    moving.now = 1_768_384_800_000_000
    found = Rights(call, moving, client, engine, workspace, functions[0]).open()
    card = {
        "type": "usage_based",
        "key": "tokens",
        "name": "Tokens",
        "featureKey": "tokens",
        "billingCadence": "P1M",
        "price": {"type": "unit", "amount": "1"},
    }
    phase = {"key": "default", "name": "Default", "duration": None, "rateCards": [card]}
    plan = {"key": "paid", "name": "Paid", "currency": "USD", "billingCadence": "P1M", "phases": [phase]}
    plan_id = found.ok(f"POST {V1}/plans", body=plan)["id"]
    found.ok(f"POST {V1}/plans/{{planId}}/publish", path={"planId": plan_id})
    moving.now = 1_768_384_830_000_000
    found.ok(f"POST {V1}/subscriptions", body={"customerKey": "acme", "plan": {"key": "paid"}})
    return found


def issue(sold: Rights) -> list[Decimal]:
    """The totals of the invoices that are issued now."""
    customer = sold.ok(f"GET {V1}/customers/{{customerIdOrKey}}", path={"customerIdOrKey": "acme"})
    issued = sold.ok(f"POST {V1}/billing/invoices/invoice", body={"customerId": customer["id"]})
    return [Decimal(one["totals"]["total"]) for one in issued]


def test_a_later_period_is_invoiced_when_the_events_of_the_first_are_gone(sold: Rights) -> None:
    sold.use(5)
    sold.clock.advance(31 * DAY_S)
    issue(sold)
    sold.use(7)
    sold.clock.advance(31 * DAY_S)

    assert issue(sold) == [Decimal(7)]


def test_a_period_that_was_invoiced_exactly_is_not_corrected_when_its_events_are_gone(sold: Rights) -> None:
    # The second is in the first minute of the next period.
    sold.use(5)
    sold.clock.advance(31 * DAY_S)
    sold.use(7)
    sold.clock.advance(10)
    first = issue(sold)
    sold.clock.advance(31 * DAY_S)

    assert (first, issue(sold)) == ([Decimal(5)], [Decimal(7)])


def test_a_period_that_is_invoiced_only_when_its_events_are_gone_has_its_whole_minutes(sold: Rights) -> None:
    sold.use(5)
    sold.clock.advance(60)
    sold.use(7)
    sold.clock.advance(60 * DAY_S)

    assert issue(sold) == [Decimal(7), Decimal(0)]


def test_a_preview_is_shown_when_the_events_of_the_first_period_are_gone(sold: Rights) -> None:
    sold.clock.advance(60)
    sold.use(7)
    sold.clock.advance(70 * DAY_S)
    query = [("statuses", "gathering")]

    (shown,) = sold.ok(f"GET {V1}/billing/invoices", *query)["items"]

    assert shown["totals"]["total"] == "7"


def test_a_voided_invoice_is_billed_again_when_its_events_are_gone(sold: Rights) -> None:
    sold.clock.advance(60)
    sold.use(7)
    sold.clock.advance(31 * DAY_S)
    customer = sold.ok(f"GET {V1}/customers/{{customerIdOrKey}}", path={"customerIdOrKey": "acme"})
    (first,) = sold.ok(f"POST {V1}/billing/invoices/invoice", body={"customerId": customer["id"]})
    sold.clock.advance(20 * DAY_S)
    sold.ok(f"POST {V1}/billing/invoices/{{invoiceId}}/void", path={"invoiceId": first["id"]})

    assert issue(sold) == [Decimal(7)]
