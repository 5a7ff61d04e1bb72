"""The arithmetic of a workload: how many rows a batch writes, and what they weigh."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.cost.figures import MEASURED
from dynameter.cost.workload import Workload, distinct, flow
from dynameter.meters.meter import Aggregation

_rates = st.decimals(Decimal("0.01"), Decimal(1_000_000), places=2)
_workloads = st.builds(
    Workload,
    events_per_second=_rates,
    batch=st.integers(1, 1_000),
    subjects=st.integers(1, 1_000_000),
    meters=st.integers(0, 50),
    event_bytes=st.integers(0, 200_000),
    aggregation=st.sampled_from(Aggregation),
    groups=st.integers(1, 1_000),
)


@given(st.integers(1, 10**9), st.decimals(0, 10**6, places=3))
def test_draws_never_show_more_kinds_than_there_are_or_than_draws(kinds: int, draws: Decimal) -> None:
    # A fraction of a draw is an average of none and one, which the formula takes as less than it is at most.
    assert 0 <= distinct(kinds, draws) <= min(Decimal(kinds), max(draws, Decimal(1)) * Decimal("1.4"))


@given(st.integers(1, 50), st.integers(0, 30))
def test_the_formula_is_the_expectation(kinds: int, draws: int) -> None:
    expected = 1 if kinds == 1 and draws else kinds * (1 - (1 - 1 / kinds) ** draws)

    assert float(distinct(kinds, Decimal(draws))) == pytest.approx(expected, abs=1e-9)


def test_a_full_batch_of_ten_subjects_writes_33_rows_for_three_meters() -> None:
    found = flow(Workload(Decimal(10_000), subjects=10, meters=3), MEASURED)

    assert found.records == 1_000
    assert round(3 * (found.subject_rows.a_batch + found.total_rows.a_batch), 6) == 33


def test_a_quiet_stream_brings_its_records_nearly_one_by_one() -> None:
    found = flow(Workload(Decimal("0.01")), MEASURED)

    assert Decimal(1) < found.records < Decimal("1.01")


def test_a_row_grows_with_the_shards_that_write_to_it() -> None:
    few, many = (flow(Workload(Decimal(rate), subjects=10), MEASURED).total_rows for rate in (1_000, 100_000))

    assert many.full_bytes - few.full_bytes == (100 - 4) * MEASURED.watermark_bytes


def test_an_event_takes_a_unit_for_each_kilobyte_begun() -> None:
    sizes = [1_024 - MEASURED.event_envelope_bytes, 1_025 - MEASURED.event_envelope_bytes]

    assert [flow(Workload(Decimal(1), event_bytes=size), MEASURED).event_units for size in sizes] == [1, 2]


def test_only_rows_that_keep_an_extreme_are_read_before_they_are_written() -> None:
    reads = {one: flow(Workload(Decimal(1), aggregation=one), MEASURED).subject_rows.read_units for one in Aggregation}

    assert {one for one, units in reads.items() if units} == {Aggregation.MIN, Aggregation.MAX, Aggregation.LATEST}


def test_more_subjects_than_a_process_remembers_are_listed_again_and_again() -> None:
    few = flow(Workload(Decimal(1_000), subjects=1_000), MEASURED)
    many = flow(Workload(Decimal(1_000), subjects=1_000_000), MEASURED)

    assert few.list_writes < few.row_writes / 100
    assert many.list_writes > many.row_writes * Decimal("0.7")


@given(_workloads)
def test_every_workload_has_a_bill_of_finite_units(workload: Workload) -> None:
    found = flow(workload, MEASURED)

    assert found.row_writes >= 0
    assert round(found.usage_write_units, 9) >= round(found.row_writes, 9)
    assert 1 <= found.records <= MEASURED.stream_batch
    assert found.emit_ms.is_finite()
    assert found.aggregate_ms.is_finite()


@pytest.mark.parametrize("wrong", [{"subjects": 0}, {"batch": 0}, {"meters": -1}, {"kept_months": -1}])
def test_numbers_that_make_no_sense_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Workload(Decimal(1), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", ["1e-10", "1e13", "1e999"])
def test_a_rate_that_cannot_be_reckoned_with_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="events_per_second must be from"):
        Workload(Decimal(rate))
