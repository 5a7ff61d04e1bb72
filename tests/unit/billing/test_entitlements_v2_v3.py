"""Entitlements in OpenMeter v2's form, access in v3's and Kong's, and what subscriptions bring."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.dialects import answer_size
from tests.unit.billing.entitlement_world import ACCESS, CUSTOMER, CUSTOMERS, PREFIXES, SUBJECT, Rights, rights

__all__ = ["rights"]

ACME = {"customerIdOrKey": "acme"}
TOKENS = ACME | {"entitlementIdOrFeatureKey": "tokens"}
METERED = {"type": "metered", "featureKey": "tokens", "usagePeriod": {"interval": "MONTH"}}


def create(rights: Rights, **changed: Any) -> Any:
    return rights.ok(f"POST {CUSTOMERS}", path=ACME, body=METERED | changed)


def test_a_v2_entitlement_comes_with_what_it_issues_and_its_grants(rights: Rights) -> None:
    found = create(rights, issue={"amount": 100, "priority": 3}, grants=[{"amount": 5}, {"amount": 6}])
    rights.use(7)
    rights.clock.advance(1)

    value = rights.ok(f"GET {CUSTOMER}/value", path=TOKENS)

    assert (found["issue"], found["customerKey"]) == ({"amount": 100, "priority": 3}, "acme")
    assert (value["balance"], sorted(value["grantBalances"].values())) == (104, [0, 4, 100])


def test_v2_lists_are_pages(rights: Rights) -> None:
    create(rights, grants=[{"amount": 5}, {"amount": 6}])

    found = rights.ok(f"GET {CUSTOMERS}", path=ACME)
    grants = rights.ok(f"GET {CUSTOMER}/grants", ("pageSize", "1"), path=TOKENS)

    assert (found["totalCount"], found["items"][0]["featureKey"]) == (1, "tokens")
    assert (grants["totalCount"], len(grants["items"])) == (2, 1)


def test_v1_and_v2_speak_of_the_same_entitlement(rights: Rights) -> None:
    found = create(rights)

    assert rights.ok(f"GET {SUBJECT}", path=rights.path(subject="bot"))["id"] == found["id"]
    assert rights.ok(f"POST {CUSTOMER}/grants", path=TOKENS, body={"amount": 4})["entitlementId"] == found["id"]


def test_v2_resets_overrides_deletes_and_tells_its_history(rights: Rights) -> None:
    create(rights, issue={"amount": 9})
    rights.use(1)
    rights.clock.advance(1)

    history = rights.ok(f"GET {CUSTOMER}/history", ("windowSize", "HOUR"), path=TOKENS)
    assert history["windowedHistory"][0]["usage"] == 1
    assert rights.call(f"POST {CUSTOMER}/reset", path=TOKENS, body={})[0] == 204
    rights.clock.advance(1)
    assert rights.call(f"PUT {CUSTOMER}/override", path=TOKENS, body=METERED)[0] == 201
    assert rights.call(f"DELETE {CUSTOMER}", path=TOKENS)[0] == 204
    assert rights.call(f"GET {CUSTOMER}", path=TOKENS)[0] == 404


def test_an_unknown_customer_is_not_found(rights: Rights) -> None:
    path = {"customerIdOrKey": "nobody"}

    assert rights.call(f"POST {CUSTOMERS}", path=path, body=METERED)[0] == 404
    assert rights.call(f"GET {ACCESS}/access", path=path)[0] == 404


@pytest.mark.parametrize("prefix", PREFIXES)
def test_v3_lists_a_customer_s_access(rights: Rights, prefix: str) -> None:
    found = create(rights)
    create(rights, type="static", featureKey="sso", config='{"a":1}', usagePeriod=None)

    shown = rights.ok(
        f"GET {prefix}/customers/{{customerId}}/entitlement-access", path={"customerId": found["customerId"]}
    )

    assert shown == {
        "data": [
            {"type": "static", "feature_key": "sso", "has_access": True, "config": '{"a":1}'},
            {"type": "metered", "feature_key": "tokens", "has_access": False},
        ]
    }


@pytest.mark.parametrize("prefix", PREFIXES)
def test_v3_answers_for_many_customers_with_reasons(rights: Rights, prefix: str) -> None:
    create(rights)
    create(rights, type="boolean", featureKey="sso", usagePeriod=None)
    rights.ok("POST /api/v1/customers", body={"key": "other", "name": "Other"})
    body = {"customer": {"keys": ["bot", "other", "nobody"]}, "feature": {"keys": ["tokens", "sso", "none"]}}

    found = rights.ok(f"POST {prefix}/entitlement-access/query", body=body)

    by_key = {one["customer"]["key"]: one for one in found["data"]}
    codes = {
        key: {name: access.get("reason", {}).get("code") for name, access in one["features"].items()}
        for key, one in by_key.items()
    }
    assert codes == {
        "acme": {"tokens": "usage_limit_reached", "sso": None, "none": "feature_not_found"},
        "other": {"tokens": "feature_unavailable", "sso": "feature_unavailable", "none": "feature_not_found"},
    }
    assert by_key["acme"]["matched"] == ["bot"]
    assert [(one["customer"], one["code"]) for one in found["errors"]] == [("nobody", "customer_not_found")]


def test_v3_without_features_answers_those_that_customers_have_a_right_to(rights: Rights) -> None:
    create(rights)

    found = rights.ok(f"POST {PREFIXES[0]}/entitlement-access/query", body={"customer": {"keys": ["acme"]}})

    assert list(found["data"][0]["features"]) == ["tokens"]


@pytest.mark.parametrize(
    "body",
    [
        {"customer": {"keys": []}},
        {"customer": {"keys": ["a"] * 101}},
        {"customer": {"keys": ["a"]}, "feature": {"keys": ["a"] * 101}},
        {"customer": {"keys": ["a"]}, "unknown": 1},
    ],
)
def test_a_v3_query_past_its_limits_is_refused(rights: Rights, body: dict[str, Any]) -> None:
    assert rights.call(f"POST {PREFIXES[0]}/entitlement-access/query", body=body)[0] == 400


def test_access_that_lambda_could_not_carry_is_refused(rights: Rights, monkeypatch: pytest.MonkeyPatch) -> None:
    found = create(rights)
    monkeypatch.setattr(answer_size, "MAX_ANSWER_BYTES", 50)

    one = rights.call(
        f"GET {PREFIXES[0]}/customers/{{customerId}}/entitlement-access", path={"customerId": found["customerId"]}
    )
    many = rights.call(f"POST {PREFIXES[0]}/entitlement-access/query", body={"customer": {"keys": ["acme"]}})

    assert (one[0], many[0]) == (413, 413)


def subscribed(rights: Rights) -> Any:
    template = {"type": "metered", "issueAfterReset": 50, "isSoftLimit": False}
    card = {
        "type": "usage_based",
        "key": "tokens",
        "name": "Tokens",
        "featureKey": "tokens",
        "billingCadence": "P1M",
        "price": {"type": "unit", "amount": "1"},
        "entitlementTemplate": template,
    }
    phase = {"key": "default", "name": "Default", "duration": None, "rateCards": [card]}
    sent = {"key": "premium", "name": "Premium", "currency": "USD", "billingCadence": "P1M", "phases": [phase]}
    plan = rights.ok("POST /api/v1/plans", body=sent)
    rights.ok("POST /api/v1/plans/{planId}/publish", path={"planId": plan["id"]})
    return rights.ok("POST /api/v1/subscriptions", body={"customerKey": "acme", "plan": {"key": "premium"}})


def test_a_subscription_brings_its_entitlement(rights: Rights) -> None:
    subscribed(rights)
    rights.use(8)
    rights.clock.advance(1)

    assert rights.left() == (42, 8, 0)
    status, body = rights.call(f"DELETE {SUBJECT}", path=rights.path())
    assert (status, "subscription" in body["detail"]) == (409, True)


def test_a_canceled_subscription_takes_its_entitlement_away(rights: Rights) -> None:
    subscription = subscribed(rights)
    rights.clock.advance(10)
    path = {"subscriptionId": subscription["id"]}

    rights.ok("POST /api/v1/subscriptions/{subscriptionId}/cancel", path=path, body={"timing": "immediate"})

    rights.clock.advance(1)
    assert rights.call(f"GET {SUBJECT}/value", path=rights.path())[0] == 404


def test_an_entitlement_that_is_there_already_stays_when_a_subscription_starts(rights: Rights) -> None:
    first = create(rights, issue={"amount": 9})

    subscribed(rights)

    assert rights.ok(f"GET {CUSTOMER}", path=TOKENS)["id"] == first["id"]
