"""A meter's usage over a table in memory, filled and asked directly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from dynameter.errors import InvalidInput
from dynameter.events.event import Event
from dynameter.meters.meter import Meter
from dynameter.usage.fold import fold
from dynameter.usage.query import UsageAnswer, UsageQuery
from dynameter.usage.service import UsageService
from dynameter.usage.store import UsageStore
from tests.unit.usage.builders import NOON, SHARD, define, instant, make_event, make_meter, make_record
from tests.unit.usage.fake_table import FakeTable

METER = make_meter(group_by={"model": "$.model", "tier": "$.tier"})


class Usage:
    """A meter's usage over a table in memory."""

    def __init__(self, meter: Meter = METER, page_items: int = 1_000_000) -> None:
        self.meter = meter
        self.table = FakeTable(page_items)
        client: Any = self.table
        self._store = UsageStore(client, "usage", workers=1)
        self._service = UsageService(self._store, workers=2)
        self._sequence = 0

    def add(self, *events: Event) -> Usage:
        return self.add_all(events)

    def add_all(self, events: Iterable[Event]) -> Usage:
        records = []
        for event in events:
            self._sequence += 1
            records.append(make_record(self._sequence, event))
        self._store.apply(SHARD, fold(records, define(self.meter)).rows, NOON)
        return self

    def ask(self, **question: Any) -> UsageAnswer:
        return self._service.query(self.meter, UsageQuery(**question))

    def refused(self, **question: Any) -> list[tuple[str, str]]:
        with pytest.raises(InvalidInput) as raised:
            self.ask(**question)
        return [(str(one.location[1]), one.rule) for one in raised.value.fields]


def event(value: Any, at: str, subject: str = "a", **data: Any) -> Event:
    return make_event(1, {"value": value, **data}, subject=subject, time_us=instant(at))
