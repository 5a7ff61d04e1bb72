"""The edges of what changes things, and of what other routes than those that make them take."""

from __future__ import annotations

import json

from dynameter.clock import render
from tests.limits.cases_billing import metadata_of, weighty
from tests.limits.cases_metering import EMIT, EVENTS, condition, data_of, nested
from tests.limits.edges import Edge, body, body_edges, entries, items, letters
from tests.unit.http.house import Ask

METER_V1, METER_V3 = "PUT /api/v1/meters/{meterIdOrSlug}", "PUT /api/v3/openmeter/meters/{meterId}"
METER_ZUPLO = "PUT /v3/metering/{bucketId}/meters/{meterIdOrSlug}"
CUSTOMER_V1, CUSTOMER_V3 = "PUT /api/v1/customers/{customerIdOrKey}", "PUT /api/v3/openmeter/customers/{customerId}"
PLAN_V1, PLAN_V3 = "PUT /api/v1/plans/{planId}", "PUT /api/v3/openmeter/plans/{planId}"
RULE, CHANNEL = "PUT /api/v1/notification/rules/{ruleId}", "PUT /api/v1/notification/channels/{channelId}"
ROUTE, GATEWAY_PLAN = "PATCH /admin/routes/{id}", "PATCH /admin/plans/{id}"
GRANTS = "POST /api/v2/customers/{customerIdOrKey}/entitlements/{entitlementIdOrFeatureKey}/grants"
SUBSCRIPTIONS, CHANGE = "POST /api/v1/subscriptions", "POST /api/v1/subscriptions/{subscriptionId}/change"
ZUPLO_QUERY = "POST /v3/metering/{bucketId}/meters/{meterIdOrSlug}/query"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"
COMMIT, CHECK = "POST /v1/{workspace_id}/quota/commit", "POST /v1/{workspace_id}/quota/check"

AROUND_METADATA = len('{"metering_quantity":1,"metering_source":"production","metering_metadata":}')

NAMED = (METER_V1, METER_V3, METER_ZUPLO, CUSTOMER_V1, CUSTOMER_V3, PLAN_V1, PLAN_V3, RULE, CHANNEL)


def exponent(usual: Ask, size: int) -> Ask:
    """An event with a number of such an exponent."""
    return Ask(json.dumps({**usual.body, "data": "DATA"}).replace('"DATA"', f'{{"tokens":1e{size}}}'))


