from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.middleware.service import MeteringService, metering_service, route


@pytest.fixture
def service() -> Iterator[MeteringService]:
    """A service whose one route counts each request."""
    with metering_service(route()) as found:
        yield found
