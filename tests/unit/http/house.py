"""Every HTTP function over one DynamoDB in memory, asked as any workspace, its state kept and put back."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from dynameter.access.principal import SCOPES
from dynameter.billing.thresholds import eventbridge
from tests.conftest import ALL_SCOPES, http_event, load_function
from tests.simulation.delivery import Delivery
from tests.simulation.test_thresholds import STREAMS, Bus
from tests.simulation.world import FUNCTIONS, TEMPLATE, Answer, World, world

GUARDED = (route for route in TEMPLATE.routes() if route.authorized)
ROUTES = sorted(GUARDED, key=lambda route: (route.function, route.key))
KEYS = [route.key for route in ROUTES]
WORKSPACE_PARAMETERS = ("workspace_id", "bucketId")

_FOLDERS = {route.key: next(f for f, one in FUNCTIONS.items() if one.name == route.function) for route in ROUTES}

# A world makes chance and threads its own in the modules that are there when it begins.
for _function in FUNCTIONS:
    load_function(_function)


def parameters_of(route: str) -> list[str]:
    """The names of the path's parameters."""
    return re.findall(r"\{(\w+)\}", route)


@dataclass(frozen=True)
class Ask:
    """What to send to a route beside the values of its path; ``path`` has those that are not the usual ones."""

    body: Any = None
    query: tuple[tuple[str, str], ...] = ()
    path: Mapping[str, str] = field(default_factory=dict)
    before: tuple[tuple[str, Ask], ...] = ()
    media_type: str = "application/json"


State = dict[tuple[str, tuple[str, str]], Any]


@dataclass
class House:
    """The service with all its doors."""

    world: World

    def send(
        self,
        route: str,
        ask: Ask,
        workspace: str | None,
        path: Mapping[str, str],
        *,
        scopes: str = ALL_SCOPES,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, answered whatever the answer is."""
        sent = {"content-type": ask.media_type, **(headers or {})}
        event = http_event(
            route,
            path=dict(path),
            query=list(ask.query),
            body=ask.body,
            headers=sent,
            workspace=workspace,
            scopes=scopes,
        )
        return self.handle(_FOLDERS[route], event)

    def handle(self, folder: str, event: Mapping[str, Any]) -> Answer:
        """One event through a function's handler."""
        run = self.world.fleet.run(folder, event, may_stall=False)
        if run.error is not None:
            raise run.error
        return Answer(run.answer["statusCode"], run.answer["headers"], run.answer["body"])

    # ---- what is stored

    def state(self) -> State:
        """Every item of every table."""
        tables = self.world.memory.tables.values()
        return {(table.name, key): item for table in tables for key, item in table.items.items()}

    def keep(self) -> bytes:
        """What is stored, to be put back."""
        tables = self.world.memory.tables
        return pickle.dumps({name: (one.items, one.order, one.indexes) for name, one in tables.items()})

    def put_back(self, kept: bytes) -> None:
        """What was stored when it was kept. Processes start anew, for they may remember what is no more."""
        for name, (items, order, indexes) in pickle.loads(kept).items():
            table = self.world.memory.tables[name]
            table.items, table.order, table.indexes = items, order, indexes
        for function in list(self.world.fleet.idle):
            self.world.fleet.lose(function)


@contextmanager
def house() -> Iterator[House]:
    """An empty house."""
    bus = Bus()
    with patch.object(eventbridge, "create_client", lambda: bus), world(7, shards=1, skew_ms=0, index_lags=False) as it:
        for mapping in TEMPLATE.stream_mappings():
            if mapping.function == "ThresholdsFunction":
                stream = it.memory.tables[mapping.table].stream
                assert stream is not None
                it.deliveries[STREAMS[mapping.table]] = Delivery(mapping, stream, 1)
        yield House(it)


# ---- what each route asks for, and how its dialect words a refusal

_BILLING = re.compile(
    r"/(customers|features|subscriptions|billing|notification|entitlements|grants|entitlement-access|invoices)\b"
)
_EVENTS = re.compile(r"^POST .*(/events|/metering/emit|/exchanges|/api/v1/meter|/quota/(reserve|commit|release))$")
_READING_POSTS = re.compile(r"/(query|test|quota/check)$")


def scope_of(route: str) -> str:
    """The scope that docs/api.md asks for."""
    method, path = route.split(" ", 1)
    reads = method == "GET" or _READING_POSTS.search(path) is not None
    if _EVENTS.search(route):
        return "events:write"
    if "/api-keys" in path:
        return "keys:read" if reads else "keys:write"
    if _BILLING.search(path) or ("/plans" in path and not path.startswith("/admin/")):
        return "billing:read" if reads else "billing:write"
    return "usage:read" if reads else "meters:write"


def other_scopes(route: str) -> str:
    """Every scope but the route's."""
    return " ".join(one for one in SCOPES if one != scope_of(route))


def dialect_of(route: str) -> str:
    """Whose form the route's errors have."""
    path = route.split(" ", 1)[1]
    if path.startswith("/admin/") or path == "/api/v1/meter" or re.search(r"/(exchanges|quota/\w+)$", path):
        return "apigate"
    if "/api-keys" in path or path.endswith("/metering/emit"):
        return "amigo"
    if path.startswith("/v3/metering/"):
        return "zuplo"
    return "openmeter_v3" if "/v3/openmeter/" in path else "openmeter_v1"


def refusal(route: str, answer: Answer) -> tuple[int, str | None, str]:
    """Status, code (None where the dialect has none) and reason of a refusal, which must have its dialect's form."""
    body, dialect = answer.json(), dialect_of(route)
    media_type = answer.headers["content-type"]
    if dialect == "apigate":
        (only,) = body["errors"]
        assert media_type == "application/vnd.api+json"
        assert set(only) == {"id", "status", "code", "title", "detail"}
        return int(only["status"]), only["code"], only["detail"]
    if dialect == "amigo":
        assert media_type == "application/json"
        assert set(body) == {"detail", "request_id", "error_code"}
        return answer.status, body["error_code"], body["detail"]
    assert media_type == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "instance"} | ({"trace"} if dialect == "zuplo" else set())
    assert body["type"].startswith("https://kongapi.info/konnect/" if dialect == "openmeter_v3" else "about:blank")
    return int(body["status"]), None, body["detail"]
