"""The rules of routes, plans and users, and the limits that keep them affordable. Pure.

Locations are ``("body", <name of the attribute>)``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal

from dynameter.errors import FieldError
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.gateway.expression import ExpressionError
from dynameter.gateway.matching import check_regex
from dynameter.gateway.measurement import check_metering
from dynameter.gateway.pattern import InvalidPattern
from dynameter.gateway.plan import UNLIMITED, Plan
from dynameter.gateway.route import MatchType, Metering, MeteringMode, Route
from dynameter.usage.windows import UnknownZone, load_zone

MAX_ROUTES = 1_000
"""Routes of a workspace."""
MAX_PLANS = 200
"""Plans of a workspace, beside the built-in one."""
MAX_NAME_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 1_024
MAX_PATTERN_CHARACTERS = 512
"""A path_pattern; as a regular expression it grows by what anchors it and by its ``{names}``."""
MAX_PRIORITY = 1_000_000
"""A route's priority, of either sign."""
MAX_REQUESTS_PER_MONTH = 10**15
MAX_COST = Decimal(10**9)
"""Units that one request may be estimated at."""
MAX_PRICE = 10**12
"""Cents."""
MAX_ID_CHARACTERS = 64
MAX_USER_ID_BYTES = MAX_SUBJECT_BYTES

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
"""Ids of routes and plans."""

METERING_FIELDS = frozenset({"metering_mode", "metering_expr", "protocol"})
"""What decides whether an expression is right."""
MATCHING_FIELDS = frozenset({"path_pattern", "match_type"})

# Unlike a search for ^...$, a full match lets no newline slip in at the end.
_ID = re.compile(ID_PATTERN[1:-1])
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_SLUG = re.compile(r"[^a-z0-9]+")


def is_id(text: str) -> bool:
    """Whether the text may be the id of a route or plan."""
    return len(text) <= MAX_ID_CHARACTERS and _ID.fullmatch(text) is not None


def slug(name: str) -> str:
    """The id that a plan's name suggests, e.g. ``pro-monthly``; empty where it suggests none."""
    return _NOT_IN_A_SLUG.sub("-", name.lower())[:MAX_ID_CHARACTERS].strip("-")


def check_id(text: str) -> tuple[FieldError, ...]:
    """What is wrong with an id that a maker chose."""
    if is_id(text):
        return ()
    message = f"must have 1 to {MAX_ID_CHARACTERS} characters and match {ID_PATTERN}"
    return (_error("id", "pattern", message, text[:MAX_ID_CHARACTERS]),)


