"""An engine that lives as long as a module of tests, because making one takes far longer than a test.

What one test writes another does not see, because each has a workspace of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from tests.conftest import ManualClock, load_function, open_engine


def load_with_clock(name: str) -> ModuleType:
    """functions/<name>/app.py with a clock that moves when it waits."""
    module = load_function(name)
    module.__dict__["_clock"] = ManualClock()
    return module


@pytest.fixture(scope="module")
def engine() -> Iterator[Settings]:
    """The template's tables on the embedded engine, the environment pointing at them."""
    with pytest.MonkeyPatch.context() as patch, open_engine(patch) as found:
        yield found


@pytest.fixture(scope="module")
def client(engine: Settings) -> Any:
    """A client of the engine."""
    return create_client(engine)


@pytest.fixture
def workspace() -> str:
    """A workspace that no other test has."""
    return str(uuid.uuid4())
