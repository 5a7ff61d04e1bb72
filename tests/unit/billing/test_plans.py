"""Plans over the wire of OpenMeter v1 and v3: drafts, versions, publishing, archiving."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.billing.shop import KONG, V1, V3, Call, Shop, at, codes, fields, open_shop

PLAN = V1 + "/plans/{planId}"


@pytest.fixture
def shop(call: Call) -> Shop:
    return open_shop(call)


# ---- drafts


def test_a_created_plan_is_a_draft_of_version_1_shown_in_full(shop: Shop) -> None:
    plan = shop.draft(metadata={"team": "ai"}, description="all")

    assert shop.ok(f"GET {PLAN}", path=at(plan)) == plan
    assert (plan["status"], plan["version"], plan["validationErrors"]) == ("draft", 1, None)
    assert (plan["metadata"], plan["description"], plan["currency"]) == ({"team": "ai"}, "all", "USD")
    assert plan["proRatingConfig"] == {"enabled": True, "mode": "prorate_prices"}
    (card,) = plan["phases"][0]["rateCards"]
    assert card == shop.card() | {"metadata": None}


@pytest.mark.parametrize("door", [V3, KONG])
def test_a_v3_plan_is_shown_as_it_was_sent(shop: Shop, door: str) -> None:
    sent = shop.plan_v3()

    plan = shop.ok(f"POST {door}/plans", body=sent)

    assert (plan["status"], plan["version"], plan["labels"]) == ("draft", 1, {})
    assert {name: plan[name] for name in ("key", "name", "currency", "billing_cadence")} == {
        name: sent[name] for name in ("key", "name", "currency", "billing_cadence")
    }
    (card,) = plan["phases"][0]["rate_cards"]
    assert card == sent["phases"][0]["rate_cards"][0] | {"labels": {}}
    assert "validation_errors" not in plan
    assert shop.ok(f"GET {door}/plans/{{planId}}", path=at(plan)) == plan


PRICES = {
    "tiers": {
        "type": "tiered",
        "mode": "graduated",
        "tiers": [
            {
                "upToAmount": "100",
                "flatPrice": {"type": "flat", "amount": "1"},
                "unitPrice": {"type": "unit", "amount": "0.000000000000000001"},
            },
            {"flatPrice": {"type": "flat", "amount": "0"}, "unitPrice": {"type": "unit", "amount": "0.5"}},
        ],
        "minimumAmount": "1",
        "maximumAmount": "99999999999999999999.5",
    },
    "package": {"type": "package", "amount": "10", "quantityPerPackage": "20"},
    "flat": {"type": "flat", "amount": "3", "paymentTerm": "in_arrears"},
}


@pytest.mark.parametrize("kind", PRICES)
def test_every_price_of_v1_comes_back_digit_for_digit(shop: Shop, kind: str) -> None:
    card = shop.card(price=PRICES[kind], type="flat_fee" if kind == "flat" else "usage_based")

    plan = shop.draft(shop.phase(card))

    assert plan["phases"][0]["rateCards"][0]["price"] == PRICES[kind]


def test_a_tiered_price_of_v1_is_a_graduated_one_in_v3(shop: Shop) -> None:
    plan = shop.draft(shop.phase(shop.card(price=PRICES["tiers"])))

    card = shop.ok(f"GET {V3}/plans/{{planId}}", path=at(plan))["phases"][0]["rate_cards"][0]

    assert card["price"]["type"] == "graduated"
    assert [one.get("up_to_amount") for one in card["price"]["tiers"]] == ["100", None]
    assert card["commitments"]["minimum_amount"] == "1"


@pytest.mark.parametrize(
    "card",
    [
        {"price": {"type": "package", "amount": "10", "quantity_per_package": "20"}},
        {
            "price": {"type": "unit", "amount": "10"},
            "unit_config": {"operation": "divide", "conversion_factor": "20", "rounding": "ceiling"},
        },
    ],
)
def test_a_package_of_v3_is_a_unit_price_with_a_unit_config(shop: Shop, card: Any) -> None:
    plan = shop.ok(f"POST {V3}/plans", body=shop.plan_v3(**card))

    (shown,) = plan["phases"][0]["rate_cards"]
    assert shown["price"] == {"type": "unit", "amount": "10"}
    assert shown["unit_config"] == {
        "operation": "divide",
        "conversion_factor": "20",
        "rounding": "ceiling",
        "precision": 0,
    }
    v1 = shop.ok(f"GET {PLAN}", path=at(plan))["phases"][0]["rateCards"][0]
    assert v1["price"] == PRICES["package"]


def test_discounts_and_entitlements_come_back_in_both_forms(shop: Shop) -> None:
    metered = {"type": "metered", "isSoftLimit": True, "issueAfterReset": 100.5, "issueAfterResetPriority": 3}
    card = shop.card(
        discounts={"percentage": {"percentage": 12.5}, "usage": {"quantity": "10"}},
        entitlementTemplate=metered | {"usagePeriod": "P1D"},
    )
    plan = shop.draft(shop.phase(card))

    v1 = plan["phases"][0]["rateCards"][0]
    v3 = shop.ok(f"GET {V3}/plans/{{planId}}", path=at(plan))["phases"][0]["rate_cards"][0]
    assert v1["discounts"] == card["discounts"] | {"percentage": {"percentage": v3["discounts"]["percentage"]}}
    assert str(v3["discounts"]) == "{'percentage': Decimal('12.5'), 'usage': '10'}"
    assert v1["entitlementTemplate"]["isSoftLimit"] is True
    assert (v3["entitlement"]["issue"]["priority"], str(v3["entitlement"]["issue"]["amount"])) == (3, "100.5")
    assert v3["entitlement"]["usage_period"] == "P1D"


def test_a_flat_fee_of_v1_is_due_in_advance_and_of_v3_in_arrears_unless_said_otherwise(shop: Shop) -> None:
    v1 = shop.draft(shop.phase(shop.fee()))["phases"][0]["rateCards"][0]
    sent = shop.plan_v3(price={"type": "flat", "amount": "1"}) | {"key": "other"}
    del sent["phases"][0]["rate_cards"][0]["payment_term"]
    v3 = shop.ok(f"POST {V3}/plans", body=sent)["phases"][0]["rate_cards"][0]

    assert v1["price"]["paymentTerm"] == "in_advance"
    assert v3["payment_term"] == "in_arrears"


def test_a_draft_is_replaced_by_put_but_for_key_and_currency(shop: Shop) -> None:
    plan = shop.draft(description="old")

    body = shop.plan(shop.phase(shop.fee()), name="New", currency="EUR", key="other")
    changed = shop.ok(f"PUT {PLAN}", path=at(plan), body=body)

    assert (changed["key"], changed["currency"], changed["name"]) == ("premium_plan", "USD", "New")
    assert "description" not in changed
    assert changed["phases"][0]["rateCards"][0]["key"] == "base"


def test_a_v3_put_keeps_the_cadence_and_refuses_it_in_the_body(shop: Shop) -> None:
    plan = shop.ok(f"POST {V3}/plans", body=shop.plan_v3())
    sent = {"name": "New", "phases": shop.plan_v3()["phases"]}

    changed = shop.ok(f"PUT {V3}/plans/{{planId}}", path=at(plan), body=sent)
    status, problem = shop.call(f"PUT {V3}/plans/{{planId}}", path=at(plan), body=sent | {"billing_cadence": "P1Y"})

    assert (changed["name"], changed["billing_cadence"]) == ("New", "P1M")
    assert (status, problem["invalid_parameters"][0]["rule"]) == (400, "unknown")


# ---- problems of a draft, publishing


def test_a_draft_shows_its_problems_and_is_not_published(shop: Shop) -> None:
    plan = shop.draft(
        shop.phase(shop.card(key="unknown", featureKey="unknown"), key="first"),
        shop.phase(shop.card(billingCadence="P1W"), key="second"),
    )

    status, problem = shop.call(f"POST {PLAN}/publish", path=at(plan))

    assert status == 400
    assert codes(problem) == [
        "plan_phase_without_duration",
        "rate_card_feature_not_found",
        "rate_card_billing_cadence_unaligned",
    ]
    assert [one["code"] for one in plan["validationErrors"]] == codes(problem)
    assert fields(problem)[2] == "phases[1].rateCards[0].billingCadence"
    v3 = shop.ok(f"GET {V3}/plans/{{planId}}", path=at(plan))
    assert v3["validation_errors"][2]["field"] == "phases[1].rate_cards[0].billing_cadence"
    assert shop.ok(f"GET {PLAN}", path=at(plan))["status"] == "draft"


def test_a_price_by_usage_needs_a_feature_with_a_meter(shop: Shop) -> None:
    shop.ok(f"POST {V1}/features", body={"key": "sso", "name": "SSO"})

    plan = shop.draft(shop.phase(shop.card(key="sso", featureKey="sso"), shop.fee()))

    assert [one["code"] for one in plan["validationErrors"]] == ["rate_card_feature_not_metered"]


@pytest.mark.parametrize("cadence", ["P1M", "P3M", "P1Y"])
def test_cadences_that_divide_the_plans_or_are_divided_by_it_are_aligned(shop: Shop, cadence: str) -> None:
    plan = shop.draft(shop.phase(shop.card(billingCadence=cadence)), billingCadence="P3M")

    assert plan["validationErrors"] is None


def test_publishing_makes_a_draft_active_and_again_changes_nothing(shop: Shop) -> None:
    plan = shop.draft()

    published = shop.act("publish", plan)

    assert published["status"] == "active"
    assert published["effectiveFrom"] <= published["updatedAt"]
    assert shop.act("publish", plan) == published


def test_a_published_plan_cannot_be_changed_or_deleted(shop: Shop) -> None:
    plan = shop.publish()

    put, problem = shop.call(f"PUT {PLAN}", path=at(plan), body=shop.plan())
    delete, _ = shop.call(f"DELETE {PLAN}", path=at(plan))

    assert (put, delete) == (409, 409)
    assert problem["detail"] == "plan premium_plan version 1 is active; only draft ones can be updated"


# ---- versions


def test_creating_with_a_key_in_use_makes_its_next_version(shop: Shop) -> None:
    shop.publish()

    second = shop.ok(f"POST {V3}/plans", body=shop.plan_v3())

    assert (second["version"], second["status"]) == (2, "draft")


def test_a_key_has_one_draft_at_most(shop: Shop) -> None:
    shop.draft()

    status, problem = shop.call(f"POST {V1}/plans", body=shop.plan())

    assert (status, fields(problem)) == (409, ["key"])


def test_next_copies_the_latest_version(shop: Shop) -> None:
    first = shop.publish()

    second = shop.act("next", first)

    assert (second["version"], second["status"], second["phases"]) == (2, "draft", first["phases"])
    assert shop.call(f"POST {PLAN}/next", path={"planId": "premium_plan"})[0] == 409


def test_publishing_a_version_archives_the_one_before(shop: Shop, moving: Any) -> None:
    first = shop.publish()
    second = shop.act("next", first)
    moving.advance(1)

    published = shop.act("publish", second)

    old = shop.ok(f"GET {PLAN}", path=at(first))
    assert (old["status"], old["effectiveTo"]) == ("archived", published["effectiveFrom"])
    assert shop.ok(f"GET {PLAN}", path={"planId": "premium_plan"})["version"] == 2


def test_a_plan_is_found_by_its_key_in_its_active_or_its_latest_version(shop: Shop) -> None:
    first = shop.publish()
    second = shop.act("next", first)

    by_key = shop.ok(f"GET {PLAN}", path={"planId": "premium_plan"})
    latest = shop.ok(f"GET {PLAN}", ("includeLatest", "true"), path={"planId": "premium_plan"})

    assert (by_key["id"], latest["id"]) == (first["id"], second["id"])


def test_a_wrong_flag_is_refused_whether_a_plan_is_named_by_key_or_by_id(shop: Shop) -> None:
    plan = shop.publish()

    for reference in (at(plan), {"planId": "premium_plan"}):
        assert shop.call(f"GET {PLAN}", ("includeLatest", "maybe"), path=reference)[0] == 400


def test_an_archived_plan_is_found_by_id_alone_and_archiving_again_changes_nothing(shop: Shop) -> None:
    plan = shop.publish()

    archived = shop.act("archive", plan)

    assert archived["status"] == "archived"
    assert shop.act("archive", plan) == archived
    assert shop.call(f"GET {PLAN}", path={"planId": "premium_plan"})[0] == 404
    assert shop.call(f"POST {PLAN}/publish", path=at(plan))[0] == 409


def test_a_draft_cannot_be_archived(shop: Shop) -> None:
    assert shop.call(f"POST {PLAN}/archive", path=at(shop.draft()))[0] == 409


def test_a_deleted_draft_is_known_by_id_and_its_version_is_free(shop: Shop) -> None:
    plan = shop.draft()

    deleted = [shop.call(f"DELETE {PLAN}", path=at(plan))[0] for _ in range(2)]

    assert deleted == [204, 204]
    assert "deletedAt" in shop.ok(f"GET {PLAN}", path=at(plan))
    assert shop.ok(f"GET {V1}/plans")["items"] == []
    assert len(shop.ok(f"GET {V1}/plans", ("includeDeleted", "true"))["items"]) == 1
    assert shop.draft()["version"] == 1


# ---- lists


@pytest.fixture
def three(shop: Shop) -> Shop:
    shop.act("next", shop.publish())
    shop.draft(key="basic", currency="EUR")
    return shop


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([], [("premium_plan", 1), ("premium_plan", 2), ("basic", 1)]),
        ([("status", "draft")], [("premium_plan", 2), ("basic", 1)]),
        ([("status", "draft"), ("status", "active")], [("premium_plan", 1), ("premium_plan", 2), ("basic", 1)]),
        ([("key", "basic")], [("basic", 1)]),
        ([("currency", "USD"), ("order", "DESC"), ("orderBy", "version")], [("premium_plan", 2), ("premium_plan", 1)]),
        ([("keyVersion[premium_plan]", "2")], [("premium_plan", 2)]),
        ([("page", "2"), ("pageSize", "2")], [("basic", 1)]),
    ],
)
def test_v1_lists_filter_order_and_page(three: Shop, query: Any, found: Any) -> None:
    listed = three.ok(f"GET {V1}/plans", *query)

    assert [(one["key"], one["version"]) for one in listed["items"]] == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([("filter[status]", "draft"), ("sort", "key")], [("basic", 1), ("premium_plan", 2)]),
        ([("filter[key][contains]", "plan"), ("sort", "version desc")], [("premium_plan", 2), ("premium_plan", 1)]),
        ([("page[size]", "1"), ("page[number]", "3")], [("basic", 1)]),
    ],
)
def test_v3_lists_filter_order_and_page(three: Shop, query: Any, found: Any) -> None:
    listed = three.ok(f"GET {V3}/plans", *query)

    assert [(one["key"], one["version"]) for one in listed["data"]] == found


@pytest.mark.parametrize("query", [("status", "old"), ("orderBy", "colour"), ("page", "0")])
def test_v1_refuses_a_parameter_it_cannot_read(shop: Shop, query: tuple[str, str]) -> None:
    assert shop.call(f"GET {V1}/plans", query)[0] == 400


@pytest.mark.parametrize("reference", ["01KFHZ0J4VPJ4P5D0M3Q1N8R7S", "nothing", "Ünknown" * 300])
@pytest.mark.parametrize("route", [f"GET {PLAN}", f"PUT {PLAN}", f"DELETE {PLAN}", f"POST {PLAN}/publish"])
def test_a_plan_that_is_not_there_is_not_found(shop: Shop, route: str, reference: str) -> None:
    sent = {"body": shop.plan()} if route.startswith("PUT") else {}

    assert shop.call(route, path={"planId": reference}, **sent)[0] == 404


def test_another_workspaces_plan_is_not_found(shop: Shop) -> None:
    plan = shop.draft()

    assert shop.call(f"GET {PLAN}", path=at(plan), workspace="00000000-0000-4000-8000-00000000000f")[0] == 404
