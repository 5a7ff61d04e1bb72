"""The query endpoints with meters and usage behind them, in memory."""

from __future__ import annotations

import json
from collections.abc import Collection
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from dynameter.billing.customers.customer import Customer
from dynameter.errors import NotFound
from dynameter.events.event import Event
from dynameter.meters.meter import Meter
from dynameter.meters.service import MeterService
from dynameter.usage.folding.fold import fold
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore
from dynameter.usage.subjects.service import UsedSubjects
from dynameter.usage.subjects.store import PresenceStore
from tests.conftest import WORKSPACE, LambdaContext, ManualClock, http_event
from tests.unit.usage.builders import NOON, SHARD, define, instant, make_event, make_meter, make_record
from tests.unit.usage.fake_history import FakeHistory
from tests.unit.usage.fake_table import FakeTable

V1 = "/api/v1/meters/{meterIdOrSlug}/query"
ZUPLO = "/v3/metering/{bucketId}/meters/{meterIdOrSlug}/query"
V3 = "/api/v3/openmeter/meters/{meterId}/query"
KONNECT = "/v3/openmeter/meters/{meterId}/query"
SUBJECTS = "/api/v1/meters/{meterIdOrSlug}/subjects"
VALUES = "/api/v1/meters/{meterIdOrSlug}/group-by/{groupByKey}/values"
METER = make_meter(group_by={"model": "$.model", "type": "$.type"})
PATH = {"meterIdOrSlug": "requests", "meterId": METER.id, "bucketId": WORKSPACE, "groupByKey": "model"}


class Meters:
    """A catalog in memory, as far as queries need it."""

    def __init__(self) -> None:
        self.known: list[Meter] = []

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        return next((one for one in self.known if (one.workspace, one.id) == (workspace, meter_id)), None)

    def get_by_slug(self, workspace: str, slug: str) -> Meter | None:
        live = [one for one in self.known if one.deleted_at_us is None]
        return next((one for one in live if (one.workspace, one.slug) == (workspace, slug)), None)


class Customers:
    """Customers in memory, as far as queries need them."""

    def __init__(self) -> None:
        self.known: dict[str, Customer] = {}

    def add(self, id_: str, *subjects: str, key: str | None = None, deleted_at_us: int | None = None) -> None:
        name = id_.capitalize()
        self.known[id_] = Customer(WORKSPACE, id_, key, name, 1, 1, subjects, deleted_at_us=deleted_at_us)

    def named(self, workspace: str, ids: Collection[str]) -> tuple[Customer, ...]:
        for one in ids:
            if workspace != WORKSPACE or one not in self.known:
                raise NotFound(f"customer not found: {one}", code="customer_not_found")
        return tuple(self.known[one] for one in sorted({*ids}))


class Api:
    """The function with meters and usage behind it, in memory."""

    def __init__(self, app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self._app = app
        self.meters = Meters()
        shelf: Any = self.meters
        table: Any = FakeTable()
        self.history = FakeHistory()
        self._store = UsageStore(table, "usage", workers=1)
        meters = MeterService(shelf, ManualClock(), str, clock_skew_ms=0, settle_ms=0)
        edges = EdgeReader(self.history, ManualClock(NOON), retention_days=0, workers=1)
        services = meters, UsageService(self._store, edges, workers=1)
        used = UsedSubjects(self._store, PresenceStore(table, "usage"), edges, workers=1)
        self.customers = Customers()
        monkeypatch.setattr(app, "services", lambda: services)
        monkeypatch.setattr(app, "customers", lambda: self.customers)
        monkeypatch.setattr(app, "used_subjects", lambda: used)
        monkeypatch.setattr(app, "_clock", ManualClock(NOON))

    def define(self, meter: Meter, *events: tuple[Any, str, str, str]) -> None:
        """A meter with the events: value, time, subject, model."""
        self.define_over(
            meter,
            *(
                make_event(at, {"value": value, "model": model}, subject=subject, time_us=instant(time))
                for at, (value, time, subject, model) in enumerate(events, 1)
            ),
        )

    def define_over(self, meter: Meter, *events: Event) -> None:
        """A meter with the events, all of its type."""
        self.meters.known.append(meter)
        self.history.events += events
        records = [make_record(at, one) for at, one in enumerate(events, 1)]
        self._store.apply(SHARD, fold(records, define(meter)).rows, NOON)

    def answer(self, route: str, **request: Any) -> Any:
        path = {name: value for name, value in request.pop("path", {}).items() if "{" + name + "}" in route}
        return self._app.handler(http_event(route, path=path, **request), LambdaContext())

    def call(self, route: str, **request: Any) -> tuple[int, Any]:
        answer = self.answer(route, **request)
        return answer["statusCode"], json.loads(answer["body"], parse_float=Decimal)

    def v1(self, query: str | list[tuple[str, str]] = "", body: Any = None, **request: Any) -> tuple[int, Any]:
        """A GET with the query (``a=b&c=d`` or pairs), or a POST where there is a body."""
        method = "GET" if body is None else "POST"
        return self.call(
            f"{method} {request.pop('route', V1)}", path=PATH, query=read_pairs(query), body=body, **request
        )

    def v3(self, body: Any, meter_id: str = METER.id, route: str = V3) -> tuple[int, Any]:
        return self.call(f"POST {route}", path={"meterId": meter_id}, body=body)

    def file(self, query: str = "", accept: str = "text/csv", body: Any = None) -> Any:
        """The v1 query (v3 where there is a body) with ``Accept``."""
        route = f"GET {V1}" if body is None else f"POST {V3}"
        return self.answer(route, path=PATH, query=read_pairs(query), body=body, headers={"accept": accept})


def read_pairs(query: str | list[tuple[str, str]]) -> list[Any]:
    """``a=b&c=d`` as pairs."""
    return [tuple(one.split("=", 1)) for one in query.split("&") if one] if isinstance(query, str) else query
