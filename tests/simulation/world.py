"""The service in one process: real handlers over a DynamoDB in memory, its streams delivered at a test's command."""

from __future__ import annotations

import json
import os
import random as chance
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

import ulid

from dynameter import codec
from dynameter.clock import SystemClock
from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.events.store import decode_item
from dynameter.meters.store import MeterStore
from dynameter.runtime import dynamodb
from dynameter.runtime.observability import metrics
from local.template import Template
from tests.conftest import WORKSPACE, http_event
from tests.simulation.admission import Doorkeeper, Rate
from tests.simulation.chance import without_chance
from tests.simulation.clock import START_US, WorldClock
from tests.simulation.delivery import Delivery, Lane, Span
from tests.simulation.dynamodb import MemoryDynamoDB
from tests.simulation.faults import Fault, Faults, Killed
from tests.simulation.operators import TIMEOUTS_S, Bucket, Printed, commands, unheard
from tests.simulation.processes import Fleet, Run
from tests.simulation.stream import hash_of

TEMPLATE = Template.load()
MAPPINGS = [one for one in TEMPLATE.stream_mappings() if one.function in ("AggregateFunction", "RebuildFunction")]
FUNCTIONS = {one.folder.name: one for one in TEMPLATE.functions()}
DEFINITIONS = TEMPLATE.table_definitions()
CLOCK_SKEW_MS = 500
"""How far the clocks of two processes may differ: each by half of it from true time."""
LANES = 2
"""Batches of one shard at a time, where the mapping allows more than one."""
TRIES = 12
SETTLE_ROUNDS = 10_000
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/2026-01-01T00:00:00.000"
_WINDOW = {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T10:15:00Z"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``json`` has numbers as int or Decimal."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


@dataclass
class World:
    """Processes, storage, and how far each stream shard has been delivered.

    ``unknown``: which events the deployed decoder cannot read, 0 none, 1 or 2 a half of them, 3 all.
    """

    memory: MemoryDynamoDB
    clock: WorldClock
    fleet: Fleet
    faults: Faults
    random: Random
    deliveries: dict[str, Delivery]
    bucket: Bucket
    door: Doorkeeper
    unknown: int = 0

    # ---- requests

    def call(self, function: str, route: str, **options: Any) -> Answer | None:
        """One HTTP request through a function's handler; None where the client has to send it again."""
        run = self.fleet.run(function, http_event(route, **options), may_stall=self.faults.may_stall)
        answer = self._answer(run)
        return None if answer is None or answer.status in (429, 503) else answer

    def ask(self, function: str, route: str, **options: Any) -> Answer:
        """The same by a client that sends again until it is answered."""
        for _ in range(TRIES):
            answer = self.call(function, route, **options)
            if answer is not None:
                return answer
            self.clock.sleep(self.random.random())
        raise AssertionError(f"{route} is not answered")

    def emit(
        self, events: list[dict[str, Any]], tries: int = TRIES, *, lenient: bool = False, workspace: str = WORKSPACE
    ) -> Answer | None:
        """Send a batch of CloudEvents, as often as the client has patience for."""
        headers = {"content-type": "application/cloudevents-batch+json", "prefer": "return=representation"}
        if lenient:
            headers["prefer"] += ", handling=lenient"
        event = http_event("POST /api/v1/events", body=codec.encode(events), headers=headers, workspace=workspace)
        for _ in range(tries):
            answer = self._send(event, workspace, len(events))
            if answer is not None and answer.status not in (429, 503):
                return answer
            patience_s = 0 if answer is None else int(answer.headers["retry-after"])
            self.clock.sleep(patience_s + self.random.random())
        return None

    def _send(self, event: dict[str, Any], workspace: str, count: int) -> Answer | None:
        """Send events once. What is refused by the limit must not be stored."""
        start_us, stored = self.clock.now, len(self.memory.tables["EventsTable"].items)
        late = bool(self.faults.under_way)
        run = self.fleet.run("emit", event, may_stall=self.faults.may_stall)
        answer = self._answer(run)
        if answer is not None and answer.status == 429:
            self.door.refuse(workspace)
            assert late or len(self.memory.tables["EventsTable"].items) == stored, "what was refused is stored"
            return answer
        self.door.send(workspace, count, stalled=run.stalled)
        if answer is not None and answer.status == 200:
            taken = [one for one in answer.json()["results"] if one["status"] != "invalid"]
            self.door.admit(workspace, len(taken), start_us, run.process)
        return answer

    def _answer(self, run: Run) -> Answer | None:
        """The run's answer; None where nobody gets one."""
        if run.stalled or isinstance(run.error, Killed):
            return None
        if run.error is not None:
            raise run.error
        found = run.answer
        assert found["statusCode"] != 500, found["body"]
        return Answer(found["statusCode"], found["headers"], found["body"])

    def operate(self, command: str, *arguments: str) -> Printed | None:
        """Run an operator's command; None where it died or stands still."""
        waits = command == "purge"
        run = self.fleet.run(command, {"arguments": arguments}, may_stall=waits or self.faults.may_stall)
        if run.stalled or isinstance(run.error, Killed):
            return None
        if run.error is not None:
            raise run.error
        assert isinstance(run.answer, Printed)
        return run.answer

    def resume(self, number: int) -> None:
        """Let a run that stands still go on; nobody waits for its answer any more."""
        if not self.fleet.stalled:
            return
        run = self.fleet.stalled.pop(number % len(self.fleet.stalled))
        self.fleet.resume(run, may_stall=True)
        if run.stalled or isinstance(run.error, Killed | Unavailable):
            return
        if run.error is not None:
            raise run.error
        if "statusCode" in (run.answer if isinstance(run.answer, dict) else {}):
            self._answer(run)

    def resume_all(self, function: str | None = None) -> None:
        """Let all that stands still, of one function or of any, come to its end or stand still once more."""
        for run in list(self.fleet.stalled):
            if function in (None, run.process.function):
                self.resume(self.fleet.stalled.index(run))

    # ---- streams

    def deliver(self, table: str, number: int, count: int, *, again: int = 0, bisect: bool = True) -> None:
        """Bring the next batch of one of the table's lanes to its function, after ``again`` records it had before."""
        delivery = self.deliveries[table]
        ready = delivery.ready()
        if not ready:
            return
        lane = ready[number % len(ready)]
        if not lane.waiting and not lane.failed:
            lane.ended = self._invoke(delivery, lane, (0, 0), final=True)
            return
        count = min(count, delivery.batch)
        span = lane.following(count, min(again, delivery.batch - count))
        lane.settle(span, well=self._invoke(delivery, lane, span), bisect=bisect)

    def redeliver(self, table: str, number: int, start: int, count: int) -> None:
        """Bring records again that were delivered before, of any shard; nothing new among them."""
        delivery = self.deliveries[table]
        lanes = [lane for lane in delivery.lanes() if lane.at > lane.kept]
        if not lanes:
            return
        lane = lanes[number % len(lanes)]
        first = lane.kept + start % (lane.at - lane.kept)
        self._invoke(delivery, lane, (first, min(first + min(count, delivery.batch), lane.at)))

    def backlog(self, table: str) -> list[Lane]:
        """The lanes that have records to bring, and may."""
        return [lane for lane in self.deliveries[table].ready() if lane.waiting]

    def split(self, table: str, number: int, children: int) -> None:
        """Close one of the open shards; others take over."""
        stream = self.memory.tables[table].stream
        assert stream is not None
        stream.split(number, children)

    def _invoke(self, delivery: Delivery, lane: Lane, span: Span, *, final: bool = False) -> bool:
        """Invoke the function that the stream triggers; False where the records must be brought again."""
        if final and not delivery.windowed:
            return True
        event = _stream_event(delivery, lane, span, final=final)
        run = self.fleet.run(delivery.function, event, may_stall=self.faults.may_stall)
        if run.stalled or isinstance(run.error, Killed | Unavailable):
            return False
        if run.error is not None:
            raise run.error
        return not (run.answer or {}).get("batchItemFailures")

    def give_up(self, table: str, number: int) -> None:
        """Lambda brings a batch that failed no more, and puts it into the bucket."""
        delivery = self.deliveries[table]
        failed = [lane for lane in delivery.ready() if lane.failed]
        if failed:
            lane = failed[number % len(failed)]
            span = lane.give_up()
            assert span is not None
            self.bucket.keep(_stream_event(delivery, lane, span), lane.shard)

    def decode(self, item: Mapping[str, Any]) -> Event:
        """What the code that is deployed reads in an item of the events table, where it can."""
        half = hash_of((item["pk"]["S"], "")) % 2 + 1
        if self.unknown in (half, 3):
            raise ValueError("of a form that this release does not know")
        return decode_item(item)

    def settle(self) -> None:
        """Deliver everything, jobs and what they cause included."""
        self.faults.disarm()
        self.resume_all()
        for _ in range(SETTLE_ROUNDS):
            waiting = [table for table, delivery in self.deliveries.items() if delivery.ready()]
            if not waiting:
                self.memory.catch_up()
                return
            self.deliver(self.random.choice(waiting), self.random.randrange(16), 1_000)
        raise AssertionError("the world does not come to rest")

    def end(self) -> None:
        """Leave no thread behind."""
        for run in self.fleet.stalled:
            run.kill()


def _stream_event(delivery: Delivery, lane: Lane, span: Span, *, final: bool = False) -> dict[str, Any]:
    """Lambda's event of the records."""
    arn = STREAM.format(table=delivery.table)
    event: dict[str, Any] = {
        "Records": [{**one, "eventSourceARN": arn} for one in lane.records[span[0] : span[1]]],
    }
    if delivery.windowed:
        event |= {
            "shardId": lane.shard.id,
            "eventSourceARN": arn,
            "window": _WINDOW,
            "state": {},
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": False,
        }
    return event


def _assemble(random: Random, shards: int, skew_ms: int, rate: Rate | None, *, index_lags: bool) -> World:
    clock = WorldClock()
    folders = {name: one.folder for name, one in FUNCTIONS.items()}
    timeouts_s = {name: one.timeout_s for name, one in FUNCTIONS.items()} | TIMEOUTS_S
    fleet = Fleet(clock, random, folders, timeouts_s, skew_ms)
    memory = MemoryDynamoDB(
        DEFINITIONS,
        shards=shards,
        index_lags=index_lags,
        tells_taken=random.random() < 0.7,
        now_us=lambda: clock.now,
    )
    faults = Faults(clock, random, fleet.stall, fleet.check_alive)
    memory.intercept = faults.intercept
    bucket = Bucket()
    fleet.commands = commands(memory, clock, bucket, fleet.stall)
    deliveries = {}
    for mapping in MAPPINGS:
        stream = memory.tables[mapping.table].stream
        assert stream is not None
        lanes = min(LANES, mapping.properties.get("ParallelizationFactor", 1))
        deliveries[mapping.table] = Delivery(mapping, stream, lanes)
    door = Doorkeeper(rate, clock, faults, skew_ms)
    made = World(memory, clock, fleet, faults, random, deliveries, bucket, door)
    fleet.planted["decode_item"] = made.decode
    return made


@contextmanager
def world(
    seed: int = 0,
    *,
    shards: int | None = None,
    skew_ms: int = CLOCK_SKEW_MS,
    index_lags: bool = True,
    rate: Rate | None = None,
) -> Iterator[World]:
    """A world with empty tables; whatever is left open follows from the seed."""
    random = Random(seed)
    made = _assemble(random, shards or random.randint(1, 4), skew_ms, rate, index_lags=index_lags)
    clock = made.clock
    variables = {
        **FUNCTIONS["emit"].environment,
        "EVENT_WRITES": random.choice(("put", "partiql")),
        "CLOCK_SKEW_MS": str(skew_ms),
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
        **({"EVENTS_PER_SECOND": str(rate.per_second), "EVENT_BURST": str(rate.burst)} if rate else {}),
    }
    ids = ulid.ULIDGenerator(lambda: clock.now_us() // 1_000, lambda _: random.randbytes(10))
    with (
        patch.dict(os.environ, variables),
        patch.object(SystemClock, "now_us", lambda _self: clock.now_us()),
        patch.object(SystemClock, "sleep", lambda _self, seconds: clock.sleep(seconds)),
        _without_sleep(MeterStore.__init__, clock),
        patch.object(time, "sleep", clock.sleep),
        patch.object(metrics, "flush_metrics", metrics.clear_metrics),
        patch.object(ulid, "default_generator", ids),
        patch.object(dynamodb, "create_client", lambda *_args, **_options: made.memory),
        unheard(),
        without_chance(random),
    ):
        state = chance.getstate()
        chance.seed(seed)
        try:
            yield made
        finally:
            made.end()
            chance.setstate(state)


def _without_sleep(function: Any, clock: WorldClock) -> Any:
    """Let a function whose default is to sleep do it by the world's clock."""
    defaults = tuple(clock.sleep if one is time.sleep else one for one in function.__defaults__ or ())
    return patch.object(function, "__defaults__", defaults or None)


__all__ = ["START_US", "WORKSPACE", "Answer", "Fault", "World", "world"]
