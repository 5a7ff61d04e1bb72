"""The meters function on an engine, called as API Gateway does.

The engine lives as long as a module of tests, because making it takes far longer than a test; what one test writes
another does not see, because each has a workspace of its own.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from local.engine import embedded
from local.template import Template, create_tables
from tests.conftest import LambdaContext, ManualClock, http_event, load_function

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def engine() -> Iterator[Settings]:
    """The template's tables on the embedded engine, the environment pointing at them."""
    template = Template.load()
    with pytest.MonkeyPatch.context() as patch, embedded():
        for name, value in template.functions()[0].environment.items():
            patch.setenv(name, value)
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
    """functions/meters/app.py on the engine; its clock moves when it waits."""
    module = load_function("meters")
    module.__dict__["_clock"] = ManualClock()
    return module


@pytest.fixture
def workspace() -> str:
    """A workspace that no other test has."""
    return str(uuid.uuid4())


@pytest.fixture
def call(function: ModuleType, context: LambdaContext, workspace: str) -> Call:
    """Call a route; answers the status and the decoded body (None where it is empty)."""

    def send(route: str, **sent: Any) -> tuple[int, Any]:
        answer = function.handler(http_event(route, **({"workspace": workspace} | sent)), context)
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None

    return send
