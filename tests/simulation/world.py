"""The service in one process: real handlers over a DynamoDB in memory, its streams delivered at a test's command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from random import Random
from types import ModuleType
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ReadTimeoutError

from dynameter import codec
from dynameter.clock import SystemClock
from dynameter.errors import Unavailable
from dynameter.runtime import dynamodb
from dynameter.runtime.observability import metrics
from local.template import Template
from tests.conftest import WORKSPACE, LambdaContext, http_event, load_function
from tests.simulation.dynamodb import Call, MemoryDynamoDB, refused

TEMPLATE = Template.load()
START_US = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z
SHARDS = 2
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/2026-01-01T00:00:00.000"


@dataclass
class WorldClock:
    """Every look at the clock finds it a little later."""

    now: int = START_US

    def now_us(self) -> int:
        self.now += 3
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000) + 1


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``json`` has numbers as int or Decimal."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


class Killed(BaseException):
    """The process died. No handler can catch it."""


class Fault(Enum):
    """What may happen to a call of storage."""

    KILLED_BEFORE = "the process dies before the call is applied"
    KILLED_AFTER = "the process dies after the call is applied"
    THROTTLED = "the call is throttled"
    LOST = "the call is applied and its answer is lost"


@dataclass
class World:
    """Handlers, storage, and how far each stream shard has been delivered."""

    memory: MemoryDynamoDB
    clock: WorldClock
    functions: dict[str, ModuleType]
    delivered: dict[tuple[str, int], int] = field(default_factory=dict)
    fault: Fault | None = None
    calls_left: int = 0
    faults: int = 0

    def arm(self, fault: Fault, calls: int) -> None:
        """Let ``calls`` calls of storage pass and then the fault happen, once."""
        self.fault, self.calls_left = fault, calls
        self.memory.intercept = self._intercept

    def disarm(self) -> None:
        """No more faults."""
        self.fault = None

    def _intercept(self, _call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if self.fault is None:
            return apply()
        if self.calls_left:
            self.calls_left -= 1
            return apply()
        fault, self.fault = self.fault, None
        self.faults += 1
        if fault in (Fault.KILLED_AFTER, Fault.LOST):
            apply()
        if fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
            raise Killed
        if fault is Fault.LOST:
            raise ReadTimeoutError(endpoint_url="memory")
        raise refused("ThrottlingException")

    def call(self, function: str, route: str, **options: Any) -> Answer | None:
        """One HTTP request through a function's handler; None where nothing came back, or 503."""
        try:
            answer = self.functions[function].handler(http_event(route, **options), LambdaContext())
        except Killed:
            self.restart(function)
            return None
        if answer["statusCode"] == 503:
            return None
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def ask(self, function: str, route: str, **options: Any) -> Answer:
        """The same by a client that sends again until it is answered."""
        for _ in range(5):
            answer = self.call(function, route, **options)
            if answer is not None:
                return answer
        raise AssertionError(f"{route} is not answered")

    def restart(self, function: str) -> None:
        """A new process without the old one's caches."""
        self.functions[function] = load_function(function)

    def emit(self, events: list[dict[str, Any]]) -> Answer:
        """Send a batch of CloudEvents."""
        headers = {"content-type": "application/cloudevents-batch+json", "prefer": "return=representation"}
        return self.ask("emit", "POST /api/v1/events", body=codec.encode(events), headers=headers)

    def backlog(self, table: str, shard: int) -> int:
        """Records of the shard that were not delivered yet."""
        return len(self.memory.records(table, shard)) - self.delivered.get((table, shard), 0)

    def deliver(self, table: str, shard: int, count: int, *, again: int = 0) -> None:
        """Bring a shard's next ``count`` records to its function, after ``again`` ones that it has had before."""
        records = self.memory.records(table, shard)
        at = self.delivered.get((table, shard), 0)
        batch = records[max(0, at - again) : at + count]
        if not batch or self.invoke(table, shard, batch):
            self.delivered[table, shard] = min(len(records), at + count)

    def redeliver(self, table: str, shard: int, start: int, count: int) -> None:
        """Bring records again that were delivered before, as a zombie would; nothing new among them."""
        at = self.delivered.get((table, shard), 0)
        batch = self.memory.records(table, shard)[min(start, at) : min(start + count, at)]
        if batch:
            self.invoke(table, shard, batch)

    def invoke(self, table: str, shard: int, records: list[dict[str, Any]]) -> bool:
        """Invoke the function that the table's stream triggers; False where it must be invoked again."""
        (mapping,) = [one for one in TEMPLATE.stream_mappings() if one.table == table]
        function = mapping.function.removesuffix("Function").lower()
        event: dict[str, Any] = {"Records": [{**one, "eventSourceARN": STREAM.format(table=table)} for one in records]}
        if mapping.properties.get("TumblingWindowInSeconds"):
            event |= {
                "shardId": f"shardId-0000000000000000000-{shard:08d}",
                "eventSourceARN": STREAM.format(table=table),
                "window": {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T10:15:00Z"},
                "state": {},
                "isFinalInvokeForWindow": False,
                "isWindowTerminatedEarly": False,
            }
        try:
            answer = self.functions[function].handler(event, LambdaContext())
        except Killed:
            self.restart(function)
            return False
        except Unavailable:
            return False
        return not (answer or {}).get("batchItemFailures")

    def settle(self) -> None:
        """Deliver everything, jobs and what they cause included, with every index caught up."""
        self.disarm()
        for _ in range(10_000):
            self.memory.catch_up()
            waiting = [
                (mapping.table, shard)
                for mapping in TEMPLATE.stream_mappings()
                for shard in range(SHARDS)
                if self.backlog(mapping.table, shard)
            ]
            if not waiting:
                return
            # Events first: a job must find what it waits for already on its way, as time gives it on AWS.
            table, shard = min(waiting, key=lambda one: one[0] != "EventsTable")
            self.deliver(table, shard, 1_000 if table == "EventsTable" else 1)
        raise AssertionError("the world does not come to rest")


class InlineExecutor(Executor):
    """Runs what is submitted at once, so that a history depends on nothing but its steps."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        super().__init__()

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **options))
        except BaseException as error:
            future.set_exception(error)
        return future


@contextmanager
def without_chance() -> Iterator[None]:
    """Ids are the same in every run, and nothing runs beside anything else."""
    random = Random(0)
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("dynameter.") and hasattr(module, "ThreadPoolExecutor")
    ]
    with ExitStack() as stack:
        stack.enter_context(patch.object(os, "urandom", random.randbytes))
        for module in modules:
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", InlineExecutor))
        yield


@contextmanager
def world(*, index_lags: bool = False) -> Iterator[World]:
    """A world with empty tables; every function of the template is loaded afresh."""
    clock = WorldClock()
    memory = MemoryDynamoDB(TEMPLATE.table_definitions(), shards=SHARDS, index_lags=index_lags)
    variables = {
        **TEMPLATE.functions()[0].environment,
        "EVENT_WRITES": "put",
        "CLOCK_SKEW_MS": "0",
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }
    with (
        patch.dict(os.environ, variables),
        patch.object(SystemClock, "now_us", lambda _self: clock.now_us()),
        patch.object(SystemClock, "sleep", lambda _self, seconds: clock.sleep(seconds)),
        patch.object(metrics, "flush_metrics", metrics.clear_metrics),
        patch.object(dynamodb, "create_client", lambda *_args, **_options: memory),
    ):
        functions = {function.folder.name: load_function(function.folder.name) for function in TEMPLATE.functions()}
        with without_chance():
            yield World(memory, clock, functions)


__all__ = ["WORKSPACE", "Answer", "World", "world"]
