"""The routes function on an engine, called as API Gateway does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.runtime.settings import Settings
from tests.conftest import LambdaContext, http_event
from tests.unit.conftest import load_with_clock


@dataclass(frozen=True)
class Answer:
    """What the function answered; ``body`` is decoded, None where there is none."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def attributes(self) -> Any:
        return self.body["data"]["attributes"]

    @property
    def pointers(self) -> list[str]:
        return [one["source"]["pointer"] for one in self.body["errors"]]

    @property
    def error(self) -> Any:
        (only,) = self.body["errors"]
        return only


Call = Callable[..., Answer]


@pytest.fixture(scope="module")
def function(engine: Settings) -> ModuleType:
    """functions/routes/app.py on the engine."""
    return load_with_clock("routes")


@pytest.fixture
def call(function: ModuleType, workspace: str) -> Call:
    """Calls the function in the test's workspace."""

    def send(route: str, id_: str | None = None, **given: Any) -> Answer:
        path = given.pop("path", None) or ({"id": id_} if id_ is not None else None)
        event = http_event(route, path=path, **{"workspace": workspace, **given})
        answer = function.handler(event, LambdaContext())
        body = codec.decode(answer["body"]) if answer["body"] else None
        return Answer(answer["statusCode"], dict(answer["headers"]), body)

    return send


@pytest.fixture
def route(call: Call) -> str:
    """The id of a route on ``/api/*``."""
    answer = call("POST /admin/routes", body={"name": "api", "path_pattern": "/api/*"})
    found: str = answer.body["data"]["id"]
    return found
