"""An event history in memory, as far as queries read it: pages of buckets in the order of time."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dynameter.events.event import Event
from dynameter.events.history import BUCKETS, bucket_of
from dynameter.events.stored import HistoryPage, StoredEvent


class FakeHistory:
    """Holds what is put into ``events``. ``reads`` counts the pages asked for."""

    def __init__(self, events: Iterable[Event] = (), page_items: int = 1_000) -> None:
        self.events = list(events)
        self.reads = 0
        self._page_items = page_items

    def page(
        self, workspace: str, bucket: int, start_us: int, end_us: int, *, after: str | None, limit: int | None
    ) -> HistoryPage:
        self.reads += 1
        stored = sorted(
            (StoredEvent(one, f"{one.time_us:018d}.{place:09d}") for place, one in enumerate(self.events)),
            key=lambda one: one.key,
        )
        found = [
            one
            for one in stored
            if one.event.workspace == workspace and bucket_of(workspace, one.event.subject) == bucket
            if start_us <= one.event.time_us < end_us and (after is None or one.key > after)
        ]
        page = found[: min(limit or self._page_items, self._page_items)]
        return HistoryPage(tuple(page), page[-1].key if len(page) < len(found) else None, len(page))

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> tuple[int, ...]:
        if subjects is None:
            return tuple(range(BUCKETS))
        return tuple(sorted({bucket_of(workspace, subject) for subject in subjects}))
