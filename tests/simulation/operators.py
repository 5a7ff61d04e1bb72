"""Operators: the commands redrive, purge and restore as they are, on the world's tables, as processes that may die."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from dynameter.operations import purge, redrive, restore
from tests.simulation.clock import WorldClock
from tests.simulation.dynamodb import MemoryDynamoDB
from tests.simulation.stream import Shard

TABLES = ("EventsTable", "UsageTable", "CatalogTable")
BUCKET = "FailedBatches"
TIMEOUTS_S = {"redrive": 600, "restore": 600, "purge": 12 * 3_600}
"""When an operator ends a command that hangs; a purge waits in its midst."""
NAP_S = 60.0
"""Whoever sleeps for longer stands still meanwhile, and the world goes on."""


@dataclass(frozen=True)
class Printed:
    """What a command came to."""

    code: int
    text: str


class Stack:
    """CloudFormation's answer about the stack: every output names itself."""

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        outputs = [{"OutputKey": name, "OutputValue": name} for name in (*TABLES, BUCKET)]
        return {"Stacks": [{"Outputs": outputs}]}


@dataclass
class Bucket:
    """S3 as far as Lambda and the commands use it."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def keep(self, event: Mapping[str, Any], shard: Shard) -> None:
        """Take a batch that Lambda has given up."""
        document = {"DDBStreamBatchInfo": {"shardId": shard.id}, "payload": json.dumps(event)}
        self.objects[f"{shard.id}/{len(self.objects)}"] = json.dumps(document).encode()

    def get_object(self, **arguments: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[arguments["Key"]])}

    def delete_object(self, **arguments: str) -> None:
        self.objects.pop(arguments["Key"], None)

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"Contents": [{"Key": name} for name in list(self.objects)]}])


@dataclass
class Clock:
    """The world's clock as a command sees it. ``stall`` makes the command stand still."""

    clock: WorldClock
    stall: Callable[[str], None]

    def now_us(self) -> int:
        return self.clock.now_us()

    def sleep(self, seconds: float) -> None:
        until_us = self.clock.now + int(seconds * 1_000_000)
        if seconds > NAP_S:
            self.stall("")
        self.clock.sleep(max(0, until_us - self.clock.now) / 1_000_000)


def commands(
    memory: MemoryDynamoDB, clock: WorldClock, bucket: Bucket, stall: Callable[[str], None]
) -> dict[str, Callable[[Any, Any], Printed]]:
    """Every command by its name: a handler of an event that holds its ``arguments``."""
    seen, stack = Clock(clock, stall), Stack()

    def printing(main: Callable[..., int], clients: Any) -> Callable[[Any, Any], Printed]:
        def handler(event: Mapping[str, Any], _context: Any) -> Printed:
            out = io.StringIO()
            code = main(["--stack", "s", *event["arguments"]], seen, out, clients)
            return Printed(code, out.getvalue())

        return handler

    return {
        "redrive": printing(redrive.main, redrive.Clients(stack, memory, bucket)),
        "purge": printing(purge.main, (stack, memory)),
        "restore": printing(restore.main, (stack, memory)),
    }


@contextmanager
def unheard() -> Iterator[None]:
    """Nobody reads what commands say went wrong: they are run again."""
    silent = SimpleNamespace(stderr=io.StringIO())
    with (
        patch.object(redrive, "sys", silent),
        patch.object(purge, "sys", silent),
        patch.object(restore, "sys", silent),
    ):
        yield
