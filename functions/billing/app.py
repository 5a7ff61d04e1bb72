"""Customers, features, plans, subscriptions, invoices and entitlements, in OpenMeter v1 and v3 (Kong) form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.clock import SystemClock
from dynameter.composition.billing import BillingServices
from dynameter.dialects.dynameter import invoice_pages
from dynameter.dialects.openmeter_v1 import customers as v1_customers
from dynameter.dialects.openmeter_v1 import entitlements as v1_entitlements
from dynameter.dialects.openmeter_v1 import features as v1_features
from dynameter.dialects.openmeter_v1 import invoices as v1_invoices
from dynameter.dialects.openmeter_v1 import notifications as v1_notifications
from dynameter.dialects.openmeter_v1 import plans as v1_plans
from dynameter.dialects.openmeter_v1 import subscriptions as v1_subscriptions
from dynameter.dialects.openmeter_v1.problems import problem as v1_problem
from dynameter.dialects.openmeter_v2 import entitlements as v2_entitlements
from dynameter.dialects.openmeter_v3 import charges as v3_charges
from dynameter.dialects.openmeter_v3 import customers as v3_customers
from dynameter.dialects.openmeter_v3 import entitlement_access as v3_access
from dynameter.dialects.openmeter_v3 import features as v3_features
from dynameter.dialects.openmeter_v3 import plans as v3_plans
from dynameter.dialects.openmeter_v3 import subscriptions as v3_subscriptions
from dynameter.dialects.openmeter_v3.meters import problem as v3_problem
from dynameter.errors import DynameterError
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response

_clock = SystemClock()

_Problem = Callable[[DynameterError, str], Response]
_Service = TypeVar("_Service")
_Resource = TypeVar("_Resource")


@lru_cache(maxsize=1)
def services() -> BillingServices:
    """The services of this process."""
    return BillingServices(_clock)


def _with(
    service: Callable[[], _Service], problem: _Problem
) -> Callable[[str, Callable[[Request, _Service], Response]], Endpoint]:
    """Makes endpoints, of a scope and a function, that are answered with this service."""
    return lambda scope, answer: Endpoint(scope, lambda request: answer(request, service()), problem)


def _of(
    resource: Callable[[], _Resource], problem: _Problem
) -> Callable[[str, Callable[[_Resource, Request], Response]], Endpoint]:
    """Makes endpoints, of a scope and a method, that are answered by this resource."""
    return lambda scope, answer: Endpoint(scope, lambda request: answer(resource(), request), problem)


# ---- customers and features

_v1_customer = _with(lambda: services().customers, v1_problem)
_v3_customer = _with(lambda: services().customers, v3_problem)
_v1_feature = _with(lambda: services().features, v1_problem)
_v3_feature = _with(lambda: services().features, v3_problem)


def _v1_customer_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/customers", "/api/v1/customers/{customerIdOrKey}"
    return {
        f"POST {base}": _v1_customer(BILLING_WRITE, v1_customers.create_customer),
        f"GET {base}": _v1_customer(BILLING_READ, v1_customers.list_customers),
        f"GET {one}": _v1_customer(BILLING_READ, v1_customers.get_customer),
        f"PUT {one}": _v1_customer(BILLING_WRITE, v1_customers.replace_customer),
        f"DELETE {one}": _v1_customer(BILLING_WRITE, v1_customers.delete_customer),
    }


def _v3_customer_routes(prefix: str) -> dict[str, Endpoint]:
    base, one = f"{prefix}/customers", f"{prefix}/customers/{{customerId}}"
    return {
        f"POST {base}": _v3_customer(BILLING_WRITE, v3_customers.create_customer),
        f"GET {base}": _v3_customer(BILLING_READ, v3_customers.list_customers),
        f"GET {one}": _v3_customer(BILLING_READ, v3_customers.get_customer),
        f"PUT {one}": _v3_customer(BILLING_WRITE, v3_customers.replace_customer),
        f"DELETE {one}": _v3_customer(BILLING_WRITE, v3_customers.delete_customer),
    }


def _v1_feature_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/features", "/api/v1/features/{featureIdOrKey}"
    return {
        f"POST {base}": _v1_feature(BILLING_WRITE, v1_features.create_feature),
        f"GET {base}": _v1_feature(BILLING_READ, v1_features.list_features),
        f"GET {one}": _v1_feature(BILLING_READ, v1_features.get_feature),
        f"DELETE {one}": _v1_feature(BILLING_WRITE, v1_features.archive_feature),
    }


def _v3_feature_routes(prefix: str) -> dict[str, Endpoint]:
    base, one = f"{prefix}/features", f"{prefix}/features/{{featureId}}"
    return {
        f"POST {base}": _v3_feature(BILLING_WRITE, v3_features.create_feature),
        f"GET {base}": _v3_feature(BILLING_READ, v3_features.list_features),
        f"GET {one}": _v3_feature(BILLING_READ, v3_features.get_feature),
        f"DELETE {one}": _v3_feature(BILLING_WRITE, v3_features.archive_feature),
    }


# ---- plans and subscriptions


_v1_plan = _of(lambda: v1_plans.PlanEndpoints(services().plans, _clock), v1_problem)
_v3_plan = _of(lambda: v3_plans.PlanEndpoints(services().plans, services().features, _clock), v3_problem)
_v1_subscription = _of(
    lambda: v1_subscriptions.SubscriptionEndpoints(services().subscriptions, services().customers, _clock), v1_problem
)
_v3_subscription = _of(
    lambda: v3_subscriptions.SubscriptionEndpoints(services().subscriptions, services().customers, _clock), v3_problem
)


def _v1_plan_routes() -> dict[str, Endpoint]:
    base, one, of = "/api/v1/plans", "/api/v1/plans/{planId}", v1_plans.PlanEndpoints
    return {
        f"POST {base}": _v1_plan(BILLING_WRITE, of.create),
        f"GET {base}": _v1_plan(BILLING_READ, of.list),
        f"GET {one}": _v1_plan(BILLING_READ, of.get),
        f"PUT {one}": _v1_plan(BILLING_WRITE, of.update),
        f"DELETE {one}": _v1_plan(BILLING_WRITE, of.delete),
        f"POST {one}/publish": _v1_plan(BILLING_WRITE, of.publish),
        f"POST {one}/archive": _v1_plan(BILLING_WRITE, of.archive),
        f"POST {one}/next": _v1_plan(BILLING_WRITE, of.next),
    }


def _v3_plan_routes(prefix: str) -> dict[str, Endpoint]:
    base, one, of = f"{prefix}/plans", f"{prefix}/plans/{{planId}}", v3_plans.PlanEndpoints
    return {
        f"POST {base}": _v3_plan(BILLING_WRITE, of.create),
        f"GET {base}": _v3_plan(BILLING_READ, of.list),
        f"GET {one}": _v3_plan(BILLING_READ, of.get),
        f"PUT {one}": _v3_plan(BILLING_WRITE, of.update),
        f"DELETE {one}": _v3_plan(BILLING_WRITE, of.delete),
        f"POST {one}/publish": _v3_plan(BILLING_WRITE, of.publish),
        f"POST {one}/archive": _v3_plan(BILLING_WRITE, of.archive),
    }


def _v1_subscription_routes() -> dict[str, Endpoint]:
    base, of = "/api/v1/subscriptions", v1_subscriptions.SubscriptionEndpoints
    one = f"{base}/{{subscriptionId}}"
    return {
        f"POST {base}": _v1_subscription(BILLING_WRITE, of.create),
        "GET /api/v1/customers/{customerIdOrKey}/subscriptions": _v1_subscription(BILLING_READ, of.list),
        f"GET {one}": _v1_subscription(BILLING_READ, of.get),
        f"DELETE {one}": _v1_subscription(BILLING_WRITE, of.delete),
        f"POST {one}/cancel": _v1_subscription(BILLING_WRITE, of.cancel),
        f"POST {one}/unschedule-cancelation": _v1_subscription(BILLING_WRITE, of.unschedule_cancelation),
        f"POST {one}/restore": _v1_subscription(BILLING_WRITE, of.restore),
        f"POST {one}/change": _v1_subscription(BILLING_WRITE, of.change),
        f"POST {one}/migrate": _v1_subscription(BILLING_WRITE, of.migrate),
    }


def _v3_subscription_routes(prefix: str) -> dict[str, Endpoint]:
    base, of = f"{prefix}/subscriptions", v3_subscriptions.SubscriptionEndpoints
    one = f"{base}/{{subscriptionId}}"
    return {
        f"POST {base}": _v3_subscription(BILLING_WRITE, of.create),
        f"GET {base}": _v3_subscription(BILLING_READ, of.list),
        f"GET {one}": _v3_subscription(BILLING_READ, of.get),
        f"DELETE {one}": _v3_subscription(BILLING_WRITE, of.delete),
        f"POST {one}/cancel": _v3_subscription(BILLING_WRITE, of.cancel),
        f"POST {one}/unschedule-cancelation": _v3_subscription(BILLING_WRITE, of.unschedule_cancelation),
        f"POST {one}/change": _v3_subscription(BILLING_WRITE, of.change),
    }


# ---- invoices and charges


_v1_invoice = _with(lambda: services().invoices, v1_problem)
_v3_invoice = _with(lambda: services().invoices, v3_problem)


def _invoice_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/billing/invoices", "/api/v1/billing/invoices/{invoiceId}"
    return {
        f"GET {base}": _v1_invoice(BILLING_READ, v1_invoices.list_invoices),
        f"POST {base}/invoice": _v1_invoice(BILLING_WRITE, v1_invoices.issue_invoices),
        f"GET {one}": _v1_invoice(BILLING_READ, v1_invoices.get_invoice),
        f"POST {one}/void": _v1_invoice(BILLING_WRITE, v1_invoices.void_invoice),
        "GET /v1/{workspace_id}/invoices/{invoice}": _v1_invoice(BILLING_READ, invoice_pages.get_page),
    }


def _v3_charge_routes(prefix: str) -> dict[str, Endpoint]:
    charges = _v3_invoice(BILLING_READ, v3_charges.list_charges)
    return {f"GET {prefix}/customers/{{customerId}}/charges": charges}


# ---- thresholds


_notification = _with(lambda: services().thresholds, v1_problem)


def _notification_routes() -> dict[str, Endpoint]:
    base = "/api/v1/notification"
    rules, rule, channels = f"{base}/rules", f"{base}/rules/{{ruleId}}", f"{base}/channels"
    channel = f"{base}/channels/{{channelId}}"
    return {
        f"POST {rules}": _notification(BILLING_WRITE, v1_notifications.create_rule),
        f"GET {rules}": _notification(BILLING_READ, v1_notifications.list_rules),
        f"GET {rule}": _notification(BILLING_READ, v1_notifications.get_rule),
        f"PUT {rule}": _notification(BILLING_WRITE, v1_notifications.replace_rule),
        f"DELETE {rule}": _notification(BILLING_WRITE, v1_notifications.delete_rule),
        f"POST {channels}": _notification(BILLING_WRITE, v1_notifications.create_channel),
        f"GET {channels}": _notification(BILLING_READ, v1_notifications.list_channels),
        f"GET {channel}": _notification(BILLING_READ, v1_notifications.get_channel),
        f"PUT {channel}": _notification(BILLING_WRITE, v1_notifications.replace_channel),
        f"DELETE {channel}": _notification(BILLING_WRITE, v1_notifications.delete_channel),
        f"GET {base}/events": _notification(BILLING_READ, v1_notifications.list_events),
        f"GET {base}/events/{{eventId}}": _notification(BILLING_READ, v1_notifications.get_event),
    }


# ---- entitlements


def _entitlement_routes(base: str, of: type[v1_entitlements.SubjectEntitlements]) -> dict[str, Endpoint]:
    one = f"{base}/{{entitlementIdOrFeatureKey}}"
    entitlement = _of(
        lambda: of(services().entitlements, services().grants, _clock, services().find_subject), v1_problem
    )
    return {
        f"POST {base}": entitlement(BILLING_WRITE, of.create),
        f"GET {base}": entitlement(BILLING_READ, of.list),
        f"GET {one}": entitlement(BILLING_READ, of.get),
        f"DELETE {one}": entitlement(BILLING_WRITE, of.delete),
        f"PUT {one}/override": entitlement(BILLING_WRITE, of.override),
        f"GET {one}/value": entitlement(BILLING_READ, of.value),
        f"GET {one}/history": entitlement(BILLING_READ, of.history),
        f"GET {one}/grants": entitlement(BILLING_READ, of.list_grants),
        f"POST {one}/grants": entitlement(BILLING_WRITE, of.add_grant),
        f"POST {one}/reset": entitlement(BILLING_WRITE, of.reset),
    }


def _access_routes() -> dict[str, Endpoint]:
    v1, customer = v1_entitlements, "/api/v1/customers/{customerIdOrKey}"
    access = _with(lambda: services().entitlements, v1_problem)
    grant = _with(lambda: services().grants, v1_problem)
    return {
        "GET /api/v1/entitlements": access(
            BILLING_READ, lambda request, found: v1.list_all_entitlements(request, found, _clock)
        ),
        "GET /api/v1/entitlements/{entitlementId}": access(
            BILLING_READ, lambda request, found: v1.get_any_entitlement(request, found, _clock)
        ),
        "DELETE /api/v1/grants/{grantId}": grant(BILLING_WRITE, v1.void_grant),
        f"GET {customer}/access": access(BILLING_READ, v1.get_customer_access),
        f"GET {customer}/entitlements/{{featureKey}}/value": access(BILLING_READ, v1.get_customer_value),
    }


def _v3_access_routes(prefix: str) -> dict[str, Endpoint]:
    access = _with(lambda: services().entitlements, v3_problem)
    query = _with(lambda: services().access_query, v3_problem)
    return {
        f"GET {prefix}/customers/{{customerId}}/entitlement-access": access(BILLING_READ, v3_access.list_access),
        f"POST {prefix}/entitlement-access/query": query(BILLING_READ, v3_access.query_access),
    }


_V3_PREFIXES = ("/api/v3/openmeter", "/v3/openmeter")

ROUTES: Mapping[str, Endpoint] = {
    **_notification_routes(),
    **_v1_customer_routes(),
    **_v1_feature_routes(),
    **_v1_plan_routes(),
    **_v1_subscription_routes(),
    **_entitlement_routes("/api/v1/subjects/{subjectIdOrKey}/entitlements", v1_entitlements.SubjectEntitlements),
    **_entitlement_routes("/api/v2/customers/{customerIdOrKey}/entitlements", v2_entitlements.CustomerEntitlements),
    **_access_routes(),
    **_invoice_routes(),
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_customer_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_feature_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_plan_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_subscription_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_access_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_charge_routes(prefix).items()},
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
