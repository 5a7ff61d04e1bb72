"""Where routes, plans and users are kept: the catalog table, under the workspace's partition.

    sk            item
    gr.<id>       a route
    g.routes      how many routes there are (n) and a version that every change of one adds to
    gp.<id>       a plan
    gn.<id>       how many users were given the plan (n); there as long as the plan is, but for the built-in one
    g.plans       how many plans there are (n)
    gu.<id>       a user who was given a plan

A user's change of plan is one transaction over the user and the two plans' numbers of users, so a plan with users
cannot be deleted, whatever happens at the same time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dynameter.errors import AlreadyExists, DynameterError, NotFound, VersionConflict
from dynameter.gateway.plan import DEFAULT_PLAN, EnforceMode, MeterType, Plan, User
from dynameter.gateway.route import MatchType, Metering, MeteringMode, MeteringUnit, Protocol, Route
from dynameter.gateway.rules import MAX_PLANS, MAX_ROUTES
from dynameter.meters.quantity import render_text
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

_ROUTE, _PLAN, _PLAN_USERS, _USER = "gr.", "gp.", "gn.", "gu."
_ROUTES, _PLANS = "g.routes", "g.plans"

_Refusals = list[DynameterError]

_FREE = "attribute_not_exists(pk)"
_THERE = "attribute_exists(pk)"
_UNCHANGED = "version = :before"
_ROOM = "attribute_not_exists(n) OR n < :most"


class RouteStore:
    """Routes in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def version(self, workspace: str) -> int:
        """A number that is another after every change of a route; 0 where there never was one. One read unit."""
        item = self._catalog.get(workspace, _ROUTES)
        return whole(item, "version") if item else 0

    def list(self, workspace: str) -> tuple[Route, ...]:
        """Every route, by id. One read unit for 4 KB: about ten routes."""
        return tuple(_to_route(workspace, item) for item in self._catalog.query(workspace, _ROUTE))

    def get(self, workspace: str, route_id: str) -> Route | None:
        """The route of that id."""
        item = self._catalog.get(workspace, _ROUTE + route_id)
        return _to_route(workspace, item) if item else None

    def insert(self, route: Route) -> None:
        """Add a route. Raises AlreadyExists where its id is taken or the workspace is full."""
        counter = key(route.workspace, _ROUTES)
        self._catalog.transact(
            [
                self._catalog.put(_from_route(route), _FREE),
                self._catalog.add(counter, {"n": 1, "version": 1}, _ROOM, MAX_ROUTES),
            ],
            [
                AlreadyExists(f"route {route.id} exists already", code="route_exists"),
                AlreadyExists(f"a workspace holds at most {MAX_ROUTES} routes", code="route_limit_exceeded"),
            ],
        )

    def replace(self, route: Route) -> None:
        """Write a route over its last version. Raises VersionConflict where another version is stored."""
        before = {":before": number(route.version - 1)}
        self._catalog.transact(
            [
                self._catalog.put(_from_route(route), _UNCHANGED, before),
                self._catalog.add(key(route.workspace, _ROUTES), {"version": 1}),
            ],
            [VersionConflict(f"route {route.id} was changed by another request")],
        )

    def delete(self, route: Route) -> None:
        """Delete a route as it was read. Raises VersionConflict where another version is stored."""
        self._catalog.transact(
            [
                self._catalog.delete(
                    key(route.workspace, _ROUTE + route.id), _UNCHANGED, {":before": number(route.version)}
                ),
                self._catalog.add(key(route.workspace, _ROUTES), {"n": -1, "version": 1}),
            ],
            [VersionConflict(f"route {route.id} was changed by another request")],
        )


