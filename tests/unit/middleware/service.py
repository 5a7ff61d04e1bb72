"""The metering service as the middleware sees it: routes to fetch, events to send, a quota to ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dynameter.middleware import MeteringSettings, Observer
from dynameter.middleware.sender import PATH as EVENTS
from tests.conftest import http_event
from tests.fake_service import FakeService, Sent, Told, fake_service

DEADLINE_S = 10.0


def route(mode: str = "request", expression: str = "", *, prefix: str = "/", **more: Any) -> dict[str, Any]:
    """A route as ``GET /admin/routes`` has it."""
    attributes = {
        "name": f"{mode} route",
        "path_pattern": prefix,
        "match_type": "prefix",
        "methods": [],
        "priority": 0,
        "enabled": True,
        "metering_mode": mode,
        "metering_expr": expression,
        "metering_unit": "requests",
        "protocol": "http",
        **more,
    }
    return {"type": "routes", "id": f"{mode}-{prefix}", "attributes": attributes}


@dataclass
class MeteringService:
    """What it was sent, and how it answers; ``events_answer`` may stand in for the answer to events."""

    fake: FakeService
    routes: list[dict[str, Any]] = field(default_factory=list)
    events_answer: Callable[[Sent], Told] | None = None
    routes_answer: Callable[[Sent], Told] | None = None
    quota_answer: Callable[[Sent], Told] | None = None

    def answer(self, sent: Sent) -> Told:
        if sent.path == "/admin/routes":
            return self.routes_answer(sent) if self.routes_answer else Told(200, {"data": self.routes})
        if sent.path == EVENTS:
            return self.events_answer(sent) if self.events_answer else accepted(sent)
        return self.quota_answer(sent) if self.quota_answer else Told(404)

    @property
    def batches(self) -> list[list[dict[str, Any]]]:
        """The events of every request for events."""
        return [sent.json() for sent in list(self.fake.sent) if sent.path == EVENTS]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    @property
    def data(self) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events]


def accepted(sent: Sent) -> Told:
    return Told(200, {"results": [{"index": index, "status": "accepted"} for index, _ in enumerate(sent.json())]})


@contextmanager
def metering_service(*routes: dict[str, Any]) -> Iterator[MeteringService]:
    with fake_service() as fake:
        service = MeteringService(fake, list(routes))
        fake.answer = service.answer
        yield service


@contextmanager
def observing(service: MeteringService, *, known: bool = True, **more: Any) -> Iterator[Observer]:
    """An observer of that service, closed at the end; ``known``: not before it has the routes."""
    observer = Observer(quick_settings(service.fake.url, **more))
    try:
        if known:
            assert observer.wait_ready(DEADLINE_S)
        yield observer
    finally:
        observer.close()


def quick_settings(url: str, **more: Any) -> MeteringSettings:
    """Settings that wait for little."""
    quick: dict[str, Any] = {
        "batch_wait_s": 0.01,
        "retry_max_s": 0.02,
        "shutdown_s": 2.0,
        "quota_timeout_s": 10.0,
        **more,
    }
    return MeteringSettings(url=url, key="dm_test", **quick)


def lambda_event(route_key: str, **more: Any) -> dict[str, Any]:
    """An API Gateway event of the default stage, which Powertools asks for."""
    event = http_event(route_key, **more)
    event["requestContext"]["stage"] = "$default"
    return event


def wait_until(holds: Callable[[], bool]) -> None:
    """Look again and again until it holds; fail when that takes too long."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)
