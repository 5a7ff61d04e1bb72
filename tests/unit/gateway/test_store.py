"""Routes, plans and users in the catalog table, on an engine."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import AlreadyExists, NotFound, Unavailable, VersionConflict
from dynameter.gateway import store as module
from dynameter.gateway.plan import DEFAULT_PLAN, EnforceMode, MeterType, Plan, User, default_plan
from dynameter.gateway.route import MatchType, Metering, MeteringMode, MeteringUnit, Protocol, Route
from dynameter.gateway.store import PlanStore, RouteStore
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE

ROUTE = Route(
    workspace="",
    id="r1",
    name="tokens é",
    description="all tokens",
    path_pattern="/v1/{x}",
    match_type=MatchType.REGEX,
    methods=("GET", "POST"),
    priority=-7,
    enabled=False,
    metering=Metering(MeteringMode.CUSTOM, "sseEvents * 2", MeteringUnit.TOKENS, Protocol.SSE),
    created_at_us=1_768_384_800_000_001,
    updated_at_us=1_768_384_800_000_002,
)
PLAN = Plan(
    workspace="",
    id="pro",
    name="Pro",
    description="for é",
    requests_per_month=-1,
    meter_type=MeterType.COMPUTE_UNITS,
    estimated_cost_per_req=Decimal("0.000000000000000001"),
    quota_enforce_mode=EnforceMode.WARN,
    quota_grace_pct=Decimal("0.125"),
    price_monthly=4_900,
    overage_price=Decimal("12345678901.123456789012345678"),
    time_zone="Europe/Berlin",
    enabled=False,
    created_at_us=1,
    updated_at_us=2,
)


@pytest.fixture
def catalog(engine: Settings, client: Any) -> Catalog:
    return Catalog(client, engine.catalog_table, lambda _: None)


@pytest.fixture
def routes(catalog: Catalog) -> RouteStore:
    return RouteStore(catalog)


@pytest.fixture
def plans(catalog: Catalog) -> PlanStore:
    return PlanStore(catalog)


@pytest.fixture
def route() -> Route:
    return replace(ROUTE, workspace=str(uuid.uuid4()))


@pytest.fixture
def plan() -> Plan:
    return replace(PLAN, workspace=str(uuid.uuid4()))


def user_of(plan: Plan, id_: str = "u", **given: Any) -> User:
    return User(
        **{"workspace": plan.workspace, "id": id_, "plan_id": plan.id, **given}, created_at_us=1, updated_at_us=2
    )


# ---- routes


def test_a_route_comes_back_as_it_was_written(routes: RouteStore, route: Route) -> None:
    routes.insert(route)

    assert routes.get(route.workspace, route.id) == route
    assert routes.list(route.workspace) == (route,)


def test_routes_are_listed_by_id_and_of_one_workspace(routes: RouteStore, route: Route) -> None:
    for id_ in ("b", "a", "c"):
        routes.insert(replace(route, id=id_))

    assert [one.id for one in routes.list(route.workspace)] == ["a", "b", "c"]
    assert routes.list(OTHER_WORKSPACE) == ()


def test_an_id_is_taken_once(routes: RouteStore, route: Route) -> None:
    routes.insert(route)

    with pytest.raises(AlreadyExists, match="exists already"):
        routes.insert(replace(route, name="other"))
    assert routes.list(route.workspace) == (route,)


def test_a_change_of_what_somebody_else_has_changed_is_refused(routes: RouteStore, route: Route) -> None:
    routes.insert(route)
    routes.replace(replace(route, name="first", version=2))

    with pytest.raises(VersionConflict):
        routes.replace(replace(route, name="second", version=2))
    with pytest.raises(VersionConflict):
        routes.delete(route)


def test_a_change_of_what_is_gone_is_refused(routes: RouteStore, route: Route) -> None:
    with pytest.raises(VersionConflict):
        routes.replace(replace(route, version=2))
    with pytest.raises(VersionConflict):
        routes.delete(route)


def test_every_change_counts_the_version_and_a_refused_one_does_not(routes: RouteStore, route: Route) -> None:
    seen = [routes.version(route.workspace)]
    routes.insert(route)
    seen.append(routes.version(route.workspace))
    routes.replace(replace(route, version=2))
    seen.append(routes.version(route.workspace))
    with pytest.raises(AlreadyExists):
        routes.insert(route)
    seen.append(routes.version(route.workspace))
    routes.delete(replace(route, version=2))
    seen.append(routes.version(route.workspace))

    assert seen == [0, 1, 2, 2, 3]


def test_the_limit_holds_and_a_refused_route_takes_no_room(
    routes: RouteStore, route: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ROUTES", 2)
    routes.insert(route)
    with pytest.raises(AlreadyExists):
        routes.insert(route)
    routes.insert(replace(route, id="r2"))

    with pytest.raises(AlreadyExists, match="at most 2"):
        routes.insert(replace(route, id="r3"))


# ---- plans and users


def test_a_plan_comes_back_as_it_was_written(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)

    assert plans.get(plan.workspace, plan.id) == plan
    assert plans.list(plan.workspace) == (plan,)


def test_a_user_comes_back_as_written(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)
    user = user_of(plan, "customer/é 1")

    plans.put_user(user, None)

    assert plans.get_user(plan.workspace, user.id) == user
    assert plans.get_user(plan.workspace, "other") is None


def test_a_plan_that_users_have_stays(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)
    plans.put_user(user_of(plan), None)

    with pytest.raises(AlreadyExists, match="has users"):
        plans.delete(plan)
    assert plans.get(plan.workspace, plan.id) == plan


def test_a_change_of_a_plan_keeps_the_number_of_its_users(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)
    plans.put_user(user_of(plan), None)
    plans.replace(replace(plan, name="new", version=2))

    with pytest.raises(AlreadyExists):
        plans.delete(replace(plan, version=2))


def test_nobody_gets_a_plan_that_was_deleted_meanwhile(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)
    plans.delete(plan)

    with pytest.raises(NotFound):
        plans.put_user(user_of(plan), None)
    assert plans.get_user(plan.workspace, "u") is None


def test_two_requests_that_move_a_user_at_once_count_it_once(plans: PlanStore, plan: Plan) -> None:
    other = replace(plan, id="other")
    plans.insert(plan)
    plans.insert(other)
    before = user_of(plan)
    plans.put_user(before, None)
    plans.put_user(replace(before, plan_id="other", version=2), before)

    with pytest.raises(VersionConflict):
        plans.put_user(replace(before, plan_id=DEFAULT_PLAN, version=2), before)
    plans.delete(plan)
    with pytest.raises(AlreadyExists):
        plans.delete(other)


def test_a_user_who_was_given_a_plan_meanwhile_is_not_given_the_first_one(plans: PlanStore, plan: Plan) -> None:
    plans.insert(plan)
    plans.put_user(user_of(plan), None)

    with pytest.raises(VersionConflict):
        plans.put_user(user_of(plan, plan_id=DEFAULT_PLAN), None)


def test_the_built_in_plan_is_written_beside_the_limit(
    plans: PlanStore, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PLANS", 1)
    plans.insert(plan)
    plans.insert(replace(default_plan(plan.workspace), version=1))

    with pytest.raises(AlreadyExists, match="at most 1"):
        plans.insert(replace(plan, id="other"))
    assert [one.id for one in plans.list(plan.workspace)] == [DEFAULT_PLAN, plan.id]


# ---- faults


class Cancelling:
    """A client whose transactions are cancelled for these reasons, one list a call, and then succeed."""

    def __init__(self, *rounds: list[str]) -> None:
        self.rounds = list(rounds)
        self.calls = 0

    def transact_write_items(self, **_: Any) -> None:
        self.calls += 1
        if self.rounds:
            reasons = [{"Code": code} for code in self.rounds.pop(0)]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")


def store_on(client: Cancelling) -> RouteStore:
    fake: Any = client
    return RouteStore(Catalog(fake, "catalog", lambda _: None))


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_one_is_sent_again(route: Route, code: str) -> None:
    client = Cancelling([code, "None"], ["None", code])

    store_on(client).insert(route)

    assert client.calls == 3


def test_a_transaction_that_keeps_meeting_others_is_given_up(route: Route) -> None:
    with pytest.raises(Unavailable):
        store_on(Cancelling(*[["TransactionConflict", "None"]] * 50)).insert(route)


def test_a_failed_condition_wins_over_a_conflict(route: Route) -> None:
    with pytest.raises(AlreadyExists):
        store_on(Cancelling(["ConditionalCheckFailed", "TransactionConflict"])).insert(route)


def test_a_fault_that_is_a_bug_is_not_hidden(route: Route) -> None:
    with pytest.raises(ClientError):
        store_on(Cancelling(["ValidationError", "None"])).insert(route)
