"""The intake over a store in memory: accepted, duplicate, conflict, inside a request and across requests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dynameter.errors import Unavailable
from dynameter.events.event import Event, EventDraft, Outcome, Status
from dynameter.events.intake import Intake
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock

ACCEPTED, DUPLICATE, CONFLICT = Status.ACCEPTED, Status.DUPLICATE, Status.CONFLICT


class Store:
    def __init__(self) -> None:
        self.events: dict[tuple[str, str, str], Event] = {}
        self.calls: list[list[Event]] = []
        self.fails = False

    def put_all(self, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        self.calls.append(list(events))
        if self.fails:
            raise Unavailable("not now")
        found: list[bytes | None] = []
        for event in events:
            kept = self.events.setdefault((event.workspace, event.source, event.id), event)
            found.append(None if kept is event else kept.fingerprint)
        return found


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def intake(store: Store, clock: ManualClock) -> Intake:
    return Intake(store, clock)


def draft(id_: str = "1", count: int = 1, source: str = "shop") -> EventDraft:
    return EventDraft(source, id_, "request", "customer-1", None, {"count": count})


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def accept(intake: Intake, *drafts: EventDraft, workspace: str = WORKSPACE) -> list[Outcome]:
    return intake.accept(workspace, list(enumerate(drafts)), 0)


def test_new_events_are_accepted(intake: Intake) -> None:
    assert statuses(accept(intake, draft("1"), draft("2"))) == [ACCEPTED, ACCEPTED]


def test_no_events_need_no_store(intake: Intake, store: Store) -> None:
    assert accept(intake) == []
    assert store.calls == []


def test_the_same_payload_again_is_a_duplicate(intake: Intake) -> None:
    accept(intake, draft())

    assert statuses(accept(intake, draft())) == [DUPLICATE]


def test_another_payload_under_the_id_is_a_conflict_and_the_first_stays(intake: Intake, store: Store) -> None:
    accept(intake, draft(count=1))

    assert statuses(accept(intake, draft(count=2))) == [CONFLICT]
    (kept,) = store.events.values()
    assert kept.data == '{"count":1}'


def test_a_key_repeated_in_a_request_is_stored_once(intake: Intake, store: Store) -> None:
    outcomes = accept(intake, draft(), draft(), draft(count=2), draft("2"), draft())

    assert statuses(outcomes) == [ACCEPTED, DUPLICATE, CONFLICT, ACCEPTED, DUPLICATE]
    assert [event.id for event in store.calls[0]] == ["1", "2"]


def test_repetitions_are_compared_with_what_was_stored_before(intake: Intake) -> None:
    accept(intake, draft(count=1))

    assert statuses(accept(intake, draft(count=2), draft(count=1), draft(count=2))) == [CONFLICT, DUPLICATE, CONFLICT]


def test_outcomes_carry_the_indexes_of_the_request(intake: Intake) -> None:
    outcomes = intake.accept(WORKSPACE, [(3, draft("1")), (7, draft("2"))], 0)

    assert [(one.index, one.source, one.id) for one in outcomes] == [(3, "shop", "1"), (7, "shop", "2")]


def test_source_and_id_are_not_joined_ambiguously(intake: Intake) -> None:
    outcomes = accept(intake, draft("c", source="a-b"), draft("b-c", source="a"))

    assert statuses(outcomes) == [ACCEPTED, ACCEPTED]


def test_workspaces_do_not_share_ids(intake: Intake) -> None:
    accept(intake, draft())

    assert statuses(accept(intake, draft(), workspace=OTHER_WORKSPACE)) == [ACCEPTED]


def test_all_events_of_a_request_have_one_stamp_of_receipt(intake: Intake, store: Store, clock: ManualClock) -> None:
    accept(intake, draft("1"), draft("2"))

    assert {event.ingested_at_us for event in store.events.values()} == {clock.now_us()}


def test_what_could_not_be_stored_is_no_outcome(intake: Intake, store: Store) -> None:
    store.fails = True

    with pytest.raises(Unavailable):
        accept(intake, draft())
