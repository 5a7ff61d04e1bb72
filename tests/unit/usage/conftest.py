"""What the tests of the query endpoints share."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest

from tests.conftest import load_function
from tests.unit.usage.query_api import METER, Api


@pytest.fixture(scope="module")
def app() -> ModuleType:
    return load_function("meters")


@pytest.fixture
def api(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(app, monkeypatch)


@pytest.fixture
def filled(api: Api) -> Api:
    """Usage of two customers and two models in two hours."""
    api.define(
        METER,
        (1, "2026-01-14T10:05:00Z", "a", "gpt"),
        (2, "2026-01-14T10:06:00Z", "b", "gpt"),
        (4, "2026-01-14T11:00:00Z", "a", "claude"),
        (Decimal("0.5"), "2026-01-14T11:30:00Z", "b", ""),
    )
    return api
