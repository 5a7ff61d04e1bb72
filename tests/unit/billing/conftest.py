"""The billing and meters functions on one engine; each test has a workspace of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.runtime.settings import Settings
from tests.conftest import LambdaContext, ManualClock, http_event, load_function

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def functions(engine: Settings) -> tuple[ModuleType, ...]:
    """functions/billing/app.py and functions/meters/app.py, on one clock that moves when they wait."""
    clock = ManualClock()
    loaded = tuple(load_function(name) for name in ("billing", "meters"))
    for module in loaded:
        module.__dict__["_clock"] = clock
    return loaded


@pytest.fixture
def moving(functions: tuple[ModuleType, ...]) -> ManualClock:
    """The functions' clock."""
    clock: ManualClock = functions[0].__dict__["_clock"]
    return clock


@pytest.fixture
def call(functions: tuple[ModuleType, ...], context: LambdaContext, workspace: str) -> Call:
    """Call a route of either function; answers the status and the decoded body (None where it is empty)."""

    def send(route: str, *query: tuple[str, str], **sent: Any) -> tuple[int, Any]:
        module = next(one for one in functions if route in one.ROUTES)
        event = http_event(route, query=list(query), **({"workspace": workspace} | sent))
        answer = module.handler(event, context)
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None

    return send
