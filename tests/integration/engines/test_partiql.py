"""Batches of inserts by PartiQL, one of the two ways to store events: each statement is a conditional write."""

from __future__ import annotations

from dataclasses import replace

from dynameter.clock import SystemClock
from dynameter.events.event import Event
from dynameter.events.store import EventStore
from dynameter.runtime.settings import EventWrites, Settings
from tests.conftest import WORKSPACE
from tests.integration.conftest import EngineUnderTest
from tests.integration.engines.tables import event_item, insert, stored, stream_records

EVENT = Event(WORKSPACE, "shop", "1", "request", "customer-1", 5, '{"count":1}', None, b"0123456789abcdef", 7)
OTHER_PAYLOAD = b"fedcba9876543210"
LONG_S = 60


def test_partiql_inserts_report_each_duplicate_and_overwrite_nothing(engine: EngineUnderTest) -> None:
    insert(engine, event_item("1", y={"S": "first"}))

    answer = insert(engine, *(event_item(key, y={"S": "second"}) for key in ("0", "1", "2")))

    assert [one.get("Error", {}).get("Code") for one in answer["Responses"]] == [None, "DuplicateItem", None]
    assert stored(engine, "EventsTable", {"pk": {"S": "1"}})["y"] == {"S": "first"}


def test_25_inserts_fit_in_a_call(engine: EngineUnderTest) -> None:
    answer = insert(engine, *(event_item(f"{number:02d}") for number in range(25)))

    assert [one.get("Error") for one in answer["Responses"]] == [None] * 25
    assert stored(engine, "EventsTable", {"pk": {"S": "24"}}) == event_item("24")


def test_partiql_inserts_reach_the_stream(engine: EngineUnderTest) -> None:
    insert(engine, event_item("a"), event_item("b"))
    engine.client.put_item(TableName=engine.tables["EventsTable"], Item=event_item("z"))

    records = stream_records(engine, "EventsTable", last="z")

    assert sorted(one["dynamodb"]["Keys"]["pk"]["S"] for one in records) == ["a", "b", "z"]


def test_partiql_inserts_consume_what_puts_do(engine: EngineUnderTest) -> None:
    answer = insert(engine, event_item("a"), event_item("b"), ReturnConsumedCapacity="TOTAL")

    # Each a unit in the table and one in its index.
    assert sum(one["CapacityUnits"] for one in answer["ConsumedCapacity"]) == 4


def stores_apart(engine: EngineUnderTest, writes: EventWrites) -> None:
    """Store an event, the same again with a new one, and another payload under its id."""
    settings = Settings(
        events_table=engine.tables["EventsTable"],
        usage_table=engine.tables["UsageTable"],
        catalog_table=engine.tables["CatalogTable"],
        event_writes=writes,
        event_retention_days=0,
        clock_skew_ms=0,
        endpoint=engine.engine.endpoint,
    )
    clock = SystemClock()
    store = EventStore(engine.client, settings, clock, lambda: 0.5)
    deadline = clock.now_us() + LONG_S * 1_000_000
    new, changed = replace(EVENT, id="2"), replace(EVENT, fingerprint=OTHER_PAYLOAD)

    answers = [
        store.put_all(batch, deadline) for batch in ([EVENT, replace(EVENT, id="0")], [EVENT, new], [changed, new])
    ]

    # What is in the way is told by its fingerprint; None is what was stored.
    assert answers == [[None, None], [EVENT.fingerprint, None], [EVENT.fingerprint, EVENT.fingerprint]]


def test_events_that_are_stored_by_puts_are_told_apart(engine: EngineUnderTest) -> None:
    stores_apart(engine, EventWrites.PUT)


def test_events_that_are_stored_by_partiql_are_told_apart(engine: EngineUnderTest) -> None:
    stores_apart(engine, EventWrites.PARTIQL)
