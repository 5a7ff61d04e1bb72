"""A threshold that is crossed is told of once, whatever happens to events, streams and processes on the way.

The functions run as they are: usage goes by the usage table's stream to the thresholds function, crossings by the
catalog's stream to it again and on to a bus that remembers what it got.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from dynameter import codec
from dynameter.billing.thresholds import eventbridge
from tests.conftest import load_function
from tests.simulation.delivery import Delivery
from tests.simulation.dynamodb import Apply, Call
from tests.simulation.faults import Fault
from tests.simulation.world import TEMPLATE, World, world

# A world makes chance and threads its own in the modules that are there when it begins.
for _function in ("billing", "meters", "emit", "aggregate", "rebuild", "thresholds"):
    load_function(_function)

USAGE, CROSSINGS = "UsageTable of thresholds", "CatalogTable of thresholds"
STREAMS = {"UsageTable": USAGE, "CatalogTable": CROSSINGS}
SEEDS = range(1, 26)
HARMLESS = (Fault.THROTTLED, Fault.LOST, Fault.RETRIED, Fault.CONFLICT, Fault.UNHEARD, Fault.PARTIAL)
DEADLY = (*HARMLESS, Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.STALLED_BEFORE, Fault.STALLED_AFTER)


class Bus:
    """EventBridge's client: it takes what it is given, but for the entries that ``refuses`` lets fail."""

    def __init__(self, random: Random | None = None) -> None:
        self.taken: list[dict[str, Any]] = []
        self._random = random

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 1 <= len(Entries) <= 10
        answers: list[dict[str, Any]] = []
        for entry in Entries:
            if self._random is not None and self._random.random() < 0.3:
                answers.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "later"})
                continue
            self.taken.append(codec.decode(entry["Detail"]))
            answers.append({"EventId": str(len(self.taken))})
        return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}

    def reached(self) -> list[Decimal]:
        """The thresholds that were told of."""
        return sorted(Decimal(one["data"]["threshold"]["value"]) for one in self.taken)


@contextmanager
def metered(seed: int, bus: Bus) -> Iterator[World]:
    """A world with a customer of two subjects, a feature sold by the sum of a meter, and thresholds of 10, 20, 30."""
    with patch.object(eventbridge, "create_client", lambda: bus), world(seed) as running:
        for mapping in TEMPLATE.stream_mappings():
            if mapping.function == "ThresholdsFunction":
                stream = running.memory.tables[mapping.table].stream
                assert stream is not None
                running.deliveries[STREAMS[mapping.table]] = Delivery(mapping, stream, 1)
        meter = {"slug": "tokens", "eventType": "a", "aggregation": "SUM", "valueProperty": "$.v"}
        _make(running, "meters", "POST /api/v1/meters", meter)
        customer = {"name": "One", "key": "s1", "usageAttribution": {"subjectKeys": ["s2"]}}
        _make(running, "billing", "POST /api/v1/customers", customer)
        _make(running, "billing", "POST /api/v1/features", {"key": "tokens", "name": "T", "meterSlug": "tokens"})
        thresholds = [{"type": "usage_value", "value": value} for value in (10, 20, 30)]
        rule = {"type": "entitlements.balance.threshold", "name": "R", "channels": [], "features": ["tokens"]}
        _make(running, "billing", "POST /api/v1/notification/rules", {**rule, "thresholds": thresholds})
        running.settle()
        yield running


def _make(running: World, function: str, route: str, body: Any) -> None:
    answer = running.ask(function, route, body=body)
    assert answer.status == 201, answer.text


def event(number: int) -> dict[str, Any]:
    """An event that counts 1, of either subject, within two hours of one month."""
    subject = f"s{number % 2 + 1}"
    time = f"2026-01-14T{8 + number % 3:02}:{number:02}:00Z"
    body = {"specversion": "1.0", "id": str(number), "source": "t", "type": "a", "subject": subject, "time": time}
    return {**body, "data": {"v": 1}}


def storm(running: World, count: int, faults: Sequence[Fault]) -> None:
    """Send that many events, each again and again, while every stream is delivered in bits, twice and late."""
    random = running.random
    unsent: list[list[dict[str, Any]]] = []
    for number in range(count):
        batch = [event(number), *(event(random.randrange(number + 1)) for _ in range(random.randrange(3)))]
        if faults and random.random() < 0.5:
            running.faults.arm(random.choice(faults), random.randrange(12))
        if running.emit(batch, tries=1) is None:
            unsent.append(batch)
        for _ in range(random.randrange(4)):
            table = random.choice(list(running.deliveries))
            running.deliver(table, random.randrange(8), random.randint(1, 20), again=random.randrange(4))
            running.redeliver(random.choice(list(running.deliveries)), random.randrange(8), random.randrange(50), 9)
        if random.random() < 0.1:
            running.split(random.choice(("EventsTable", "UsageTable", "CatalogTable")), random.randrange(4), 2)
        if random.random() < 0.1:
            running.fleet.lose("thresholds")
        if running.fleet.stalled and random.random() < 0.3:
            running.resume(random.randrange(4))
    running.faults.disarm()
    for batch in unsent:
        assert running.emit(batch) is not None
    running.settle()
    for table in (USAGE, CROSSINGS):
        for lane in range(4):
            running.redeliver(table, lane, random.randrange(50), 1_000)
    running.settle()


def spare_notes(running: World) -> None:
    """Let no fault come between the bus's answer and the note of it: whoever cannot write it tells once more."""
    faulty = running.memory.intercept

    def intercept(call: Call, apply: Apply) -> dict[str, Any]:
        is_note = "sent_us" in str(call.arguments.get("UpdateExpression", ""))
        return apply() if is_note else faulty(call, apply)

    running.memory.intercept = intercept


@pytest.mark.parametrize("seed", SEEDS)
def test_a_threshold_crossed_in_a_storm_of_duplicates_and_redeliveries_is_told_of_once(seed: int) -> None:
    bus = Bus()
    with metered(seed, bus) as running:
        spare_notes(running)
        storm(running, 25, HARMLESS)

    assert bus.reached() == [10, 20]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bus_that_refuses_some_is_told_of_each_crossing_until_it_takes_it_and_then_no_more(seed: int) -> None:
    bus = Bus(Random(seed))
    with metered(seed, bus) as running:
        storm(running, 25, ())

    assert bus.reached() == [10, 20]


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_dies_no_crossing_is_lost_and_what_is_told_again_has_the_same_id(seed: int) -> None:
    bus = Bus()
    with metered(seed, bus) as running:
        storm(running, 25, DEADLY)
        listed = running.ask("billing", "GET /api/v1/notification/events").json()

    assert sorted({*bus.reached()}) == [10, 20]
    assert len({one["id"] for one in bus.taken}) == 2
    assert listed["totalCount"] == 2
    assert all("sentAt" in one for one in listed["items"])


def test_usage_that_falls_by_a_void_and_rises_again_is_not_told_of_twice() -> None:
    bus = Bus()
    with metered(1, bus) as running:
        storm(running, 12, ())
        first = [{"source": "t", "id": str(number)} for number in range(6)]
        path = {"workspace_id": "00000000-0000-4000-8000-000000000001"}
        voided = running.ask("meters", "POST /v1/{workspace_id}/voids", path=path, body={"events": first})
        running.settle()
        running.emit([event(number) for number in range(12, 20)])
        running.settle()

    assert voided.status == 201
    assert bus.reached() == [10]
