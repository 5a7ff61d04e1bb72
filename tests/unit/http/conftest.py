"""A house with a tenant in it, made once a module: what a test changes, ``untouched`` puts back."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest

from tests.conftest import WORKSPACE
from tests.unit.http.house import Ask, House, State, house
from tests.unit.http.requests import requests
from tests.unit.http.tenant import Tenant


@dataclass
class Settled:
    """A tenant with one of everything, what is stored for it, and what to ask of each route."""

    house: House
    tenant: Tenant
    asks: dict[str, Ask]
    kept: bytes
    state: State

    def lost(self) -> list[object]:
        """What is stored otherwise than it was, or no more."""
        now = self.house.state()
        return [key for key, item in self.state.items() if now.get(key) != item]

    def added(self) -> State:
        """What is stored that was not there."""
        return {key: item for key, item in self.house.state().items() if key not in self.state}


@pytest.fixture(scope="module")
def settled() -> Iterator[Settled]:
    """The tenant ``alpha`` in the workspace of all tests."""
    with house() as found:
        tenant = Tenant(found, WORKSPACE)
        tenant.settle_in()
        yield Settled(found, tenant, requests(tenant), found.keep(), deepcopy(found.state()))


@pytest.fixture
def untouched(settled: Settled) -> Iterator[Settled]:
    """The same, put back after the test."""
    yield settled
    if settled.lost() or settled.added():
        settled.house.put_back(settled.kept)
