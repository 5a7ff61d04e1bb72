"""What reads stored events or usage rows ends at its bound and says so: lists, dry runs, recounts, repairs, voids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dynameter.corrections.jobs import EVENTS_AT_ONCE, Candidates
from dynameter.corrections.preview import MAX_READ, Previewer
from dynameter.errors import TooLarge
from dynameter.events import listing
from dynameter.events.listing import EventLister, Listing, ListingQuery, Order, SortBy, _weight
from dynameter.events.marked import MAX_TOGGLES
from dynameter.filters import V1_TEXT, read_filter
from dynameter.usage.recounts import repair
from dynameter.usage.recounts.recount import MAX_EVENTS, RawReader
from dynameter.usage.rows.budget import MAX_PAGES, ReadBudget
from tests.conftest import WORKSPACE, ManualClock
from tests.limits.cases_metering import EVENTS, RECOUNT, VOIDS
from tests.limits.edges import send, wrong_fields
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask
from tests.unit.listing.test_lister import FAR, MemoryHistory

LIST_V3, UNDO = "GET /api/v3/openmeter/events", "DELETE /v1/{workspace_id}/voids/{void_id}"
METERS = "POST /api/v1/meters"
DAY, DAY_AFTER, TIME = "2026-01-13T00:00:00Z", "2026-01-14T00:00:00Z", "2026-01-13T09:30:00Z"

Lower = Callable[[Any, int, int], None]


@pytest.fixture
def lower(untouched: Settled) -> Iterator[Lower]:
    """Gives what is made from now on another bound than its usual one, the one default that it has."""
    with pytest.MonkeyPatch.context() as patch:

        def make(kind: Any, usual: int, most: int) -> None:
            assert kind.__init__.__defaults__ == (usual,)
            patch.setattr(kind.__init__, "__defaults__", (most,))
            untouched.house.world.fleet.lose("meters")

        yield make
    untouched.house.world.fleet.lose("meters")


def send_events(settled: Settled, count: int) -> list[dict[str, Any]]:
    """So many events of one subject on a day of their own, each of a model of its own."""
    made = []
    for number in range(count):
        event = settled.tenant.event(700 + number, f"{settled.tenant.name}-walker", "1")
        made.append({**event, "time": TIME, "data": {"tokens": 1, "model": f"m{number}"}})
    answer = send(settled, EVENTS[0], Ask(made, media_type="application/cloudevents-batch+json")).answer
    assert answer.status == 204, answer.text
    return made


# ---- lists


def listed(history: MemoryHistory, **given: Any) -> Listing:
    """The first page."""
    return EventLister(history, ManualClock(), workers=1).list(WORKSPACE, ListingQuery(**given), FAR)


def one_by_one(count: int, **given: Any) -> MemoryHistory:
    """So many events of one subject, of which a read brings one."""
    history = MemoryHistory(largest=1)
    for place in range(count):
        history.add(str(place), at=place, subject="s", **given)
    return history


@pytest.mark.parametrize(("count", "goes_on"), [(4, False), (5, True)])
def test_a_page_reads_so_many_events(count: int, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_ITEMS_READ", 4)
    history = one_by_one(count)

    page = listed(history, id=read_filter({"$eq": "none"}, V1_TEXT), subject=read_filter({"$eq": "s"}, V1_TEXT))

    assert (history.read, page.next is not None) == (4, goes_on)


@pytest.mark.parametrize("by", SortBy)
@pytest.mark.parametrize(("more", "shown"), [(0, 3), (1, 4)])
def test_a_page_ends_with_the_event_that_fills_it(
    by: SortBy, more: int, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three events fill the page; with a byte more of room a fourth begins in it."""
    history = one_by_one(5, data={"text": "x" * 1_000})
    monkeypatch.setattr(listing, "MAX_PAGE_BYTES", 3 * _weight(history.stored[0].event) + more)

    page = listed(history, order=Order(by))

    assert len(page.events) == shown
    assert page.next is not None


