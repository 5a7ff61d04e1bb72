"""The edges of routes, plans, expressions, exchanges, external events, quotas and keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dynameter.clock import render
from tests.limits.cases_metering import data_of, nested
from tests.limits.edges import Asking, Edge, Lowered, body, items, letters
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask

ROUTES, ROUTE, PLANS = "POST /admin/routes", "PATCH /admin/routes/{id}", "POST /admin/plans"
USER = "PUT /admin/users/{id}/plan"
TRIAL = "POST /admin/expressions/test"
EXCHANGES, METER = "POST /v1/{workspace_id}/exchanges", "POST /api/v1/meter"
QUOTA = "POST /v1/{workspace_id}/quota"
RESERVE, CHECK = f"{QUOTA}/reserve", f"{QUOTA}/check"
KEYS, ROTATE = "POST /v1/{workspace_id}/api-keys", "POST /v1/{workspace_id}/api-keys/{key_id}/rotate"


def exchange(name: str, make: Callable[[int], Any] = letters) -> Asking:
    """An exchange with one field made."""
    return lambda settled, size: Ask([{**settled.asks[EXCHANGES].body[0], name: make(size)}])


def exchanges(settled: Settled, size: int) -> Ask:
    """So many exchanges."""
    return Ask([{**settled.asks[EXCHANGES].body[0], "id": one} for one in items(size)])


def external(name: str, make: Callable[[int], Any] = letters) -> Asking:
    """An external event with one attribute made."""

    def ask(settled: Settled, size: int) -> Ask:
        (one,) = settled.asks[METER].body["data"]
        return Ask({"data": [{**one, "attributes": {**one["attributes"], name: make(size)}}]})

    return ask


def externals(settled: Settled, size: int) -> Ask:
    """So many external events."""
    (one,) = settled.asks[METER].body["data"]
    return Ask({"data": [{**one, "attributes": {**one["attributes"], "id": name}} for name in items(size)]})


def timed(sign: int) -> Asking:
    """An external event so many microseconds from now."""

    def ask(settled: Settled, size: int) -> Ask:
        return external("timestamp", lambda n: render(settled.house.world.clock.now_us() + sign * n))(settled, size)

    return ask


def padded(route: str) -> Asking:
    """The route's usual body with spaces after it up to so many bytes."""

    def ask(settled: Settled, size: int) -> Ask:
        usual = settled.asks[route]
        return Ask(json.dumps(usual.body).ljust(size), path=usual.path)

    return ask


def priced(text: Callable[[int], str]) -> Asking:
    """A route with an expression made."""
    return body("metering_expr", text, ROUTES, metering_mode="custom")


def unlimited(settled: Settled, size: int) -> Ask:
    """A reservation of so many units for a user without a limit."""
    without_limit = Ask({**settled.asks[PLANS].body, "requests_per_month": -1})
    path = {"id": "heavy-user"}
    before = ((PLANS, without_limit), (USER, Ask({"plan_id": without_limit.body["id"]}, path=path)))
    return Ask({"user_id": "heavy-user", "units": size}, before=before)


def summed(count: int) -> str:
    """An expression of so many parts in a tree that is not deep: literals, the operators between them, a sign."""
    literals = (count + 1) // 2
    tree = ["1"] * literals
    tree[0] = "1" if count % 2 else "-1"
    while len(tree) > 1:
        tree = [f"({'+'.join(tree[at : at + 2])})" for at in range(0, len(tree), 2)]
    return tree[0]


