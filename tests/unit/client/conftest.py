"""A scripted service for the client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_service import FakeService, fake_service


@pytest.fixture
def service() -> Iterator[FakeService]:
    with fake_service() as found:
        yield found
