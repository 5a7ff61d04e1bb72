"""The engine lives as long as a module of tests; what one test writes another does not see."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.unit.corrections.desk import Customer, Desk, open_desk


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk() as found:
        yield found


@pytest.fixture
def customer(desk: Desk) -> Customer:
    """A customer with a workspace that no other test has."""
    return Customer(desk, str(uuid.uuid4()))
