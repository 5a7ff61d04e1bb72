"""A real app under uvicorn with the middleware: usage equals what its clients were served, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from dynameter.middleware import MeteringSettings, Observer
from dynameter.middleware.asgi import MeteringMiddleware
from local.template import ROOT
from tests.conformance.api import Api
from tests.conformance.metered_app import KILOBYTE_PARTS
from tests.conformance.polling import eventually
from tests.conformance.tcp_proxy import TcpProxy
from tests.unit.middleware.asgi_world import answering, call

CLIENTS = 50
USERS = 7
ENDS_WITHIN_S = 150

MODES: dict[str, tuple[dict[str, str], Callable[[int], Decimal]]] = {
    "request": ({"metering_mode": "request"}, lambda _: Decimal(1)),
    "bytes": (
        {"metering_mode": "bytes", "metering_expr": "responseBytes / 1024"},
        lambda number: Decimal(number * KILOBYTE_PARTS) / 1024,
    ),
    "field": ({"metering_mode": "response_field", "metering_expr": "respBody.usage.total_tokens"}, Decimal),
    "custom": (
        {
            "metering_mode": "custom",
            "metering_expr": "respBody.model == 'gpt-4' ? respBody.tokens * 2 : respBody.tokens",
        },
        lambda number: Decimal(number * 2 if number % 2 else number),
    ),
    "sse": (
        {
            "metering_mode": "custom",
            "protocol": "sse",
            "metering_expr": "json(sseLastData(allData)).usage.tokens + sseEvents",
        },
        lambda number: Decimal(number + number % 5 + 2),
    ),
}


@dataclass
class World:
    """A service with routes and meters for an app that is served under ``prefix``."""

    api: Api
    prefix: str

    def usage(self, meter: str, group: str) -> dict[str, Any]:
        answer = self.api.get(f"/api/v1/meters/{self.prefix}_{meter}/query?groupBy={group}")
        rows = answer.json()["data"]
        if group == "subject":
            return {row["subject"]: row["value"] for row in rows}
        return {row["groupBy"][group]: row["value"] for row in rows if row["groupBy"][group].startswith(self.prefix)}

    def errors(self) -> set[str]:
        """Why exchanges of this world's routes counted otherwise than their routes say."""
        rows = self.api.get(f"/api/v1/meters/{self.prefix}_units/query?groupBy=route&groupBy=error").json()["data"]
        groups = [row["groupBy"] for row in rows]
        return {one["error"] for one in groups if one["route"].startswith(self.prefix) and one["error"]}


@pytest.fixture
def world(api: Api) -> World:
    found = World(api, api.fresh("metered"))
    for kind, (metering, _) in MODES.items():
        attributes = {"name": f"{found.prefix}-{kind}", "path_pattern": f"/{found.prefix}/{kind}/", **metering}
        answer = api.post("/admin/routes", {"data": {"type": "routes", "attributes": attributes}})
        assert answer.status == 201, answer.text
    for meter, field in (("units", "$.units"), ("requests", "$.requests")):
        body = {
            "slug": f"{found.prefix}_{meter}",
            "eventType": "api.usage",
            "aggregation": "SUM",
            "valueProperty": field,
            "groupBy": {"route": "$.route", "error": "$.metering_error"},
        }
        assert api.post("/api/v1/meters", body).status == 201
    return found