def check_user_id(text: str) -> str | None:
    """What is wrong with a user's id, which is the subject of the user's events; None where it is right."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "must be Unicode text without lone surrogates"
    if not 1 <= size <= MAX_USER_ID_BYTES:
        return f"must have 1 to {MAX_USER_ID_BYTES} bytes of UTF-8"
    return "must not contain the character U+0000" if "\0" in text else None


def check_route(route: Route, changed: Collection[str]) -> tuple[FieldError, ...]:
    """Everything that is wrong with a route of which the attributes ``changed`` are new."""
    return tuple(_route_errors(route, changed))


def check_plan(plan: Plan, changed: Collection[str]) -> tuple[FieldError, ...]:
    """Everything that is wrong with a plan of which the attributes ``changed`` are new."""
    return tuple(one for one in _plan_errors(plan) if one.location[1] in changed)


def _route_errors(route: Route, changed: Collection[str]) -> Iterator[FieldError]:
    if "name" in changed:
        yield from _name_errors(route.name)
    if "description" in changed:
        yield from _description_errors(route.description)
    if not MATCHING_FIELDS.isdisjoint(changed):
        yield from _pattern_errors(route.path_pattern, route.match_type)
    if "methods" in changed:
        yield from _method_errors(route.methods)
    if "priority" in changed and abs(route.priority) > MAX_PRIORITY:
        message = f"must be a whole number from {-MAX_PRIORITY} to {MAX_PRIORITY}"
        yield _error("priority", "range", message, route.priority)
    if not METERING_FIELDS.isdisjoint(changed):
        yield from _expression_errors(route.metering)


def _name_errors(name: str) -> Iterator[FieldError]:
    if not name.strip():
        yield _error("name", "required", "is required and must not be blank", name[:MAX_NAME_CHARACTERS])
    elif len(name) > MAX_NAME_CHARACTERS:
        yield _too_long("name", name, MAX_NAME_CHARACTERS)


def _description_errors(description: str) -> Iterator[FieldError]:
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        yield _too_long("description", description, MAX_DESCRIPTION_CHARACTERS)


def _pattern_errors(pattern: str, match_type: MatchType) -> Iterator[FieldError]:
    if not pattern:
        yield _error("path_pattern", "required", "is required", pattern)
    elif len(pattern) > MAX_PATTERN_CHARACTERS:
        yield _too_long("path_pattern", pattern, MAX_PATTERN_CHARACTERS)
    elif _CONTROL.search(pattern):
        yield _error("path_pattern", "format", "must not contain control characters")
    elif match_type is MatchType.REGEX:
        try:
            check_regex(pattern)
        except InvalidPattern as error:
            yield _error("path_pattern", "format", f"is no regular expression: {error}", pattern)
    elif not pattern.startswith("/"):
        yield _error("path_pattern", "pattern", "must begin with /", pattern)
    elif match_type is MatchType.PREFIX and "*" in pattern[:-1]:
        message = "a prefix may have * at its end only; use match_type regex"
        yield _error("path_pattern", "pattern", message, pattern)


def _method_errors(methods: tuple[str, ...]) -> Iterator[FieldError]:
    if len(methods) > len(METHODS):
        yield _error("methods", "max_items", f"must have at most {len(METHODS)} methods", len(methods))
        return
    for index, method in enumerate(methods):
        if method not in METHODS:
            message = f"must be one of {', '.join(METHODS)}"
            yield FieldError(("body", "methods", index), "enum", message, method[:MAX_ID_CHARACTERS], METHODS)


def _expression_errors(metering: Metering) -> Iterator[FieldError]:
    if not metering.expression:
        return
    if metering.mode is MeteringMode.REQUEST:
        # It is kept but not read: whatever another mode takes is right, so that going back to REQUEST always works.
        metering = replace(metering, mode=MeteringMode.RESPONSE_FIELD)
    try:
        check_metering(metering)
    except ExpressionError as error:
        line, column = error.position
        place = {"line": line, "column": column}
        yield FieldError(("body", "metering_expr"), "expression", str(error), context=place)


def _plan_errors(plan: Plan) -> Iterator[FieldError]:
    yield from _name_errors(plan.name)
    yield from _description_errors(plan.description)
    if not UNLIMITED <= plan.requests_per_month <= MAX_REQUESTS_PER_MONTH:
        message = f"must be a whole number from 0 to {MAX_REQUESTS_PER_MONTH}, or {UNLIMITED} for no limit"
        yield _error("requests_per_month", "range", message, plan.requests_per_month)
    if not 0 < plan.estimated_cost_per_req <= MAX_COST:
        message = f"must be more than 0 and at most {MAX_COST}"
        yield _error("estimated_cost_per_req", "range", message, str(plan.estimated_cost_per_req))
    if not 0 <= plan.quota_grace_pct <= 1:
        message = "must be from 0 to 1, where 0.05 is 5 percent"
        yield _error("quota_grace_pct", "range", message, str(plan.quota_grace_pct))
    for name, cents in (("price_monthly", plan.price_monthly), ("overage_price", plan.overage_price)):
        if not 0 <= cents <= MAX_PRICE:
            yield _error(name, "range", f"must be from 0 to {MAX_PRICE} cents", str(cents))
    try:
        load_zone(plan.time_zone)
    except UnknownZone:
        yield _error("time_zone", "format", "is no time zone of the IANA database", plan.time_zone[:MAX_ID_CHARACTERS])


def _too_long(name: str, value: str, most: int) -> FieldError:
    return _error(name, "max_length", f"must have at most {most} characters, not {len(value)}", value[:64])


def _error(name: str, rule: str, message: str, value: object = None) -> FieldError:
    return FieldError(("body", name), rule, message, value)
