"""Stored events and their place in the history."""

from __future__ import annotations

from dataclasses import dataclass

from dynameter.events.event import Event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the history: ``key`` sorts by event time and is unique."""

    event: Event
    key: str


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of history; ``next`` continues after it, None at the end. ``items_read`` are the items it cost."""

    events: tuple[StoredEvent, ...]
    next: str | None
    items_read: int
