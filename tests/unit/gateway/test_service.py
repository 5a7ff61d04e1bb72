"""Defining routes, plans and users' plans while others do the same."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from dynameter.errors import DynameterError, FieldError, InvalidInput, VersionConflict
from dynameter.gateway.plan import DEFAULT_PLAN, PlanChange
from dynameter.gateway.route import RouteChange
from dynameter.gateway.service import PlanService, RouteService
from dynameter.gateway.store import PlanStore, RouteStore
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, ManualClock

NEW = RouteChange(name="api", path_pattern="/api")


@pytest.fixture
def catalog(settings: Settings, dynamodb: Any) -> Catalog:
    return Catalog(dynamodb, settings.catalog_table, lambda _: None)


@pytest.fixture
def store(catalog: Catalog) -> RouteStore:
    return RouteStore(catalog)


@pytest.fixture
def routes(store: RouteStore, clock: ManualClock) -> RouteService:
    return RouteService(store, clock, lambda: "made")


@pytest.fixture
def plan_store(catalog: Catalog) -> PlanStore:
    return PlanStore(catalog)


@pytest.fixture
def plans(plan_store: PlanStore, clock: ManualClock) -> PlanService:
    return PlanService(plan_store, clock)


class Meddling:
    """Before each of the first writes that a service makes, somebody else does something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, target: Any, method: str, meddle: Any, times: int = 1) -> None:
        original = getattr(target, method)
        self.left = times

        def write(*arguments: Any) -> Any:
            if self.left:
                self.left -= 1
                meddle()
            return original(*arguments)

        monkeypatch.setattr(target, method, write)


def test_times_are_those_of_the_clock(routes: RouteService, clock: ManualClock) -> None:
    made = routes.create(WORKSPACE, None, NEW)
    clock.advance(60)
    changed = routes.update(WORKSPACE, "made", RouteChange(priority=1))

    assert (made.created_at_us, made.updated_at_us) == (clock.now - 60_000_000, clock.now - 60_000_000)
    assert (changed.created_at_us, changed.updated_at_us) == (made.created_at_us, clock.now)


def test_what_the_reader_found_is_told_with_what_the_rules_find_and_once(routes: RouteService) -> None:
    fault = FieldError(("body", "name"), "type", "must be a string")

    with pytest.raises(InvalidInput) as raised:
        routes.create(WORKSPACE, "r", RouteChange(), (fault,))

    assert [one.location[1] for one in raised.value.fields] == ["name", "path_pattern"]
    assert raised.value.fields[0] == fault


