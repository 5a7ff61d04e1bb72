"""Customers, features, plans, subscriptions, invoices and entitlements, in OpenMeter v1 and v3 (Kong) form."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ulid import ULID

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.customer_store import CustomerStore
from dynameter.billing.customers import CustomerService
from dynameter.billing.feature_store import FeatureStore
from dynameter.billing.features import FeatureService
from dynameter.clock import SystemClock
from dynameter.dialects.openmeter_v1 import customers as v1_customers
from dynameter.dialects.openmeter_v1 import features as v1_features
from dynameter.dialects.openmeter_v1.problems import problem as v1_problem
from dynameter.dialects.openmeter_v3 import customers as v3_customers
from dynameter.dialects.openmeter_v3 import features as v3_features
from dynameter.dialects.openmeter_v3.meters import problem as v3_problem
from dynameter.events.history import EventHistory
from dynameter.gateway.catalog import Catalog
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings
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
    return CustomerService(CustomerStore(catalog()), _clock, new_id)


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


_V3_PREFIXES = ("/api/v3/openmeter", "/v3/openmeter")

ROUTES: Mapping[str, Endpoint] = {
    **_v1_customer_routes(),
    **_v1_feature_routes(),
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_customer_routes(prefix).items()},
    **{key: one for prefix in _V3_PREFIXES for key, one in _v3_feature_routes(prefix).items()},
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
