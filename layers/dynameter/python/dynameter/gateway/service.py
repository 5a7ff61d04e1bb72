"""Defining routes, plans and users' plans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Protocol

from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.gateway.plan import DEFAULT_PLAN, Plan, PlanChange, User, blank_plan, default_plan
from dynameter.gateway.route import Route, RouteChange, blank_route
from dynameter.gateway.rules import check_id, check_plan, check_route, check_user_id, is_id, slug

_ATTEMPTS = 6
_SHOWN_CHARACTERS = 64
_ROUTE_FIELDS = frozenset(one.name for one in fields(RouteChange))
_PLAN_FIELDS = frozenset(one.name for one in fields(PlanChange))

Faults = Sequence[FieldError]
"""What the reader of a request found wrong already: told together with what the rules find."""


class Routes(Protocol):
    """What is needed of ``dynameter.gateway.store.RouteStore``."""

    def version(self, workspace: str) -> int:
        """A number that is another after every change of a route."""

    def list(self, workspace: str) -> tuple[Route, ...]:
        """Every route, by id."""

    def get(self, workspace: str, route_id: str) -> Route | None:
        """The route of that id."""

    def insert(self, route: Route) -> None:
        """Add a route. Raises AlreadyExists."""

    def replace(self, route: Route) -> None:
        """Write a route over its last version. Raises VersionConflict."""

    def delete(self, route: Route) -> None:
        """Delete a route as it was read. Raises VersionConflict."""


class Plans(Protocol):
    """What is needed of ``dynameter.gateway.store.PlanStore``."""

    def list(self, workspace: str) -> tuple[Plan, ...]:
        """Every stored plan, by id."""

    def get(self, workspace: str, plan_id: str) -> Plan | None:
        """The stored plan of that id."""

    def insert(self, plan: Plan) -> None:
        """Add a plan. Raises AlreadyExists."""

    def replace(self, plan: Plan) -> None:
        """Write a plan over its last version. Raises VersionConflict."""

    def delete(self, plan: Plan) -> None:
        """Delete a plan. Raises AlreadyExists where users have it, and VersionConflict."""

    def get_user(self, workspace: str, user_id: str) -> User | None:
        """The user, if a plan was ever set."""

    def put_user(self, user: User, before: User | None) -> None:
        """Write a user over what was read before. Raises VersionConflict, and NotFound without plan."""


class RouteService:
    """The routes of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(self, store: Routes, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def create(self, workspace: str, route_id: str | None, change: RouteChange, faults: Faults = ()) -> Route:
        """Create a route, under an id of the maker's own where one is given.

        Raises InvalidInput with every wrong attribute, and AlreadyExists where the id is taken or the workspace full.
        """
        blank = blank_route(workspace, self._new_id() if route_id is None else route_id, self._clock.now_us())
        route = change.apply(blank, blank.created_at_us)
        _refuse("route", faults, (*check_id(route.id), *check_route(route, _ROUTE_FIELDS)))
        self._store.insert(route)
        return route

    def version(self, workspace: str) -> int:
        """A number that is another after every change of a route."""
        return self._store.version(workspace)

    def list(self, workspace: str) -> tuple[Route, ...]:
        """Every route of the workspace, by id; ids that the service makes are in the order of their making."""
        return self._store.list(workspace)

    def find(self, workspace: str, route_id: str) -> Route:
        """The route of that id. Raises NotFound."""
        route = self._store.get(workspace, route_id) if is_id(route_id) else None
        if route is None:
            raise _not_found("route", route_id)
        return route

    def update(
        self, workspace: str, route_id: str, change: RouteChange, faults: Faults = (), *, version: int | None = None
    ) -> Route:
        """Set the attributes that the change has.

        Raises NotFound, InvalidInput, and VersionConflict where the route is no longer at ``version``.
        """
        for _ in range(_ATTEMPTS):
            route = self.find(workspace, route_id)
            _check_version(route.version, version)
            changed = change.apply(route, self._clock.now_us())
            _refuse("route", faults, check_route(changed, _given(change)))
            try:
                self._store.replace(changed)
            except VersionConflict:
                continue
            return changed
        raise VersionConflict(f"route {route_id} is being changed by other requests")

    def delete(self, workspace: str, route_id: str, *, version: int | None = None) -> None:
        """Delete a route; what it measured stays. Raises NotFound, and VersionConflict like ``update``."""
        for _ in range(_ATTEMPTS):
            route = self.find(workspace, route_id)
            _check_version(route.version, version)
            try:
                self._store.delete(route)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"route {route_id} is being changed by other requests")


