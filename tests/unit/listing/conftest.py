"""The meters function on an engine with events in its table; each test has a workspace of its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.events.event import Event
from dynameter.events.store import encode_item
from dynameter.runtime.settings import Settings
from tests.conftest import LambdaContext, ManualClock, http_event
from tests.unit.meters.conftest import function

__all__ = ["function"]

NOW = ManualClock().now
SECOND = 1_000_000


def make_event(workspace: str, id_: str, **given: Any) -> Event:
    """An event; ``at`` are microseconds after NOW, ``data`` is an object or None."""
    data = given.pop("data", {"tokens": 1})
    at = given.pop("at", 0)
    fields: dict[str, Any] = {
        "source": "test",
        "type": "completion",
        "subject": "customer-1",
        "extensions": None,
        "fingerprint": uuid.uuid4().bytes,
        "ingested_at_us": NOW + 1,
    }
    text = None if data is None else codec.encode_sorted(data).decode()
    return Event(workspace=workspace, id=id_, time_us=NOW + at, data=text, **(fields | given))


@dataclass
class Desk:
    """What a test does: store events, make meters, ask."""

    function: ModuleType
    client: Any
    settings: Settings
    workspace: str
    context: LambdaContext = field(default_factory=LambdaContext)

    def store(self, *events: Event) -> None:
        for event in events:
            self.client.put_item(TableName=self.settings.events_table, Item=encode_item(event))

    def event(self, id_: str, **given: Any) -> Event:
        return make_event(self.workspace, id_, **given)

    def add(self, *ids: str, **given: Any) -> None:
        """Store events of these ids, each a second after the one before."""
        self.store(*(self.event(id_, **({"at": place * SECOND} | given)) for place, id_ in enumerate(ids)))

    def meter(self, slug: str, **given: Any) -> dict[str, Any]:
        body = {"slug": slug, "eventType": "completion", "aggregation": "SUM", "valueProperty": "$.tokens"} | given
        status, made, _ = self.send("POST /api/v1/meters", body={key: one for key, one in body.items() if one})
        assert status == 201
        return dict(made)

    def send(self, route: str, *query: tuple[str, str], **given: Any) -> tuple[int, Any, dict[str, str]]:
        event = http_event(route, query=list(query), **({"workspace": self.workspace} | given))
        answer = self.function.handler(event, self.context)
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None, answer["headers"]


@pytest.fixture
def desk(function: ModuleType, client: Any, engine: Settings, workspace: str) -> Desk:
    # The clock of the function moves when it waits; here "now" is the instant that the events are made for.
    function.__dict__["_clock"].now = NOW
    return Desk(function, client, engine, workspace)