@pytest.mark.parametrize(("count", "status"), [(4, 200), (5, 400)])
def test_so_many_events_are_sorted_by_ingestion(
    count: int, status: int, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED_EVENTS", 4)
    send_events(untouched, count)
    query = (("filter[time][gte]", DAY), ("filter[time][lt]", DAY_AFTER), ("sort", "ingested_at"))

    answer = send(untouched, LIST_V3, Ask(query=query)).answer

    assert answer.status == status, answer.text[:600]
    assert status == 200 or wrong_fields(LIST_V3, answer) == ["sort"]


# ---- dry runs, recounts, repairs


def dry_run(settled: Settled) -> dict[str, Any]:
    """What a void of the walker's events would do, which are the only ones of their day."""
    wanted = {"from": DAY, "to": DAY_AFTER, "subject": f"{settled.tenant.name}-walker"}
    answer = send(settled, VOIDS, Ask({"filter": wanted, "dry_run": True})).answer
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("count", "events", "truncated"), [(4, 4, False), (5, 4, True)])
def test_a_dry_run_reads_so_many_events(
    count: int, events: int, truncated: bool, untouched: Settled, lower: Lower
) -> None:
    lower(Previewer, MAX_READ, 4)
    lower(Candidates, EVENTS_AT_ONCE, 1)
    send_events(untouched, count)

    found = dry_run(untouched)

    assert (found["events"], found["truncated"]) == (events, truncated)


@pytest.mark.parametrize(("most", "status"), [(3, 200), (2, 413)])
def test_a_recount_reads_so_many_events(most: int, status: int, untouched: Settled, lower: Lower) -> None:
    lower(RawReader, MAX_EVENTS, most)
    send_events(untouched, 3)

    answer = send(untouched, RECOUNT, Ask({"from": DAY, "to": DAY_AFTER})).answer

    assert answer.status == status, answer.text[:600]
    assert status == 200 or f"at most {most}" in answer.json()["detail"]


@pytest.mark.parametrize(("most", "named", "truncated"), [(3, 3, False), (2, 2, True)])
def test_a_recount_names_so_many_groups_that_differ(
    most: int, named: int, truncated: bool, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored and not counted yet differs."""
    monkeypatch.setattr(repair, "MAX_GROUPS", most)
    send_events(untouched, 3)

    answer = send(untouched, RECOUNT, Ask({"from": DAY, "to": DAY_AFTER})).answer.json()

    assert [one["groups"] for one in answer["groups"]] == [{"model": f"m{number}"} for number in range(named)]
    assert answer["groups_truncated"] == truncated


@pytest.mark.parametrize(("most", "repaired"), [(6, [6, 0]), (5, [5, 1, 0])])
def test_a_repair_restores_so_many_rows_and_the_rest_when_asked_again(
    most: int, repaired: list[int], untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three groups that nobody has counted: a row of each for the subject, and one for all subjects."""
    monkeypatch.setattr(repair, "MAX_REPAIRED", most)
    send_events(untouched, 3)
    lose_usage(untouched)

    found: list[int] = []
    while not found or found[-1]:
        answer = send(untouched, RECOUNT, Ask({"from": DAY, "to": DAY_AFTER, "repair": True})).answer
        assert answer.status < 300, answer.text
        found.append(answer.json()["repairing"])
        assert answer.status == (202 if found[-1] else 200)
        untouched.house.world.clock.sleep(60)
        untouched.house.world.settle()

    assert found == repaired
    assert send(untouched, RECOUNT, Ask({"from": DAY, "to": DAY_AFTER})).answer.json()["groups"] == []


def lose_usage(settled: Settled) -> None:
    """Count what was sent, then lose the rows of its day."""
    before = set(settled.house.state())
    settled.house.world.settle()
    for name, key in set(settled.house.state()) - before:
        if name == "UsageTable":
            settled.house.world.memory.tables[name].store(key, None)


# ---- voids


def test_an_event_is_voided_and_brought_back_so_often(untouched: Settled) -> None:
    wanted = Ask({"events": [{"source": f"{untouched.tenant.name}-source", "id": f"{untouched.tenant.name}-event-1"}]})
    for _ in range(MAX_TOGGLES // 2):
        void = send(untouched, VOIDS, wanted).answer.json()
        assert (void["events"], void["over_limit"]) == (1, [])
        undone = send(untouched, UNDO, Ask(path={"void_id": void["id"]})).answer
        assert undone.status in (202, 204)
        untouched.house.world.clock.sleep(60)
        untouched.house.world.settle()

    void = send(untouched, VOIDS, wanted).answer.json()

    assert (void["events"], void["over_limit"]) == (0, wanted.body["events"])


# ---- what one query may read


def test_a_query_may_read_so_many_pages_and_no_more() -> None:
    budget = ReadBudget()
    for _ in range(MAX_PAGES):
        budget.spend(0, goes_on=True)

    with pytest.raises(TooLarge, match="reads too much usage"):
        budget.spend(0, goes_on=True)
