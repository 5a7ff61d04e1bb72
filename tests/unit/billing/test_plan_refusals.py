"""Plans that cannot be, over the wire of OpenMeter v1 and v3: refused with the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.billing.shop import V1, V3, Call, Shop, codes, fields, open_shop

PLAN = V1 + "/plans/{planId}"


@pytest.fixture
def shop(call: Call) -> Shop:
    return open_shop(call)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "currency": ({"currency": "XYZ"}, "currency", "currency"),
    "cadence": ({"billingCadence": "PT5M"}, "billingCadence", "format"),
    "mixed cadence": ({"billingCadence": "P1M1D"}, "billingCadence", "format"),
    "hourly cadence": ({"billingCadence": "PT1H"}, "billingCadence", "format"),
    "endless cadence": ({"billingCadence": "P999Y"}, "billingCadence", "range"),
    "key": ({"key": "Premium-Plan"}, "key", "pattern"),
    "no phases": ({"phases": []}, "phases", "items"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_cannot_be_is_refused_with_its_field(shop: Shop, case: str) -> None:
    changed, field, code = REFUSED[case]

    status, problem = shop.call(f"POST {V1}/plans", body=shop.plan(**changed))

    assert (status, fields(problem), codes(problem)) == (400, [field], [code])


CARD = "phases[0].rateCards[0]"
REFUSED_CARDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "key": ({"key": "other"}, "key", "rate_card_key_feature_key_mismatch"),
    "in advance": (
        {"price": {"type": "unit", "amount": "1", "paymentTerm": "in_advance"}},
        "price.paymentTerm",
        "payment_term_usage_price",
    ),
    "negative": ({"price": {"type": "unit", "amount": "-1"}}, "price.amount", "range"),
    "digits": ({"price": {"type": "unit", "amount": "1" * 21}}, "price.amount", "format"),
    "no number": ({"price": {"type": "unit", "amount": "one"}}, "price.amount", "format"),
    "no amount": ({"price": {"type": "unit"}}, "price.amount", "required"),
    "dynamic": ({"price": {"type": "dynamic", "multiplier": "2"}}, "price.type", "not_supported"),
    "flat fee by usage": ({"type": "flat_fee"}, "price.type", "enum"),
    "no tiers": ({"price": {"type": "tiered", "mode": "volume", "tiers": []}}, "price.tiers", "items"),
    "closed tiers": (
        {"price": {"type": "tiered", "mode": "volume", "tiers": [{"upToAmount": "1", "unitPrice": {"amount": "1"}}]}},
        "price.tiers[0].upToAmount",
        "open_tier",
    ),
    "tier order": (
        {
            "price": {
                "type": "tiered",
                "mode": "volume",
                "tiers": [
                    {"upToAmount": "5", "unitPrice": {"amount": "1"}},
                    {"upToAmount": "5", "unitPrice": {"amount": "1"}},
                    {"unitPrice": {"amount": "1"}},
                ],
            }
        },
        "price.tiers[1].upToAmount",
        "tier_order",
    ),
    "empty tier": ({"price": {"type": "tiered", "mode": "volume", "tiers": [{}]}}, "price.tiers[0]", "required"),
    "empty package": (
        {"price": {"type": "package", "amount": "1", "quantityPerPackage": "0"}},
        "price.quantityPerPackage",
        "range",
    ),
    "commitments": (
        {"price": {"type": "unit", "amount": "1", "minimumAmount": "2", "maximumAmount": "1"}},
        "price.maximumAmount",
        "range",
    ),
    "percentage": ({"discounts": {"percentage": {"percentage": 101}}}, "discounts.percentage", "range"),
    "config": ({"entitlementTemplate": {"type": "static", "config": "{"}}, "entitlementTemplate.config", "json"),
    "no config": ({"entitlementTemplate": {"type": "static"}}, "entitlementTemplate.config", "required"),
    "one-time usage": ({"billingCadence": None}, "billingCadence", "required"),
}


@pytest.mark.parametrize("case", REFUSED_CARDS)
def test_a_rate_card_that_cannot_be_is_refused_with_its_field(shop: Shop, case: str) -> None:
    changed, field, code = REFUSED_CARDS[case]

    status, problem = shop.call(f"POST {V1}/plans", body=shop.plan(shop.phase(shop.card(**changed))))

    assert (status, fields(problem)[0], codes(problem)[0]) == (400, f"{CARD}.{field}", code)


def test_too_many_tiers_rate_cards_and_phases_are_refused(shop: Shop) -> None:
    tiers = [{"upToAmount": str(n), "unitPrice": {"amount": "1"}} for n in range(1, 101)]
    price = {"type": "tiered", "mode": "volume", "tiers": [*tiers, {"unitPrice": {"amount": "1"}}]}
    cards = [shop.fee(key=f"fee_{n}") for n in range(101)]
    phases = [shop.phase(shop.fee(), key=f"p{n}", duration="P1M") for n in range(21)]

    wanted = (shop.plan(shop.phase(shop.card(price=price))), shop.plan(shop.phase(*cards)), shop.plan(*phases))
    found = [shop.call(f"POST {V1}/plans", body=one) for one in wanted]

    assert [(status, fields(problem)) for status, problem in found] == [
        (400, [f"{CARD}.price.tiers"]),
        (400, ["phases[0].rateCards"]),
        (400, ["phases"]),
    ]


def test_a_key_twice_is_refused(shop: Shop) -> None:
    status, problem = shop.call(f"POST {V1}/plans", body=shop.plan(shop.phase(shop.fee(), shop.fee())))

    assert (status, fields(problem)) == (400, ["phases[0].rateCards[1].key"])


V3_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown key": ({"colour": "red"}, "colour", "unknown"),
    "free with an amount": ({"price": {"type": "free", "amount": "1"}}, "price.amount", "unknown"),
    "no tiers": ({"price": {"type": "graduated"}}, "price.tiers", "required"),
    "no feature": ({"feature": {"id": "01KFHZ0J4VPJ4P5D0M3Q1N8R7S"}}, "feature.id", "feature_not_found"),
    "in advance": ({"payment_term": "in_advance"}, "payment_term", "payment_term_usage_price"),
    "unit config": (
        {"unit_config": {"operation": "multiply", "conversion_factor": "2", "rounding": "ceiling"}},
        "unit_config.operation",
        "enum",
    ),
}


@pytest.mark.parametrize("case", V3_REFUSED)
def test_a_rate_card_of_v3_that_cannot_be_is_refused_with_its_field(shop: Shop, case: str) -> None:
    changed, field, rule = V3_REFUSED[case]

    status, problem = shop.call(f"POST {V3}/plans", body=shop.plan_v3(**changed))

    (wrong,) = problem["invalid_parameters"]
    assert (status, wrong["field"], wrong["rule"]) == (400, f"phases[0].rate_cards[0].{field}", rule)


def test_a_v3_plan_may_name_many_features(shop: Shop) -> None:
    sent = shop.plan_v3()
    (card,) = sent["phases"][0]["rate_cards"]
    for n in range(11):
        made = shop.ok(f"POST {V1}/features", body={"key": f"f{n}", "name": "F", "meterSlug": "agent_runs_total"})
        sent["phases"][0]["rate_cards"].append(card | {"key": made["key"], "feature": {"id": made["id"]}})

    plan = shop.ok(f"POST {V3}/plans", body=sent)
    unknown = sent["phases"][0]["rate_cards"][5]["feature"] = {"id": "unknown"}
    status, problem = shop.call(f"POST {V3}/plans", body=sent)

    assert len(plan["phases"][0]["rate_cards"]) == 12
    assert "validation_errors" not in plan
    assert (status, unknown["id"] in problem["invalid_parameters"][0]["reason"]) == (400, True)
