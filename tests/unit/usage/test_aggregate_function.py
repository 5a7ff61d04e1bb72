"""The aggregate function: real stream payloads in, usage rows out, and what it does when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.store import MeterStore
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.stream import MissingShard
from dynameter.usage.quarantine.store import PARTITION
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore
from local.template import ROOT
from tests.conftest import OTHER_WORKSPACE, LambdaContext, load_function
from tests.unit.usage.builders import NOON, make_event, make_meter, stream_event, stream_record

DONE: dict[str, object] = {"state": {}, "batchItemFailures": []}


@pytest.fixture
def app(settings: Settings) -> ModuleType:
    return load_function("aggregate")


@pytest.fixture
def define(dynamodb: Any) -> Callable[..., Meter]:
    def insert(*arguments: Any, **changes: Any) -> Meter:
        meter = make_meter(*arguments, **changes)
        MeterStore(dynamodb, "CatalogTable").insert(meter)
        return meter

    return insert


def total(dynamodb: Any, meter: Meter) -> Decimal | None:
    rows = UsageService(UsageStore(dynamodb, "UsageTable")).query(meter, UsageQuery()).rows
    return rows[0].value if rows else None


def quarantined(dynamodb: Any) -> list[Any]:
    found = dynamodb.query(
        TableName="UsageTable",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": PARTITION}},
    )
    items: list[Any] = found["Items"]
    return items


def metrics_of(text: str) -> dict[str, Any]:
    """The metrics in the output, each value by its name."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{") and '"_aws"' in line]
    return {name: value[0] for line in lines for name, value in line.items() if isinstance(value, list)}


