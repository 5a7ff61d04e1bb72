"""Marks on stored events: conditional, idempotent, and never more than allowed."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.events.marked import MAX_TOGGLES, Marked, Outcome
from dynameter.events.marks import EventMarks
from dynameter.events.store import encode_item
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.usage.builders import make_event

FOR_EVER = 2**62


@pytest.fixture
def marks(settings: Settings, dynamodb: Any, clock: ManualClock) -> EventMarks:
    return EventMarks(dynamodb, settings, clock, workers=2)


def store(dynamodb: Any, *numbers: int) -> list[Event]:
    events = [make_event(number, {"value": number}) for number in numbers]
    for event in events:
        dynamodb.put_item(TableName="EventsTable", Item=encode_item(event))
    return events


def stored(marks: EventMarks, *numbers: int) -> list[Event | None]:
    return marks.read(WORKSPACE, [("test", f"event-{number}") for number in numbers])


def test_events_are_read_by_name_in_the_order_asked_for(marks: EventMarks, dynamodb: Any) -> None:
    one, two = store(dynamodb, 1, 2)

    assert stored(marks, 2, 9, 1, 2) == [two, None, one, two]


def test_more_events_than_one_call_takes_are_read(marks: EventMarks, dynamodb: Any) -> None:
    store(dynamodb, 1, 150)

    found = stored(marks, *range(1, 151))

    assert [event is not None for event in found] == [True, *[False] * 148, True]


def test_a_mark_is_set_with_a_stamp_and_again_changes_nothing(
    marks: EventMarks, dynamodb: Any, clock: ManualClock
) -> None:
    events = store(dynamodb, 1)

    assert marks.mark(events, "first", FOR_EVER) == [Marked(Outcome.MARKED, "first")]
    clock.advance(1)
    assert marks.mark(events, "first", FOR_EVER) == [Marked(Outcome.MARKED, "first")]

    (found,) = stored(marks, 1)
    assert found is not None
    assert (found.voided_by, len(found.toggles)) == ("first", 1)
    assert found.toggles[0] > found.ingested_at_us


def test_stamps_grow_where_the_clock_does_not(marks: EventMarks, dynamodb: Any, clock: ManualClock) -> None:
    clock.now = 0
    events = store(dynamodb, 1)
    for _ in range(2):
        marks.mark(events, "one", FOR_EVER)
        marks.unmark(events, "one")

    (found,) = stored(marks, 1)
    assert found is not None
    first = events[0].ingested_at_us + 1
    assert (found.toggles, found.voided_by) == (tuple(range(first, first + 4)), None)


def test_what_another_void_has_stays_its_own(marks: EventMarks, dynamodb: Any) -> None:
    events = store(dynamodb, 1)
    marks.mark(events, "first", FOR_EVER)

    assert marks.mark(events, "second", FOR_EVER) == [Marked(Outcome.TAKEN, "first")]
    assert marks.unmark(events, "second") == 0
    assert marks.unmark(events, "first") == 1
    assert marks.unmark(events, "first") == 0


def test_an_event_that_is_gone_is_not_brought_back(marks: EventMarks, dynamodb: Any) -> None:
    gone = [make_event(5)]

    assert marks.mark(gone, "one", FOR_EVER) == [Marked(Outcome.GONE)]
    assert marks.unmark(gone, "one") == 0
    assert dynamodb.scan(TableName="EventsTable")["Items"] == []


def test_an_event_is_toggled_no_more_than_so_often(marks: EventMarks, dynamodb: Any) -> None:
    events = store(dynamodb, 1)
    for _ in range(MAX_TOGGLES // 2):
        marks.mark(events, "one", FOR_EVER)
        assert marks.unmark(events, "one") == 1

    assert marks.mark(events, "one", FOR_EVER) == [Marked(Outcome.SPENT)]


def test_an_index_that_lags_misleads_neither_marking_nor_unmarking(marks: EventMarks, dynamodb: Any) -> None:
    stale = store(dynamodb, 1)
    marks.mark(stale, "one", FOR_EVER)
    marks.unmark(stale, "one")

    assert marks.mark(stale, "two", FOR_EVER) == [Marked(Outcome.MARKED, "two")]
    assert marks.unmark(stale, "two") == 1


def test_an_engine_that_sends_no_refused_item_is_asked_for_it(
    marks: EventMarks, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = store(dynamodb, 1)
    marks.mark(stale, "one", FOR_EVER)
    update = dynamodb.update_item

    def without_item(**arguments: Any) -> Any:
        arguments.pop("ReturnValuesOnConditionCheckFailure")
        return update(**arguments)

    monkeypatch.setattr(marks._client, "update_item", without_item)

    assert marks.mark(stale, "two", FOR_EVER) == [Marked(Outcome.TAKEN, "one")]


def test_a_mark_is_not_begun_too_late(marks: EventMarks, dynamodb: Any, clock: ManualClock) -> None:
    events = store(dynamodb, 1)

    with pytest.raises(Unavailable):
        marks.mark(events, "one", clock.now - 1)

    assert stored(marks, 1) == events


def test_everything_else_of_an_event_stays(marks: EventMarks, dynamodb: Any) -> None:
    events = store(dynamodb, 1)
    before = dynamodb.scan(TableName="EventsTable")["Items"][0]
    marks.mark(events, "one", FOR_EVER)
    after = dynamodb.scan(TableName="EventsTable")["Items"][0]

    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"v", "i"}