@dataclass
class App:
    """The app in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    async def end(self) -> None:
        """SIGTERM, and wait for the end."""
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, ENDS_WITHIN_S)


@asynccontextmanager
async def running_app(port: int, key: str, *, spool: Path | None = None, shutdown_s: float) -> AsyncIterator[App]:
    environment = {
        **os.environ,
        "DYNAMETER_URL": f"http://127.0.0.1:{port}",
        "DYNAMETER_API_KEY": key,
        "DYNAMETER_SPOOL": str(spool or ""),
        "SHUTDOWN_S": str(shutdown_s),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.metered_app"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout:
            printed = (await asyncio.to_thread(process.stdout.readline)).strip()
        yield App(process, f"http://127.0.0.1:{printed}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def call_all(
    app: App, world: World, calls: Iterator[tuple[str, int]], after: Mapping[int, Callable[[], Awaitable[None]]]
) -> None:
    """Make the calls from many clients at once; ``after`` so many of them were served something happens."""
    served = 0

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal served
        for kind, number in calls:
            headers = {"X-User-Id": f"{world.prefix}-{number % USERS}"}
            async with session.get(f"{app.url}/{world.prefix}/{kind}/{number}", headers=headers) as response:
                await response.read()
                assert response.status == 200
            served += 1
            if served in after:
                await after[served]()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))


def calls_of_each_mode(count: int) -> list[tuple[str, int]]:
    return [(kind, number) for number in range(1, count + 1) for kind in MODES]


def expected(world: World, calls: list[tuple[str, int]]) -> tuple[dict[str, Decimal], dict[str, int]]:
    """Units by route, and requests by user."""
    units: dict[str, Decimal] = defaultdict(Decimal)
    for kind, number in calls:
        units[f"{world.prefix}-{kind}"] += MODES[kind][1](number)
    return dict(units), dict(Counter(f"{world.prefix}-{number % USERS}" for _, number in calls))


def check_usage(world: World, calls: list[tuple[str, int]]) -> None:
    units, requests = expected(world, calls)
    of_routes = {route: sum(1 for kind, _ in calls if route == f"{world.prefix}-{kind}") for route in units}
    eventually(lambda: world.usage("requests", "route"), of_routes, within_s=60)
    assert world.usage("units", "route") == units
    of_users = {user: count for user, count in world.usage("requests", "subject").items() if user in requests}
    assert of_users == requests
    assert world.errors() == set()


def port_of(world: World) -> int:
    return urlsplit(world.api.url).port or 0


def test_what_a_terminated_app_could_not_send_is_sent_by_the_next_one(world: World, tmp_path: Path) -> None:
    calls = calls_of_each_mode(50)

    async def scenario() -> None:
        proxy = TcpProxy(port_of(world))
        await proxy.open()
        async with running_app(proxy.port, world.api.key, spool=tmp_path, shutdown_s=0.5) as app:
            await call_all(app, world, iter(calls), {100: proxy.cut})
            await app.end()
        assert list(tmp_path.glob("*.events"))
        async with running_app(port_of(world), world.api.key, spool=tmp_path, shutdown_s=30) as app:
            await call_all(app, world, iter(calls[:5]), {})
            await app.end()

    asyncio.run(scenario())

    assert not list(tmp_path.glob("*.events"))
    check_usage(world, calls + calls[:5])


def test_usage_is_exact_though_the_service_was_away_and_the_app_was_terminated_after_its_last_request(
    world: World,
) -> None:
    calls = calls_of_each_mode(1_000)

    async def scenario() -> None:
        proxy = TcpProxy(port_of(world))
        await proxy.open()
        async with running_app(proxy.port, world.api.key, shutdown_s=120) as app:
            outage = {1_000: proxy.cut, 3_500: proxy.open}
            await call_all(app, world, iter(calls), outage)
            await app.end()
        await proxy.cut()

    asyncio.run(scenario())

    check_usage(world, calls)


@pytest.mark.parametrize(("monthly", "status", "limit"), [(0, 402, "0"), (5, 200, "5")])
def test_the_quota_of_a_plan_is_enforced_in_front_of_an_app(api: Api, monthly: int, status: int, limit: str) -> None:
    plan, user = api.fresh("plan"), api.fresh("user")
    attributes = {"id": plan, "name": plan, "requests_per_month": monthly, "quota_grace_pct": 0}
    assert api.post("/admin/plans", {"data": {"type": "plans", "attributes": attributes}}).status == 201
    assert api.put(f"/admin/users/{user}/plan", {"plan_id": plan}).status == 200
    settings = MeteringSettings(
        url=api.url,
        key=api.key,
        workspace=api.workspace,
        enforce_quota=True,
        quota_timeout_s=30,
        identify=lambda _: user,
    )
    observer = Observer(settings)

    sent = call(MeteringMiddleware(answering(b"served"), observer=observer))
    observer.close()

    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    assert (sent[0]["status"], headers["x-quota-limit"], headers["x-quota-used"]) == (status, limit, "1")
    assert ("retry-after" in headers) == (status == 402)
