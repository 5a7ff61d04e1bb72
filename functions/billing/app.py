"""Customers, features, plans, subscriptions, invoices and entitlements, in OpenMeter v1 and v3 (Kong) form."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ulid import ULID

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.access_query import AccessQuery
from dynameter.billing.customer_store import CustomerStore
from dynameter.billing.customers import CustomerService
from dynameter.billing.entitlement_store import EntitlementStore
from dynameter.billing.entitlements import EntitlementService
from dynameter.billing.feature_store import FeatureStore
from dynameter.billing.features import FeatureService
from dynameter.billing.grants import GrantService
from dynameter.billing.invoicing.provider import Sandbox
from dynameter.billing.invoicing.service import InvoiceService
from dynameter.billing.invoicing.store import InvoiceStore
from dynameter.billing.metering import BillingUsage
from dynameter.billing.plan_store import PlanStore
from dynameter.billing.plans import PlanService
from dynameter.billing.segment_usage import SegmentUsage
from dynameter.billing.standing import Standings
from dynameter.billing.subscription_entitlements import SubscriptionEntitlements
from dynameter.billing.subscription_store import SubscriptionStore
from dynameter.billing.subscriptions import SubscriptionService
from dynameter.billing.thresholds.service import ThresholdService
from dynameter.billing.thresholds.store import ThresholdStore
from dynameter.clock import SystemClock
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
from dynameter.events.history import EventHistory
from dynameter.gateway.catalog import Catalog
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.meters.rules import is_id
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings
from dynameter.subjects.store import SubjectStore
from dynameter.usage.edges import EdgeReader
from dynameter.usage.service import UsageService
from dynameter.usage.store import UsageStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_clock = SystemClock()


@lru_cache(maxsize=1)
def storage() -> tuple[Settings, DynamoDBClient]:
    """The settings and the one client of all services."""
    settings = Settings.from_env(os.environ)
    return settings, create_client(settings, clock=_clock)


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """The catalog table."""
    settings, client = storage()
    return Catalog(client, settings.catalog_table, partial(pause, clock=_clock))


def new_id() -> str:
    """The id of something new."""
    return str(ULID())


@lru_cache(maxsize=1)
def meters() -> MeterService:
    """The meters that features are sold by."""
    settings, client = storage()
    store = MeterStore(client, settings.catalog_table)
    return MeterService(store, _clock, new_id, settings.clock_skew_ms, settings.settle_ms)


@lru_cache(maxsize=1)
def usage() -> UsageService:
    """What meters have counted, exact to the instant."""
    settings, client = storage()
    edges = EdgeReader(EventHistory(client, settings), _clock, settings.event_retention_days)
    return UsageService(UsageStore(client, settings.usage_table), edges)


# ---- customers and features


@lru_cache(maxsize=1)
def customers() -> CustomerService:
    """Who is billed."""
    store = CustomerStore(catalog())
    return CustomerService(store, _clock, new_id, lambda *customer: subscriptions().is_subscribed(*customer))


@lru_cache(maxsize=1)
def features() -> FeatureService:
    """What is sold."""
    return FeatureService(FeatureStore(catalog()), meters(), _clock, new_id)


def _customers(scope: str, answer: Callable[[Request, CustomerService], Response], problem: Any) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, customers()), problem)


def _features(scope: str, answer: Callable[[Request, FeatureService], Response], problem: Any) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, features()), problem)


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


@lru_cache(maxsize=1)
def plans() -> PlanService:
    """What customers can subscribe to."""
    return PlanService(PlanStore(catalog()), features(), _clock, new_id)


@lru_cache(maxsize=1)
def subscriptions() -> SubscriptionService:
    """Who has subscribed to what."""
    store = SubscriptionStore(catalog(), CustomerStore(catalog()).hold)
    hooks = SubscriptionEntitlements(EntitlementStore(catalog()), customers(), features(), _clock, new_id)
    return SubscriptionService(store, plans(), customers(), _clock, new_id, hooks)


def _v1_plans(scope: str, answer: Callable[[v1_plans.PlanEndpoints, Request], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(v1_plans.PlanEndpoints(plans(), _clock), request), v1_problem)


def _v3_plans(scope: str, answer: Callable[[v3_plans.PlanEndpoints, Request], Response]) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(v3_plans.PlanEndpoints(plans(), features(), _clock), request)

    return Endpoint(scope, send, v3_problem)


def _v1_subscriptions(
    scope: str, answer: Callable[[v1_subscriptions.SubscriptionEndpoints, Request], Response]
) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(v1_subscriptions.SubscriptionEndpoints(subscriptions(), customers(), _clock), request)

    return Endpoint(scope, send, v1_problem)


def _v3_subscriptions(
    scope: str, answer: Callable[[v3_subscriptions.SubscriptionEndpoints, Request], Response]
) -> Endpoint:
    def send(request: Request) -> Response:
        return answer(v3_subscriptions.SubscriptionEndpoints(subscriptions(), customers(), _clock), request)

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


@lru_cache(maxsize=1)
def billing_usage() -> BillingUsage:
    """What of usage is billed."""
    return BillingUsage(meters(), usage())


@lru_cache(maxsize=1)
def invoices() -> InvoiceService:
    """What customers owe."""
    store = InvoiceStore(catalog())
    return InvoiceService(store, customers(), subscriptions(), features(), billing_usage(), Sandbox(), _clock)


def _invoices(scope: str, answer: Callable[[Request, InvoiceService], Response], problem: Any = v1_problem) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, invoices()), problem)


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


@lru_cache(maxsize=1)
def thresholds() -> ThresholdService:
    """Which usage is told of, and where."""
    settings, client = storage()
    store = ThresholdStore(catalog(), client, settings.catalog_table)
    return ThresholdService(store, features(), customers(), _clock, new_id, os.urandom)


def _notifications(scope: str, answer: Callable[[Request, ThresholdService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, thresholds()), v1_problem)


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


@lru_cache(maxsize=1)
def entitlements() -> tuple[EntitlementService, GrantService]:
    """What customers may use."""
    settings, client = storage()
    edges = EdgeReader(EventHistory(client, settings), _clock, settings.event_retention_days)
    rows = UsageStore(client, settings.usage_table)
    read = SegmentUsage(meters(), rows, edges, _clock, settings.event_retention_days)
    store = EntitlementStore(catalog())
    standings = Standings(store, _clock)
    service = EntitlementService(store, customers(), features(), standings, read, _clock, new_id)
    return service, GrantService(store, standings, _clock, new_id)


@lru_cache(maxsize=1)
def access_query() -> AccessQuery:
    """What many customers may use."""
    return AccessQuery(entitlements()[0], customers(), features(), _clock)


def _find_subject(workspace: str, id_or_key: str) -> str:
    settings, client = storage()
    known = SubjectStore(client, settings.catalog_table).get_by_id(workspace, id_or_key) if is_id(id_or_key) else None
    return known.key if known else id_or_key


def _entitlements(
    scope: str, of: type[v1_entitlements.SubjectEntitlements], answer: Callable[[Any, Request], Response]
) -> Endpoint:
    return Endpoint(scope, lambda request: answer(of(*entitlements(), _clock, _find_subject), request), v1_problem)


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
            lambda got: v1.list_all_entitlements(got, entitlements()[0], _clock),
        ),
        "GET /api/v1/entitlements/{entitlementId}": (
            BILLING_READ,
            lambda got: v1.get_any_entitlement(got, entitlements()[0], _clock),
        ),
        "DELETE /api/v1/grants/{grantId}": (BILLING_WRITE, lambda got: v1.void_grant(got, entitlements()[1])),
        f"GET {v1_customer}/access": (BILLING_READ, lambda got: v1.get_customer_access(got, entitlements()[0])),
        f"GET {v1_customer}/entitlements/{{featureKey}}/value": (
            BILLING_READ,
            lambda got: v1.get_customer_value(got, entitlements()[0]),
        ),
    }
    return {key: Endpoint(scope, answer, v1_problem) for key, (scope, answer) in found.items()}


def _v3_access_routes(prefix: str) -> dict[str, Endpoint]:
    return {
        f"GET {prefix}/customers/{{customerId}}/entitlement-access": Endpoint(
            BILLING_READ, lambda request: v3_access.list_access(request, entitlements()[0]), v3_problem
        ),
        f"POST {prefix}/entitlement-access/query": Endpoint(
            BILLING_READ, lambda request: v3_access.query_access(request, access_query()), v3_problem
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
