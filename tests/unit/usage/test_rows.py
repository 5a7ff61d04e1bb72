"""Keys of the usage table: unambiguous, in the order of time; cells: exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.clock import HOUR_US, from_datetime, to_datetime
from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.additive import fold_cells
from dynameter.usage.rows.cells import Cells, answer
from dynameter.usage.rows.delta import Contribution
from dynameter.usage.rows.row import (
    HourSpan,
    Series,
    marked_at_s,
    marked_position,
    next_month,
    partition_key,
    read_series,
    sequence_text,
    sort_key,
    sort_key_bounds,
    subjects_key,
    watermark,
)
from tests.conftest import OTHER_WORKSPACE, WORKSPACE

SERIES = Series(WORKSPACE, "01KEYZ8Q4V0000000000000001", 1)
sequences = st.integers(0, 10**40 - 1)
hours = st.integers(0, 70_000_000)


@given(st.text(max_size=20), st.integers(1, 2_000_000_000))
def test_a_partition_tells_its_series(subject: str, generation: int) -> None:
    series = Series(OTHER_WORKSPACE, SERIES.meter_id, generation)

    for partition in (partition_key(series, subject), partition_key(series, None), subjects_key(series, 491_000)):
        assert read_series(partition) == series


@pytest.mark.parametrize(
    "partition", ["!quarantine", "!limit.AAAAAAAAQACAAAAAAAAAAQ", "!quota.AAAAAAAAQACAAAAAAAAAAQ.x"]
)
def test_a_partition_of_no_usage_has_no_series(partition: str) -> None:
    assert read_series(partition) is None


@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 30), st.integers(1, 30))
def test_partitions_are_equal_only_for_equal_series_and_subject(a: str, b: str, first: int, second: int) -> None:
    one = Series(WORKSPACE, SERIES.meter_id, first)
    other = Series(WORKSPACE, SERIES.meter_id, second)

    assert (partition_key(one, a) == partition_key(other, b)) == ((first, a) == (second, b))
    assert partition_key(one, None) != partition_key(other, b)


def test_partitions_of_workspaces_differ() -> None:
    foreign = Series(OTHER_WORKSPACE, SERIES.meter_id, 1)

    assert partition_key(SERIES, "s") != partition_key(foreign, "s")
    assert subjects_key(SERIES, 0) != subjects_key(foreign, 0)


@given(hours, hours, st.lists(st.text(max_size=5), max_size=3))
def test_the_bounds_of_hours_hold_their_rows_and_no_others(first: int, other: int, groups: list[str]) -> None:
    least, greatest = sort_key_bounds(HourSpan(first, first))

    assert (least <= sort_key(other, tuple(groups)) <= greatest) == (first == other)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_groups_have_different_rows(one: list[str], other: list[str]) -> None:
    assert (sort_key(5, tuple(one)) == sort_key(5, tuple(other))) == (one == other)


@given(sequences, sequences, st.integers(0, 10**10))
def test_a_watermark_lies_before_exactly_the_sequences_after_it(sequence: int, first: int, written_s: int) -> None:
    assert (watermark(sequence_text(sequence), written_s) < sequence_text(first)) == (sequence < first)


@given(sequences, st.integers(0, 10**10))
def test_a_watermark_is_read_back(sequence: int, written_s: int) -> None:
    mark = watermark(sequence_text(sequence), written_s)

    assert (marked_position(mark), marked_at_s(mark)) == (sequence_text(sequence), written_s)


@given(hours)
def test_the_next_month_begins_where_its_subjects_do(hour: int) -> None:
    following = next_month(hour)

    assert subjects_key(SERIES, following - 1) == subjects_key(SERIES, hour) != subjects_key(SERIES, following)
    assert from_datetime(to_datetime(following * HOUR_US).replace(day=1, hour=0)) == following * HOUR_US


def test_cells_are_the_hours_and_the_minutes_sums_without_what_is_zero() -> None:
    contributions = [
        Contribution("1", 5, Decimal("1.5")),
        Contribution("2", 5, Decimal("-1.25")),
        Contribution("3", 59, Decimal(7)),
        Contribution("4", 0, Decimal(0)),
    ]

    assert fold_cells(contributions) == {
        "n": 4,
        "i": 7,
        "f": 250_000_000_000_000_000,
        "n00": 1,
        "n05": 2,
        "f05": 250_000_000_000_000_000,
        "n59": 1,
        "i59": 7,
    }


def test_cells_of_a_count_hold_nothing_but_counts() -> None:
    assert fold_cells([Contribution("1", 3, None), Contribution("2", 3, None)]) == {"n": 2, "n03": 2}


def test_an_answer_is_exact_at_any_size() -> None:
    cells = Cells(3, 10**37 + 1, 1)

    assert str(answer(Aggregation.SUM, cells)) == f"{10**37 + 1}.000000000000000001"
    assert str(answer(Aggregation.COUNT, cells)) == "3"
