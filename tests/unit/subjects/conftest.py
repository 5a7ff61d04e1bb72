"""The meters function on an engine; each test has a workspace of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from tests.conftest import LambdaContext, http_event
from tests.unit.meters.conftest import function

__all__ = ["function"]

Send = Callable[..., tuple[int, Any, dict[str, str]]]


@pytest.fixture
def send(function: ModuleType, context: LambdaContext, workspace: str) -> Send:
    """Call a route; answers the status, the decoded body (None where it is empty) and the headers."""

    def call(route: str, *query: tuple[str, str], **given: Any) -> tuple[int, Any, dict[str, str]]:
        event = http_event(route, query=list(query), **({"workspace": workspace} | given))
        answer = function.handler(event, context)
        return answer["statusCode"], codec.decode(answer["body"]) if answer["body"] else None, answer["headers"]

    return call
