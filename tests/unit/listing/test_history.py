"""The stored history: continuing a range, and the buckets of subjects."""

from __future__ import annotations

import pytest

from dynameter.events import history as events_history
from dynameter.events.history import EventHistory, bucket_of
from tests.unit.listing.conftest import NOW, SECOND, Desk


@pytest.fixture
def history(desk: Desk) -> EventHistory:
    desk.add("a", "b", "c", "d")
    return EventHistory(desk.client, desk.settings)


@pytest.mark.parametrize(("descending", "rest"), [(False, "cd"), (True, "a")])
def test_a_page_goes_on_after_a_key(history: EventHistory, desk: Desk, descending: bool, rest: str) -> None:
    bucket = bucket_of(desk.workspace, "customer-1")
    (after,) = [one.key for one in history.page(desk.workspace, bucket).events if one.event.id == "b"]

    page = history.page(desk.workspace, bucket, after=after, descending=descending)

    assert "".join(one.event.id for one in page.events) == rest


@pytest.mark.parametrize("descending", [False, True])
def test_going_on_outside_the_range_reads_nothing_but_the_range(
    history: EventHistory, desk: Desk, descending: bool
) -> None:
    bucket = bucket_of(desk.workspace, "customer-1")
    keys = [one.key for one in history.page(desk.workspace, bucket).events]

    page = history.page(
        desk.workspace,
        bucket,
        NOW + SECOND,
        NOW + 3 * SECOND,
        after=keys[-1] if descending else keys[0],
        descending=descending,
    )

    assert sorted(one.event.id for one in page.events) == ["b", "c"]


def test_a_page_says_how_many_items_it_cost_and_where_the_next_starts(history: EventHistory, desk: Desk) -> None:
    bucket = bucket_of(desk.workspace, "customer-1")

    first = history.page(desk.workspace, bucket, limit=3)
    second = history.page(desk.workspace, bucket, limit=3, after=first.next)

    assert (first.items_read, first.next) == (3, first.events[-1].key)
    assert ([one.event.id for one in second.events], second.next) == (["d"], None)


@pytest.mark.parametrize("descending", [False, True])
def test_a_page_ends_where_its_data_would_take_too_much_memory(
    history: EventHistory, desk: Desk, monkeypatch: pytest.MonkeyPatch, descending: bool
) -> None:
    monkeypatch.setattr(events_history, "PAGE_BYTES", 500_000)
    desk.add("e", "f", "g", "h", at=9 * SECOND, data={"text": "x" * 200_000})
    bucket = bucket_of(desk.workspace, "customer-1")

    pages: list[list[str]] = []
    after: str | None = None
    while not pages or after is not None:
        page = history.page(desk.workspace, bucket, after=after, descending=descending)
        pages.append([one.event.id for one in page.events])
        assert page.items_read == len(page.events)
        after = page.next

    assert len(pages) == 2
    assert sorted(id_ for ids in pages for id_ in ids) == list("abcdefgh")


def test_all_buckets_are_named_unless_subjects_are(history: EventHistory, desk: Desk) -> None:
    assert history.buckets(desk.workspace) == tuple(range(16))
    assert history.buckets(desk.workspace, ["customer-1"]) == (bucket_of(desk.workspace, "customer-1"),)
    assert history.buckets(desk.workspace, []) == ()


def test_an_event_is_read_by_its_identity(history: EventHistory, desk: Desk) -> None:
    found = history.get(desk.workspace, "test", "a")

    assert found is not None
    assert found.id == "a"
    assert history.get(desk.workspace, "test", "z") is None
