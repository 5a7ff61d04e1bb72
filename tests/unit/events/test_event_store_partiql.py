"""Batches by PartiQL, over a client with canned answers: Moto's PartiQL knows no parameters and overwrites."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.events.store import EventStore, decode_item
from dynameter.runtime.settings import EventWrites, Settings
from tests.conftest import WORKSPACE, ManualClock

EVENT = Event(WORKSPACE, "shop", "1", "request", "customer-1", 5, '{"count":1}', None, b"0123456789abcdef", 7)
SETTINGS = Settings("Events", "Usage", "Catalog", EventWrites.PARTIQL, 0, 0, None)


class Engine:
    """Conditional inserts as BatchExecuteStatement answers them; ``throttle`` names keys to throttle, how often."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: list[int] = []
        self.puts = 0
        self.reads: list[int] = []
        self.throttle: dict[str, int] = {}
        self.code = "ThrottlingError"
        self.tells_items = True
        self.unprocessed = 0
        self._lock = threading.Lock()

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        self.puts += 1
        assert arguments["ConditionExpression"] == "attribute_not_exists(pk)"
        item = arguments["Item"]
        if item["pk"]["S"] in self.items:
            error = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": self.items[item["pk"]["S"]]}
            raise ClientError(error, "PutItem")  # type: ignore[arg-type]
        self.items[item["pk"]["S"]] = item
        return {}

    def batch_execute_statement(self, **arguments: Any) -> dict[str, Any]:
        with self._lock:
            statements = arguments["Statements"]
            self.calls.append(len(statements))
            assert len(statements) <= 25
            return {"Responses": [self._insert(statement) for statement in statements]}

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        (table, wanted), *_ = arguments["RequestItems"].items()
        assert wanted["ConsistentRead"] is True
        keys = wanted["Keys"]
        self.reads.append(len(keys))
        left, self.unprocessed = keys[: self.unprocessed], 0
        found = [self.items[key["pk"]["S"]] for key in keys[len(left) :] if key["pk"]["S"] in self.items]
        answer: dict[str, Any] = {"Responses": {table: [{"pk": item["pk"], "h": item["h"]} for item in found]}}
        if left:
            answer["UnprocessedKeys"] = {table: {**wanted, "Keys": left}}
        return answer

    def _insert(self, statement: dict[str, Any]) -> dict[str, Any]:
        assert statement["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        match = re.fullmatch(r'INSERT INTO "Events" VALUE \{(.*)\}', statement["Statement"])
        assert match is not None
        names = re.findall(r"'(\w+)': \?", match[1])
        item = dict(zip(names, statement["Parameters"], strict=True))
        key = item["pk"]["S"]
        if self.throttle.get(key, 0):
            self.throttle[key] -= 1
            return {"Error": {"Code": self.code, "Message": "slow down"}}
        if key in self.items:
            told = {"Item": self.items[key]} if self.tells_items else {}
            return {"Error": {"Code": "DuplicateItem", "Message": "exists", **told}}
        self.items[key] = item
        return {"TableName": "Events"}


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def store(engine: Engine, clock: ManualClock) -> EventStore:
    return EventStore(engine, SETTINGS, clock, lambda: 1.0)  # type: ignore[arg-type]


def numbered(count: int) -> list[Event]:
    return [replace(EVENT, id=str(number)) for number in range(count)]


def key_of(event: Event) -> str:
    return f"AAAAAAAAQACAAAAAAAAAAQ.4.shop{event.id}"


def in_time(clock: ManualClock) -> int:
    return clock.now_us() + 20_000_000


def test_a_batch_is_inserted_25_a_call(store: EventStore, engine: Engine, clock: ManualClock) -> None:
    events = numbered(60)

    assert store.put_all(events, in_time(clock)) == [None] * 60
    assert sorted(engine.calls) == [10, 25, 25]
    assert sorted(decode_item(item).id for item in engine.items.values()) == sorted(event.id for event in events)


def test_optional_attributes_are_inserted_too(store: EventStore, engine: Engine, clock: ManualClock) -> None:
    events = [replace(EVENT, id="1", extensions='{"a":1}'), replace(EVENT, id="2", data=None)]

    store.put_all(events, in_time(clock))

    assert [decode_item(item) for item in engine.items.values()] == events


def test_one_event_is_one_put(store: EventStore, engine: Engine, clock: ManualClock) -> None:
    assert store.put_all([EVENT], in_time(clock)) == [None]
    assert store.put_all([EVENT], in_time(clock)) == [EVENT.fingerprint]
    assert (engine.puts, engine.calls) == (2, [])


@pytest.mark.parametrize("tells_items", [True, False])
def test_a_duplicate_answers_the_stored_fingerprint(
    store: EventStore, engine: Engine, clock: ManualClock, tells_items: bool
) -> None:
    engine.tells_items = tells_items
    store.put_all(numbered(30)[::2], in_time(clock))

    found = store.put_all([replace(event, fingerprint=b"f" * 16) for event in numbered(30)], in_time(clock))

    assert found == [EVENT.fingerprint, None] * 15
    assert sum(engine.reads) == (0 if tells_items else 15)


def test_reads_that_were_not_processed_are_repeated(store: EventStore, engine: Engine, clock: ManualClock) -> None:
    engine.tells_items = False
    store.put_all(numbered(20), in_time(clock))
    engine.unprocessed = 7

    assert store.put_all(numbered(20), in_time(clock)) == [EVENT.fingerprint] * 20
    assert engine.reads == [20, 7]


def test_a_duplicate_that_is_gone_when_it_is_read_is_inserted(
    store: EventStore, engine: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.tells_items = False
    events = numbered(3)
    store.put_all(events, in_time(clock))
    read = engine.batch_get_item

    def expire_and_read(**arguments: Any) -> dict[str, Any]:
        engine.items.pop(key_of(events[1]), None)
        return read(**arguments)

    monkeypatch.setattr(engine, "batch_get_item", expire_and_read)

    assert store.put_all(events, in_time(clock)) == [EVENT.fingerprint, None, EVENT.fingerprint]
    assert len(engine.items) == 3


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "InternalServerError",
        "TransactionConflict",
    ],
)
def test_throttled_statements_alone_are_sent_again(
    store: EventStore, engine: Engine, clock: ManualClock, code: str
) -> None:
    events = numbered(10)
    engine.code = code
    engine.throttle = {key_of(events[2]): 1, key_of(events[7]): 3}
    started = clock.now_us()

    assert store.put_all(events, in_time(clock)) == [None] * 10
    assert engine.calls == [10, 2, 1, 1]
    assert clock.now_us() - started == 50_000 + 100_000 + 200_000


