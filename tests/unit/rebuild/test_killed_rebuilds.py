"""Goal: whatever happens during a rebuild, each event counts once.

Method: events are stored before their meter exists; its rebuild is killed at random storage calls, before or after
the call was done, and brought again, also by zombies, while new and late events, voids and un-voids keep coming. Then
every answer is compared with a sum over the events.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation import dynamodb
from tests.unit.rebuild.background import Background, background


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of history are short, so that a slice has several."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 3_000)


def disturb(service: Background, chance: random.Random) -> None:
    """Something that people, programs or AWS do meanwhile."""
    number = chance.randrange(service.written)
    match chance.randrange(6):
        case 0:
            service.store(chance.randrange(1, 5))
        case 1:
            service.void(number, chance.randrange(service.written))
        case 2 if service.voids:
            service.unvoid(chance.randrange(len(service.voids)))
        case 3:
            service.stream(chance.randrange(1, 20))
        case 4:
            service.bring_again(chance)
        case _:
            service.run_jobs(most=1)


def run_disturbed(service: Background, seed: int, kills: int, most_calls: int) -> None:
    """Kill the jobs so many times at random, disturbed in between, then let all come to rest."""
    chance = random.Random(seed)
    while service.killed < kills and service.waiting_jobs():
        service.run_one_and_kill(chance, chance.randrange(1, most_calls))
        if chance.random() < 0.5:
            disturb(service, chance)
    service.settle()
    assert service.state()["state"] == "live"
    assert service.jobs() == []


@pytest.mark.usefixtures("short_pages")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), stored=st.integers(0, 150))
def test_a_rebuild_killed_anywhere_counts_each_event_once(seed: int, stored: int) -> None:
    with background() as service:
        service.store(1 + stored)
        service.create()
        run_disturbed(service, seed, kills=25, most_calls=30)

        assert service.usage("subject", "model") == service.expected("subject", "model")
        assert service.usage() == service.expected()


@pytest.mark.usefixtures("short_pages")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_changed_grouping_killed_anywhere_never_mixes_generations(seed: int) -> None:
    chance = random.Random(seed)
    with background() as service:
        service.store(80)
        service.create()
        service.settle()
        service.regroup(route="$.route")
        old = service.usage("model")
        while service.killed < 15 and service.state()["state"] == "rebuilding":
            service.run_one_and_kill(chance, chance.randrange(1, 30))
            if service.state()["state"] == "rebuilding":
                assert service.usage("model") == old
        service.settle()

        assert service.usage("route") == service.expected("route")


def test_twenty_thousand_events_from_before_the_meter_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 60_000)
    with background() as service:
        service.subjects = 40
        service.store(20_000)
        service.create()
        service.call_us = 2_000_000  # so that a slice takes several chunks
        run_disturbed(service, seed=20_000, kills=50, most_calls=80)

        assert service.killed >= 20
        assert sum(service.usage("subject").values()) == service.usage()[()]
        assert service.usage("subject", "model") == service.expected("subject", "model")
        assert service.usage()[()] > Decimal(20_000)
