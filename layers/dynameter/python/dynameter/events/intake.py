"""Taking events in: each is stored once, and the caller learns what became of each. No I/O of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dynameter.clock import Clock
from dynameter.events.event import Event, EventDraft, Outcome, Status
from dynameter.events.identity import to_event


class EventStore(Protocol):
    """Where events are kept. ``dynameter.events.store.EventStore`` is the one in service."""

    def put_all(self, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        """Store what is not stored yet; no two events share source and id.

        For each event, in order: None if it was stored now, else the fingerprint of what is stored in its place.
        Raises ``Unavailable`` if any could not be stored before the deadline; some of them may be stored then.
        """


class Admission(Protocol):
    """Who may send how much. ``dynameter.admission.limiter.Limiter`` is the one in service."""

    def admit(self, workspace: str, events: int) -> None:
        """Raises ``RateLimited`` where the workspace sends more than its limit."""


class Intake:
    """Stores drafts and tells accepted, duplicate and conflict apart; without an ``admission`` there is no limit."""

    def __init__(self, store: EventStore, clock: Clock, admission: Admission | None = None) -> None:
        self._store = store
        self._clock = clock
        self._admission = admission

    def accept(self, workspace: str, drafts: Sequence[tuple[int, EventDraft]], deadline_us: int) -> list[Outcome]:
        """Store the drafts, each with its index in the request; one outcome for each, in the same order.

        Drafts must have passed ``rules.check``. Of several with one source and id the first is the candidate, the
        others are compared with what is stored in the end. Raises ``Unavailable`` unless every one is settled: what
        was stored by then stays, and sending the same request again is safe. Raises ``RateLimited`` before
        anything is stored where the workspace sends more than its limit.
        """
        if not drafts:
            return []
        if self._admission is not None:
            self._admission.admit(workspace, len(drafts))
        ingested_at_us = self._clock.now_us()
        events = [to_event(draft, workspace, ingested_at_us) for _, draft in drafts]
        candidates: dict[tuple[str, str], Event] = {}
        for event in events:
            candidates.setdefault((event.source, event.id), event)
        found = self._store.put_all(list(candidates.values()), deadline_us)
        stored = dict(zip(candidates, found, strict=True))

        outcomes = []
        for (index, _), event in zip(drafts, events, strict=True):
            key = (event.source, event.id)
            outcomes.append(Outcome(index, _status(event, candidates[key], stored[key]), event.source, event.id))
        return outcomes


def _status(event: Event, candidate: Event, stored: bytes | None) -> Status:
    """``stored`` is the fingerprint found in the candidate's place, None where the candidate is stored now."""
    if stored is None and event is candidate:
        return Status.ACCEPTED
    same = event.fingerprint == (candidate.fingerprint if stored is None else stored)
    return Status.DUPLICATE if same else Status.CONFLICT
