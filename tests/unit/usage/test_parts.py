"""A batch whose data are too much for the memory is folded part by part, exactly once all the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.events.event import Event
from dynameter.events.store import decode_item
from dynameter.usage.folding import stream
from dynameter.usage.folding.stream import read_parts
from tests.unit.usage.builders import make_event, stream_event, stream_record
from tests.unit.usage.world import World


def numbered(*values: Any) -> list[tuple[int, Event]]:
    return [(number, make_event(number, {"value": value})) for number, value in enumerate(values, 1)]


@pytest.fixture
def an_event_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PART_CHARACTERS", 1)


def test_a_part_ends_with_the_event_that_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [stream_record(number, event) for number, event in numbered(1, 2, 3, 4, 5)]
    monkeypatch.setattr(stream, "PART_CHARACTERS", 2 * len('{"value":1}'))

    sizes = [len(part.records) for part in read_parts(stream_event(records), decode_item)]

    assert sizes == [2, 2, 1]


def test_a_usual_batch_is_one_part() -> None:
    records = [stream_record(number, event) for number, event in numbered(*range(1_000))]

    assert [len(part.records) for part in read_parts(stream_event(records), decode_item)] == [1_000]


@pytest.mark.usefixtures("an_event_a_part")
def test_records_out_of_order_count_whatever_part_they_come_to() -> None:
    world = World()

    world.deliver(list(reversed(numbered(1, 2, 4))))

    assert world.total() == 7


@pytest.mark.usefixtures("an_event_a_part")
def test_the_outcome_is_that_of_all_parts() -> None:
    world = World()

    outcome = world.aggregator.process(stream_event([stream_record(*one) for one in numbered(1, 2, "no number")]))

    assert outcome is not None
    assert (outcome.events, outcome.rows, outcome.unusable) == (3, 4, 1)


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from([1, 25, 10_000]), st.integers(1, 12)), max_size=6),
)
def test_every_event_counts_once_wherever_a_part_ends_and_a_process_dies(
    values: list[int], deliveries: list[tuple[int, int]]
) -> None:
    world, batch = World(), numbered(*values)
    with pytest.MonkeyPatch.context() as patch:
        for characters, writes in deliveries:
            patch.setattr(stream, "PART_CHARACTERS", characters)
            world.deliver_and_die(batch, writes)
        world.deliver(batch)

    assert world.total() == sum(values)
