"""Two workspaces that have named everything alike, down to the ids of their events, know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from dynameter import codec
from dynameter.workspaces import workspace_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.http.conftest import Settled
from tests.unit.http.house import KEYS, Ask, house
from tests.unit.http.requests import requests
from tests.unit.http.tenant import Tenant

FIGURE = "77.25"
CHANGING = [key for key in KEYS if not key.startswith("GET ")]


@pytest.fixture(scope="module")
def street() -> Iterator[tuple[Settled, Tenant]]:
    """A tenant as everywhere here, and its neighbour of the same name."""
    with house() as found:
        first = Tenant(found, WORKSPACE)
        first.settle_in()
        state = deepcopy(found.state())
        second = Tenant(found, OTHER_WORKSPACE, figure=FIGURE)
        second.settle_in()
        yield Settled(found, first, requests(second), found.keep(), state), second


@pytest.fixture
def neighbours(street: tuple[Settled, Tenant]) -> Iterator[tuple[Settled, Tenant]]:
    """The same, put back after the test."""
    yield street
    street[0].house.put_back(street[0].kept)


def test_moving_in_beside_another_of_the_same_name_changes_nothing_for_it(neighbours: tuple[Settled, Tenant]) -> None:
    settled, second = neighbours

    assert settled.lost() == []
    assert set(settled.tenant.ids) == set(second.ids)
    assert not set(settled.tenant.ids.values()) & set(second.ids.values())


@pytest.mark.parametrize("route", KEYS)
def test_each_is_answered_with_its_own(route: str, neighbours: tuple[Settled, Tenant]) -> None:
    settled, second = neighbours
    ask = settled.asks[route]
    secrets = {mark for mark in settled.tenant.marks - second.marks if mark not in str(ask)}
    for step, first in (*ask.before, (route, ask)):
        path = second.path(step, **first.path)
        answer = settled.house.send(step, first, OTHER_WORKSPACE, path)

        assert answer.status < 300, (step, answer.text)
        assert {mark for mark in secrets if mark in f"{answer.text} {dict(answer.headers)}"} == set()
        assert settled.lost() == []


def test_what_one_does_changes_no_usage_of_the_other() -> None:
    with house() as found:
        first, second = Tenant(found, WORKSPACE), Tenant(found, OTHER_WORKSPACE, figure=FIGURE)
        first.settle_in()
        second.settle_in()
        before = deepcopy({key: item for key, item in found.state().items() if workspace_key(WORKSPACE) in str(key)})
        asks = requests(second)
        for number, route in enumerate(CHANGING):
            for step, ask in (*asks[route].before, (route, asks[route])):
                answer = found.send(step, ask, OTHER_WORKSPACE, second.path(step, **ask.path))
                assert answer.status < 500
            more = second.event(100 + number, "alpha-subject", "1")
            found.send("POST /api/v1/events", Ask(codec.encode([more])), OTHER_WORKSPACE, {})
        found.world.clock.sleep(60)
        found.world.settle()

        after = found.state()
        assert [key for key, item in before.items() if after.get(key) != item] == []
