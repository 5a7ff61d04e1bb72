"""The figures hold for what the service really writes and for what the template says."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from dynameter.cost.figures import MEASURED
from dynameter.events.event import Event
from dynameter.events.store import encode_item, size_of
from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.additive import fold_cells
from dynameter.usage.rows.cells import EXTREME, Extreme, Moment
from dynameter.usage.rows.delta import Contribution
from dynameter.usage.rows.extremes import ExtremeRow, write_extremes
from dynameter.usage.rows.row import RowKey, Series, groups_text, item_key, sequence_text, watermark, watermark_name
from dynameter.usage.rows.store import LISTED_SUBJECTS
from local.template import Template
from tests.conftest import WORKSPACE

NOW_US = 1_768_384_800_000_000
NOW_S = NOW_US // 1_000_000
SUBJECT = "customer-007"
SERIES = Series(WORKSPACE, "01M80X952VWN44W1VJWJMZKXTJ", 1)
HOUR = NOW_S // 3_600
MARK = watermark(sequence_text(10**39), NOW_S)


def weigh(row: RowKey, aggregation: Aggregation) -> int:
    """The bytes of a row after an hour of ten events a minute with values of a meter's usual length."""
    if aggregation in EXTREME:
        moment = Moment(NOW_US, str(uuid.uuid4()), "api.example.com") if aggregation is Aggregation.LATEST else None
        kept = Extreme(137, Decimal("1234.56"), moment)
        state = ExtremeRow(aggregation, 600, NOW_US, current=dict.fromkeys(range(60), kept))
        state.marks[watermark_name("shard")] = MARK
        return size_of(write_extremes(row, state, NOW_S))
    value = Decimal("1234.56") if aggregation in (Aggregation.SUM, Aggregation.AVG) else None
    contributions = [_contribution(minute, value) for minute in range(60) for _ in range(37)]
    item: dict[str, Any] = {**item_key(row), watermark_name("shard"): {"S": MARK}}
    if row.groups:
        item["g"] = {"S": groups_text(row.groups)}
    item |= {name: {"N": str(number)} for name, number in fold_cells(contributions).items()}
    return size_of(item)


def _contribution(minute: int, value: Decimal | None) -> Contribution:
    return Contribution(sequence_text(minute), minute, value, 1, NOW_US, Moment(NOW_US, "id", "s"))


@pytest.mark.parametrize("aggregation", Aggregation)
def test_a_full_row_weighs_what_the_figures_say(aggregation: Aggregation) -> None:
    extreme = MEASURED.extreme_bytes if aggregation in EXTREME else 0
    expected = MEASURED.row_base_bytes + extreme + MEASURED.watermark_bytes + 61 * MEASURED.cell_bytes[aggregation]

    assert weigh(RowKey(SERIES, SUBJECT, HOUR, ()), aggregation) == pytest.approx(expected, rel=0.12)


def test_group_values_add_what_the_figures_say() -> None:
    plain, grouped = (weigh(RowKey(SERIES, SUBJECT, HOUR, groups), Aggregation.COUNT) for groups in ((), ("x" * 30,)))

    assert grouped - plain == pytest.approx(MEASURED.row_groups_bytes, abs=5)


def test_a_watermark_weighs_what_the_figures_say() -> None:
    assert len(watermark_name("shard")) + len(MARK) == MEASURED.watermark_bytes


def test_an_event_weighs_what_the_figures_say() -> None:
    id_, data = str(uuid.uuid4()), '{"n":1}'
    event = Event(WORKSPACE, "api.example.com", id_, "completion", SUBJECT, NOW_US, data, None, b"x" * 16, NOW_US)

    found = size_of(encode_item(event, 0))

    assert found - len(data) == pytest.approx(MEASURED.event_envelope_bytes, abs=5)


def test_the_settings_are_those_of_the_template() -> None:
    functions = {one.name: one for one in Template.load().functions()}
    memory = {name: one.memory_mb for name, one in functions.items()}

    assert memory["EmitFunction"] == MEASURED.emit_memory_mb
    assert memory["AggregateFunction"] == MEASURED.aggregate_memory_mb
    assert memory["MetersFunction"] == MEASURED.meters_memory_mb


def test_the_stream_is_read_as_the_figures_say() -> None:
    template = Template.load()
    (mapping,) = (one for one in template.stream_mappings() if one.function == "AggregateFunction")

    assert mapping.properties["BatchSize"] == MEASURED.stream_batch
    assert mapping.properties["TumblingWindowInSeconds"] == MEASURED.tumbling_window_s
    assert template.resolve(mapping.properties["MaximumBatchingWindowInSeconds"]) == MEASURED.batching_window_s


def test_the_remembered_list_is_that_of_the_store() -> None:
    assert MEASURED.listed_subjects == LISTED_SUBJECTS
