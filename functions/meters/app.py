"""Manages meters and answers usage queries, in OpenMeter v1, OpenMeter v3 (Kong) and Zuplo form."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ulid import ULID

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.billing.customers.service import CustomerService
from dynameter.billing.customers.store import CustomerStore
from dynameter.billing.features.store import FeatureStore
from dynameter.clock import SystemClock
from dynameter.corrections.jobs import Candidates, VoidWorker
from dynameter.corrections.preview import Previewer
from dynameter.corrections.service import VoidService
from dynameter.corrections.store import VoidStore
from dynameter.dialects.dynameter import explain
from dynameter.dialects.dynameter import rebuild as meter_rebuild
from dynameter.dialects.dynameter import recount as meter_recount
from dynameter.dialects.dynameter import state as meter_state
from dynameter.dialects.dynameter import voids as event_voids
from dynameter.dialects.openmeter_v1 import listing as v1_listing
from dynameter.dialects.openmeter_v1 import meters as v1
from dynameter.dialects.openmeter_v1 import query as v1_query
from dynameter.dialects.openmeter_v1 import subjects as v1_subjects
from dynameter.dialects.openmeter_v1 import usage_lists
from dynameter.dialects.openmeter_v1.problems import problem as v1_problem
from dynameter.dialects.openmeter_v2 import listing as v2_listing
from dynameter.dialects.openmeter_v3 import listing as v3_listing
from dynameter.dialects.openmeter_v3 import meters as v3
from dynameter.dialects.openmeter_v3 import query as v3_query
from dynameter.dialects.openmeter_v3.problems import problem as v3_problem
from dynameter.dialects.zuplo import meters as zuplo
from dynameter.dialects.zuplo import query as zuplo_query
from dynameter.dialects.zuplo.problems import problem as zuplo_problem
from dynameter.errors import DynameterError
from dynameter.events.browser import EventBrowser
from dynameter.events.history import EventHistory
from dynameter.events.listing import EventLister
from dynameter.events.marks import EventMarks
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.rebuild.progress import RebuildProgress
from dynameter.rebuild.request import RebuildService
from dynameter.rebuild.store import JobStore
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings
from dynameter.subjects.service import SubjectService
from dynameter.subjects.store import SubjectStore
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.service import UsageService
from dynameter.usage.recounts.recount import RawReader
from dynameter.usage.recounts.repair import RecountService
from dynameter.usage.rows.store import UsageStore
from dynameter.usage.subjects.service import UsedSubjects
from dynameter.usage.subjects.store import PresenceStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_clock = SystemClock()

_Problem = Callable[[DynameterError, str], Response]
_Manage = Callable[[Request, MeterService], Response]
_Query = Callable[[Request, MeterService, UsageService, CustomerService], Response]
_ListUsed = Callable[[Request, MeterService, UsedSubjects], Response]
_Browse = Callable[[Request, EventBrowser], Response]
_Subjects = Callable[[Request, SubjectService], Response]


@lru_cache(maxsize=1)
def storage() -> tuple[Settings, DynamoDBClient]:
    """The settings and the one client of all services."""
    settings = Settings.from_env(os.environ)
    return settings, create_client(settings)


@lru_cache(maxsize=1)
def catalog() -> Catalog:
    """The catalog table."""
    settings, client = storage()
    return Catalog(client, settings.catalog_table, partial(pause, clock=_clock))


@lru_cache(maxsize=1)
def services() -> tuple[MeterService, UsageService]:
    """The services, made once a cold start."""
    settings, client = storage()
    store = MeterStore(client, settings.catalog_table)
    uses = FeatureStore(catalog())
    meters = MeterService(store, _clock, lambda: str(ULID()), settings.clock_skew_ms, settings.settle_ms, uses)
    return meters, UsageService(UsageStore(client, settings.usage_table), _edges())


@lru_cache(maxsize=1)
def customers() -> CustomerService:
    """Whose subjects are whose."""
    return CustomerService(CustomerStore(catalog()), _clock, lambda: str(ULID()))


@lru_cache(maxsize=1)
def used_subjects() -> UsedSubjects:
    """The subjects that meters have seen."""
    settings, client = storage()
    presence = PresenceStore(client, settings.usage_table)
    return UsedSubjects(UsageStore(client, settings.usage_table), presence, _edges())


def _edges() -> EdgeReader:
    settings, client = storage()
    return EdgeReader(EventHistory(client, settings), _clock, settings.event_retention_days)


@lru_cache(maxsize=1)
def browser() -> EventBrowser:
    """The stored events as people read them."""
    settings, client = storage()
    history = EventHistory(client, settings)
    lister, known = EventLister(history, _clock), MeterStore(client, settings.catalog_table)
    return EventBrowser(lister, history, known, customers())


@lru_cache(maxsize=1)
def rebuilds() -> RebuildProgress:
    """How far the rebuilds of meters are."""
    settings, client = storage()
    return RebuildProgress(JobStore(client, settings.catalog_table, _clock, settings.settle_ms * 1_000))


@lru_cache(maxsize=1)
def rebuild_service() -> RebuildService:
    """Rebuilds that people ask for."""
    settings, client = storage()
    rows = UsageStore(client, settings.usage_table)
    return RebuildService(services()[0], rows, _clock, settings.event_retention_days)


@lru_cache(maxsize=1)
def voids() -> VoidService:
    """The voids of events."""
    settings, client = storage()
    settle_us = settings.settle_ms * 1_000
    history, marks = EventHistory(client, settings), EventMarks(client, settings, _clock)
    store, candidates = VoidStore(client, settings.catalog_table), Candidates(marks, history)
    jobs = JobStore(client, settings.catalog_table, _clock, settle_us)
    worker = VoidWorker(store, marks, candidates, jobs, _clock)
    meters = MeterStore(client, settings.catalog_table)
    previewer = Previewer(candidates, RawReader(history, _clock), meters, _clock)
    return VoidService(store, worker, previewer, _clock, lambda: str(ULID()), settle_us)


@lru_cache(maxsize=1)
def recounts() -> RecountService:
    """Usage beside its raw events, and its repair."""
    settings, client = storage()
    settle_us = settings.settle_ms * 1_000
    jobs = JobStore(client, settings.catalog_table, _clock, settle_us)
    rows = UsageStore(client, settings.usage_table, jobs=jobs)
    raw = RawReader(EventHistory(client, settings), _clock)
    return RecountService(services()[1], rows, raw, _clock, settle_us, settings.event_retention_days)


@lru_cache(maxsize=1)
def subjects() -> SubjectService:
    """The subjects that people have named."""
    settings, client = storage()
    return SubjectService(SubjectStore(client, settings.catalog_table), _clock, lambda: str(ULID()))


def _read(answer: _Manage, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, services()[0]), problem)


def _write(answer: _Manage, problem: _Problem) -> Endpoint:
    return Endpoint(METERS_WRITE, lambda request: answer(request, services()[0]), problem)


def _query(answer: _Query, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, *services(), customers()), problem)


def _list_used(answer: _ListUsed, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, services()[0], used_subjects()), problem)


def _group_values(problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: usage_lists.list_group_values(request, *services(), _clock), problem)


def _browse(answer: _Browse, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, browser()), problem)


def _voids(scope: str, answer: Callable[[Request, VoidService], Response]) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, voids()), v1_problem)


def _recount() -> Endpoint:
    return Endpoint(
        METERS_WRITE, lambda request: meter_recount.recount_meter(request, services()[0], recounts()), v1_problem
    )


def _rebuild() -> Endpoint:
    return Endpoint(
        METERS_WRITE, lambda request: meter_rebuild.rebuild_meter(request, rebuild_service(), rebuilds()), v1_problem
    )


def _subjects(scope: str, answer: _Subjects) -> Endpoint:
    return Endpoint(scope, lambda request: answer(request, subjects()), v1_problem)


def _v1_routes(base: str, meters: Any, query: Any, problem: _Problem) -> dict[str, Endpoint]:
    one = base + "/{meterIdOrSlug}"
    return {
        f"POST {base}": _write(meters.create_meter, problem),
        f"GET {base}": _read(meters.list_meters, problem),
        f"GET {one}": _read(meters.get_meter, problem),
        f"PUT {one}": _write(meters.update_meter, problem),
        f"DELETE {one}": _write(meters.delete_meter, problem),
        f"GET {one}/query": _query(query.query_meter, problem),
        f"POST {one}/query": _query(query.query_meter, problem),
    }


def _v3_routes(base: str) -> dict[str, Endpoint]:
    one = base + "/{meterId}"
    return {
        f"POST {base}": _write(v3.create_meter, v3.problem),
        f"GET {base}": _read(v3.list_meters, v3.problem),
        f"GET {one}": _read(v3.get_meter, v3.problem),
        f"PUT {one}": _write(v3.update_meter, v3.problem),
        f"DELETE {one}": _write(v3.delete_meter, v3.problem),
        f"POST {one}/query": _query(v3_query.query_meter, v3.problem),
    }


ROUTES: Mapping[str, Endpoint] = {
    **_v1_routes("/api/v1/meters", v1, v1_query, v1_problem),
    **_v1_routes("/v3/metering/{bucketId}/meters", zuplo, zuplo_query, zuplo_problem),
    **_v3_routes("/api/v3/openmeter/meters"),
    **_v3_routes("/v3/openmeter/meters"),
    "GET /api/v1/meters/{meterIdOrSlug}/subjects": _list_used(usage_lists.list_subjects, v1_problem),
    "GET /api/v1/meters/{meterIdOrSlug}/group-by/{groupByKey}/values": _group_values(v1_problem),
    "GET /v3/metering/{bucketId}/meters/{meterIdOrSlug}/group-by/{groupByKey}/values": _group_values(zuplo_problem),
    "GET /api/v1/events": _browse(lambda request, found: v1_listing.list_events(request, found, _clock), v1_problem),
    "GET /api/v2/events": _browse(v2_listing.list_events, v1_problem),
    "GET /api/v3/openmeter/events": _browse(v3_listing.list_events, v3_problem),
    "GET /v3/openmeter/events": _browse(v3_listing.list_events, v3_problem),
    "GET /v1/{workspace_id}/meters/{slug}/state": _read(
        lambda request, found: meter_state.get_state(request, found, rebuilds()), v1_problem
    ),
    "POST /v1/{workspace_id}/meters/{slug}/recount": _recount(),
    "POST /v1/{workspace_id}/meters/{slug}/rebuild": _rebuild(),
    "POST /v1/{workspace_id}/voids": _voids(METERS_WRITE, event_voids.create_void),
    "GET /v1/{workspace_id}/voids": _voids(USAGE_READ, event_voids.list_voids),
    "GET /v1/{workspace_id}/voids/{void_id}": _voids(USAGE_READ, event_voids.get_void),
    "DELETE /v1/{workspace_id}/voids/{void_id}": _voids(METERS_WRITE, event_voids.delete_void),
    "GET /v1/{workspace_id}/events/explain": _browse(explain.explain_event, v1_problem),
    "POST /api/v1/subjects": _subjects(METERS_WRITE, v1_subjects.upsert_subjects),
    "GET /api/v1/subjects": _subjects(USAGE_READ, v1_subjects.list_subjects),
    "GET /api/v1/subjects/{subjectIdOrKey}": _subjects(USAGE_READ, v1_subjects.get_subject),
    "DELETE /api/v1/subjects/{subjectIdOrKey}": _subjects(METERS_WRITE, v1_subjects.delete_subject),
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