class PlanService:
    """The plans of all workspaces and who was given which."""

    def __init__(self, store: Plans, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, workspace: str, plan_id: str | None, change: PlanChange, faults: Faults = ()) -> Plan:
        """Create a plan; without an id its name makes one.

        Raises InvalidInput with every wrong attribute, and AlreadyExists where the id is taken or the workspace full.
        """
        chosen = slug(change.name or "") if plan_id is None else plan_id
        plan = change.apply(blank_plan(workspace, chosen, ""), self._clock.now_us())
        # Without a name there is no id to be made of it, which goes without saying.
        ids = check_id(plan.id) if plan_id is not None or change.name else ()
        _refuse("plan", faults, (*ids, *check_plan(plan, _PLAN_FIELDS)))
        if plan.id == DEFAULT_PLAN:
            raise AlreadyExists(f"plan {plan.id} exists already, built in; change it instead", code="plan_exists")
        self._store.insert(plan)
        return plan

    def list(self, workspace: str) -> tuple[Plan, ...]:
        """Every plan of the workspace by id, the built-in one among them."""
        stored = self._store.list(workspace)
        built_in = () if any(one.id == DEFAULT_PLAN for one in stored) else (default_plan(workspace),)
        return tuple(sorted((*built_in, *stored), key=lambda one: one.id))

    def find(self, workspace: str, plan_id: str) -> Plan:
        """The plan of that id. Raises NotFound."""
        plan = self._store.get(workspace, plan_id) if is_id(plan_id) else None
        if plan is None and plan_id == DEFAULT_PLAN:
            return default_plan(workspace)
        if plan is None:
            raise _not_found("plan", plan_id)
        return plan

    def update(
        self, workspace: str, plan_id: str, change: PlanChange, faults: Faults = (), *, version: int | None = None
    ) -> Plan:
        """Set the attributes that the change has; it holds for every user of the plan at once.

        Raises NotFound, InvalidInput, and VersionConflict where the plan is no longer at ``version``.
        """
        for _ in range(_ATTEMPTS):
            plan = self.find(workspace, plan_id)
            _check_version(plan.version, version)
            changed = change.apply(plan, self._clock.now_us())
            _refuse("plan", faults, check_plan(changed, _given(change)))
            try:
                self._write(plan, changed)
            except VersionConflict:
                continue
            return changed
        raise VersionConflict(f"plan {plan_id} is being changed by other requests")

    def delete(self, workspace: str, plan_id: str, *, version: int | None = None) -> None:
        """Delete a plan that no user has.

        Raises NotFound, AlreadyExists (the built-in plan, or one with users), and VersionConflict like ``update``.
        """
        if plan_id == DEFAULT_PLAN:
            raise AlreadyExists("plan free is built in and cannot be deleted; change it instead", code="plan_built_in")
        for _ in range(_ATTEMPTS):
            plan = self.find(workspace, plan_id)
            _check_version(plan.version, version)
            try:
                self._store.delete(plan)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"plan {plan_id} is being changed by other requests")

    def find_user(self, workspace: str, user_id: str) -> User | None:
        """The user, if a plan was ever set. Raises InvalidInput for what cannot be a user's id."""
        _refuse_user(user_id)
        return self._store.get_user(workspace, user_id)

    def plan_of(self, workspace: str, user_id: str) -> Plan:
        """The plan that holds for a user: the one that was set, or ``free``. At most two reads."""
        user = self.find_user(workspace, user_id)
        return self.find(workspace, DEFAULT_PLAN if user is None else user.plan_id)

    def set_plan(self, workspace: str, user_id: str, plan_id: str | None, faults: Faults = ()) -> User:
        """Set a user's plan; it holds from the next request on, and the month's usage stays.

        Raises InvalidInput where there is no such plan or it is disabled, and VersionConflict.
        """
        _refuse_user(user_id)
        _refuse("user", faults, () if plan_id is not None else (_plan_error("required", "is required", None),))
        assert plan_id is not None
        for _ in range(_ATTEMPTS):
            user = self._store.get_user(workspace, user_id)
            if user is not None and user.plan_id == plan_id:
                return user
            self._check_assignable(workspace, plan_id)
            now = self._clock.now_us()
            changed = User(workspace, user_id, plan_id, now, now)
            if user is not None:
                changed = replace(changed, created_at_us=user.created_at_us, version=user.version + 1)
            try:
                self._store.put_user(changed, user)
            except (VersionConflict, NotFound):
                continue  # NotFound: the plan was deleted just now, which the next round says
            return changed
        raise VersionConflict("the plan of the user is being changed by other requests")

    def _check_assignable(self, workspace: str, plan_id: str) -> None:
        try:
            plan = self.find(workspace, plan_id)
        except NotFound as error:
            raise _invalid("user", (_plan_error("not_found", error.message, plan_id),)) from None
        if not plan.enabled:
            raise _invalid("user", (_plan_error("disabled", f"plan {plan_id} is disabled", plan_id),))

    def _write(self, plan: Plan, changed: Plan) -> None:
        if plan.version:
            self._store.replace(changed)
            return
        try:
            self._store.insert(changed)
        except AlreadyExists as error:
            # The built-in plan was changed for the first time by somebody else.
            raise VersionConflict(error.message) from None


def _given(change: RouteChange | PlanChange) -> frozenset[str]:
    return frozenset(one.name for one in fields(change) if getattr(change, one.name) is not None)


def _not_found(what: str, wanted: str) -> NotFound:
    shown = f" {wanted}" if is_id(wanted) else " of that id"
    return NotFound(f"{what}{shown} does not exist", code=f"{what}_not_found")


def _check_version(found: int, wanted: int | None) -> None:
    if wanted is not None and found != wanted:
        raise VersionConflict(f"the version is {found}, not {wanted}", code="precondition_failed")


def _refuse(what: str, faults: Faults, found: Iterable[FieldError]) -> None:
    """Raise InvalidInput for the faults and for what was found, one error an attribute."""
    told = {one.location for one in faults}
    listed = (*faults, *(one for one in found if one.location not in told))
    if listed:
        raise _invalid(what, listed)


def _invalid(what: str, listed: tuple[FieldError, ...]) -> InvalidInput:
    reasons = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in listed)
    return InvalidInput(f"invalid {what}: {reasons}", fields=listed)


def _plan_error(rule: str, message: str, given: str | None) -> FieldError:
    return FieldError(("body", "plan_id"), rule, message, None if given is None else given[:_SHOWN_CHARACTERS])


def _refuse_user(user_id: str) -> None:
    wrong = check_user_id(user_id)
    if wrong:
        field = FieldError(("path", "id"), "format", wrong, user_id[:_SHOWN_CHARACTERS])
        raise InvalidInput(f"invalid user id: {wrong}", fields=(field,))
