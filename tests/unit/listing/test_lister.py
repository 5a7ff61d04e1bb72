"""The lister on a history in memory: its order, its bounds, and what it reads."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.errors import InvalidInput
from dynameter.events import listing
from dynameter.events.listing import EventLister, ListingQuery, Order, Place, SortBy
from dynameter.events.stored import HistoryPage, StoredEvent
from dynameter.filters import V1_INSTANT, V1_TEXT, read_filter
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.listing.conftest import NOW, SECOND, make_event

BUCKETS = 4
FAR = NOW + 10**12


@dataclass
class MemoryHistory:
    """Buckets as sorted lists; ``largest`` events at most a page, whatever is asked for."""

    stored: list[StoredEvent] = field(default_factory=list)
    largest: int = 1_000
    read: int = 0
    buckets_read: set[int] = field(default_factory=set)

    def add(self, id_: str, **given: Any) -> None:
        event = make_event(WORKSPACE, id_, **given)
        self.stored.append(StoredEvent(event, f"{event.time_us:018d}.{int(id_):011d}"))

    def page(self, workspace: str, bucket: int, start_us: int, end_us: int, **given: Any) -> HistoryPage:
        after, descending = given["after"], given["descending"]
        found = sorted(
            (
                one
                for one in self.stored
                if bucket_of(one.event.subject) == bucket
                and start_us <= one.event.time_us < end_us
                and (after is None or (one.key < after if descending else one.key > after))
            ),
            key=lambda one: one.key,
            reverse=descending,
        )
        page = found[: min(given["limit"], self.largest)]
        self.read += len(page)
        self.buckets_read.add(bucket)
        return HistoryPage(tuple(page), page[-1].key if len(page) < len(found) else None, len(page))

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> list[int]:
        return list(range(BUCKETS)) if subjects is None else sorted({bucket_of(one) for one in subjects})


def bucket_of(subject: str) -> int:
    return sum(subject.encode()) % BUCKETS


def list_all(lister: EventLister, query: ListingQuery, deadline_us: int = FAR) -> list[str]:
    """Follow the cursors to the end, each through its text."""
    seen: list[str] = []
    for _ in range(200):
        page = lister.list(WORKSPACE, query, deadline_us)
        seen += (one.event.id for one in page.events)
        if page.next is None:
            return seen
        query = replace(query, after=Place.parse(page.next.text(), query.order))
    raise AssertionError("the list has no end")


events = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 5), st.sampled_from("abcdef"), st.booleans()), max_size=30
)
orders = st.builds(Order, st.sampled_from(SortBy), st.booleans())


@given(events, orders, st.integers(1, 7), st.integers(1, 5))
def test_pages_hold_every_event_once_in_order(made: Any, order: Order, limit: int, largest: int) -> None:
    history = MemoryHistory(largest=largest)
    for place, (at, ingested, subject, voided) in enumerate(made):
        history.add(
            str(place), at=at, ingested_at_us=NOW + ingested, subject=subject, toggles=(NOW + 9,) if voided else ()
        )
    expected = sorted(
        (one for one in history.stored if not one.event.voided),
        key=lambda one: (one.event.ingested_at_us if order.by is SortBy.INGESTED_AT else 0, one.key),
        reverse=order.descending,
    )

    found = list_all(EventLister(history, ManualClock(), workers=2), ListingQuery(order=order, limit=limit))

    assert found == [one.event.id for one in expected]


@pytest.fixture
def history() -> MemoryHistory:
    """A thousand events, a second apart, of a hundred subjects."""
    made = MemoryHistory()
    for place in range(1_000):
        made.add(str(place), at=place * SECOND, subject=f"s{place % 100}")
    return made


@pytest.fixture
def lister(history: MemoryHistory) -> EventLister:
    return EventLister(history, ManualClock(), workers=2)


def test_a_page_reads_little_more_than_it_shows(lister: EventLister, history: MemoryHistory) -> None:
    lister.list(WORKSPACE, ListingQuery(limit=20), FAR)

    assert history.read <= 3 * 20


def test_a_list_of_subjects_reads_their_buckets_only(lister: EventLister, history: MemoryHistory) -> None:
    query = ListingQuery(subject=read_filter({"$in": ["s1", "s5"]}, V1_TEXT))

    assert len(list_all(lister, query)) == 20
    assert history.buckets_read == {bucket_of("s1"), bucket_of("s5")}


def test_a_list_of_a_time_reads_that_time_only(lister: EventLister, history: MemoryHistory) -> None:
    query = ListingQuery(time=read_filter({"$lt": "2026-01-14T10:00:10Z"}, V1_INSTANT))

    assert len(list_all(lister, query)) == history.read == 10


def test_a_page_ends_after_so_many_items_and_the_next_goes_on(
    lister: EventLister, history: MemoryHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_ITEMS_READ", 200)
    query = ListingQuery(id=read_filter({"$eq": "3"}, V1_TEXT))

    first = lister.list(WORKSPACE, query, FAR)

    assert first.events == ()
    assert first.next is not None
    assert history.read < 1_000
    assert list_all(lister, query) == ["3"]


def test_a_page_ends_before_the_time_is_over_and_still_gets_on(lister: EventLister) -> None:
    query = ListingQuery(id=read_filter({"$eq": "990"}, V1_TEXT))

    assert list_all(lister, query, deadline_us=NOW) == ["990"]


@dataclass
class SlowFilter:
    """Matches nothing, and takes half a second to find out."""

    clock: ManualClock

    def matches(self, _value: str) -> bool:
        self.clock.advance(0.5)
        return False


@pytest.mark.parametrize("by", SortBy)
def test_a_filter_that_takes_long_does_not_outlast_the_request(history: MemoryHistory, by: SortBy) -> None:
    clock = ManualClock()
    lister = EventLister(history, clock, workers=2)
    deadline_us = clock.now_us() + 60 * SECOND

    with suppress(InvalidInput):
        lister.list(WORKSPACE, ListingQuery(order=Order(by), id=SlowFilter(clock)), deadline_us)

    assert clock.now_us() < deadline_us + 32 * SECOND


def test_a_page_ends_before_it_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_PAGE_BYTES", 10_000)
    history = MemoryHistory()
    for place in range(10):
        history.add(str(place), at=place, data={"text": "x" * 4_000})
    lister = EventLister(history, ManualClock(), workers=2)
    for by in SortBy:
        page = lister.list(WORKSPACE, ListingQuery(order=Order(by)), FAR)

        assert len(page.events) == 3
        assert len(list_all(lister, ListingQuery(order=Order(by)))) == 10


def test_an_order_without_an_index_is_refused_for_too_many_events(
    lister: EventLister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED_EVENTS", 500)

    with pytest.raises(InvalidInput, match="narrow it") as caught:
        lister.list(WORKSPACE, ListingQuery(order=Order(SortBy.INGESTED_AT)), FAR)

    assert caught.value.fields[0].location == ("query", "sort")


def test_an_order_without_an_index_is_answered_for_a_narrow_range(
    lister: EventLister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED_EVENTS", 500)
    time = read_filter({"$gte": "2026-01-14T10:10:00Z"}, V1_INSTANT)

    page = lister.list(WORKSPACE, ListingQuery(order=Order(SortBy.INGESTED_AT), time=time), FAR)

    assert len(page.events) == 100


def test_a_voided_event_is_listed_only_where_it_is_asked_for(lister: EventLister, history: MemoryHistory) -> None:
    history.add("2000", at=2_000 * SECOND, toggles=(NOW + 5,))
    history.add("2001", at=2_001 * SECOND, toggles=(NOW + 5, NOW + 6))

    assert lister.list(WORKSPACE, ListingQuery(limit=1), FAR).events[0].event.id == "2001"
    voided = lister.list(WORKSPACE, ListingQuery(limit=2, include_voided=True), FAR).events
    assert [one.event.id for one in voided] == ["2001", "2000"]


@pytest.mark.parametrize("text", ["", "x", "====", "MXQt", "é", "\x00", "A" * 500])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(listing.InvalidCursor):
        Place.parse(text, Order())