class PlanStore:
    """Plans and users in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self, workspace: str) -> tuple[Plan, ...]:
        """Every stored plan, by id."""
        return tuple(_to_plan(workspace, item) for item in self._catalog.query(workspace, _PLAN))

    def get(self, workspace: str, plan_id: str) -> Plan | None:
        """The stored plan of that id."""
        item = self._catalog.get(workspace, _PLAN + plan_id)
        return _to_plan(workspace, item) if item else None

    def insert(self, plan: Plan) -> None:
        """Add a plan. Raises AlreadyExists where its id is taken or the workspace is full."""
        taken = AlreadyExists(f"plan {plan.id} exists already", code="plan_exists")
        full = AlreadyExists(f"a workspace holds at most {MAX_PLANS} plans", code="plan_limit_exceeded")
        actions = [self._catalog.put(_from_plan(plan), _FREE)]
        if plan.id != DEFAULT_PLAN:
            users = {**key(plan.workspace, _PLAN_USERS + plan.id), "n": number(0)}
            actions += [
                self._catalog.put(users, _FREE),
                self._catalog.add(key(plan.workspace, _PLANS), {"n": 1}, _ROOM, MAX_PLANS),
            ]
        self._catalog.transact(actions, [taken, taken, full])

    def replace(self, plan: Plan) -> None:
        """Write a plan over its last version. Raises VersionConflict where another version is stored."""
        before = {":before": number(plan.version - 1)}
        self._catalog.transact(
            [self._catalog.put(_from_plan(plan), _UNCHANGED, before)],
            [VersionConflict(f"plan {plan.id} was changed by another request")],
        )

    def delete(self, plan: Plan) -> None:
        """Delete a plan. Raises AlreadyExists where users have it, VersionConflict where another version is stored."""
        self._catalog.transact(
            [
                self._catalog.delete(
                    key(plan.workspace, _PLAN + plan.id), _UNCHANGED, {":before": number(plan.version)}
                ),
                self._catalog.delete(key(plan.workspace, _PLAN_USERS + plan.id), "n = :none", {":none": number(0)}),
                self._catalog.add(key(plan.workspace, _PLANS), {"n": -1}),
            ],
            [
                VersionConflict(f"plan {plan.id} was changed by another request"),
                AlreadyExists(f"plan {plan.id} has users; give them another plan first", code="plan_in_use"),
            ],
        )

    def get_user(self, workspace: str, user_id: str) -> User | None:
        """The user, if a plan was ever set."""
        item = self._catalog.get(workspace, _USER + user_id)
        return _to_user(workspace, item) if item else None

    def put_user(self, user: User, before: User | None) -> None:
        """Write a user over what was read before. Raises VersionConflict where that changed, NotFound without plan."""
        condition, values = (_UNCHANGED, {":before": number(before.version)}) if before else (_FREE, None)
        changed = VersionConflict("the plan of the user was changed by another request")
        gone = NotFound(f"plan {user.plan_id} does not exist", code="plan_not_found")
        actions = [self._catalog.put(_from_user(user), condition, values)]
        refusals: _Refusals = [changed]
        left = before.plan_id if before else DEFAULT_PLAN
        for plan_id, step, refusal in ((user.plan_id, 1, gone), (left, -1, changed)):
            if user.plan_id != left and plan_id != DEFAULT_PLAN:
                counter = key(user.workspace, _PLAN_USERS + plan_id)
                actions.append(self._catalog.add(counter, {"n": step}, _THERE))
                refusals.append(refusal)
        self._catalog.transact(actions, refusals)


# ---- mapping


def _from_route(route: Route) -> Item:
    return {
        **key(route.workspace, _ROUTE + route.id),
        "name": {"S": route.name},
        "description": {"S": route.description},
        "path_pattern": {"S": route.path_pattern},
        "match_type": {"S": route.match_type.value},
        "methods": {"L": [{"S": method} for method in route.methods]},
        "priority": number(route.priority),
        "enabled": {"BOOL": route.enabled},
        "metering_mode": {"S": route.metering.mode.value},
        "metering_expr": {"S": route.metering.expression},
        "metering_unit": {"S": route.metering.unit.value},
        "protocol": {"S": route.metering.protocol.value},
        "created_us": number(route.created_at_us),
        "updated_us": number(route.updated_at_us),
        "version": number(route.version),
    }


def _to_route(workspace: str, item: Any) -> Route:
    return Route(
        workspace=workspace,
        id=text(item, "sk").removeprefix(_ROUTE),
        name=text(item, "name"),
        description=text(item, "description"),
        path_pattern=text(item, "path_pattern"),
        match_type=MatchType(text(item, "match_type")),
        methods=tuple(method["S"] for method in item["methods"]["L"]),
        priority=whole(item, "priority"),
        enabled=bool(item["enabled"]["BOOL"]),
        metering=Metering(
            mode=MeteringMode(text(item, "metering_mode")),
            expression=text(item, "metering_expr"),
            unit=MeteringUnit(text(item, "metering_unit")),
            protocol=Protocol(text(item, "protocol")),
        ),
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        version=whole(item, "version"),
    )


def _from_plan(plan: Plan) -> Item:
    return {
        **key(plan.workspace, _PLAN + plan.id),
        "name": {"S": plan.name},
        "description": {"S": plan.description},
        "requests_per_month": number(plan.requests_per_month),
        "meter_type": {"S": plan.meter_type.value},
        "estimated_cost_per_req": {"N": render_text(plan.estimated_cost_per_req)},
        "quota_enforce_mode": {"S": plan.quota_enforce_mode.value},
        "quota_grace_pct": {"N": render_text(plan.quota_grace_pct)},
        "price_monthly": number(plan.price_monthly),
        "overage_price": {"N": render_text(plan.overage_price)},
        "time_zone": {"S": plan.time_zone},
        "enabled": {"BOOL": plan.enabled},
        "created_us": number(plan.created_at_us),
        "updated_us": number(plan.updated_at_us),
        "version": number(plan.version),
    }


def _to_plan(workspace: str, item: Any) -> Plan:
    return Plan(
        workspace=workspace,
        id=text(item, "sk").removeprefix(_PLAN),
        name=text(item, "name"),
        description=text(item, "description"),
        requests_per_month=whole(item, "requests_per_month"),
        meter_type=MeterType(text(item, "meter_type")),
        estimated_cost_per_req=Decimal(item["estimated_cost_per_req"]["N"]),
        quota_enforce_mode=EnforceMode(text(item, "quota_enforce_mode")),
        quota_grace_pct=Decimal(item["quota_grace_pct"]["N"]),
        price_monthly=whole(item, "price_monthly"),
        overage_price=Decimal(item["overage_price"]["N"]),
        time_zone=text(item, "time_zone"),
        enabled=bool(item["enabled"]["BOOL"]),
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        version=whole(item, "version"),
    )


def _from_user(user: User) -> Item:
    return {
        **key(user.workspace, _USER + user.id),
        "plan_id": {"S": user.plan_id},
        "created_us": number(user.created_at_us),
        "updated_us": number(user.updated_at_us),
        "version": number(user.version),
    }


def _to_user(workspace: str, item: Any) -> User:
    return User(
        workspace=workspace,
        id=text(item, "sk").removeprefix(_USER),
        plan_id=text(item, "plan_id"),
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        version=whole(item, "version"),
    )
