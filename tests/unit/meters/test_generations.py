"""How a meter's generations follow each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dynameter.meters.generations import (
    first_generation,
    is_settled,
    with_complete,
    with_confirmed,
    with_grouping,
    with_later_start,
    with_rebuild,
)
from dynameter.meters.meter import Generation, Meter
from tests.unit.usage.builders import make_meter

OLD, NEW = {"model": "$.model"}, {"route": "$.route"}


def meter(*generations: tuple[int, bool], active: int) -> Meter:
    """A meter with generations of those numbers, complete or not."""
    made = tuple(Generation(number, OLD, number * 1_000, complete=complete) for number, complete in generations)
    return make_meter(group_by=OLD, generations=made, active=active)


def numbers(found: Meter) -> list[tuple[int, bool]]:
    return [(one.number, one.complete) for one in found.generations]


def test_a_meter_begins_with_a_generation_to_be_rebuilt() -> None:
    found = first_generation({"b": "$.b", "a": "$.a"}, 7)

    assert found == Generation(1, {"a": "$.a", "b": "$.b"}, 7, complete=False, confirmed=False)


def test_another_grouping_begins_beside_the_active_generation() -> None:
    found = with_grouping(meter((1, True), active=1), NEW, 9_000)

    assert (numbers(found), found.active) == ([(1, True), (2, False)], 1)
    assert found.generations[1] == Generation(2, NEW, 9_000, complete=False, confirmed=False)
    assert found.group_by == NEW


def test_the_same_grouping_changes_nothing() -> None:
    before = meter((1, True), active=1)

    assert with_grouping(before, dict(OLD), 9_000) is before


@pytest.mark.parametrize(("live_from_us", "number"), [(9_000, 3), (70_999_999, 70)])
def test_a_rebuild_takes_a_number_that_no_older_catalog_can_give_again(live_from_us: int, number: int) -> None:
    found = with_rebuild(replace(meter((1, True), (2, False), active=1), group_by=NEW), live_from_us)

    assert (numbers(found), found.active) == ([(1, True), (number, False)], 1)
    assert found.generations[1] == Generation(number, NEW, live_from_us, complete=False, confirmed=False)
    assert found.group_by == NEW


@pytest.mark.parametrize("first_is_complete", [True, False])
def test_another_change_gives_up_the_unfinished_generation_and_not_the_active_one(first_is_complete: bool) -> None:
    before = replace(meter((1, first_is_complete), (2, False), active=1), group_by=NEW)

    found = with_grouping(before, OLD, 9_000)

    assert (numbers(found), found.active) == ([(1, first_is_complete), (3, False)], 1)


def test_a_late_start_gets_another_number() -> None:
    found = with_later_start(meter((1, False), active=1), 9_000)

    assert (numbers(found), found.active) == ([(2, False)], 2)
    assert found.generations[0].live_from_us == 9_000


def test_a_late_start_is_to_be_rebuilt_even_if_the_one_before_was_already() -> None:
    assert numbers(with_later_start(meter((1, True), active=1), 9_000)) == [(2, False)]


def test_a_late_start_leaves_the_active_generation_alone() -> None:
    found = with_later_start(meter((1, True), (2, False), active=1), 9_000)

    assert (numbers(found), found.active) == ([(1, True), (3, False)], 1)


def test_a_confirmed_generation_is_as_it_was_but_for_that() -> None:
    before = with_grouping(meter((1, True), active=1), NEW, 9_000)

    found = with_confirmed(before, 2)

    assert found == replace(before, generations=(before.generations[0], replace(before.generations[1], confirmed=True)))


def test_a_complete_generation_takes_the_place_of_the_older() -> None:
    found = with_complete(meter((1, True), (2, False), active=1), 2)

    assert (numbers(found), found.active) == ([(2, True)], 2)


def test_the_active_generation_may_be_complete_before_the_next() -> None:
    found = with_complete(meter((1, False), (2, False), active=1), 1)

    assert (numbers(found), found.active) == ([(1, True), (2, False)], 1)


def test_the_next_generation_may_be_complete_before_the_active_one() -> None:
    found = with_complete(meter((1, False), (2, False), active=1), 2)

    assert (numbers(found), found.active) == ([(2, True)], 2)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_generation_that_is_complete_or_gone_changes_nothing(number: int) -> None:
    before = meter((2, True), (3, False), active=2)

    assert is_settled(before, number)
    assert with_complete(before, number) is before


def test_a_deleted_meter_needs_no_rebuild() -> None:
    assert is_settled(replace(meter((1, False), active=1), deleted_at_us=5), 1)
    assert not is_settled(meter((1, False), active=1), 1)
