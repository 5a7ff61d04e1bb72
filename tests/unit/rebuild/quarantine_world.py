"""The aggregate and rebuild functions over Moto on a virtual clock, with decoders that can be broken and mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from dynameter.clock import SystemClock
from dynameter.events import history
from dynameter.events.event import Event
from dynameter.events.store import BrokenItem, decode_item, encode_item
from dynameter.meters.meter import Meter
from dynameter.meters.store import MeterStore
from dynameter.rebuild.job import redrive_job
from dynameter.rebuild.store import JobStore
from dynameter.runtime.settings import Settings
from dynameter.usage.quarantine.record import Quarantined
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.usage.queries.query import UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore
from tests.conftest import LambdaContext, ManualClock, load_function
from tests.unit.usage.builders import SHARD, stream_event, stream_record

SETTLE_MS = 1_000


class Killed(BaseException):
    """The process dies."""


@dataclass
class QuarantineWorld:
    """Two functions, their tables, and what is broken."""

    client: Any
    settings: Settings
    clock: ManualClock
    monkeypatch: pytest.MonkeyPatch
    broken: Callable[[Event], bool] = lambda _: False
    aggregate: ModuleType = field(init=False)
    rebuild: ModuleType = field(init=False)
    calls_left: int | None = None
    sequence: int = 0

    def __post_init__(self) -> None:
        self.monkeypatch.setattr(SystemClock, "now_us", lambda _: self.clock.now_us())
        self.monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: self.clock.sleep(seconds))
        self.monkeypatch.setenv("SETTLE_MS", str(SETTLE_MS))
        self.monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "CRITICAL")
        self.monkeypatch.setattr(history, "decode_item", self._decode)
        self.client.meta.events.register("before-call.dynamodb", self._count_down)
        self.restart()

    def restart(self) -> None:
        """New processes, with the decoder as it is now."""
        self.calls_left = None
        self.aggregate, self.rebuild = load_function("aggregate"), load_function("rebuild")
        for app in (self.aggregate, self.rebuild):
            self.monkeypatch.setattr(app, "create_client", lambda *_, **__: self.client)
            self.monkeypatch.setattr(app, "decode_item", self._decode)

    def define(self, meter: Meter) -> Meter:
        MeterStore(self.client, self.settings.catalog_table).insert(meter)
        return meter

    def store(self, event: Event, before: Event | None = None) -> dict[str, Any]:
        """Store the event, or what a void has made of it; its stream record."""
        self.client.put_item(TableName=self.settings.events_table, Item=encode_item(event))
        self.sequence += 1
        return stream_record(self.sequence, event, "INSERT" if before is None else "MODIFY", before)

    def bring(self, *records: dict[str, Any], shard: str = SHARD) -> None:
        self.aggregate.handler(stream_event(records, shard), LambdaContext(remaining_ms=60_000))

    def redrive(self) -> None:
        """Write the job, as the operator's command does, and run all jobs to their ends."""
        self.start_redrive()
        self.run_jobs()

    def start_redrive(self) -> None:
        self.clock.advance(0.001)
        jobs = JobStore(self.client, self.settings.catalog_table, self.clock, SETTLE_MS * 1_000)
        assert jobs.put(redrive_job(self.clock.now_us()))

    def run_jobs(self) -> None:
        while waiting := self._waiting_jobs():
            for item in waiting:
                self._run(item)

    def run_jobs_and_die(self, calls: int) -> bool:
        """Run jobs in a process that dies at the storage call of that number; whether it did."""
        self.calls_left = calls
        try:
            self.run_jobs()
        except Killed:
            self.restart()
            return True
        self.calls_left = None
        return False

    def usage(self, meter: Meter, *keys: str) -> dict[str | None, Decimal]:
        """The usage of each subject, and under None that of all."""
        service = UsageService(UsageStore(self.client, self.settings.usage_table))
        rows = service.query(meter, UsageQuery(group_by=("subject", *keys))).rows
        found: dict[str | None, Decimal] = {row.subject: row.value for row in rows}
        whole = service.query(meter, UsageQuery(group_by=keys)).rows
        return {**found, None: whole[0].value} if whole else found

    def quarantined(self) -> list[Quarantined]:
        return list(QuarantineStore(self.client, self.settings.usage_table).page().records)

    def _waiting_jobs(self) -> list[Any]:
        items = self.client.scan(TableName=self.settings.catalog_table, ConsistentRead=True)["Items"]
        return [one for one in items if one["sk"]["S"].startswith("j.") and one["state"]["S"] == "running"]

    def _run(self, item: Mapping[str, Any]) -> None:
        event = {"Records": [{"dynamodb": {"NewImage": item}}]}
        self.rebuild.handler(event, LambdaContext(remaining_ms=900_000))

    def _decode(self, item: Mapping[str, Any]) -> Event:
        event = decode_item(item)
        if self.broken(event):
            raise BrokenItem("the decoder has a bug")
        return event

    def _count_down(self, **_: Any) -> None:
        if self.calls_left is None:
            return
        self.calls_left -= 1
        if self.calls_left < 0:
            raise Killed
