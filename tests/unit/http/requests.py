"""A request for every route that is answered well in the workspace of a tenant, about things of the tenant's."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.http.house import KEYS, Ask
from tests.unit.http.tenant import FROM, TO, Tenant

_V3 = ("/api/v3/openmeter", "/v3/openmeter")
_NEXT_CYCLE = {"timing": "next_billing_cycle"}
_CANCEL = "POST /api/v1/subscriptions/{subscriptionId}/cancel"


def requests(of: Tenant) -> dict[str, Ask]:
    """What to ask of each route; without a body, a query and more where a route needs none."""
    parts: list[Callable[[Tenant], dict[str, Ask]]] = [
        _events,
        _meters,
        _voids_and_keys,
        _customers_and_features,
        _plans,
        _subscriptions,
        _entitlements,
        _invoices_and_notifications,
        _gateway,
    ]
    found: dict[str, Ask] = {key: Ask() for key in KEYS}
    for part in parts:
        wanted = part(of)
        assert set(wanted) <= set(found), sorted(set(wanted) - set(found))
        found |= wanted
    return found


def _events(of: Tenant) -> dict[str, Ask]:
    name = of.name
    sent = of.event(9, f"{name}-subject", "2")
    emission = {"event_type": f"{name}_voice", "metering_quantity": 1, "metering_source": "production"}
    window = (("from", FROM), ("to", TO))
    return {
        "POST /api/v1/events": Ask(sent),
        **{f"POST {base}/events": Ask(sent) for base in _V3},
        "POST /v3/metering/{bucketId}/events": Ask(sent),
        "POST /v1/{workspace_id}/metering/emit": Ask(emission),
        "GET /api/v1/events": Ask(query=window),
        "GET /v1/{workspace_id}/events/explain": Ask(query=(("source", f"{name}-source"), ("id", f"{name}-event-1"))),
    }


def _meters(of: Tenant) -> dict[str, Ask]:
    new = f"{of.name}_new"
    meter = {"slug": new, "eventType": new, "aggregation": "COUNT"}
    meter_v3 = {"key": new, "name": new, "aggregation": "count", "event_type": new}
    change = {"name": f"{of.name}-renamed", "groupBy": {"model": "$.model"}}
    change_v3 = {"name": f"{of.name}-renamed", "dimensions": {"model": "$.model"}}
    query = (("from", FROM), ("to", TO), ("groupBy", "subject"), ("groupBy", "model"))
    query_body = {"from": FROM, "to": TO, "groupBy": ["subject", "model"]}
    query_v3 = {"from": FROM, "to": TO, "group_by_dimensions": ["subject", "model"]}
    spare = {"meterIdOrSlug": f"{of.name}_spare"}
    found: dict[str, Ask] = {}
    for base in ("/api/v1/meters", "/v3/metering/{bucketId}/meters"):
        one = base + "/{meterIdOrSlug}"
        found |= {
            f"POST {base}": Ask(meter),
            f"PUT {one}": Ask(change),
            f"DELETE {one}": Ask(path=spare),
            f"GET {one}/query": Ask(query=query),
            f"POST {one}/query": Ask(query_body),
        }
    for base in _V3:
        one = base + "/meters/{meterId}"
        found |= {
            f"POST {base}/meters": Ask(meter_v3),
            f"PUT {one}": Ask(change_v3),
            f"DELETE {one}": Ask(path={"meterId": of.ids["spare_meter"]}),
            f"POST {one}/query": Ask(query_v3),
        }
    return found | {
        "POST /api/v1/subjects": Ask([{"key": f"{of.name}-new", "displayName": f"{of.name}-new"}]),
        "POST /v1/{workspace_id}/meters/{slug}/recount": Ask({"from": FROM, "to": TO}),
        "POST /v1/{workspace_id}/meters/{slug}/rebuild": Ask({"restart": True}),
    }


def _voids_and_keys(of: Tenant) -> dict[str, Ask]:
    key = {"duration_days": 30, "name": f"{of.name}-new", "permissions": ["keys:write"]}
    return {
        "POST /v1/{workspace_id}/voids": Ask(
            {"events": [{"source": f"{of.name}-source", "id": f"{of.name}-event-1"}], "reason": "by mistake"}
        ),
        "POST /v1/{workspace_id}/api-keys": Ask(key),
        "POST /v1/{workspace_id}/api-keys/{key_id}/rotate": Ask({"duration_days": 90}),
    }


def _customers_and_features(of: Tenant) -> dict[str, Ask]:
    name, new = of.name, f"{of.name}-new"
    subjects = [f"{name}-customer", f"{name}-subject"]
    found = {
        "POST /api/v1/customers": Ask({"key": new, "name": new, "usageAttribution": {"subjectKeys": [new]}}),
        "PUT /api/v1/customers/{customerIdOrKey}": Ask(
            {"key": f"{name}-customer", "name": new, "usageAttribution": {"subjectKeys": subjects}}
        ),
        "DELETE /api/v1/customers/{customerIdOrKey}": Ask(path={"customerIdOrKey": f"{name}-single"}),
        "POST /api/v1/features": Ask({"key": f"{name}_new", "name": new, "meterSlug": f"{name}_tokens"}),
        "DELETE /api/v1/features/{featureIdOrKey}": Ask(path={"featureIdOrKey": f"{name}_flag"}),
    }
    for base in _V3:
        attribution = {"subject_keys": subjects}
        feature = {"key": f"{name}_new", "name": new, "meter": {"id": of.ids["meter"]}}
        found |= {
            f"POST {base}/customers": Ask({"key": new, "name": new}),
            f"PUT {base}/customers/{{customerId}}": Ask({"name": new, "usage_attribution": attribution}),
            f"DELETE {base}/customers/{{customerId}}": Ask(path={"customerId": of.ids["single"]}),
            f"POST {base}/features": Ask(feature),
            f"DELETE {base}/features/{{featureId}}": Ask(path={"featureId": of.ids["flag"]}),
            f"POST {base}/entitlement-access/query": Ask(
                {"customer": {"keys": [f"{name}-customer"]}, "feature": {"keys": [f"{name}_feature"]}}
            ),
        }
    return found


def _plans(of: Tenant) -> dict[str, Ask]:
    draft = {"planId": of.ids["draft"]}
    found: dict[str, Ask] = {}
    plan_v3 = {"key": f"{of.name}_new", "name": "New", "currency": "USD", "billing_cadence": "P1M"}
    for base in _V3:
        found |= {
            f"POST {base}/plans": Ask(plan_v3 | {"phases": of.phases_v3()}),
            f"PUT {base}/plans/{{planId}}": Ask({"name": "Changed", "phases": of.phases_v3()}, path=draft),
        }
    change = {"name": "Changed", "billingCadence": "P1M", "phases": of.phases()}
    found |= {
        "POST /api/v1/plans": Ask(of.plan(f"{of.name}_new")),
        "PUT /api/v1/plans/{planId}": Ask(change, path=draft),
    }
    for base in ("/api/v1", *_V3):
        found |= {
            f"DELETE {base}/plans/{{planId}}": Ask(path=draft),
            f"POST {base}/plans/{{planId}}/publish": Ask(path=draft),
        }
    return found


def _subscriptions(of: Tenant) -> dict[str, Ask]:
    """The customer ``single`` has none yet; ``customer`` has one that runs."""
    name = of.name
    cancelled = ((_CANCEL, Ask(_NEXT_CYCLE)),)
    wanted = {"customerKey": f"{name}-single", "plan": {"key": f"{name}_plan"}}
    wanted_v3 = {"customer": {"id": of.ids["single"]}, "plan": {"key": f"{name}_plan"}}
    one = "/subscriptions/{subscriptionId}"
    found = {
        "POST /api/v1/subscriptions": Ask(wanted),
        f"POST /api/v1{one}/restore": Ask(before=cancelled),
        f"POST /api/v1{one}/migrate": Ask({"timing": "immediate"}, path=_of(of, "outdated_subscription")),
    }
    for base in ("/api/v1", *_V3):
        change = {"timing": "immediate", "plan": {"key": f"{name}_other"}}
        if base != "/api/v1":
            found[f"POST {base}/subscriptions"] = Ask(wanted_v3)
            change |= {"customer": {"id": of.ids["customer"]}}
        found |= {
            f"POST {base}{one}/cancel": Ask(_NEXT_CYCLE),
            f"POST {base}{one}/unschedule-cancelation": Ask(before=cancelled),
            f"POST {base}{one}/change": Ask(change),
            f"DELETE {base}{one}": Ask(path=_of(of, "scheduled_subscription")),
        }
    return found


def _of(of: Tenant, subscription: str) -> dict[str, str]:
    return {"subscriptionId": of.ids[subscription]}


def _entitlements(of: Tenant) -> dict[str, Ask]:
    metered = {"type": "metered", "featureKey": f"{of.name}_feature", "usagePeriod": {"interval": "DAY"}}
    found: dict[str, Ask] = {}
    for base in (
        "/api/v1/subjects/{subjectIdOrKey}/entitlements",
        "/api/v2/customers/{customerIdOrKey}/entitlements",
    ):
        one = base + "/{entitlementIdOrFeatureKey}"
        found |= {
            f"POST {base}": Ask({"type": "boolean", "featureKey": f"{of.name}_flag"}),
            f"PUT {one}/override": Ask(metered),
            f"GET {one}/history": Ask(query=(("windowSize", "DAY"),)),
            f"POST {one}/grants": Ask({"amount": 5}),
            f"POST {one}/reset": Ask({}),
        }
    return found


def _invoices_and_notifications(of: Tenant) -> dict[str, Ask]:
    void = (("POST /api/v1/billing/invoices/{invoiceId}/void", Ask()),)
    base = "/api/v1/notification"
    return {
        "GET /api/v1/billing/invoices": Ask(query=(("customers", of.ids["customer"]),)),
        "POST /api/v1/billing/invoices/invoice": Ask({"customerId": of.ids["ended"]}, before=void),
        f"POST {base}/channels": Ask(of.channel()),
        f"PUT {base}/channels/{{channelId}}": Ask(of.channel()),
        f"DELETE {base}/channels/{{channelId}}": Ask(path={"channelId": of.ids["spare_channel"]}),
        f"POST {base}/rules": Ask(of.rule()),
        f"PUT {base}/rules/{{ruleId}}": Ask(of.rule()),
    }


def _gateway(of: Tenant) -> dict[str, Ask]:
    name, new = of.name, f"{of.name}-new"
    plan, user = {"id": f"{name}-gateway-plan"}, {"id": f"{name}-user"}
    idle = (("POST /admin/plans", Ask({"id": new, "name": new})),)
    exchange = {"id": new, "user_id": f"{name}-user", "path": f"/{name}/x", "status": 200}
    event = {"id": new, "user_id": f"{name}-user", "event_type": "compute.minutes", "quantity": 5}
    sample = {"status": 200, "responseBytes": 1536, "path": f"/{name}/x"}
    quota = "POST /v1/{workspace_id}/quota"
    return {
        "POST /admin/routes": Ask({"name": new, "path_pattern": f"/{new}/*"}),
        "PATCH /admin/routes/{id}": Ask({"name": new}),
        "POST /admin/routes/{id}/test": Ask(sample),
        "POST /admin/expressions/test": Ask({"expression": "responseBytes / 1024", "exchange": sample}),
        "POST /admin/plans": Ask({"id": new, "name": new}),
        "GET /admin/plans/{id}": Ask(path=plan),
        "PATCH /admin/plans/{id}": Ask({"name": new}, path=plan),
        "DELETE /admin/plans/{id}": Ask(path={"id": new}, before=idle),
        "GET /admin/users/{id}/plan": Ask(path=user),
        "PUT /admin/users/{id}/plan": Ask({"plan_id": f"{name}-gateway-plan"}, path=user),
        "POST /v1/{workspace_id}/exchanges": Ask([exchange]),
        "POST /api/v1/meter": Ask({"data": [{"type": "usage_events", "attributes": event}]}),
        f"{quota}/check": Ask({"user_id": f"{name}-user", "route_id": of.ids["route"]}),
        f"{quota}/reserve": Ask({"user_id": f"{name}-user"}),
        f"{quota}/commit": Ask({"id": of.ids["reservation"]}),
        f"{quota}/release": Ask({"id": of.ids["reservation"]}),
    }
