"""Customers, features, plans, subscriptions, invoices and entitlements, in OpenMeter v1 and v3 (Kong) form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.customers.service import CustomerService
from dynameter.billing.features.service import FeatureService
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.billing.thresholds.service import ThresholdService
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
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response

_clock = SystemClock()


@lru_cache(maxsize=1)
def services() -> BillingServices:
    """The services of this process."""
    return BillingServices(_clock)


# ---- customers and features


def _customers(scope: str, answer: Callable[[Request, CustomerService], Response], problem: Any) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, services().customers), problem)


def _features(scope: str, answer: Callable[[Request, FeatureService], Response], problem: Any) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, services().features), problem)


def _v1_customer_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/customers", "/api/v1/customers/{customerIdOrKey}"
    return {
        f"POST {base}": _customers(BILLING_WRITE, v1_customers.create_customer, v1_problem),
        f"GET {base}": _customers(BILLING_READ, v1_customers.list_customers, v1_problem),
        f"GET {one}": _customers(BILLING_READ, v1_customers.get_customer, v1_problem),
        f"PUT {one}": _customers(BILLING_WRITE, v1_customers.replace_customer, v1_problem),
        f"DELETE {one}": _customers(BILLING_WRITE, v1_customers.delete_customer, v1_problem),
    }


def _v3_customer_routes(prefix: str) -> dict[str, Endpoint]:
    base, one = f"{prefix}/customers", f"{prefix}/customers/{{customerId}}"
    return {
        f"POST {base}": _customers(BILLING_WRITE, v3_customers.create_customer, v3_problem),
        f"GET {base}": _customers(BILLING_READ, v3_customers.list_customers, v3_problem),
        f"GET {one}": _customers(BILLING_READ, v3_customers.get_customer, v3_problem),
        f"PUT {one}": _customers(BILLING_WRITE, v3_customers.replace_customer, v3_problem),
        f"DELETE {one}": _customers(BILLING_WRITE, v3_customers.delete_customer, v3_problem),
    }


def _v1_feature_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/features", "/api/v1/features/{featureIdOrKey}"
    return {
        f"POST {base}": _features(BILLING_WRITE, v1_features.create_feature, v1_problem),
        f"GET {base}": _features(BILLING_READ, v1_features.list_features, v1_problem),
        f"GET {one}": _features(BILLING_READ, v1_features.get_feature, v1_problem),
        f"DELETE {one}": _features(BILLING_WRITE, v1_features.archive_feature, v1_problem),
    }


def _v3_feature_routes(prefix: str) -> dict[str, Endpoint]:
    base, one = f"{prefix}/features", f"{prefix}/features/{{featureId}}"
    return {
        f"POST {base}": _features(BILLING_WRITE, v3_features.create_feature, v3_problem),
        f"GET {base}": _features(BILLING_READ, v3_features.list_features, v3_problem),
        f"GET {one}": _features(BILLING_READ, v3_features.get_feature, v3_problem),
        f"DELETE {one}": _features(BILLING_WRITE, v3_features.archive_feature, v3_problem),
    }


# ---- plans and subscriptions


def _v1_plans(scope: str, answer: Callable[[v1_plans.PlanEndpoints, Request], Response]) -> Endpoint:
    return Endpoint(
        scope, lambda request: answer(v1_plans.PlanEndpoints(services().plans, _clock), request), v1_problem
    )


def _v3_plans(scope: str, answer: Callable[[v3_plans.PlanEndpoints, Request], Response]) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(v3_plans.PlanEndpoints(services().plans, services().features, _clock), request)

    return Endpoint(scope, send, v3_problem)


def _v1_subscriptions(
    scope: str, answer: Callable[[v1_subscriptions.SubscriptionEndpoints, Request], Response]
) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(
            v1_subscriptions.SubscriptionEndpoints(services().subscriptions, services().customers, _clock), request
        )

    return Endpoint(scope, send, v1_problem)


def _v3_subscriptions(
    scope: str, answer: Callable[[v3_subscriptions.SubscriptionEndpoints, Request], Response]
) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(
            v3_subscriptions.SubscriptionEndpoints(services().subscriptions, services().customers, _clock), request
        )

    return Endpoint(scope, send, v3_problem)


def _v1_plan_routes() -> dict[str, Endpoint]:
    base, one, of = "/api/v1/plans", "/api/v1/plans/{planId}", v1_plans.PlanEndpoints
    return {
        f"POST {base}": _v1_plans(BILLING_WRITE, of.create),
        f"GET {base}": _v1_plans(BILLING_READ, of.list),
        f"GET {one}": _v1_plans(BILLING_READ, of.get),
        f"PUT {one}": _v1_plans(BILLING_WRITE, of.update),
        f"DELETE {one}": _v1_plans(BILLING_WRITE, of.delete),
        f"POST {one}/publish": _v1_plans(BILLING_WRITE, of.publish),
        f"POST {one}/archive": _v1_plans(BILLING_WRITE, of.archive),
        f"POST {one}/next": _v1_plans(BILLING_WRITE, of.next),
    }


def _v3_plan_routes(prefix: str) -> dict[str, Endpoint]:
    base, one, of = f"{prefix}/plans", f"{prefix}/plans/{{planId}}", v3_plans.PlanEndpoints
    return {
        f"POST {base}": _v3_plans(BILLING_WRITE, of.create),
        f"GET {base}": _v3_plans(BILLING_READ, of.list),
        f"GET {one}": _v3_plans(BILLING_READ, of.get),
        f"PUT {one}": _v3_plans(BILLING_WRITE, of.update),
        f"DELETE {one}": _v3_plans(BILLING_WRITE, of.delete),
        f"POST {one}/publish": _v3_plans(BILLING_WRITE, of.publish),
        f"POST {one}/archive": _v3_plans(BILLING_WRITE, of.archive),
    }


def _v1_subscription_routes() -> dict[str, Endpoint]:
    base, of = "/api/v1/subscriptions", v1_subscriptions.SubscriptionEndpoints
    one = f"{base}/{{subscriptionId}}"
    return {
        f"POST {base}": _v1_subscriptions(BILLING_WRITE, of.create),
        "GET /api/v1/customers/{customerIdOrKey}/subscriptions": _v1_subscriptions(BILLING_READ, of.list),
        f"GET {one}": _v1_subscriptions(BILLING_READ, of.get),
        f"DELETE {one}": _v1_subscriptions(BILLING_WRITE, of.delete),
        f"POST {one}/cancel": _v1_subscriptions(BILLING_WRITE, of.cancel),
        f"POST {one}/unschedule-cancelation": _v1_subscriptions(BILLING_WRITE, of.unschedule_cancelation),
        f"POST {one}/restore": _v1_subscriptions(BILLING_WRITE, of.restore),
        f"POST {one}/change": _v1_subscriptions(BILLING_WRITE, of.change),
        f"POST {one}/migrate": _v1_subscriptions(BILLING_WRITE, of.migrate),
    }


def _v3_subscription_routes(prefix: str) -> dict[str, Endpoint]:
    base, of = f"{prefix}/subscriptions", v3_subscriptions.SubscriptionEndpoints
    one = f"{base}/{{subscriptionId}}"
    return {
        f"POST {base}": _v3_subscriptions(BILLING_WRITE, of.create),
        f"GET {base}": _v3_subscriptions(BILLING_READ, of.list),
        f"GET {one}": _v3_subscriptions(BILLING_READ, of.get),
        f"DELETE {one}": _v3_subscriptions(BILLING_WRITE, of.delete),
        f"POST {one}/cancel": _v3_subscriptions(BILLING_WRITE, of.cancel),
        f"POST {one}/unschedule-cancelation": _v3_subscriptions(BILLING_WRITE, of.unschedule_cancelation),
        f"POST {one}/change": _v3_subscriptions(BILLING_WRITE, of.change),
    }


# ---- invoices and charges


def _invoices(scope: str, answer: Callable[[Request, InvoiceService], Response], problem: Any = v1_problem) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, services().invoices), problem)


def _invoice_routes() -> dict[str, Endpoint]:
    base, one = "/api/v1/billing/invoices", "/api/v1/billing/invoices/{invoiceId}"
    return {
        f"GET {base}": _invoices(BILLING_READ, v1_invoices.list_invoices),
        f"POST {base}/invoice": _invoices(BILLING_WRITE, v1_invoices.issue_invoices),
        f"GET {one}": _invoices(BILLING_READ, v1_invoices.get_invoice),
        f"POST {one}/void": _invoices(BILLING_WRITE, v1_invoices.void_invoice),
        "GET /v1/{workspace_id}/invoices/{invoice}": _invoices(BILLING_READ, invoice_pages.get_page),
    }


def _v3_charge_routes(prefix: str) -> dict[str, Endpoint]:
    charges = _invoices(BILLING_READ, v3_charges.list_charges, v3_problem)
    return {f"GET {prefix}/customers/{{customerId}}/charges": charges}


# ---- thresholds


def _notifications(scope: str, answer: Callable[[Request, ThresholdService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, services().thresholds), v1_problem)


def _notification_routes() -> dict[str, Endpoint]:
    base = "/api/v1/notification"
    rules, rule, channels = f"{base}/rules", f"{base}/rules/{{ruleId}}", f"{base}/channels"
    channel = f"{base}/channels/{{channelId}}"
    return {
        f"POST {rules}": _notifications(BILLING_WRITE, v1_notifications.create_rule),
        f"GET {rules}": _notifications(BILLING_READ, v1_notifications.list_rules),
        f"GET {rule}": _notifications(BILLING_READ, v1_notifications.get_rule),
        f"PUT {rule}": _notifications(BILLING_WRITE, v1_notifications.replace_rule),
        f"DELETE {rule}": _notifications(BILLING_WRITE, v1_notifications.delete_rule),
        f"POST {channels}": _notifications(BILLING_WRITE, v1_notifications.create_channel),
        f"GET {channels}": _notifications(BILLING_READ, v1_notifications.list_channels),
        f"GET {channel}": _notifications(BILLING_READ, v1_notifications.get_channel),
        f"PUT {channel}": _notifications(BILLING_WRITE, v1_notifications.replace_channel),
        f"DELETE {channel}": _notifications(BILLING_WRITE, v1_notifications.delete_channel),
        f"GET {base}/events": _notifications(BILLING_READ, v1_notifications.list_events),
        f"GET {base}/events/{{eventId}}": _notifications(BILLING_READ, v1_notifications.get_event),
    }


# ---- entitlements


def _entitlements(
    scope: str, of: type[v1_entitlements.SubjectEntitlements], answer: Callable[[Any, Request], Response]
) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(of(services().entitlements, services().grants, _clock, services().find_subject), request)

    return Endpoint(scope, send, v1_problem)


def _entitlement_routes(base: str, of: type[v1_entitlements.SubjectEntitlements]) -> dict[str, Endpoint]:
    one = f"{base}/{{entitlementIdOrFeatureKey}}"
    return {
        f"POST {base}": _entitlements(BILLING_WRITE, of, of.create),
        f"GET {base}": _entitlements(BILLING_READ, of, of.list),
        f"GET {one}": _entitlements(BILLING_READ, of, of.get),
        f"DELETE {one}": _entitlements(BILLING_WRITE, of, of.delete),
        f"PUT {one}/override": _entitlements(BILLING_WRITE, of, of.override),
        f"GET {one}/value": _entitlements(BILLING_READ, of, of.value),
        f"GET {one}/history": _entitlements(BILLING_READ, of, of.history),
        f"GET {one}/grants": _entitlements(BILLING_READ, of, of.list_grants),
        f"POST {one}/grants": _entitlements(BILLING_WRITE, of, of.add_grant),
        f"POST {one}/reset": _entitlements(BILLING_WRITE, of, of.reset),
    }


def _access_routes() -> dict[str, Endpoint]:
    v1, v1_customer = v1_entitlements, "/api/v1/customers/{customerIdOrKey}"
    found = {
        "GET /api/v1/entitlements": (
            BILLING_READ,
            lambda got: v1.list_all_entitlements(got, services().entitlements, _clock),
        ),
        "GET /api/v1/entitlements/{entitlementId}": (
            BILLING_READ,
            lambda got: v1.get_any_entitlement(got, services().entitlements, _clock),
        ),
        "DELETE /api/v1/grants/{grantId}": (BILLING_WRITE, lambda got: v1.void_grant(got, services().grants)),
        f"GET {v1_customer}/access": (BILLING_READ, lambda got: v1.get_customer_access(got, services().entitlements)),
        f"GET {v1_customer}/entitlements/{{featureKey}}/value": (
            BILLING_READ,
            lambda got: v1.get_customer_value(got, services().entitlements),
        ),
    }
    return {key: Endpoint(scope, answer, v1_problem) for key, (scope, answer) in found.items()}


def _v3_access_routes(prefix: str) -> dict[str, Endpoint]:
    return {
        f"GET {prefix}/customers/{{customerId}}/entitlement-access": Endpoint(
            BILLING_READ, lambda request: v3_access.list_access(request, services().entitlements), v3_problem
        ),
        f"POST {prefix}/entitlement-access/query": Endpoint(
            BILLING_READ, lambda request: v3_access.query_access(request, services().access_query), v3_problem
        ),
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