def test_two_changes_at_once_both_hold(
    routes: RouteService, store: RouteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = routes.create(WORKSPACE, "r", NEW)
    theirs = RouteChange(priority=9).apply(made, 1)
    replace_before = store.replace
    Meddling(monkeypatch, store, "replace", lambda: replace_before(theirs))

    changed = routes.update(WORKSPACE, "r", RouteChange(name="mine"))

    assert (changed.name, changed.priority, changed.version) == ("mine", 9, 3)
    assert store.get(WORKSPACE, "r") == changed


def test_a_change_that_depends_on_the_version_gives_way(
    routes: RouteService, store: RouteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = routes.create(WORKSPACE, "r", NEW)
    replace_before = store.replace
    Meddling(monkeypatch, store, "replace", lambda: replace_before(RouteChange(priority=9).apply(made, 1)))

    with pytest.raises(VersionConflict) as raised:
        routes.update(WORKSPACE, "r", RouteChange(name="mine"), version=made.version)

    assert raised.value.code == "precondition_failed"


def test_a_change_without_end_of_others_is_given_up(routes: RouteService, store: RouteStore) -> None:
    routes.create(WORKSPACE, "r", NEW)

    class Contended(RouteStore):
        def replace(self, route: Any) -> None:
            raise VersionConflict("changed")

    contended = RouteService(Contended(store._catalog), ManualClock(), lambda: "x")

    with pytest.raises(VersionConflict, match="other requests"):
        contended.update(WORKSPACE, "r", RouteChange(priority=1))


def test_a_deletion_follows_a_change_that_came_before_it(
    routes: RouteService, store: RouteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = routes.create(WORKSPACE, "r", NEW)
    Meddling(monkeypatch, store, "delete", lambda: store.replace(RouteChange(priority=9).apply(made, 1)))

    routes.delete(WORKSPACE, "r")

    assert store.get(WORKSPACE, "r") is None


def test_two_first_changes_of_the_built_in_plan_both_hold(
    plans: PlanService, plan_store: PlanStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = PlanChange(name="theirs").apply(plans.find(WORKSPACE, DEFAULT_PLAN), 1)
    insert = plan_store.insert
    Meddling(monkeypatch, plan_store, "insert", lambda: insert(theirs))

    changed = plans.update(WORKSPACE, DEFAULT_PLAN, PlanChange(requests_per_month=5))

    assert (changed.name, changed.requests_per_month, changed.version) == ("theirs", 5, 2)


def test_a_plan_deleted_while_a_user_gets_it_is_told_as_missing(
    plans: PlanService, plan_store: PlanStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plans.create(WORKSPACE, "pro", PlanChange(name="Pro"))
    Meddling(monkeypatch, plan_store, "put_user", lambda: plan_store.delete(plan))

    with pytest.raises(InvalidInput) as raised:
        plans.set_plan(WORKSPACE, "u", "pro")

    assert raised.value.fields[0].location == ("body", "plan_id")
    assert plans.find_user(WORKSPACE, "u") is None


def test_a_user_moved_by_two_requests_ends_on_the_later_plan(
    plans: PlanService, plan_store: PlanStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in ("a", "b"):
        plans.create(WORKSPACE, id_, PlanChange(name=id_))
    first = plans.set_plan(WORKSPACE, "u", "a")
    put = plan_store.put_user
    Meddling(monkeypatch, plan_store, "put_user", lambda: put(replace(first, plan_id="b", version=2), first))

    moved = plans.set_plan(WORKSPACE, "u", DEFAULT_PLAN)

    assert (moved.plan_id, moved.version) == (DEFAULT_PLAN, 3)
    for id_ in ("a", "b"):
        plans.delete(WORKSPACE, id_)


def test_the_plan_that_holds_for_a_user_is_the_one_that_was_set_or_the_built_in_one(plans: PlanService) -> None:
    plans.create(WORKSPACE, "pro", PlanChange(name="Pro", requests_per_month=7))
    plans.set_plan(WORKSPACE, "u", "pro")

    assert plans.plan_of(WORKSPACE, "u").requests_per_month == 7
    assert plans.plan_of(WORKSPACE, "nobody").id == DEFAULT_PLAN


def test_a_plan_can_be_deleted_exactly_when_no_user_has_it(plans: PlanService) -> None:
    """A seeded history of assignments and deletions beside a plain model of it."""
    chance = random.Random(7)
    ids, users = ("a", "b", "c"), ("u", "v", "w")
    held: dict[str, str] = {}
    there: set[str] = set()
    for _ in range(150):
        id_, user = chance.choice(ids), chance.choice(users)
        step = chance.choice(("create", "delete", "give", "give", "leave"))
        allowed = {
            "create": id_ not in there,
            "delete": id_ in there and id_ not in held.values(),
            "give": id_ in there,
            "leave": True,
        }[step]

        assert done(plans, step, id_, user) is allowed

        if allowed and step == "create":
            there.add(id_)
        elif allowed and step == "delete":
            there.remove(id_)
        elif allowed:
            held[user] = id_ if step == "give" else DEFAULT_PLAN


def done(plans: PlanService, step: str, id_: str, user: str) -> bool:
    """Whether the step was allowed."""
    try:
        if step == "create":
            plans.create(WORKSPACE, id_, PlanChange(name=id_))
        elif step == "delete":
            plans.delete(WORKSPACE, id_)
        else:
            plans.set_plan(WORKSPACE, user, id_ if step == "give" else DEFAULT_PLAN)
    except DynameterError:
        return False
    return True
