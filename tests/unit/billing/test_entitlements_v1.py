"""Entitlements in OpenMeter v1's form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.billing.entitlement_world import ACCESS, SUBJECT, SUBJECTS, Rights, rights

__all__ = ["rights"]


def test_one_event_against_a_grant_of_100_leaves_99(rights: Rights) -> None:
    rights.create()
    rights.use(1)
    rights.clock.advance(1)

    assert rights.value() == {
        "hasAccess": True,
        "balance": 99,
        "usage": 1,
        "overage": 0,
        "totalAvailableGrantAmount": 100,
    }


def test_a_metered_entitlement_shows_its_period(rights: Rights) -> None:
    now = rights.now()

    found = rights.create(usagePeriod={"interval": "P1W", "anchor": now})

    assert (found["type"], found["featureKey"], found["subjectKey"]) == ("metered", "tokens", "acme")
    assert found["usagePeriod"] == {"interval": "WEEK", "intervalISO": "P1W", "anchor": now}
    assert found["currentUsagePeriod"]["from"] == now
    assert (found["lastReset"], found["measureUsageFrom"]) == (now, now)
    assert (found["isSoftLimit"], found["issueAfterReset"]) == (False, 100)


def test_usage_of_every_subject_of_the_customer_counts_and_of_no_other(rights: Rights) -> None:
    rights.create()
    rights.use(1)
    rights.use(2, subject="bot")
    rights.use(4, subject="stranger")
    rights.clock.advance(1)

    assert rights.left() == (97, 3, 0)
    assert rights.value(subject="bot")["balance"] == 97


def test_usage_before_the_entitlement_does_not_count_not_even_in_its_first_second(rights: Rights) -> None:
    rights.use(5)
    rights.clock.advance(0.5)
    rights.create()
    rights.use(1)
    rights.clock.advance(1)

    assert rights.left() == (99, 1, 0)


def test_usage_can_be_measured_from_the_start_of_a_period_that_has_begun(rights: Rights) -> None:
    rights.use(5)
    rights.clock.advance(3_600)
    anchor = "2026-01-01T00:00:00Z"

    rights.create(usagePeriod={"interval": "MONTH", "anchor": anchor})

    assert rights.left() == (95, 5, 0)


def test_what_exceeds_the_grants_is_overage_and_takes_access_away(rights: Rights) -> None:
    rights.create()
    rights.use(103)
    rights.clock.advance(1)

    assert rights.left() == (0, 103, 3)
    assert rights.value()["hasAccess"] is False


def test_a_soft_limit_keeps_access(rights: Rights) -> None:
    rights.create(isSoftLimit=True)
    rights.use(103)
    rights.clock.advance(1)

    assert rights.value()["hasAccess"] is True


def test_the_value_of_an_earlier_instant_knows_no_later_usage(rights: Rights) -> None:
    rights.create()
    rights.use(1)
    rights.clock.advance(0.25)
    then = rights.now()
    rights.use(2)
    rights.clock.advance(1)

    assert rights.value(("time", then))["usage"] == 1
    assert rights.value()["usage"] == 3


def test_a_value_of_the_future_is_refused(rights: Rights) -> None:
    rights.create()

    status, body = rights.call(f"GET {SUBJECT}/value", ("time", "2199-01-01T00:00:00Z"), path=rights.path())

    assert (status, body["detail"]) == (400, "time must not be in the future")


def test_a_period_s_end_issues_the_amount_anew(rights: Rights) -> None:
    rights.create(usagePeriod={"interval": "DAY"})
    rights.use(60)
    rights.clock.advance(86_400)
    rights.use(1)
    rights.clock.advance(1)

    assert rights.left() == (99, 1, 0)


def test_a_second_entitlement_to_the_feature_is_a_conflict_whichever_subject_names_it(rights: Rights) -> None:
    first = rights.create()

    status, body = rights.call(
        f"POST {SUBJECTS}",
        path={"subjectIdOrKey": "bot"},
        body={"type": "metered", "featureKey": "tokens", "usagePeriod": {"interval": "DAY"}},
    )

    assert (status, body["detail"]) == (
        409,
        f"entitlement with id {first['id']} already exists for feature tokens",
    )


def test_after_a_deletion_there_can_be_another_one(rights: Rights) -> None:
    first = rights.create()
    rights.clock.advance(1)

    assert rights.call(f"DELETE {SUBJECT}", path=rights.path(first["id"]))[0] == 204
    assert rights.call(f"DELETE {SUBJECT}", path=rights.path(first["id"]))[0] == 204
    assert rights.call(f"GET {SUBJECT}/value", path=rights.path())[0] == 404
    assert rights.create()["id"] != first["id"]


def test_an_override_takes_the_other_s_place_at_once(rights: Rights) -> None:
    first = rights.create()
    rights.use(60)
    rights.clock.advance(1)

    body = {"type": "metered", "featureKey": "tokens", "usagePeriod": {"interval": "DAY"}, "issueAfterReset": 7}
    second = rights.ok(f"PUT {SUBJECT}/override", path=rights.path(), body=body)

    rights.clock.advance(1)
    assert rights.left() == (7, 0, 0)
    ended = rights.ok("GET /api/v1/entitlements/{entitlementId}", path={"entitlementId": first["id"]})
    assert ended["activeTo"] == second["activeFrom"]


def test_static_and_boolean_entitlements_say_what_they_are(rights: Rights) -> None:
    config = '{"seats":5}'
    rights.create(type="static", featureKey="sso", config=config, usagePeriod=None, issueAfterReset=None)
    rights.ok("POST /api/v1/features", body={"key": "export", "name": "Export"})
    rights.create(type="boolean", featureKey="export", usagePeriod=None, issueAfterReset=None)
    rights.create()

    found = rights.ok(f"GET {ACCESS}/access", path={"customerIdOrKey": "acme"})["entitlements"]

    assert found["sso"] == {"hasAccess": True, "config": config}
    assert found["export"] == {"hasAccess": True}
    assert found["tokens"]["balance"] == 100


def test_a_subject_that_belongs_to_nobody_has_entitlements_of_its_own(rights: Rights) -> None:
    rights.create(subject="a.tokens")
    rights.create(subject="a")
    rights.use(1, subject="a")
    rights.clock.advance(1)

    assert rights.value(subject="a")["usage"] == 1
    assert rights.value(subject="a.tokens")["usage"] == 0
    assert len(rights.ok(f"GET {SUBJECTS}", path={"subjectIdOrKey": "a"})) == 1


def test_a_customer_s_value_is_found_by_the_feature(rights: Rights) -> None:
    rights.create()
    route = f"GET {ACCESS}/entitlements/{{featureKey}}/value"

    found = rights.ok(route, path={"customerIdOrKey": "acme", "featureKey": "tokens"})

    assert found["balance"] == Decimal(100)
    assert rights.call(route, path={"customerIdOrKey": "acme", "featureKey": "sso"})[0] == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"usagePeriod": None}, "usagePeriod"),
        ({"usagePeriod": {"interval": "FORTNIGHT"}}, "usagePeriod"),
        ({"usagePeriod": {"interval": "MONTH", "anchor": "9998-01-01T00:00:00Z"}}, "usagePeriod.anchor"),
        ({"issueAfterReset": -1}, "issueAfterReset"),
        ({"issueAfterReset": "100"}, "issueAfterReset"),
        ({"issueAfterResetPriority": 256}, "issueAfterResetPriority"),
        ({"measureUsageFrom": "2199-01-01T00:00:00Z"}, "measureUsageFrom"),
        ({"featureKey": None}, "featureKey"),
        ({"featureKey": "sso"}, "featureKey"),
        ({"type": "static", "config": "{"}, "config"),
        ({"config": "{}"}, "config"),
    ],
)
def test_what_is_wrong_is_named(rights: Rights, changed: dict[str, Any], field: str) -> None:
    sent = {"type": "metered", "featureKey": "tokens", "usagePeriod": {"interval": "MONTH"}} | changed

    status, body = rights.call(f"POST {SUBJECTS}", path={"subjectIdOrKey": "acme"}, body=sent)

    assert status == 400
    assert field in {one["field"] for one in body["extensions"]["validationErrors"]}


def test_an_unknown_feature_is_not_found(rights: Rights) -> None:
    sent = {"type": "boolean", "featureKey": "nothing"}

    assert rights.call(f"POST {SUBJECTS}", path={"subjectIdOrKey": "acme"}, body=sent)[0] == 404


def test_the_workspace_s_entitlements_are_listed_and_filtered(rights: Rights) -> None:
    rights.create()
    rights.create(subject="other")

    assert len(rights.ok("GET /api/v1/entitlements")) == 2
    assert len(rights.ok("GET /api/v1/entitlements", ("subject", "other"))) == 1
    assert rights.ok("GET /api/v1/entitlements", ("feature", "sso"), ("page", "1"))["totalCount"] == 0


def test_an_unknown_type_of_entitlement_is_refused(rights: Rights) -> None:
    assert rights.call("GET /api/v1/entitlements", ("entitlementType", "limited"))[0] == 400


def test_a_subject_s_own_entitlement_is_still_its_own_after_a_customer_has_it(rights: Rights) -> None:
    rights.create(subject="loner")
    attribution = {"subjectKeys": ["loner"]}
    rights.ok("POST /api/v1/customers", body={"key": "late", "name": "Late", "usageAttribution": attribution})
    rights.use(1, subject="loner")
    rights.use(2, subject="late")
    rights.clock.advance(1)

    assert rights.value(subject="loner")["usage"] == 1


def test_a_balance_of_a_group_that_is_not_counted_yet_can_be_asked_for_later(rights: Rights) -> None:
    grouped = {"name": "Tokens", "groupBy": {"model": "$.model"}}
    rights.ok("PUT /api/v1/meters/{meterIdOrSlug}", path={"meterIdOrSlug": "tokens_total"}, body=grouped)
    sold = {"key": "gpt", "name": "GPT", "meterSlug": "tokens_total", "meterGroupByFilters": {"model": "gpt"}}
    rights.ok("POST /api/v1/features", body=sold)
    rights.create(featureKey="gpt")
    rights.clock.advance(1)

    status, problem = rights.call(f"GET {SUBJECT}/value", path=rights.path("gpt"))

    assert (status, problem["detail"]) == (503, "meter tokens_total is being rebuilt with the groups of gpt")


def test_a_subject_s_own_entitlement_can_be_deleted_after_a_customer_has_it(rights: Rights) -> None:
    made = rights.create(subject="loner")
    attribution = {"subjectKeys": ["loner"]}
    rights.ok("POST /api/v1/customers", body={"key": "late", "name": "Late", "usageAttribution": attribution})

    assert rights.call(f"DELETE {SUBJECT}", path=rights.path(made["id"], subject="loner")) == (204, None)


@pytest.mark.parametrize("subject", ["x" * 513, "a\0b", "\ud800"])
def test_what_no_event_can_have_as_its_subject_is_refused(rights: Rights, subject: str) -> None:
    assert rights.call(f"GET {SUBJECTS}", path={"subjectIdOrKey": subject})[0] == 400
