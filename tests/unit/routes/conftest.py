"""The routes function on an engine, called as API Gateway does.

The engine lives as long as a module of tests, because making it takes far longer than a test; what one test writes
another does not see, because each has a workspace of its own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import EventWrites, Settings
from local.engine import embedded
from local.template import Template, create_tables
from tests.conftest import LambdaContext, ManualClock, http_event, load_function


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
def engine() -> Iterator[Settings]:
    """The template's tables on the embedded engine, the environment pointing at them."""
    template = Template.load()
    with pytest.MonkeyPatch.context() as patch, embedded():
        for name, value in template.functions()[0].environment.items():
            patch.setenv(name, value)
        patch.setenv("EVENT_WRITES", EventWrites.PUT.value)
        patch.setenv("CLOCK_SKEW_MS", "0")
        found = Settings.from_env(os.environ)
        create_tables(create_client(found), template)
        yield found


@pytest.fixture(scope="module")
def client(engine: Settings) -> Any:
    """A client of the engine."""
    return create_client(engine)


@pytest.fixture(scope="module")
def function(engine: Settings) -> ModuleType:
    """functions/routes/app.py on the engine; its clock moves when it waits."""
    module = load_function("routes")
    module.__dict__["_clock"] = ManualClock()
    return module


@pytest.fixture
def workspace() -> str:
    """A workspace that no other test has."""
    return str(uuid.uuid4())


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
