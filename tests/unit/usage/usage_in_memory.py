"""A meter's usage over a table in memory, filled and asked directly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from dynameter.errors import InvalidInput
from dynameter.events.event import Event
from dynameter.filters import Filter, Operator, condition
from dynameter.meters.meter import Meter
from dynameter.usage.folding.fold import fold
from dynameter.usage.queries.edges import EdgeReader
from dynameter.usage.queries.query import UsageAnswer, UsageQuery
from dynameter.usage.queries.service import UsageService
from dynameter.usage.rows.store import UsageStore
from dynameter.usage.subjects.service import UsedSubjects
from dynameter.usage.subjects.store import PresenceStore
from tests.conftest import ManualClock
from tests.unit.usage.builders import NOON, SHARD, define, instant, make_event, make_meter, make_record
from tests.unit.usage.fake_history import FakeHistory
from tests.unit.usage.fake_table import FakeTable

METER = make_meter(group_by={"model": "$.model", "tier": "$.tier"})


class Usage:
    """A meter's usage over a table in memory."""

    def __init__(self, meter: Meter = METER, page_items: int = 1_000_000, retention_days: int = 0) -> None:
        self.meter = meter
        self.table = FakeTable(page_items)
        self.history = FakeHistory(page_items=page_items)
        client: Any = self.table
        self._store = UsageStore(client, "usage", workers=1)
        edges = EdgeReader(self.history, ManualClock(NOON), retention_days, workers=2)
        self._service = UsageService(self._store, edges, workers=2)
        self._subjects = UsedSubjects(self._store, PresenceStore(client, "usage"), edges, workers=2)
        self._sequence = 0

    def add(self, *events: Event) -> Usage:
        return self.add_all(events)

    def add_all(self, events: Iterable[Event]) -> Usage:
        """Store the events and fold them as the stream does."""
        records = []
        for event in events:
            self._sequence += 1
            self.history.events.append(event)
            records.append(make_record(self._sequence, event))
        self._store.apply(SHARD, fold(records, define(self.meter)).rows, NOON)
        return self

    def ask(self, **question: Any) -> UsageAnswer:
        return self._service.query(self.meter, UsageQuery(**question))

    def used_by(self, from_us: int | None = None, to_us: int | None = None) -> list[str]:
        return self._subjects.list(self.meter, from_us, to_us)

    def refused(self, **question: Any) -> list[tuple[str, str]]:
        with pytest.raises(InvalidInput) as raised:
            self.ask(**question)
        return [(str(one.location[1]), one.rule) for one in raised.value.fields]


def event(value: Any, at: str, subject: str = "a", **data: Any) -> Event:
    return make_event(1, {"value": value, **data}, subject=subject, time_us=instant(at))


def among(*values: str) -> Filter[str]:
    """The filter that these values pass."""
    return condition(Operator.IN, *values)
