"""The meters function on an engine, called as API Gateway does."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.runtime.settings import Settings
from tests.conftest import LambdaContext, http_event
from tests.unit.conftest import load_with_clock

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def function(engine: Settings) -> ModuleType:
    """functions/meters/app.py on the engine."""
    return load_with_clock("meters")


@pytest.fixture
def call(function: ModuleType, context: LambdaContext, workspace: str) -> Call:
    """Call a route; answers the status and the decoded body (None where it is empty)."""

    def send(route: str, **sent: Any) -> tuple[int, Any]:
        answer = function.handler(http_event(route, **({"workspace": workspace} | sent)), context)
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None

    return send