def test_a_batch_throttled_for_too_long_is_unavailable_and_safe_to_send_again(
    store: EventStore, engine: Engine, clock: ManualClock
) -> None:
    events = numbered(10)
    engine.throttle = {key_of(events[4]): 1_000}
    deadline = in_time(clock)

    with pytest.raises(Unavailable, match="1 of 10 events") as refused:
        store.put_all(events, deadline)

    assert refused.value.retry_after_s >= 1
    assert clock.now_us() < deadline
    engine.throttle = {}
    assert store.put_all(events, in_time(clock)).count(None) == 1


def test_a_call_that_is_throttled_as_a_whole_is_unavailable(
    store: EventStore, engine: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttle(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchExecuteStatement")

    monkeypatch.setattr(engine, "batch_execute_statement", throttle)

    with pytest.raises(Unavailable):
        store.put_all(numbered(60), in_time(clock))


@pytest.mark.parametrize("code", ["ValidationError", "AccessDenied", "ResourceNotFound", "ItemCollectionSizeLimit"])
def test_a_refusal_for_another_reason_is_a_fault_not_a_result(
    store: EventStore, engine: Engine, clock: ManualClock, code: str
) -> None:
    events = numbered(3)
    engine.code = code
    engine.throttle = {key_of(events[1]): 1}

    with pytest.raises(RuntimeError, match=code):
        store.put_all(events, in_time(clock))


def test_nothing_is_sent_when_the_time_is_over(store: EventStore, engine: Engine, clock: ManualClock) -> None:
    with pytest.raises(Unavailable):
        store.put_all(numbered(60), clock.now_us())

    assert engine.calls == []


def test_every_call_has_ended_when_one_of_them_fails(
    store: EventStore, engine: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = engine.batch_execute_statement
    first = threading.Event()

    def fail_first(**arguments: Any) -> dict[str, Any]:
        if not first.is_set():
            first.set()
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchExecuteStatement")
        return insert(**arguments)

    monkeypatch.setattr(engine, "batch_execute_statement", fail_first)

    with pytest.raises(Unavailable):
        store.put_all(numbered(200), in_time(clock))

    assert sum(engine.calls) == 175
