"""Manages meters and answers usage queries, in OpenMeter v1, OpenMeter v3 (Kong) and Zuplo form."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dynameter.usage.service import UsageService
from ulid import ULID

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.clock import SystemClock
from dynameter.dialects.openmeter_v1 import meters as v1
from dynameter.dialects.openmeter_v1 import query as v1_query
from dynameter.dialects.openmeter_v1.problems import problem as v1_problem
from dynameter.dialects.openmeter_v3 import meters as v3
from dynameter.dialects.openmeter_v3 import query as v3_query
from dynameter.dialects.zuplo import meters as zuplo
from dynameter.dialects.zuplo import query as zuplo_query
from dynameter.dialects.zuplo.problems import problem as zuplo_problem
from dynameter.errors import DynameterError
from dynameter.http.lambda_proxy import Endpoint, dispatch
from dynameter.http.message import Request, Response
from dynameter.meters.service import MeterService
from dynameter.meters.store import MeterStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from dynameter.usage.store import UsageStore

_clock = SystemClock()

_Problem = Callable[[DynameterError, str], Response]
_Manage = Callable[[Request, MeterService], Response]
_Query = Callable[[Request, MeterService, UsageService], Response]


@lru_cache(maxsize=1)
def services() -> tuple[MeterService, UsageService]:
    """The services, made once a cold start."""
    settings = Settings.from_env(os.environ)
    client = create_client(settings)
    store = MeterStore(client, settings.catalog_table)
    meters = MeterService(store, _clock, lambda: str(ULID()), settings.clock_skew_ms)
    return meters, UsageService(UsageStore(client, settings.usage_table))


def _read(answer: _Manage, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, services()[0]), problem)


def _write(answer: _Manage, problem: _Problem) -> Endpoint:
    return Endpoint(METERS_WRITE, lambda request: answer(request, services()[0]), problem)


def _query(answer: _Query, problem: _Problem) -> Endpoint:
    return Endpoint(USAGE_READ, lambda request: answer(request, *services()), problem)


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
}


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway request."""
    return dispatch(event, context, ROUTES, _clock)
