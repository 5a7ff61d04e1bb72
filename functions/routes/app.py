"""Routes, plans, users' plans, measured exchanges, external events and quotas, in APIGate's form."""

from __future__ import annotations

import os
import random
import secrets
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ulid import ULID

from dynameter.access.principal import EVENTS_WRITE, METERS_WRITE, USAGE_READ
from dynameter.admission.bucket import Limit
from dynameter.admission.limiter import Limiter
from dynameter.admission.store import SharedBuckets
from dynameter.clock import SystemClock
from dynameter.dialects.apigate import exchanges, expressions, meter_events, plans, quota, routes, users
from dynameter.dialects.apigate.problems import problem
from dynameter.errors import DynameterError
from dynameter.events.event import Status
from dynameter.events.history import EventHistory
from dynameter.events.intake import Intake
from dynameter.events.listing import EventLister
from dynameter.events.store import EventStore
from dynameter.gateway.external import ExternalIntake
from dynameter.gateway.quotas.books import BookStore
from dynameter.gateway.quotas.meters import QuotaMeters
from dynameter.gateway.quotas.service import QuotaService
from dynameter.gateway.receipts import ReceiptStore
from dynameter.gateway.recording import ExchangeRecorder
from dynameter.gateway.service import PlanService, RouteService
from dynameter.gateway.store import PlanStore, RouteStore
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.dynamodb import create_client, describe_fault
from dynameter.runtime.observability import logger, publish_counts
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_clock = SystemClock()

_METRICS = {
    Status.ACCEPTED: "accepted",
    Status.DUPLICATE: "duplicate",
    Status.CONFLICT: "conflict",
    Status.INVALID: "rejected",
}
_NONCE_BYTES = 8


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


@lru_cache(maxsize=1)
def route_service() -> RouteService:
    """The routes, made once a cold start."""
    return RouteService(RouteStore(catalog()), _clock, lambda: str(ULID()))


@lru_cache(maxsize=1)
def plan_service() -> PlanService:
    """The plans and their users, made once a cold start."""
    return PlanService(PlanStore(catalog()), _clock)


@lru_cache(maxsize=1)
def event_store() -> EventStore:
    """The events table, written."""
    settings, client = storage()
    return EventStore(client, settings, _clock, random.random)


@lru_cache(maxsize=1)
def event_history() -> EventHistory:
    """The events table, read."""
    settings, client = storage()
    return EventHistory(client, settings)


@lru_cache(maxsize=1)
def intake() -> Intake:
    """Stores what callers report, within the workspace's limit."""
    settings, client = storage()
    if not settings.events_per_second:
        return Intake(event_store(), _clock)
    limit = Limit(settings.events_per_second, settings.event_burst)
    buckets = SharedBuckets(client, settings.usage_table)
    return Intake(event_store(), _clock, Limiter(buckets, limit, _clock, publish_counts, _report_limiter))


@lru_cache(maxsize=1)
def recorder() -> ExchangeRecorder:
    """Measures exchanges."""
    return ExchangeRecorder(RouteStore(catalog()), intake(), _clock)


@lru_cache(maxsize=1)
def external() -> ExternalIntake:
    """Takes external events."""
    settings, client = storage()
    receipts = ReceiptStore(client, settings.usage_table, _clock)
    return ExternalIntake(intake(), PlanStore(catalog()), receipts, _clock)


@lru_cache(maxsize=1)
def lister() -> EventLister:
    """Lists events."""
    return EventLister(event_history(), _clock)


@lru_cache(maxsize=1)
def quota_meters() -> QuotaMeters:
    """The meters that quotas read."""
    settings, client = storage()
    store = MeterStore(client, settings.catalog_table)
    meters = MeterService(store, _clock, lambda: str(ULID()), settings.clock_skew_ms, settings.settle_ms)
    return QuotaMeters(meters, UsageService(UsageStore(client, settings.usage_table)), _clock)


