"""The emit function behind its handler, over a store in memory (``door``) or over Moto (``emit``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from dynameter.dialects.intake_answers import IntakeDesk
from dynameter.events.event import Event
from dynameter.events.intake import Intake
from dynameter.events.store import decode_item
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, LambdaContext, ManualClock, http_event, load_function

BATCH = "application/cloudevents-batch+json"
SINGLE = "application/cloudevents+json"
V1 = "POST /api/v1/events"
V3 = "POST /api/v3/openmeter/events"
KONNECT = "POST /v3/openmeter/events"
ZUPLO = "POST /v3/metering/{bucketId}/events"
AMIGO = "POST /v1/{workspace_id}/metering/emit"


def cloudevent(**changes: Any) -> dict[str, Any]:
    """A good CloudEvent; a change to None takes the attribute away."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "shop",
        "type": "request",
        "subject": "customer-1",
        "time": "2026-01-14T10:00:00Z",
        "data": {"count": 1},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def emission(**changes: Any) -> dict[str, Any]:
    """A good body for Amigo's door; a change to None takes the field away."""
    body = {"event_type": "voice.minutes", "metering_quantity": 12.5, "metering_source": "production", **changes}
    return {name: value for name, value in body.items() if value is not None}


class MemoryStore:
    """Keeps events in a dict, as the events table does under its condition."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str, str], Event] = {}

    def put_all(self, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        found: list[bytes | None] = []
        for event in events:
            kept = self.events.setdefault((event.workspace, event.source, event.id), event)
            found.append(None if kept is event else kept.fingerprint)
        return found


@dataclass
class Answer:
    """What a door answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Accepted, duplicate, conflict."""
        names = ("dynameter-accepted", "dynameter-duplicate", "dynameter-conflict")
        accepted, duplicate, conflict = (int(self.headers[name]) for name in names)
        return accepted, duplicate, conflict

    @property
    def fields(self) -> list[str]:
        """The wrong fields, as OpenMeter's doors name them."""
        body = self.json
        listed = body.get("invalid_parameters") or body.get("extensions", {}).get("validationErrors", [])
        return [one["field"] for one in listed]


@dataclass
class Doors:
    """Sends requests to the handler as API Gateway does."""

    app: ModuleType
    context: LambdaContext = field(default_factory=LambdaContext)

    def send(
        self, route: str, body: Any = None, *, content_type: str | None = None, headers: Any = None, **caller: Any
    ) -> Answer:
        names = {"{bucketId}": "bucketId", "{workspace_id}": "workspace_id"}
        path = {name: caller.pop("at", WORKSPACE) for braces, name in names.items() if braces in route} or None
        sent = {**({"content-type": content_type} if content_type else {}), **(headers or {})}
        event = http_event(route, path=path, headers=sent, body=body, **caller)
        if content_type == "":
            del event["headers"]["content-type"]
        return self.deliver(event)

    def deliver(self, event: dict[str, Any]) -> Answer:
        answer = self.app.handler(event, self.context)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])


@dataclass
class MemoryDoors(Doors):
    """The doors over a store in memory."""

    store: MemoryStore = field(default_factory=MemoryStore)

    def stored(self) -> list[Event]:
        return list(self.store.events.values())


@dataclass
class EngineDoors(Doors):
    """The doors over Moto."""

    client: Any = None
    table: str = ""

    def stored(self) -> list[Event]:
        return [decode_item(item) for item in self.client.scan(TableName=self.table)["Items"]]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> MemoryDoors:
    app = load_function("emit")
    doors = MemoryDoors(app)
    desk = IntakeDesk(Intake(doors.store, clock), app.count)
    monkeypatch.setattr(app, "desk", lambda: desk)
    return doors


@pytest.fixture
def emit(settings: Settings, dynamodb: Any) -> EngineDoors:
    return EngineDoors(load_function("emit"), client=dynamodb, table=settings.events_table)
