"""The rules of routes and plans."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.gateway import rules
from dynameter.gateway.plan import DEFAULT_PLAN, Plan, PlanChange, blank_plan, default_plan
from dynameter.gateway.route import (
    DEFAULT_EXPRESSION,
    MatchType,
    MeteringMode,
    Protocol,
    Route,
    RouteChange,
    blank_route,
)
from tests.conftest import WORKSPACE

ALL = {"name", "description", "path_pattern", "match_type", "methods", "priority", "metering_expr"}
GOOD = RouteChange(name="api", path_pattern="/api").apply(blank_route(WORKSPACE, "r", 5), 5)


def wrong(route: Route, changed: set[str] | None = None) -> list[str]:
    return [str(one.location[1]) for one in rules.check_route(route, ALL if changed is None else changed)]


def wrong_plan(plan: Plan) -> list[str]:
    names = set(PlanChange.__dataclass_fields__)
    return [str(one.location[1]) for one in rules.check_plan(plan, names)]


def test_a_plain_route_breaks_no_rule() -> None:
    assert wrong(GOOD) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * (rules.MAX_NAME_CHARACTERS + 1)}, "name"),
        ({"description": "x" * (rules.MAX_DESCRIPTION_CHARACTERS + 1)}, "description"),
        ({"path_pattern": ""}, "path_pattern"),
        ({"path_pattern": "api"}, "path_pattern"),
        ({"path_pattern": "/a\n"}, "path_pattern"),
        ({"path_pattern": "/" + "x" * rules.MAX_PATTERN_CHARACTERS}, "path_pattern"),
        ({"path_pattern": "/users/*/orders"}, "path_pattern"),
        ({"path_pattern": "/a(", "match_type": MatchType.REGEX}, "path_pattern"),
        ({"path_pattern": "/a)|(?:/b", "match_type": MatchType.REGEX}, "path_pattern"),
        ({"path_pattern": "(a)\\1", "match_type": MatchType.REGEX}, "path_pattern"),
        ({"path_pattern": "(?=a)", "match_type": MatchType.REGEX}, "path_pattern"),
        ({"path_pattern": "((a{1,100}){1,100}){1,100}", "match_type": MatchType.REGEX}, "path_pattern"),
        ({"methods": ("get",)}, "methods"),
        ({"methods": ("GET",) * (len(rules.METHODS) + 1)}, "methods"),
        ({"priority": rules.MAX_PRIORITY + 1}, "priority"),
        ({"priority": -rules.MAX_PRIORITY - 1}, "priority"),
    ],
)
def test_a_wrong_attribute_is_named(given: dict[str, Any], field: str) -> None:
    assert wrong(replace(GOOD, **given)) == [field]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x" * rules.MAX_NAME_CHARACTERS},
        {"path_pattern": "/" + "x" * (rules.MAX_PATTERN_CHARACTERS - 1)},
        {"path_pattern": "/*"},
        {"path_pattern": "/a*b", "match_type": MatchType.EXACT},
        {"path_pattern": "/é x"},
        {"path_pattern": "/{x}" * 40, "match_type": MatchType.REGEX},
        {"path_pattern": "^/a{2,3}$", "match_type": MatchType.REGEX},
        {"methods": rules.METHODS},
        {"priority": -rules.MAX_PRIORITY},
    ],
)
def test_what_lies_within_the_limits_is_right(given: dict[str, Any]) -> None:
    assert wrong(replace(GOOD, **given)) == []


def test_a_pattern_is_held_against_its_kind_whichever_of_the_two_changes() -> None:
    regex = replace(GOOD, path_pattern="[0-9]+", match_type=MatchType.PREFIX)

    assert wrong(regex, {"match_type"}) == wrong(regex, {"path_pattern"}) == ["path_pattern"]


def test_what_does_not_change_is_not_held_against_the_rules_of_today() -> None:
    old = replace(GOOD, name="", path_pattern="x", metering=replace(GOOD.metering, expression="("))

    assert wrong(old, {"priority"}) == []


@pytest.mark.parametrize("changed", ["metering_mode", "metering_expr", "protocol"])
def test_an_expression_is_compiled_whenever_what_decides_about_it_changes(changed: str) -> None:
    broken = replace(GOOD, metering=replace(GOOD.metering, mode=MeteringMode.CUSTOM, expression="1 +"))

    assert wrong(broken, {changed}) == ["metering_expr"]


def test_a_wrong_expression_says_line_and_column() -> None:
    broken = replace(GOOD, metering=replace(GOOD.metering, mode=MeteringMode.CUSTOM, expression="status\n+ nothing"))

    (error,) = rules.check_route(broken, {"metering_expr"})

    assert error.context == {"line": 2, "column": 3}


def test_no_expression_is_right_in_every_mode() -> None:
    for mode in MeteringMode:
        for protocol in Protocol:
            metering = replace(GOOD.metering, mode=mode, protocol=protocol, expression="")
            assert wrong(replace(GOOD, metering=metering)) == []


@pytest.mark.parametrize(
    ("before", "change", "expression"),
    [
        (MeteringMode.REQUEST, RouteChange(metering_mode=MeteringMode.BYTES), ""),
        (MeteringMode.REQUEST, RouteChange(metering_mode=MeteringMode.BYTES, metering_expr="1"), "1"),
        (MeteringMode.REQUEST, RouteChange(metering_mode=MeteringMode.CUSTOM), DEFAULT_EXPRESSION),
        (MeteringMode.BYTES, RouteChange(priority=1), DEFAULT_EXPRESSION),
    ],
)
def test_only_a_change_to_counting_bytes_drops_the_default_expression(
    before: MeteringMode, change: RouteChange, expression: str
) -> None:
    route = replace(GOOD, metering=replace(GOOD.metering, mode=before))

    assert change.apply(route, 9).metering.expression == expression


def test_a_change_counts_the_version_and_keeps_the_time_of_making() -> None:
    changed = RouteChange(name="new").apply(GOOD, 9)

    assert (changed.version, changed.created_at_us, changed.updated_at_us) == (GOOD.version + 1, 5, 9)
    assert replace(changed, name="api", version=1, updated_at_us=5) == GOOD


@pytest.mark.parametrize("text", ["a", "A-1_b", "x" * rules.MAX_ID_CHARACTERS])
def test_an_id_may_be_a_short_word(text: str) -> None:
    assert rules.check_id(text) == ()


@pytest.mark.parametrize("text", ["", "-a", "_a", "a b", "a\n", "a/b", "é", "x" * (rules.MAX_ID_CHARACTERS + 1)])
def test_another_id_is_refused(text: str) -> None:
    assert [one.location for one in rules.check_id(text)] == [("body", "id")]


@pytest.mark.parametrize(
    ("name", "slug"), [("Pro", "pro"), ("  Pro -- Monthly! ", "pro-monthly"), ("無料", ""), ("a" * 80, "a" * 64)]
)
def test_a_name_suggests_an_id(name: str, slug: str) -> None:
    assert rules.slug(name) == slug
    assert not slug or rules.is_id(slug)


def test_the_built_in_plan_breaks_no_rule() -> None:
    plan = default_plan(WORKSPACE)

    assert wrong_plan(plan) == []
    assert (plan.id, plan.requests_per_month, plan.quota_grace_pct) == (DEFAULT_PLAN, 1000, Decimal("0.05"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_per_month", -2),
        ("requests_per_month", rules.MAX_REQUESTS_PER_MONTH + 1),
        ("estimated_cost_per_req", Decimal(0)),
        ("estimated_cost_per_req", rules.MAX_COST + 1),
        ("quota_grace_pct", Decimal("-0.01")),
        ("quota_grace_pct", Decimal("1.01")),
        ("price_monthly", -1),
        ("price_monthly", rules.MAX_PRICE + 1),
        ("overage_price", Decimal("-0.01")),
        ("time_zone", "Europe"),
        ("time_zone", ""),
    ],
)
def test_a_plan_outside_a_limit_is_refused(name: str, value: Any) -> None:
    assert wrong_plan(replace(blank_plan(WORKSPACE, "p", "P"), **{name: value})) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("requests_per_month", -1),
        ("requests_per_month", 0),
        ("estimated_cost_per_req", Decimal("0.000000000000000001")),
        ("quota_grace_pct", Decimal(0)),
        ("quota_grace_pct", Decimal(1)),
        ("time_zone", "America/St_Johns"),
    ],
)
def test_a_plan_at_a_limit_is_right(name: str, value: Any) -> None:
    assert wrong_plan(replace(blank_plan(WORKSPACE, "p", "P"), **{name: value})) == []
