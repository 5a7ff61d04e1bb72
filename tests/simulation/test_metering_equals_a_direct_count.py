"""Whatever happens to events, meters and streams: every answer equals a direct computation over the raw events.

Random histories go through the real handlers: events late, early and sent again, meters made before and after them,
group keys changed, events voided and un-voided, stream batches cut anywhere, brought again and brought late.
DYNAMETER_EXAMPLES sets how many histories run (200).
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.history import (
    AGGREGATIONS,
    GROUP_KEYS,
    MINUTES,
    NUMBERS,
    CatchUp,
    Create,
    Deliver,
    Emit,
    Fail,
    Regroup,
    Unvoid,
    Void,
    Zombie,
    run,
)
from tests.simulation.world import SHARDS, Fault

EXAMPLES = int(os.environ.get("DYNAMETER_EXAMPLES", "200"))

VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(NUMBERS))
DATA = st.fixed_dictionaries({}, optional={"v": VALUES, "g": st.sampled_from(["x", "y", 1, None]), "h": st.booleans()})
EVENT = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(MINUTES),
    st.integers(0, 3),
    DATA,
)
GROUPS = st.sampled_from(GROUP_KEYS).map(list)
CREATE = st.builds(Create, st.sampled_from(AGGREGATIONS), st.sampled_from("ab"), GROUPS)
EMIT = st.builds(Emit, st.lists(EVENT, min_size=1, max_size=6), st.integers(0, 3))
STEP = st.one_of(
    EMIT,
    EMIT,
    EMIT,
    CREATE,
    st.builds(Regroup, st.integers(0, 3), GROUPS),
    st.builds(
        Deliver,
        st.sampled_from(["EventsTable", "CatalogTable"]),
        st.integers(0, SHARDS - 1),
        st.integers(1, 8),
        st.integers(0, 4),
    ),
    st.builds(Zombie, st.integers(0, SHARDS - 1), st.integers(0, 20), st.integers(1, 8)),
    st.builds(Void, st.integers(0, 20), st.integers(1, 4)),
    st.builds(Unvoid, st.integers(0, 3)),
    st.builds(CatchUp),
    st.builds(Fail, st.sampled_from(Fault), st.integers(0, 12)),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    meters=st.lists(CREATE, min_size=1, max_size=2),
    at=st.integers(0, 12),
    steps=st.lists(STEP, min_size=12, max_size=36),
)
def test_every_answer_equals_a_direct_count(meters: list[Any], at: int, steps: list[Any]) -> None:
    run([*steps[:at], *meters, *steps[at:]])