CHANGES = [
    # ---- names, descriptions, metadata
    *body_edges("meters.rules:MAX_NAME_CHARACTERS", dict.fromkeys(NAMED, "name")),
    *body_edges(
        "meters.rules:MAX_DESCRIPTION_CHARACTERS",
        dict.fromkeys((METER_V1, METER_V3, METER_ZUPLO, CUSTOMER_V1, CUSTOMER_V3, PLAN_V1, PLAN_V3), "description"),
    ),
    *body_edges(
        "meters.rules:MAX_METADATA_ENTRIES",
        dict.fromkeys((METER_V1, METER_ZUPLO, CUSTOMER_V1, PLAN_V1, RULE, CHANNEL), "metadata"),
        entries,
    ),
    *body_edges(
        "billing.texts:MAX_METADATA_BYTES",
        dict.fromkeys((CUSTOMER_V1, PLAN_V1, RULE, CHANNEL, GRANTS, SUBSCRIPTIONS), "metadata"),
        metadata_of,
    ),
    *body_edges(
        "dialects.openmeter_v3.labels:MAX_LABELS", dict.fromkeys((METER_V3, CUSTOMER_V3, PLAN_V3), "labels"), entries
    ),
    # ---- meters and queries
    *body_edges(
        "meters.rules:MAX_GROUP_KEYS",
        {METER_V1: "groupBy", METER_ZUPLO: "groupBy", METER_V3: "dimensions"},
        lambda n: {one: f"$.{one}" for one in items(n)},
    ),
    Edge("usage.queries.query:MAX_ENTRIES", ZUPLO_QUERY, body("subject", items, ZUPLO_QUERY), "subject"),
    Edge(
        "filters:MAX_DEPTH",
        ZUPLO_QUERY,
        body("advancedMeterGroupByFilters", condition, ZUPLO_QUERY),
        "advancedMeterGroupByFilters.model.$and[0].$and[0].$and[0].$and",
    ),
    Edge("events.rules:MAX_SUBJECT_BYTES", RECOUNT, body("subject", letters, RECOUNT), "subject"),
    # ---- events of Amigo
    *(
        Edge(constant, EMIT, body(name, make, EMIT), name, 422)
        for constant, name, make in (
            ("events.rules:MAX_DATA_BYTES", "metering_metadata", lambda n: data_of(n - AROUND_METADATA)),
            ("events.rules:MAX_NESTING", "metering_metadata", lambda n: nested(n - 1)),
        )
    ),
    Edge(
        "rfc3339:LATEST_US",
        EMIT,
        body("effective_at", render, EMIT),
        "effective_at",
        422,
        why="9999-01-01",
        at=253_370_764_799_999_999,
    ),
    Edge(
        "rfc3339:EARLIEST_US",
        EMIT,
        body("effective_at", lambda us: render(us) if us >= 0 else "1969-12-31T23:59:59.999999Z", EMIT),
        "effective_at",
        422,
        why="1970-01-01T00:00:00Z",
        step=-1,
    ),
    Edge("codec:MAX_EXPONENT", EMIT, body("metering_quantity", "1e-{}".format, EMIT), "metering_quantity", 422),
    Edge("codec:MAX_EXPONENT", EVENTS[2], lambda settled, n: exponent(settled.asks[EVENTS[2]], n), ""),
    # ---- customers, plans, subscriptions, entitlements
    *body_edges("billing.customers.rules:MAX_KEY_CHARACTERS", {CUSTOMER_V1: "key"}),
    *body_edges("billing.customers.rules:MAX_SUBJECT_KEYS", {CUSTOMER_V1: "usageAttribution.subjectKeys"}, items),
    *body_edges("billing.customers.rules:MAX_SUBJECT_KEYS", {CUSTOMER_V3: "usage_attribution.subject_keys"}, items),
    *body_edges(
        "billing.customers.rules:MAX_EMAIL_CHARACTERS", {CUSTOMER_V1: "primaryEmail", CUSTOMER_V3: "primary_email"}
    ),
    Edge(
        "billing.plans.rules:MAX_PLAN_BYTES",
        PLAN_V1,
        lambda settled, size: Ask(
            {**settled.asks[PLAN_V1].body, "phases": weighty(settled, size)}, path=settled.asks[PLAN_V1].path
        ),
        "phases",
    ),
    # ---- thresholds
    Edge("billing.thresholds.limits:MAX_HEADERS", CHANNEL, body("customHeaders", entries, CHANNEL), "customHeaders"),
    Edge(
        "billing.thresholds.address:MAX_URL_CHARACTERS",
        CHANNEL,
        body("url", lambda n: "https://hooks.example.com/".ljust(n, "a"), CHANNEL),
        "url",
    ),
    Edge(
        "billing.thresholds.limits:MAX_THRESHOLDS",
        RULE,
        body("thresholds", lambda n: [{"type": "usage_value", "value": one + 1} for one in range(n)], RULE),
        "thresholds",
    ),
    # ---- routes, plans and quotas of APIGate
    *(
        Edge(constant, route, body(name, make, route), name, 422)
        for constant, route, name, make in (
            ("gateway.rules:MAX_NAME_CHARACTERS", ROUTE, "name", letters),
            ("gateway.rules:MAX_NAME_CHARACTERS", GATEWAY_PLAN, "name", letters),
            ("gateway.rules:MAX_DESCRIPTION_CHARACTERS", ROUTE, "description", letters),
            ("gateway.rules:MAX_PATTERN_CHARACTERS", ROUTE, "path_pattern", lambda n: "/".ljust(n, "a")),
            ("gateway.rules:MAX_PRIORITY", ROUTE, "priority", int),
            ("gateway.rules:MAX_REQUESTS_PER_MONTH", GATEWAY_PLAN, "requests_per_month", int),
            ("gateway.rules:MAX_COST", GATEWAY_PLAN, "estimated_cost_per_req", int),
            ("gateway.rules:MAX_PRICE", GATEWAY_PLAN, "overage_price", int),
            ("gateway.expression.limits:MAX_CHARACTERS", ROUTE, "metering_expr", lambda n: "1".ljust(n)),
        )
    ),
]
