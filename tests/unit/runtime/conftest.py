"""Storage that answers from a script."""

from __future__ import annotations

import random

import pytest

from tests.conftest import ManualClock
from tests.unit.runtime.storage import Storage


@pytest.fixture
def storage(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Storage:
    for name, value in (
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(random, "random", lambda: 0.999)
    return Storage(clock)
