"""A usage row whose extreme was voided is counted anew from raw events, through the real handlers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.clock import HOUR_US
from dynameter.rebuild.recompute import PATIENCE_US
from dynameter.rebuild.store import JobStore
from tests.conftest import WORKSPACE
from tests.simulation.world import START_US
from tests.unit.rebuild.background import CATALOG, Background, background


@pytest.fixture
def service() -> Iterator[Background]:
    with background() as found:
        yield found


def greatest(service: Background) -> dict[tuple[str, ...], Decimal]:
    """The greatest value of each subject, over the events that are not void."""
    found: dict[tuple[str, ...], Decimal] = {}
    for event in service.events():
        if not event.voided:
            value = Decimal(int(event.id.removeprefix("event-")) % 7) / 2
            found[(event.subject,)] = max(value, found.get((event.subject,), Decimal(0)))
    return found


def ask_for_recompute(service: Background, meter: dict[str, Any], **changes: Any) -> None:
    """A job for the current hour of a row that nobody brings into the epoch."""
    memory: Any = service.world.memory
    asked = {"meter_id": meter["id"], "generation": 1, "subject": None, "groups": (), "hour": START_US // HOUR_US}
    JobStore(memory, CATALOG, service.world.clock, settle_us=1_000).request(
        WORKSPACE, **(asked | changes), epoch_us=service.world.clock.now
    )


def test_the_next_greatest_value_comes_back_when_the_greatest_is_voided(service: Background) -> None:
    service.create(aggregation="MAX", groupBy={})
    service.store(70)
    service.settle()
    before = service.usage("subject")

    service.void(*(number for number in range(70) if number % 7 == 6))
    service.settle()

    assert service.usage("subject") == greatest(service) != before
    assert service.jobs() == []


def test_a_value_is_not_lost_from_sight_while_it_is_recomputed(service: Background) -> None:
    service.create(aggregation="MAX", groupBy={})
    service.store(70)
    service.settle()
    service.void(6)

    service.stream()
    while service.waiting_jobs():
        assert service.usage()[()] == 3
        service.run_jobs(most=1)


def test_a_recompute_whose_row_never_gets_into_the_epoch_ends(service: Background) -> None:
    meter = service.create(aggregation="MAX", groupBy={})
    service.settle()
    began = service.world.clock.now
    ask_for_recompute(service, meter)

    service.settle()

    assert service.jobs() == []
    assert service.world.clock.now - began > PATIENCE_US
    assert service.usage() == {}


@pytest.mark.parametrize("gone", [{"meter_id": "01KEYZ8Q4V0000000000000009"}, {"generation": 7}])
def test_a_recompute_for_what_is_gone_ends_at_once(service: Background, gone: dict[str, Any]) -> None:
    meter = service.create(aggregation="MAX", groupBy={})
    service.settle()
    began = service.world.clock.now
    ask_for_recompute(service, meter, **gone)

    service.settle()

    assert service.jobs() == []
    assert service.world.clock.now - began < PATIENCE_US


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_recomputes_killed_anywhere_come_out_right(seed: int) -> None:
    chance = random.Random(seed)
    with background() as service:
        service.create(aggregation="MAX", groupBy={})
        service.store(40)
        service.settle()
        for _ in range(4):
            service.void(*(chance.randrange(40) for _ in range(4)))
            if chance.random() < 0.5:
                service.unvoid(chance.randrange(len(service.voids)))
            service.store(1)
            service.stream(chance.randrange(1, 10))
            for _ in range(4):
                service.run_one_and_kill(chance, chance.randrange(1, 12))
        service.settle()

        assert service.usage("subject") == greatest(service)
