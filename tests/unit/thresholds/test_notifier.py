"""Crossings go to the event bus in parts of ten, and what it refuses goes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from dynameter.billing.thresholds.crossing import Crossing
from dynameter.billing.thresholds.eventbridge import EventBridge
from dynameter.billing.thresholds.notifier import BusEvent, Notifier
from dynameter.dialects.openmeter_v1.notifications import bus_event
from dynameter.errors import Unavailable
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.thresholds.conftest import NOW_US, crossing


class Kept:
    """The store, in memory."""

    def __init__(self, count: int) -> None:
        self.all = {one.id: one for one in (crossing(value=value) for value in range(1, count + 1))}

    def crossing(self, _workspace: str, crossing_id: str) -> Crossing | None:
        return self.all.get(crossing_id)

    def mark_sent(self, crossing: Crossing, now_us: int) -> bool:
        self.all[crossing.id] = replace(self.all[crossing.id], sent_at_us=now_us)
        return True

    def places(self) -> list[tuple[str, str]]:
        return [(WORKSPACE, one) for one in self.all]


class Bus:
    """A bus that refuses the events of these ids."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.refused = refused
        self.parts: list[list[str]] = []

    def put(self, events: Sequence[BusEvent]) -> list[str | None]:
        self.parts.append([one.id for one in events])
        return ["Throttled: later" if one.id in self.refused else None for one in events]


def test_crossings_go_ten_a_call_each_once(clock: ManualClock) -> None:
    kept, bus = Kept(12), Bus()

    told = Notifier(kept, bus, bus_event, clock).tell(kept.places() * 2)

    assert told == 12
    assert [len(part) for part in bus.parts] == [10, 2]
    assert all(one.sent_at_us == NOW_US for one in kept.all.values())


def test_what_was_sent_or_is_not_there_is_passed_over(clock: ManualClock) -> None:
    kept, bus = Kept(1), Bus()
    notifier = Notifier(kept, bus, bus_event, clock)
    notifier.tell(kept.places())

    assert notifier.tell([*kept.places(), (WORKSPACE, "unknown")]) == 0
    assert len(bus.parts) == 1


def test_after_a_part_was_refused_only_that_part_goes_again(clock: ManualClock) -> None:
    kept = Kept(3)
    first, refused, _ = kept.all
    bus = Bus([refused])
    notifier = Notifier(kept, bus, bus_event, clock)

    with pytest.raises(Unavailable, match="1 of 3"):
        notifier.tell(kept.places())
    bus.refused = ()
    notifier.tell(kept.places())

    assert kept.all[first].sent_at_us is not None
    assert bus.parts[1:] == [[refused]]


class Client:
    """EventBridge's client."""

    def __init__(self, answer: Any) -> None:
        self.entries: list[Any] = []
        self._answer = answer

    def put_events(self, *, Entries: list[Any]) -> Any:  # noqa: N803
        self.entries = Entries
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_an_entry_has_what_eventbridge_asks_for_and_a_failed_one_is_told() -> None:
    client = Client({"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "X", "ErrorMessage": "y"}]})
    event = BusEvent("id", "entitlements.balance.threshold", NOW_US, "{}")

    faults = EventBridge(client, "bus").put([event, event])

    assert faults == [None, "X: y"]
    assert client.entries[0] == {
        "EventBusName": "bus",
        "Source": "dynameter",
        "DetailType": "entitlements.balance.threshold",
        "Time": datetime(2026, 1, 14, 10, tzinfo=UTC),
        "Detail": "{}",
    }


@pytest.mark.parametrize(
    "error", [ClientError({"Error": {"Code": "InternalFailure"}}, "PutEvents"), ReadTimeoutError(endpoint_url="x")]
)
def test_a_bus_that_does_not_answer_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable):
        EventBridge(Client(error), "bus").put([BusEvent("id", "t", 0, "{}")])
