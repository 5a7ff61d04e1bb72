"""Grants, resets and histories of entitlements in OpenMeter v1's form."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from dynameter.billing.entitlements.entitlement import Grant, UsageReset
from dynameter.billing.entitlements.records import grant_attributes, reset_attributes
from dynameter.clock import render
from tests.unit.billing.entitlement_world import SUBJECT, Rights
from tests.unit.billing.entitlement_world import rights as workspace_rights

__all__ = ["workspace_rights"]

DAY = 86_400


@pytest.fixture
def rights(workspace_rights: Rights) -> Rights:
    """An entitlement that issues nothing."""
    workspace_rights.create(issueAfterReset=None)
    return workspace_rights


def test_a_grant_is_shown_as_it_was_sent(rights: Rights) -> None:
    now = rights.now()

    found = rights.grant(
        100,
        effectiveAt=now,
        expiration={"duration": "DAY", "count": 3},
        priority=2,
        maxRolloverAmount=50.5,
        recurrence={"interval": "WEEK", "anchor": now},
        metadata={"why": "promo"},
    )

    assert (found["amount"], found["priority"], found["effectiveAt"]) == (100, 2, now)
    assert (found["expiration"], found["expiresAt"]) == (
        {"duration": "DAY", "count": 3},
        render(rights.clock.now_us() + 3 * DAY * 1_000_000),
    )
    assert (found["maxRolloverAmount"], found["minRolloverAmount"]) == (Decimal("50.5"), 0)
    assert found["recurrence"] == {"interval": "WEEK", "intervalISO": "P1W", "anchor": now}
    assert found["metadata"] == {"why": "promo"}
    assert rights.ok(f"GET {SUBJECT}/grants", path=rights.path()) == [found]


def test_grants_burn_by_priority_and_what_is_void_is_gone(rights: Rights) -> None:
    rights.grant(10, priority=2)
    first = rights.grant(5, priority=1)
    rights.use(7)
    rights.clock.advance(1)
    assert rights.left() == (8, 7, 0)

    rights.clock.advance(1)
    extra = rights.grant(20, priority=1)
    rights.clock.advance(1)
    rights.ok("DELETE /api/v1/grants/{grantId}", path={"grantId": extra["id"]})
    rights.ok("DELETE /api/v1/grants/{grantId}", path={"grantId": extra["id"]})

    assert rights.left() == (8, 7, 0)
    shown = [one["id"] for one in rights.ok(f"GET {SUBJECT}/grants", path=rights.path())]
    assert first["id"] in shown
    assert extra["id"] not in shown


def test_a_grant_that_begins_later_pays_the_overage_from_its_own_second(rights: Rights) -> None:
    rights.use(3)
    later = render(rights.clock.now_us() + 1_500_000)
    rights.grant(10, effectiveAt=later)
    rights.clock.advance(1.25)
    assert rights.left() == (0, 3, 3)

    rights.clock.advance(0.25)
    assert rights.left() == (7, 3, 0)


def test_a_reset_begins_a_period_and_rolls_over_what_may(rights: Rights) -> None:
    rights.grant(100, maxRolloverAmount=30)
    rights.use(60)
    rights.clock.advance(10)

    rights.reset()

    rights.clock.advance(1)
    assert rights.left() == (30, 0, 0)
    shown = rights.ok(f"GET {SUBJECT}", path=rights.path())
    assert shown["lastReset"] == shown["currentUsagePeriod"]["from"] == shown["usagePeriod"]["anchor"]


def test_a_reset_may_lie_in_the_past_and_keep_anchor_and_overage(rights: Rights) -> None:
    anchor = rights.ok(f"GET {SUBJECT}", path=rights.path())["usagePeriod"]["anchor"]
    rights.grant(10, maxRolloverAmount=10, minRolloverAmount=10)
    rights.use(13)
    rights.clock.advance(5.25)
    then = rights.now()
    rights.clock.advance(0.25)
    rights.use(1)
    rights.clock.advance(5)

    rights.reset(effectiveAt=then, retainAnchor=True, preserveOverage=True)

    assert rights.left() == (6, 1, 0)
    assert rights.ok(f"GET {SUBJECT}", path=rights.path())["usagePeriod"]["anchor"] == anchor


def test_late_usage_finds_its_own_side_of_a_reset(rights: Rights) -> None:
    rights.grant(100, maxRolloverAmount=100)
    rights.clock.advance(1)
    before = rights.clock.now_us()
    rights.clock.advance(0.5)
    rights.reset()
    rights.clock.advance(0.5)
    after = rights.clock.now_us()
    rights.clock.advance(1)
    rights.use(10, at_us=before)
    rights.use(1, at_us=after)

    assert rights.left() == (89, 1, 0)


@pytest.mark.parametrize("sent", [{"effectiveAt": "2199-01-01T00:00:00Z"}, {"effectiveAt": "2020-01-01T00:00:00Z"}])
def test_a_reset_outside_the_present_period_is_refused(rights: Rights, sent: dict[str, Any]) -> None:
    status, body = rights.call(f"POST {SUBJECT}/reset", path=rights.path(), body=sent)

    assert (status, body["extensions"]["validationErrors"][0]["field"]) == (400, "effectiveAt")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"amount": -1}, "amount"),
        ({"amount": "1"}, "amount"),
        ({}, "amount"),
        ({"amount": 1, "effectiveAt": "2020-01-01T00:00:00Z"}, "effectiveAt"),
        ({"amount": 1, "effectiveAt": "2300-01-01T00:00:00Z"}, "effectiveAt"),
        ({"amount": 1, "minRolloverAmount": 2}, "minRolloverAmount"),
        ({"amount": 1, "recurrence": {"interval": "PT1H"}}, "recurrence"),
        ({"amount": 1, "expiration": {"duration": "DAY", "count": 0}}, "expiration.count"),
        ({"amount": 1e30}, "amount"),
    ],
)
def test_what_is_wrong_with_a_grant_is_named(rights: Rights, sent: dict[str, Any], field: str) -> None:
    status, body = rights.call(f"POST {SUBJECT}/grants", path=rights.path(), body=sent)

    assert (status, body["extensions"]["validationErrors"][0]["field"]) == (400, field)


def test_a_boolean_entitlement_has_no_grants(rights: Rights) -> None:
    rights.create(type="boolean", featureKey="sso", usagePeriod=None, issueAfterReset=None)

    for what in ("grants", "reset"):
        assert rights.call(f"POST {SUBJECT}/{what}", path=rights.path("sso"), body={"amount": 1})[0] == 400


def test_no_grant_is_void_for_another_workspace(rights: Rights) -> None:
    grant = rights.grant(1)
    other = "00000000-0000-4000-8000-00000000beef"

    assert rights.call("DELETE /api/v1/grants/{grantId}", path={"grantId": grant["id"]}, workspace=other)[0] == 404


def test_the_history_says_how_the_balance_came_about(rights: Rights) -> None:
    grant = rights.grant(100)
    start = rights.now()
    rights.use(10)
    rights.clock.advance(2 * DAY)
    second = rights.grant(5, priority=0)
    rights.use(7)
    rights.clock.advance(1)

    found = rights.ok(f"GET {SUBJECT}/history", ("windowSize", "DAY"), path=rights.path())

    windows = found["windowedHistory"]
    assert [one["usage"] for one in windows] == [10, 0, 7]
    assert [one["balanceAtStart"] for one in windows] == [100, 90, 90]
    assert windows[0]["period"]["from"] == start
    burnt = found["burndownHistory"]
    assert [(one["usage"], one["balanceAtStart"], one["balanceAtEnd"]) for one in burnt] == [(10, 100, 90), (7, 95, 88)]
    assert burnt[1]["grantUsages"] == sorted(
        [{"grantId": second["id"], "usage": 5}, {"grantId": grant["id"], "usage": 2}], key=lambda one: one["grantId"]
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ([], "windowSize"),
        ([("windowSize", "WEEK")], "windowSize"),
        ([("windowSize", "DAY"), ("windowTimeZone", "Mars")], "windowTimeZone"),
        ([("windowSize", "DAY"), ("to", "2199-01-01T00:00:00Z")], "to"),
        ([("windowSize", "DAY"), ("from", "2199-01-01T00:00:00Z")], "to"),
    ],
)
def test_what_is_wrong_with_a_history_is_named(rights: Rights, query: list[tuple[str, str]], field: str) -> None:
    rights.clock.advance(1)

    status, body = rights.call(f"GET {SUBJECT}/history", *query, path=rights.path())

    assert (status, body["extensions"]["validationErrors"][0]["field"]) == (400, field)


def test_294_grants_and_resets_in_a_row_answer_a_balance_in_a_handful_of_reads(rights: Rights) -> None:
    entitlement = rights.ok(f"GET {SUBJECT}", path=rights.path())["id"]
    start_us = rights.clock.now_us()
    rights.write(
        item
        for number in range(1, 294)
        for item in _reset_and_grant(entitlement, number, start_us + number * 1_250_000)
    )
    rights.clock.advance(294 * 1.25)
    rights.reset()
    rights.clock.advance(0.25)
    rights.grant(10)
    for _ in range(3):
        rights.use(1)
        rights.clock.advance(0.25)
    reads: list[str] = []
    rights.watch(lambda model: reads.append(model.name))

    assert rights.left() == (7, 3, 0)
    assert len(reads) <= MAX_READS


def _reset_and_grant(entitlement: str, number: int, at_us: int) -> Iterator[dict[str, Any]]:
    """A reset and a grant a quarter of a second later, as the store has them."""
    one = Grant("", f"G{number:025d}", entitlement, Decimal(10), at_us + 250_000, at_us, at_us)
    yield {"sk": {"S": f"bg.{entitlement}.r.{at_us:020d}"}, **reset_attributes(UsageReset(at_us))}
    yield {"sk": {"S": f"bg.{entitlement}.g.{one.id}"}, **grant_attributes(one)}


MAX_READS = 12
"""The customer, the entitlement, its feature and meter, the book, the hours, the minutes and the cut minute."""
