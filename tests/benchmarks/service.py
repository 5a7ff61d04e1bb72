"""The service around a DynamoDB in memory: its handlers, and what their calls cost by DynamoDB's documented rules."""

from __future__ import annotations

import base64
import math
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

from dynameter import codec
from dynameter.events.store import size_of
from dynameter.runtime import dynamodb
from local.template import Template
from tests.benchmarks.cpu import silenced
from tests.conftest import LambdaContext, http_event, load_function
from tests.simulation.dynamodb import Call, MemoryDynamoDB

TEMPLATE = Template.load()
SHARD = "shardId-00000001768384800000-0123abcd"
FUNCTIONS = ("emit", "meters", "aggregate")
READ_UNIT_BYTES = 4_096
WRITE_UNIT_BYTES = 1_024

FIRST_SEQUENCE = 100_000_000_000_000_000_000
_Item = Mapping[str, Any]


@contextmanager
def functions_environment(**variables: str) -> Iterator[None]:
    """The variables of the template's functions, ``variables`` over them; an endpoint set before stays."""
    found = dict(TEMPLATE.functions()[0].environment)
    found.pop("DYNAMETER_ENDPOINT", None)
    with patch.dict(os.environ, {**found, **variables}):
        yield


def stream_batch_size() -> int:
    """Records that one invocation of aggregate gets at most, as the template sets it."""
    (mapping,) = (one for one in TEMPLATE.stream_mappings() if one.table == "EventsTable")
    return int(mapping.properties["BatchSize"])


def stream_event(records: Sequence[Mapping[str, Any]], shard: str = SHARD) -> dict[str, Any]:
    """Lambda's event of a stream with a tumbling window."""
    return {
        "Records": list(records),
        "shardId": shard,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable/stream/2026-01-01T00:00:00.000",
        "window": {"start": "2026-01-14T10:00:00Z", "end": "2026-01-14T10:15:00Z"},
        "state": {},
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def write_units(size: int) -> int:
    """Units of a write that leaves, or finds, an item of so many bytes; the larger of the two counts."""
    return max(1, math.ceil(size / WRITE_UNIT_BYTES))


@dataclass
class Costs:
    """What calls have cost: write units by table and by ``table/index``, writes of usage rows and their units, reads of
    single rows, and the bytes that queries of usage have read.
    """

    units: Counter[str] = field(default_factory=Counter)
    row_writes: int = 0
    row_units: int = 0
    row_reads: int = 0
    bytes_read: int = 0

    def read_units(self) -> int:
        """Units of what was queried so far as one strongly consistent page."""
        return max(1, math.ceil(self.bytes_read / READ_UNIT_BYTES))


def is_row(item: _Item) -> bool:
    """Whether an item of the usage table is a row; the others are lists of subjects and what workspaces have sent."""
    return not item["sk"]["S"].startswith("=")


class Service:
    """The handlers, the tables behind them, the events' stream and a running account of costs."""

    def __init__(self, memory: MemoryDynamoDB) -> None:
        self.memory = memory
        self.functions: dict[str, ModuleType] = {name: load_function(name) for name in FUNCTIONS}
        self.costs = Costs()
        self.waiting: list[dict[str, Any]] = []
        self._stored = 0
        self._context = LambdaContext()
        self._one_call = threading.Lock()  # the stores write in parallel
        memory.intercept = self._watch

    def ask(self, function: str, route: str, **options: Any) -> Any:
        """The JSON that a route answers; it must answer 2xx."""
        answer = self.functions[function].handler(http_event(route, **options), self._context)
        assert 200 <= answer["statusCode"] < 300, answer
        return codec.decode(answer["body"]) if answer["body"] else None

    def send(self, request: dict[str, Any]) -> None:
        """Let emit answer a request of events; what it stores waits in the stream."""
        answer = self.functions["emit"].handler(request, self._context)
        assert answer["statusCode"] == 204, answer

    def deliver(self, size: int) -> None:
        """Bring the stream's records to aggregate, ``size`` at a time."""
        while self.waiting:
            self.functions["aggregate"].handler(stream_event(self.waiting[:size]), self._context)
            del self.waiting[:size]

    def items(self, table: str) -> list[_Item]:
        """Every item of the table."""
        return list(self.memory.tables[table].items.values())

    def _watch(self, call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self._one_call:
            return self._account(call, apply)

    def _account(self, call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        arguments = call.arguments
        if call.operation not in ("put_item", "update_item"):
            answer = apply()
            self.costs.row_reads += call.operation == "get_item" and arguments["TableName"] == "UsageTable"
            if call.operation == "query" and arguments["TableName"] == "UsageTable":
                # A projection sends less, but whole items are read and billed.
                partition = arguments["ExpressionAttributeValues"][":pk"]["S"]
                rows = self.memory.tables["UsageTable"].items
                self.costs.bytes_read += sum(size_of(rows[partition, item["sk"]["S"]]) for item in answer["Items"])
            return answer
        name = arguments["TableName"]
        table = self.memory.tables[name]
        key = table.key_of(arguments.get("Key") or arguments["Item"])
        before = table.items.get(key)
        answer = apply()
        after = table.items[key]
        sizes = [size_of(item) for item in (before, after) if item is not None]
        units = write_units(max(sizes))
        self.costs.units[name] += units
        if name == "UsageTable" and is_row(after):
            self.costs.row_writes += 1
            self.costs.row_units += units
        if name == "EventsTable":
            self.costs.units["EventsTable/by_time"] += write_units(size_of(after))
            self._stored += 1
            self.waiting.append(insertion(after, self._stored))
        return answer


def insertion(item: _Item, sequence: int) -> dict[str, Any]:
    """An event's record in the stream, as Lambda brings it."""
    image = {name: _as_lambda_brings_it(typed) for name, typed in item.items()}
    return {
        "eventID": f"{sequence:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": int(item["r"]["N"]) // 1_000_000,
            "Keys": {"pk": item["pk"]},
            "NewImage": image,
            "SequenceNumber": str(FIRST_SEQUENCE + sequence),
            "SizeBytes": size_of(item),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


@contextmanager
def service(meters: Sequence[Mapping[str, Any]]) -> Iterator[Service]:
    """The service with these meters and nothing else in its tables."""
    memory = MemoryDynamoDB(TEMPLATE.table_definitions())
    environment = functions_environment(
        EVENT_WRITES="put", CLOCK_SKEW_MS="0", DYNAMETER_ENDPOINT="", AWS_DEFAULT_REGION="us-east-1"
    )
    with environment, silenced(), patch.object(dynamodb, "create_client", lambda *_args, **_options: memory):
        found = Service(memory)
        for meter in meters:
            found.ask("meters", "POST /api/v1/meters", body=dict(meter))
        found.costs = Costs()
        yield found


def _as_lambda_brings_it(typed: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"B": base64.b64encode(typed["B"]).decode()} if "B" in typed else typed
