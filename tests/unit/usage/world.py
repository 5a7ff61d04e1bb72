"""An aggregator over a table in memory, whose process can be made to die at any write."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dynameter.events.event import Event
from dynameter.events.store import decode_item
from dynameter.meters.meter import Meter
from dynameter.meters.reader import compile_reader
from dynameter.usage.folding.aggregator import Aggregator
from dynameter.usage.folding.definitions import DefinitionCache
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.usage.queries.query import UsageAnswer, UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.epoch import RecomputeJobs
from dynameter.usage.rows.row import RowKey, Series
from dynameter.usage.rows.store import UsageStore
from tests.conftest import ManualClock
from tests.unit.usage.builders import NOON, SHARD, make_meter, stream_event, stream_record
from tests.unit.usage.fake_table import FakeTable

METER = make_meter(group_by={"model": "$.model"})


class FixedCatalog:
    def __init__(self, *meters: Meter) -> None:
        self.meters = meters

    def versions(self, workspaces: Any) -> dict[str, int]:
        return dict.fromkeys(workspaces, 1)

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        return tuple(one for one in self.meters if one.workspace == workspace)


def fail(*_: Any) -> None:
    raise AssertionError("no meter here is broken")


@dataclass(frozen=True)
class RecomputeJob:
    """A recompute that was asked for."""

    row: RowKey
    epoch_us: int


class RecordedJobs:
    """Jobs in memory, each once, as ``RecomputeJobs`` asks."""

    def __init__(self) -> None:
        self.waiting: list[RecomputeJob] = []

    def request(
        self,
        workspace: str,
        meter_id: str,
        generation: int,
        subject: str | None,
        groups: tuple[str, ...],
        hour: int,
        epoch_us: int,
    ) -> None:
        job = RecomputeJob(RowKey(Series(workspace, meter_id, generation), subject, hour, groups), epoch_us)
        if job not in self.waiting:
            self.waiting.append(job)


def make_aggregator(
    client: Any, clock: ManualClock, *meters: Meter, table: str = "usage", jobs: RecomputeJobs | None = None
) -> Aggregator:
    """The aggregator as the function makes it, but for its catalog, which knows these meters."""
    return Aggregator(
        DefinitionCache(FixedCatalog(*meters), compile_reader, fail),
        UsageStore(client, table, workers=1, jobs=jobs),
        QuarantineStore(client, table),
        decode_item,
        clock,
    )


class Crash(BaseException):
    """The process dies."""


@dataclass
class World:
    """An aggregator over a table in memory, made anew whenever its process dies."""

    table: FakeTable = field(default_factory=FakeTable)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    meters: tuple[Meter, ...] = (METER,)
    jobs: RecordedJobs = field(default_factory=RecordedJobs)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.aggregator = make_aggregator(self.table, self.clock, *self.meters, jobs=self.jobs)

    def deliver(self, events: list[tuple[int, Event]], shard: str = SHARD) -> None:
        self.deliver_records([stream_record(*one) for one in events], shard)

    def deliver_records(self, records: list[dict[str, Any]], shard: str = SHARD) -> None:
        self.aggregator.process(stream_event(records, shard))

    def deliver_and_die(self, events: list[tuple[int, Event]], writes: int, shard: str = SHARD) -> None:
        self.deliver_records_and_die([stream_record(*one) for one in events], writes, shard)

    def deliver_records_and_die(self, records: list[dict[str, Any]], writes: int, shard: str = SHARD) -> None:
        """Die at the write after ``writes`` of them; whether that one was done is left to chance on the network."""
        left = [writes]

        def die(operation: str, arguments: dict[str, Any]) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        if writes % 2:
            self.table.after_write = die
        else:
            self.table.before_write = die
        try:
            self.deliver_records(records, shard)
        except Crash:
            pass
        finally:
            self.table.before_write = self.table.after_write = lambda operation, arguments: None
        self.restart()

    def query(self, meter: Meter = METER, **question: Any) -> UsageAnswer:
        client: Any = self.table
        return UsageService(UsageStore(client, "usage", workers=1), workers=1).query(meter, UsageQuery(**question))

    def total(self, **question: Any) -> Decimal | None:
        rows = self.query(**question).rows
        return rows[0].value if rows else None