@lru_cache(maxsize=1)
def quotas() -> QuotaService:
    """Quotas and reservations; a commit's event is stored whatever the workspace's limit, for its units are taken."""
    settings, client = storage()
    return QuotaService(
        plan_service(),
        quota_meters(),
        BookStore(client, settings.usage_table),
        Intake(event_store(), _clock),
        event_history(),
        _clock,
        lambda: secrets.token_urlsafe(_NONCE_BYTES),
    )


def count(counts: Mapping[Status, int]) -> None:
    """Publish what became of the events of one request."""
    publish_counts({_METRICS[status]: number for status, number in counts.items()})


def new_id() -> str:
    """The id of an exchange that came without one."""
    return str(uuid.uuid4())


def _report_limiter(error: Exception) -> None:
    logger.warning("a workspace's limit could not be asked; its events pass", extra=describe_fault(error))


def _counted(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Answer when there are meters that count; that they cannot be made is no reason to refuse usage."""

    def answer_counted(request: Request) -> Response:
        try:
            quota_meters().ensure(request.principal.workspace)
        except DynameterError as error:
            logger.warning("the meters of quotas could not be made", extra={"error": error.message})
        return answer(request)

    return answer_counted


def _routes(scope: str, answer: Callable[[Request, RouteService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, route_service()), problem)


def _plans(scope: str, answer: Callable[[Request, PlanService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, plan_service()), problem)


ROUTES: Mapping[str, Endpoint] = {
    "POST /admin/routes": _routes(METERS_WRITE, routes.create_route),
    "GET /admin/routes": _routes(USAGE_READ, routes.list_routes),
    "GET /admin/routes/{id}": _routes(USAGE_READ, routes.get_route),
    "PATCH /admin/routes/{id}": _routes(METERS_WRITE, routes.update_route),
    "DELETE /admin/routes/{id}": _routes(METERS_WRITE, routes.delete_route),
    "POST /admin/routes/{id}/test": _routes(
        USAGE_READ, lambda request, service: routes.try_route(request, service, _clock)
    ),
    "POST /admin/expressions/test": Endpoint(
        USAGE_READ, lambda request: expressions.try_expression(request, _clock), problem
    ),
    "POST /admin/plans": _plans(METERS_WRITE, plans.create_plan),
    "GET /admin/plans": _plans(USAGE_READ, plans.list_plans),
    "GET /admin/plans/{id}": _plans(USAGE_READ, plans.get_plan),
    "PATCH /admin/plans/{id}": _plans(METERS_WRITE, plans.update_plan),
    "DELETE /admin/plans/{id}": _plans(METERS_WRITE, plans.delete_plan),
    "PUT /admin/users/{id}/plan": _plans(METERS_WRITE, users.set_plan),
    "GET /admin/users/{id}/plan": _plans(USAGE_READ, users.get_plan),
    "POST /v1/{workspace_id}/exchanges": Endpoint(
        EVENTS_WRITE,
        _counted(lambda request: exchanges.record_exchanges(request, recorder(), count, new_id)),
        problem,
    ),
    "POST /api/v1/meter": Endpoint(
        EVENTS_WRITE, _counted(lambda request: meter_events.record_events(request, external(), count)), problem
    ),
    "GET /api/v1/meter": Endpoint(
        USAGE_READ, lambda request: meter_events.list_events(request, lister(), _clock), problem
    ),
    "POST /v1/{workspace_id}/quota/check": Endpoint(
        USAGE_READ, lambda request: quota.check_quota(request, quotas(), route_service()), problem
    ),
    "POST /v1/{workspace_id}/quota/reserve": Endpoint(
        EVENTS_WRITE, lambda request: quota.reserve_quota(request, quotas()), problem
    ),
    "POST /v1/{workspace_id}/quota/commit": Endpoint(
        EVENTS_WRITE, lambda request: quota.commit_quota(request, quotas(), recorder()), problem
    ),
    "POST /v1/{workspace_id}/quota/release": Endpoint(
        EVENTS_WRITE, lambda request: quota.release_quota(request, quotas()), problem
    ),
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