def test_the_sample_batch_is_counted(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    meter = define(Aggregation.SUM, value_property="$.duration_ms", group_by={"method": "$.method"})
    event = json.loads((ROOT / "events/aggregate-insert.json").read_text())

    answer = app.handler(event, context)
    app.handler(event, context)

    assert answer == DONE
    assert total(dynamodb, meter) == Decimal("52.5")


def test_the_sample_of_a_void_takes_its_event_away(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    meter = define(Aggregation.SUM, value_property="$.duration_ms", group_by={"method": "$.method"})

    for case in ("insert", "void", "void"):
        app.handler(json.loads((ROOT / f"events/aggregate-{case}.json").read_text()), context)

    assert total(dynamodb, meter) == 40


def test_the_sample_of_a_windows_end_changes_nothing(app: ModuleType, dynamodb: Any, context: LambdaContext) -> None:
    event = json.loads((ROOT / "events/aggregate-final-window.json").read_text())

    assert app.handler(event, context) == DONE
    assert dynamodb.scan(TableName="UsageTable")["Items"] == []


def test_an_event_without_a_shard_is_refused(app: ModuleType, dynamodb: Any, context: LambdaContext) -> None:
    with pytest.raises(MissingShard, match="TumblingWindowInSeconds"):
        app.handler(stream_event([stream_record(1, make_event())], shard=None), context)

    assert dynamodb.scan(TableName="UsageTable")["Items"] == []


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_a_change_that_voids_nothing_counts_nothing(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext, name: str
) -> None:
    meter = define(Aggregation.COUNT)
    event = make_event(2)

    app.handler(stream_event([stream_record(1, make_event(1)), stream_record(2, event, name, event)]), context)

    assert total(dynamodb, meter) == 1
    assert quarantined(dynamodb) == []


def test_a_void_takes_its_event_away_and_an_un_void_brings_it_back(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    meter = define(Aggregation.SUM)
    stored = make_event(1, {"value": 5})
    void = replace(stored, toggles=(NOON + 1,), voided_by="v1")
    undone = replace(stored, toggles=(NOON + 1, NOON + 2))
    other = make_event(2, {"value": 1})

    app.handler(stream_event([stream_record(1, stored), stream_record(2, other)]), context)
    app.handler(stream_event([stream_record(3, void, "MODIFY", stored)]), context)
    assert total(dynamodb, meter) == 1

    app.handler(stream_event([stream_record(4, undone, "MODIFY", void)]), context)
    assert total(dynamodb, meter) == 6


def test_an_insert_whose_image_is_void_already_is_but_an_insert(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    meter = define(Aggregation.COUNT)

    app.handler(stream_event([stream_record(1, make_event(1, toggles=(NOON + 1,)))]), context)

    assert total(dynamodb, meter) == 1


def test_a_void_of_an_event_older_than_the_meter_is_folded_by_its_own_stamp(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    meter = define(Aggregation.SUM, generations=(Generation(1, {}, NOON + 10, True),))
    old, older = make_event(1, {"value": 5}), make_event(2, {"value": 7})
    late_void, early_void = replace(old, toggles=(NOON + 10,)), replace(older, toggles=(NOON + 9,))
    new = make_event(3, {"value": 100}, ingested_at_us=NOON + 10)
    newer = make_event(4, {"value": 100}, ingested_at_us=NOON + 10)
    changes = [(3, late_void, old), (4, early_void, older)]

    app.handler(stream_event([stream_record(1, new), stream_record(2, newer)]), context)
    app.handler(stream_event([stream_record(at, new, "MODIFY", old) for at, new, old in changes]), context)

    assert total(dynamodb, meter) == 200 - 5


def test_voids_that_do_not_continue_the_old_image_go_to_quarantine(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    define(Aggregation.COUNT)
    before, after = make_event(1, toggles=(NOON + 1,)), make_event(1, toggles=(NOON + 2, NOON + 3))

    app.handler(stream_event([stream_record(1, after, "MODIFY", before)]), context)

    assert len(quarantined(dynamodb)) == 1


def test_a_void_of_an_extreme_writes_the_jobs_of_its_recomputes(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    define(Aggregation.MAX)
    stored, other = make_event(1, {"value": 5}), make_event(2, {"value": 1})
    app.handler(stream_event([stream_record(1, stored), stream_record(2, other)]), context)

    void = replace(stored, toggles=(NOON + 1,))
    app.handler(stream_event([stream_record(3, void, "MODIFY", stored)]), context)

    keys = [item["sk"]["S"] for item in dynamodb.scan(TableName="CatalogTable")["Items"]]
    assert len([key for key in keys if key.startswith("j.recompute.")]) == 2


def test_storage_that_fails_raises_so_that_the_batch_comes_again(
    app: ModuleType,
    define: Callable[..., Meter],
    dynamodb: Any,
    context: LambdaContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meter = define(Aggregation.COUNT)
    event = stream_event([stream_record(1, make_event(1))])

    def throttled(self: Any, *_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "UpdateItem")

    with monkeypatch.context() as patch:
        patch.setattr("botocore.client.BaseClient._make_api_call", throttled)
        with pytest.raises(Unavailable):
            app.handler(event, context)

    assert app.handler(event, context) == DONE
    assert total(dynamodb, meter) == 1


def test_the_metrics_say_what_became_of_the_records(
    app: ModuleType, define: Callable[..., Meter], context: LambdaContext, capsys: pytest.CaptureFixture[str]
) -> None:
    define(Aggregation.SUM)
    broken = stream_record(9, make_event(9))
    del broken["dynamodb"]["NewImage"]
    records = [
        stream_record(1, make_event(1, {"value": 1})),
        stream_record(2, make_event(2, {"value": "many"})),
        stream_record(3, make_event(3, {"value": 1}, type="other")),
        stream_record(4, make_event(4, {"value": 1}, workspace=OTHER_WORKSPACE)),
        broken,
    ]

    app.handler(stream_event(records), context)

    found = metrics_of(capsys.readouterr().out)
    assert {name: found[name] for name in ("folded_events", "rows", "unmatched", "unusable", "quarantined")} == {
        "folded_events": 4,
        "rows": 2,
        "unmatched": 2,
        "unusable": 1,
        "quarantined": 1,
    }
    assert found["lag"] > 0


def test_a_meter_made_between_two_batches_counts_from_the_second(
    app: ModuleType, define: Callable[..., Meter], dynamodb: Any, context: LambdaContext
) -> None:
    app.handler(stream_event([stream_record(1, make_event(1))]), context)
    meter = define(Aggregation.COUNT)

    app.handler(stream_event([stream_record(2, make_event(2))]), context)

    assert total(dynamodb, meter) == 1
