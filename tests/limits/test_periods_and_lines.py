"""A balance looks back so far, and an invoice holds so many lines."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from dynameter import codec
from dynameter.billing.entitlements import standing
from dynameter.billing.invoicing import service, store
from dynameter.clock import HOUR_US, render
from tests.limits.cases_billing import BY_CUSTOMER, PLANS, SUBSCRIPTIONS, flat_cards, now_us
from tests.limits.edges import send
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask

BALANCE = BY_CUSTOMER.replace("POST", "GET") + "/{entitlementIdOrFeatureKey}/value"
PUBLISH = "POST /api/v1/plans/{planId}/publish"
ISSUE = "POST /api/v1/billing/invoices/invoice"
SINGLE = {"customerIdOrKey": "alpha-single", "entitlementIdOrFeatureKey": "alpha_feature"}


@pytest.mark.parametrize("resets", [3, standing.MAX_PERIODS])
@pytest.mark.parametrize(("past", "status"), [(0, 200), (1, 413)])
def test_a_balance_looks_back_over_so_many_usage_periods(
    resets: int, past: int, status: int, still: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overage that is kept at every reset has to be reckoned from the beginning."""
    monkeypatch.setattr(standing, "MAX_PERIODS", resets)
    since = render(now_us(still) - (resets + past) * HOUR_US)
    wanted = {
        "type": "metered",
        "featureKey": "alpha_feature",
        "usagePeriod": {"interval": "PT1H", "anchor": since},
        "measureUsageFrom": since,
        "preserveOverageAtReset": True,
    }
    assert send(still, BY_CUSTOMER, Ask(wanted, path=SINGLE)).answer.status == 201

    answer = send(still, BALANCE, Ask(path=SINGLE)).answer

    assert answer.status == status, answer.text[:600]
    assert status == 200 or f"more than {resets} usage periods" in answer.json()["detail"]


def issued(settled: Settled) -> list[dict[str, Any]]:
    """The invoices of a customer who owes two fees and has left."""
    fees = [{**card, "price": {"type": "flat", "amount": "5", "paymentTerm": "in_advance"}} for card in flat_cards(2)]
    phases = [{"key": "only", "name": "P", "duration": None, "rateCards": fees}]
    plan = settled.tenant.ok(PLANS, {**settled.asks[PLANS].body, "key": "fees", "phases": phases})
    settled.tenant.ok(PUBLISH, planId=plan["id"])
    settled.tenant.ok(SUBSCRIPTIONS, {"customerKey": "alpha-single", "plan": {"key": "fees"}})
    return list(settled.tenant.ok(ISSUE, {"customerId": settled.tenant.ids["single"]}))


def weight(settled: Settled) -> int:
    """What the lines of the one invoice count: their JSON without ids, and 32 bytes for an id and what joins them."""
    (items,) = (
        item["lines"]["B"]
        for place, item in settled.house.state().items()
        if place not in settled.state and place[1][1].startswith(store._FULL)
    )
    lines = codec.decode(zlib.decompress(items))
    assert len(lines) == 2
    return sum(len(codec.encode({**line, "id": ""})) + 32 for line in lines)


@pytest.mark.parametrize(("less", "invoices"), [(0, [2]), (1, [1, 1])])
def test_an_invoice_holds_so_many_bytes_of_lines_and_another_the_rest(
    less: int, invoices: list[int], still: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued(still)
    fitting = weight(still)
    still.house.put_back(still.kept)
    monkeypatch.setattr(service, "MAX_LINES_BYTES", fitting - less)

    found = issued(still)

    assert [len(one["lines"]) for one in found] == invoices
    assert sum(int(one["totals"]["total"]) for one in found) == 10
