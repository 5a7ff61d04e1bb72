"""Folding: which meters an event counts in, and that none disturbs another."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading, Skip
from dynameter.usage.folding.definitions import MAX_WORKSPACES, DefinitionCache
from dynameter.usage.folding.fold import Counting, fold, fold_history
from dynameter.usage.rows.row import RowKey
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.usage.builders import NOON, define, make_event, make_meter, make_record, series_of

METER = make_meter()
HOUR = NOON // 3_600_000_000


def fold_one(definitions: Any, **changes: Any) -> Any:
    data = changes.pop("data", {"value": 5})
    return fold([make_record(1, make_event(1, data, **changes))], definitions)


def test_an_event_counts_for_its_subject_and_for_the_total() -> None:
    folded = fold_one(define(METER))

    series = series_of(METER)
    assert set(folded.rows) == {RowKey(series, "customer-1", HOUR, ()), RowKey(series, None, HOUR, ())}


def test_a_row_holds_its_contributions_in_the_order_of_the_stream() -> None:
    records = [make_record(number, make_event(number, {"value": number})) for number in (3, 1, 2)]

    folded = fold(records, define(METER))

    contributions = folded.rows[RowKey(series_of(METER), None, HOUR, ())].contributions
    assert [(int(one.position), one.value) for one in contributions] == [
        (1, Decimal(1)),
        (2, Decimal(2)),
        (3, Decimal(3)),
    ]


def test_groups_are_part_of_the_row() -> None:
    meter = make_meter(group_by={"b": "$.b", "a": "$.a"})

    folded = fold_one(define(meter), data={"value": 1, "a": "x"})

    assert {row.groups for row in folded.rows} == {("x", "")}


def test_an_event_of_another_workspace_or_type_is_unmatched() -> None:
    definitions = define(METER)

    assert fold_one(definitions, workspace=OTHER_WORKSPACE).unmatched == 1
    assert fold_one(definitions, type="other").unmatched == 1


def test_what_a_meter_cannot_use_is_skipped_for_that_meter_alone() -> None:
    count = make_meter(Aggregation.COUNT, id="01KEYZ8Q4V0000000000000002", slug="count")

    folded = fold_one(define(METER, count), data={"value": "NaN"})

    assert folded.unusable == 1
    assert {row.series.meter_id for row in folded.rows} == {count.id}


def test_a_reader_that_raises_disturbs_no_other_meter() -> None:
    class Broken:
        def read(self, data: Any) -> Reading | Skip:
            raise ZeroDivisionError

    count = make_meter(Aggregation.COUNT, id="01KEYZ8Q4V0000000000000002", slug="count")
    definitions = define(METER, count)
    key = (WORKSPACE, "request")
    broken = [replace(definitions[key][0], reader=Broken()), definitions[key][1]]

    folded = fold_one({key: broken})

    assert [(fault.series.meter_id, type(fault.error)) for fault in folded.faults] == [(METER.id, ZeroDivisionError)]
    assert {row.series.meter_id for row in folded.rows} == {count.id}


def test_events_before_event_from_do_not_count() -> None:
    meter = make_meter(event_from_us=NOON)

    assert not fold_one(define(meter), time_us=NOON - 1).rows
    assert fold_one(define(meter), time_us=NOON).rows


def test_each_generation_folds_the_events_ingested_since_it_is_live() -> None:
    meter = make_meter(
        generations=(Generation(1, {}, 0, True), Generation(2, {"model": "$.model"}, NOON, False)), active=1
    )

    before = fold_one(define(meter), ingested_at_us=NOON - 1)
    after = fold_one(define(meter), ingested_at_us=NOON)

    assert {row.series.generation for row in before.rows} == {1}
    assert {row.series.generation for row in after.rows} == {1, 2}


class Catalog:
    """A catalog that counts its reads."""

    def __init__(self) -> None:
        self.version = 1
        self.meters: dict[str, tuple[Meter, ...]] = {WORKSPACE: (METER,)}
        self.loads: list[str] = []

    def versions(self, workspaces: Any) -> dict[str, int]:
        return dict.fromkeys(workspaces, self.version)

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        self.loads.append(workspace)
        return self.meters.get(workspace, ())


def ignore(*_: Any) -> None:
    """Takes a fault and keeps it to itself."""


def test_definitions_are_read_once_a_version() -> None:
    catalog = Catalog()
    cache = DefinitionCache(catalog, compile_reader, ignore)

    cache.load({WORKSPACE})
    cache.load({WORKSPACE})

    assert catalog.loads == [WORKSPACE]


def test_a_new_version_is_read_before_the_batch_is_folded() -> None:
    catalog = Catalog()
    cache = DefinitionCache(catalog, compile_reader, ignore)
    cache.load({WORKSPACE})
    catalog.version, catalog.meters = 2, {WORKSPACE: (METER, make_meter(id="01KEYZ8Q4V0000000000000002"))}

    found = cache.load({WORKSPACE})

    assert len(found[WORKSPACE, "request"]) == 2


def test_definitions_of_other_workspaces_are_not_part_of_a_batch() -> None:
    catalog = Catalog()
    cache = DefinitionCache(catalog, compile_reader, ignore)
    cache.load({WORKSPACE})

    assert cache.load({OTHER_WORKSPACE}) == {}


def test_a_meter_that_cannot_be_compiled_is_reported_and_the_others_count_on() -> None:
    catalog = Catalog()
    broken = make_meter(id="01KEYZ8Q4V0000000000000002", value_property="$..x")
    catalog.meters = {WORKSPACE: (broken, METER)}
    reported: list[str] = []
    cache = DefinitionCache(catalog, compile_reader, lambda meter, generation, error: reported.append(meter.id))

    found: list[Counting] = list(cache.load({WORKSPACE})[WORKSPACE, "request"])

    assert reported == [broken.id]
    assert [one.meter.id for one in found] == [METER.id]


def test_the_memory_of_definitions_is_bounded() -> None:
    catalog = Catalog()
    cache = DefinitionCache(catalog, compile_reader, ignore)
    cache.load({WORKSPACE})
    cache.load({f"00000000-0000-4000-8000-{number:012d}" for number in range(10, 10 + MAX_WORKSPACES)})
    catalog.loads.clear()

    cache.load({WORKSPACE})

    assert catalog.loads == [WORKSPACE]


# ---- history


def stored(event: Any, key: str = "key") -> StoredEvent:
    return StoredEvent(event, key)


@pytest.mark.parametrize(
    ("toggles", "expected"),
    [((), 1), ((NOON + 1,), 0), ((NOON + 1, NOON + 2), 1), ((NOON + 5,), 1), ((NOON + 1, NOON + 5), 0)],
)
def test_the_history_is_folded_as_it_stood_just_before_an_instant(toggles: tuple[int, ...], expected: int) -> None:
    event = make_event(1, {"value": 1}, toggles=toggles)

    folded = fold_history(METER, METER.active_generation, [stored(event)], NOON + 5)

    assert len(folded.rows) == 2 * expected


def test_the_history_stored_at_or_after_the_instant_is_left_out() -> None:
    folded = fold_history(METER, METER.active_generation, [stored(make_event(1, {"value": 1}))], NOON)

    assert folded.rows == {}


def test_the_history_is_folded_whatever_the_generation_takes_from_the_stream() -> None:
    generation = Generation(7, {}, NOON + 100, False)

    folded = fold_history(METER, generation, [stored(make_event(1, {"value": 1}), "0017.x")], NOON + 100)

    delta = folded.rows[RowKey(series_of(METER, 7), None, HOUR, ())]
    assert [(one.position, one.sign) for one in delta.contributions] == [("0017.x", 1)]
    assert not delta.whole


def test_the_history_is_folded_by_the_rules_of_the_stream() -> None:
    meter = make_meter(event_from_us=NOON)
    events = [
        make_event(1, {"value": 1}, type="other"),
        make_event(2, {"value": 1}, time_us=NOON - 1),
        make_event(3, {"value": "x"}),
        make_event(4, {"value": 1}, subject=""),
        replace(make_event(5), data="[1]"),
        make_event(6, {"value": 6}),
    ]

    folded = fold_history(
        meter, meter.active_generation, [stored(one, f"{at:03d}") for at, one in enumerate(events)], NOON + 1
    )

    assert [one.value for one in folded.rows[RowKey(series_of(meter), None, HOUR, ())].contributions] == [6]
    assert folded.unusable == 1
