"""A write whose answer is lost is sent again by the client and then meets itself: that is no duplicate."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from dynameter.deadline import within
from dynameter.events.event import Event
from dynameter.events.store import EventStore, partition_key
from dynameter.runtime.settings import EventWrites
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.runtime.storage import LOST, SETTINGS, THROTTLED, Answer, Attempt, Storage, done, error

EVENT = Event(WORKSPACE, "shop", "1", "request", "customer-1", 5, '{"count":1}', None, b"0123456789abcdef", 7)
OURS = EVENT.fingerprint
WRITES = [EventWrites.PUT, EventWrites.PARTIQL]
BATCH = [replace(EVENT, id=str(number)) for number in range(3)]


@dataclass
class Table:
    """Conditional writes, as one PutItem or as a batch of statements; ``faults`` are what befalls the next attempts."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Callable[[Callable[[], Answer]], Answer]] = field(default_factory=list)

    def __call__(self, attempt: Attempt) -> Answer:
        fault = self.faults.pop(0) if self.faults else lambda apply: apply()
        return fault(lambda: self._apply(attempt))

    def _apply(self, attempt: Attempt) -> Answer:
        if attempt.operation == "PutItem":
            old = self._insert(attempt.arguments["Item"])
            return done() if old is None else error("ConditionalCheckFailedException", Item=old)
        responses = []
        for statement in attempt.arguments["Statements"]:
            names = statement["Statement"].split("{")[1].split("'")[1::2]
            old = self._insert(dict(zip(names, statement["Parameters"], strict=True)))
            responses.append({} if old is None else {"Error": {"Code": "DuplicateItem", "Item": old}})
        return done(Responses=responses)

    def _insert(self, item: dict[str, Any]) -> dict[str, Any] | None:
        kept = self.items.setdefault(item["pk"]["S"], item)
        return None if kept is item else kept

    def keep(self, event: Event) -> None:
        """Somebody else has stored it."""
        key = partition_key(event.workspace, event.source, event.id)
        fingerprint = base64.b64encode(event.fingerprint).decode()
        self.items[key] = {"pk": {"S": key}, "h": {"B": fingerprint}, "r": {"N": str(event.ingested_at_us)}}


def lost(apply: Callable[[], Answer]) -> Answer:
    """The call is applied and its answer lost."""
    apply()
    return LOST


def failed(apply: Callable[[], Answer]) -> Answer:
    """The call is applied and the service answers 500."""
    apply()
    return error("InternalServerError", 500)


def throttled(_apply: Callable[[], Answer]) -> Answer:
    return THROTTLED


@pytest.fixture
def table(storage: Storage) -> Table:
    table = Table()
    storage.answer = table
    return table


@pytest.fixture(params=WRITES, ids=lambda one: one.value)
def put_all(request: pytest.FixtureRequest, storage: Storage, clock: ManualClock) -> Callable[..., list[bytes | None]]:
    def put(events: list[Event]) -> list[bytes | None]:
        deadline = clock.now_us() + 26_000_000
        store = EventStore(
            storage.client(), replace(SETTINGS, event_writes=request.param), clock, lambda: 0.5, workers=1
        )
        with within(deadline, clock):
            return store.put_all(events, deadline)

    return put


@pytest.mark.parametrize("fault", [lost, failed])
@pytest.mark.parametrize("events", [[EVENT], BATCH], ids=["one", "batch"])
def test_what_an_earlier_attempt_stored_is_accepted(
    table: Table, put_all: Any, events: list[Event], fault: Any
) -> None:
    table.faults = [fault]

    assert put_all(events) == [None] * len(events)


def test_what_somebody_else_stored_meanwhile_is_a_duplicate(table: Table, put_all: Any) -> None:
    table.faults = [lost, throttled]
    table.keep(replace(BATCH[1], ingested_at_us=6))

    assert put_all(BATCH) == [None, OURS, None]


def test_another_payload_of_the_same_microsecond_is_in_the_way(table: Table, put_all: Any) -> None:
    table.faults = [lost]
    table.keep(replace(EVENT, fingerprint=b"f" * 16))

    assert put_all([EVENT]) == [b"f" * 16]


def test_two_requests_of_one_microsecond_are_not_both_accepted(table: Table, put_all: Any) -> None:
    assert put_all([EVENT]) == [None]
    assert put_all([EVENT]) == [OURS]


class TornStatements:
    """The first call stores its second statement and answers that it failed; the reading may not show old items."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._calls = 0

    def __call__(self, attempt: Attempt) -> Answer:
        self._calls += 1
        answer = self._table(attempt)
        if self._calls == 1:
            assert isinstance(answer, tuple)
            answer[1]["Responses"][1] = {"Error": {"Code": "InternalServerError"}}
        return answer


def test_a_statement_that_failed_after_it_was_stored_is_accepted_in_the_next_round(
    table: Table, storage: Storage, clock: ManualClock
) -> None:
    storage.answer = TornStatements(table)
    settings = replace(SETTINGS, event_writes=EventWrites.PARTIQL)
    store = EventStore(storage.client(), settings, clock, lambda: 0.5, workers=1)

    assert store.put_all(BATCH, clock.now_us() + 26_000_000) == [None] * 3
    assert [len(attempt.arguments["Statements"]) for attempt in storage.attempts] == [3, 1]
