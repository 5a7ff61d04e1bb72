"""Items that nobody here wrote, in the tables' streams: they are passed over or put aside, and block nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.abuse.fuzz.effort import effort
from tests.abuse.fuzz.oddities import texts
from tests.abuse.gate import Gate, gate
from tests.simulation.delivery import Delivery
from tests.simulation.expressions import Item
from tests.simulation.tables import Key, Table, record
from tests.simulation.world import STREAM
from tests.unit.http.tenant import FROM, TO

NUMBERS = (
    "0",
    "-1",
    "1.5",
    "1e100",
    "-9.9999999999999999999999999999999999999E+125",
    "1E-130",
    "9" * 38,
    "1768384800000000",
)
STORED = texts.map(lambda text: text.encode("utf-8", "replace").decode())
NAMES = STORED.filter(bool)
VALUES = st.recursive(
    st.one_of(
        STORED.map(lambda text: {"S": text}),
        st.sampled_from(NUMBERS).map(lambda number: {"N": number}),
        st.binary(max_size=40).map(lambda raw: {"B": base64.b64encode(raw).decode()}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.just({"NULL": True}),
        st.lists(STORED, min_size=1, max_size=2).map(lambda found: {"SS": found}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: {"L": found}),
        st.dictionaries(NAMES, inner, max_size=3).map(lambda found: {"M": found}),
    ),
    max_leaves=4,
)
"""Attributes as a stream tells them."""


@pytest.fixture(scope="module")
def service() -> Iterator[Gate]:
    with gate() as found:
        yield found


@st.composite
def spoiled(draw: st.DrawFn, item: dict[str, Any]) -> dict[str, Any]:
    """The item with a few attributes replaced, taken out or put in. Its key is as it was: it lies where it lies."""
    changed = deepcopy(item)
    free = [name for name in changed if name not in ("pk", "sk")]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(free) | NAMES) if free else draw(NAMES)
        if name in ("pk", "sk"):
            continue
        if draw(st.booleans()):
            changed.pop(name, None)
        else:
            changed[name] = draw(VALUES)
    return changed


def bring(service: Gate, delivery: Delivery, records: list[dict[str, Any]]) -> Any:
    """The records to the function that the stream triggers, as Lambda does."""
    arn = STREAM.format(table=delivery.table)
    event: dict[str, Any] = {"Records": [{**one, "eventSourceARN": arn} for one in records]}
    if delivery.windowed:
        window = {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T10:15:00Z"}
        event |= {"shardId": "shardId-1", "eventSourceARN": arn, "window": window, "state": {}}
        event |= {"isFinalInvokeForWindow": False, "isWindowTerminatedEarly": False}
    run = service.house.world.fleet.run(delivery.function, event, may_stall=False)
    assert run.error is None, run.error
    return run.answer


@pytest.fixture(scope="module")
def items(service: Gate) -> dict[str, list[tuple[Key, Item]]]:
    """What the streams bring, by delivery: everything stored, and jobs of every kind as they begin."""
    tenant, world = service.tenant, service.house.world
    span = {"from": FROM, "to": TO}
    tenant.ok("POST /v1/{workspace_id}/meters/{slug}/rebuild", {"restart": True})
    tenant.ok("POST /v1/{workspace_id}/meters/{slug}/recount", {**span, "repair": True})
    tenant.ok("POST /v1/{workspace_id}/voids", {"filter": {"subject": "alpha-subject", **span}})
    tenant.ok("POST /api/v1/meters", {"slug": "late", "eventType": "alpha_completion", "aggregation": "COUNT"})
    stored = {name: list(table.items.items()) for name, table in world.memory.tables.items()}
    service.put_back()
    brought = {
        name: [
            (key, item)
            for key, item in stored[one.table]
            if one.admits(told(world.memory.tables[one.table], key, item))
        ]
        for name, one in world.deliveries.items()
    }
    assert {item["kind"]["S"] for _, item in brought["CatalogTable"]} >= {"rebuild", "void"}
    return brought


def as_stored(value: dict[str, Any]) -> Any:
    """An attribute of a stream as the client gives it: binary is no text there."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(content)}
    if kind == "L":
        return {"L": [as_stored(one) for one in content]}
    return {"M": {name: as_stored(one) for name, one in content.items()}} if kind == "M" else value


def told(table: Table, key: Key, item: Item) -> dict[str, Any]:
    """The record of an item's insertion."""
    return record(table, 10**21, 1_768_384_800, key, None, item)


@given(st.data())
@effort(400)
def test_an_item_that_nobody_wrote_blocks_no_shard(
    service: Gate, items: dict[str, list[tuple[Key, Item]]], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(items)))
    delivery = service.house.world.deliveries[name]
    key, item = data.draw(st.sampled_from(items[name]))
    brought = told(service.house.world.memory.tables[delivery.table], key, item)
    wire = brought["dynamodb"].pop("NewImage")
    old = data.draw(st.none() | st.just(wire) | spoiled(wire))
    new = data.draw(spoiled(wire) if old is None else st.none() | spoiled(wire))
    brought["dynamodb"] |= {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    brought["eventName"] = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    assume(delivery.admits(brought))

    answer = bring(service, delivery, [brought])

    assert answer["batchItemFailures"] == []
    service.put_back()


@given(st.data())
@effort(200)
def test_a_job_that_is_stored_spoiled_blocks_no_shard(
    service: Gate, items: dict[str, list[tuple[Key, Item]]], data: st.DataObject
) -> None:
    delivery = service.house.world.deliveries["CatalogTable"]
    table = service.house.world.memory.tables[delivery.table]
    key, item = data.draw(st.sampled_from(items["CatalogTable"]))
    table.store(key, {name: as_stored(value) for name, value in data.draw(spoiled(item)).items()})

    answer = bring(service, delivery, [told(table, key, item)])

    assert answer["batchItemFailures"] == []
    service.put_back()


@given(st.data())
@effort(100)
def test_a_stored_item_that_nobody_wrote_hinders_no_other_event(service: Gate, data: st.DataObject) -> None:
    """What lies spoiled in storage may make its own reading fail; the batch of another workspace goes on."""
    world = service.house.world
    delivery = world.deliveries["EventsTable"]
    table = world.memory.tables["EventsTable"]
    key, item = data.draw(st.sampled_from(sorted(table.items.items())))
    good, bad = told(table, key, item), told(table, key, item)
    bad["dynamodb"]["NewImage"] = data.draw(spoiled(bad["dynamodb"]["NewImage"]))

    alone = bring(service, delivery, [good])
    counted = service.house.state()
    service.put_back()
    bring(service, delivery, [bad])
    together = bring(service, delivery, [good])

    assert alone == together
    assert {key for key in counted if key[0] == "UsageTable"} <= set(service.house.state())
    service.put_back()
