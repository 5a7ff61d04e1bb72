"""Whatever happens to events, meters, storage and streams: every answer equals a direct computation over the events.

Histories go through the real handlers: events late, early and sent again, more of them than the limit admits, meters
made before and after them, group keys changed, events voided and un-voided, a second workspace with the same names for
everything, shards that split, batches cut, halved, brought again, brought late and given up, records that cannot be
read for a while, processes that die or stand still at any call of storage, and storage that fails in every way it has.
Operators redrive, purge and restore meanwhile, by the commands as they are. Hypothesis makes
some of them, and then finds the least that fails (DYNAMETER_EXAMPLES sets how many); the others follow from seeds.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.faults import Fault
from tests.simulation.history import run
from tests.simulation.moves import random_steps
from tests.simulation.steps import (
    AGGREGATIONS,
    FUNCTIONS,
    GROUP_KEYS,
    MINUTES,
    NUMBERS,
    PAUSES_MS,
    BackUp,
    CatchUp,
    Create,
    Delete,
    Deliver,
    Deploy,
    Disaster,
    Emit,
    Fail,
    Flood,
    GiveUp,
    Lose,
    Loss,
    Neighbour,
    Purge,
    Rebuild,
    Redrive,
    Refuse,
    Regroup,
    Repair,
    Resend,
    Resume,
    Silence,
    Split,
    Unvoid,
    Void,
    VoidFilter,
    Wait,
    Zombie,
)

EXAMPLES = int(os.environ.get("DYNAMETER_EXAMPLES", "100"))
SEEDS = range(1, 126)
SEEDS_A_TEST = 25

SMALL = st.integers(0, 20)
FEW = st.integers(0, 3)
VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(NUMBERS))
DATA = st.fixed_dictionaries({}, optional={"v": VALUES, "g": st.sampled_from(["x", "y", 1, None]), "h": st.booleans()})
EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["s1", "s2"]), st.sampled_from(MINUTES), FEW, DATA),
    min_size=1,
    max_size=6,
)
GROUPS = st.sampled_from(GROUP_KEYS).map(list)
TABLES = st.sampled_from(["EventsTable", "CatalogTable"])
CREATE = st.builds(Create, st.sampled_from(AGGREGATIONS), st.sampled_from("ab"), GROUPS, st.booleans())
EMIT = st.builds(
    Emit,
    EVENTS,
    st.lists(SMALL, max_size=3),
    st.lists(SMALL, max_size=1),
    st.booleans(),
    st.sampled_from([True, False]),
)
DELIVER = st.builds(Deliver, TABLES, FEW, st.integers(1, 12), st.integers(0, 4), st.booleans())
FAIL = st.builds(Fail, st.sampled_from(Fault), st.integers(0, 14))
OF_CLIENTS = st.one_of(
    st.builds(Regroup, FEW, GROUPS),
    st.builds(Delete, FEW),
    st.builds(Void, SMALL, st.integers(1, 4)),
    st.builds(VoidFilter, st.sampled_from("ab"), st.sampled_from([None, "s1", "s2"])),
    st.builds(Unvoid, FEW),
    st.builds(Repair, FEW),
    st.builds(Rebuild, FEW, st.booleans()),
    st.builds(Refuse, EVENTS, st.booleans()),
    st.builds(Resend, FEW),
    st.builds(Flood, EVENTS, st.integers(1, 9)),
)
RARE = st.one_of(
    OF_CLIENTS,
    st.builds(Lose, st.sampled_from(FUNCTIONS)),
    st.builds(CatchUp, st.integers(0, 2)),
    st.builds(Wait, st.sampled_from(PAUSES_MS)),
    st.builds(Silence),
    st.builds(Split, TABLES, FEW, st.integers(1, 2)),
    st.builds(Neighbour, st.one_of(EMIT, EMIT, CREATE, OF_CLIENTS)),
    st.builds(Deploy, FEW),
    st.builds(GiveUp, TABLES, FEW),
    st.builds(Redrive),
    st.builds(Purge),
    st.builds(BackUp, st.booleans()),
    st.builds(Disaster, st.sampled_from(Loss), st.integers(0, 2), EVENTS),
)
ZOMBIE = st.builds(Zombie, TABLES, FEW, SMALL, st.integers(1, 8))
STEP = st.one_of(EMIT, EMIT, CREATE, DELIVER, DELIVER, FAIL, st.builds(Resume, FEW), ZOMBIE, RARE)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    meters=st.lists(CREATE, min_size=1, max_size=2),
    at=st.integers(0, 12),
    steps=st.lists(STEP, min_size=12, max_size=36),
    seed=st.integers(0, 99),
)
def test_every_answer_equals_a_direct_count(meters: list[Any], at: int, steps: list[Any], seed: int) -> None:
    run([*steps[:at], *meters, *steps[at:]], seed)


@pytest.mark.parametrize("first", SEEDS[::SEEDS_A_TEST])
def test_seeded_histories_come_out_right(first: int) -> None:
    for seed in range(first, first + SEEDS_A_TEST):
        try:
            run(random_steps(seed), seed)
        except Exception as error:
            error.add_note(f"reproduce it with: make simulate SEED={seed} RUNS=1")
            raise


def test_a_seed_gives_the_same_history_to_the_last_call() -> None:
    first, again = ([run(random_steps(seed), seed) for seed in range(1, 11)] for _ in range(2))
    assert first == again