GATEWAY = [
    # ---- bodies
    *(
        Edge("dialects.apigate.jsonapi:MAX_DOCUMENT_BYTES", route, padded(route), "", 413)
        for route in (ROUTES, ROUTE, PLANS, USER, RESERVE, CHECK)
    ),
    Edge("dialects.apigate.expressions:MAX_SAMPLE_BYTES", TRIAL, padded(TRIAL), "", 413),
    *(Edge("events.rules:MAX_BODY_BYTES", route, padded(route), "", 413) for route in (EXCHANGES, METER)),
    *(Edge("dialects.amigo.keys:BODY_BYTES_MAX", route, padded(route), "", 413) for route in (KEYS, ROTATE)),
    # ---- routes and plans
    *(
        Edge(constant, route, body(name, make, route, **also), name, 422)
        for constant, route, name, make, also in (
            ("gateway.rules:MAX_NAME_CHARACTERS", ROUTES, "name", letters, {}),
            ("gateway.rules:MAX_NAME_CHARACTERS", PLANS, "name", letters, {}),
            ("gateway.rules:MAX_DESCRIPTION_CHARACTERS", ROUTES, "description", letters, {}),
            ("gateway.rules:MAX_DESCRIPTION_CHARACTERS", PLANS, "description", letters, {}),
            ("gateway.rules:MAX_PATTERN_CHARACTERS", ROUTES, "path_pattern", lambda n: "/".ljust(n, "a"), {}),
            ("gateway.rules:MAX_PRIORITY", ROUTES, "priority", int, {}),
            ("gateway.rules:MAX_PRIORITY", ROUTES, "priority", lambda n: -n, {}),
            ("gateway.rules:MAX_REQUESTS_PER_MONTH", PLANS, "requests_per_month", int, {}),
            ("gateway.rules:MAX_COST", PLANS, "estimated_cost_per_req", int, {}),
            ("gateway.rules:MAX_PRICE", PLANS, "price_monthly", int, {}),
            ("gateway.rules:MAX_PRICE", PLANS, "overage_price", int, {}),
            ("gateway.rules:MAX_ID_CHARACTERS", ROUTES, "id", letters, {}),
            ("gateway.rules:MAX_ID_CHARACTERS", PLANS, "id", letters, {}),
            ("gateway.rules:MAX_USER_ID_BYTES", RESERVE, "user_id", letters, {}),
            ("gateway.rules:MAX_USER_ID_BYTES", CHECK, "user_id", letters, {}),
            ("gateway.quotas.reservation:MAX_TTL_S", RESERVE, "ttl_s", int, {}),
        )
    ),
    Edge("gateway.quotas.reservation:MAX_RESERVED", RESERVE, unlimited, "units", 422),
    # ---- expressions
    *(
        Edge(f"gateway.expression.limits:{name}", ROUTES, priced(text), "metering_expr", 422)
        for name, text in (
            ("MAX_CHARACTERS", lambda n: "1".ljust(n)),
            ("MAX_NODES", summed),
            ("MAX_NESTING", lambda n: "(" * n + "1" + ")" * n),
            ("MAX_DEPTH", lambda n: "1" + "+1" * (n - 1)),
            ("MAX_LITERAL_DIGITS", lambda n: "1." + "1" * (n - 2)),
        )
    ),
    # ---- exchanges and external events
    *(
        Edge("events.rules:MAX_BATCH_EVENTS", route, ask, "", 413)
        for route, ask in ((EXCHANGES, exchanges), (METER, externals))
    ),
    *(
        Edge(constant, EXCHANGES, exchange(name, make), f"0.{name}", 422)
        for constant, name, make in (
            ("dialects.apigate.exchanges:MAX_PATH_CHARACTERS", "path", lambda n: "/".ljust(n, "a")),
            ("dialects.apigate.exchanges:MAX_METHOD_CHARACTERS", "method", letters),
            ("dialects.apigate.exchanges:MAX_NAME_CHARACTERS", "key_id", letters),
            ("dialects.apigate.exchanges:MAX_NAME_CHARACTERS", "plan_id", letters),
            ("dialects.apigate.exchanges:MAX_LATENCY_MS", "latency_ms", int),
            ("dialects.apigate.expressions:MAX_STATUS", "status", int),
            ("dialects.apigate.expressions:MAX_BYTES", "request_bytes", int),
            ("dialects.apigate.expressions:MAX_BYTES", "response_bytes", int),
            ("events.rules:MAX_ID_BYTES", "id", letters),
            ("events.rules:MAX_SOURCE_BYTES", "source", letters),
            ("events.rules:MAX_SUBJECT_BYTES", "user_id", letters),
        )
    ),
    *(
        Edge(constant, METER, ask, "data.0.attributes", 422, why=why)
        for constant, ask, why in (
            ("gateway.external:MAX_AGE_US", timed(-1), "timestamp is more than 7 days ago"),
            ("gateway.external:MAX_AHEAD_US", timed(1), "timestamp is more than 1 minute ahead"),
            ("gateway.external:MAX_METADATA_BYTES", external("metadata", data_of), "metadata"),
            ("gateway.external:MAX_RESOURCE_CHARACTERS", external("resource_id"), "resource_id"),
            ("gateway.external:MAX_RESOURCE_CHARACTERS", external("resource_type"), "resource_type"),
            ("events.rules:MAX_ID_BYTES", external("id"), "id"),
            ("events.rules:MAX_NESTING", external("metadata", lambda n: nested(n - 1)), "63 levels"),
            ("meters.quantity:MAX_INTEGER_DIGITS", external("quantity", lambda n: int("1" * n)), "quantity"),
        )
    ),
    # ---- keys
    *(
        Edge(constant, route, body(name, make, route), name, 422)
        for constant, route, name, make in (
            ("access.service:DURATION_DAYS_MAX", KEYS, "duration_days", int),
            ("access.service:DURATION_DAYS_MAX", ROTATE, "duration_days", int),
            ("dialects.amigo.keys:NAME_CHARS_MAX", KEYS, "name", letters),
            ("dialects.amigo.keys:PERMISSIONS_MAX", KEYS, "permissions", lambda n: ["keys:write"] * n),
        )
    ),
]

GATEWAY_LOWERED = [
    Lowered("gateway.rules:MAX_ROUTES", 2, ROUTES, where=["gateway.store"]),
    Lowered("gateway.rules:MAX_PLANS", 2, PLANS, where=["gateway.store"]),
    Lowered(
        "gateway.quotas.reservation:MAX_OPEN",
        2,
        RESERVE,
        status=429,
        where=["gateway.quotas.service", "gateway.quotas.books"],
    ),
    Lowered("access.service:KEYS_PER_WORKSPACE_MAX", 2, KEYS),
    Lowered("gateway.external_history:MAX_COUNTED", 1, "GET /api/v1/meter", status=422),
]
