"""Voids over storage in memory, whose every call may be interrupted: others act meanwhile, or the process dies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dynameter.corrections.jobs import Candidates, VoidWorker
from dynameter.corrections.service import VoidService
from dynameter.corrections.void import EventName, Tally, Void, VoidState
from dynameter.events.event import Event
from dynameter.events.marked import MAX_TOGGLES, Marked, Outcome
from dynameter.events.stored import HistoryPage, StoredEvent
from dynameter.rebuild.job import Job, JobKey
from tests.conftest import ManualClock
from tests.unit.usage.builders import make_event

SETTLE_S = 60
LAG_S = 5
"""How long the index may lag the table."""


class Crash(BaseException):
    """The process dies."""


@dataclass
class Simulation:
    """The tables, and the processes that work on them.

    ``interrupt`` is called before every call of storage; it may let others act, or raise ``Crash``. It is told whether
    the call reads events, which may take as long as it likes.
    """

    clock: ManualClock = field(default_factory=ManualClock)
    events: dict[EventName, Event] = field(default_factory=dict)
    voids: dict[str, Void] = field(default_factory=dict)
    listed: dict[str, tuple[EventName, ...]] = field(default_factory=dict)
    jobs: dict[JobKey, Job] = field(default_factory=dict)
    interrupt: Callable[[bool], None] = lambda reads: None
    made: int = 0

    def __post_init__(self) -> None:
        tables: Any = self
        self.worker = VoidWorker(tables, tables, Candidates(tables, tables, at_once=2), tables, self.clock)
        preview: Any = None
        self.service = VoidService(tables, self.worker, preview, self.clock, self._new_id, SETTLE_S * 1_000_000)

    def _new_id(self) -> str:
        self.made += 1
        return f"void-{self.made}"

    def store(self, number: int, subject: str) -> None:
        """Store an event."""
        self.clock.now += 1
        event = make_event(number, subject=subject, ingested_at_us=self.clock.now)
        self.events.setdefault(EventName(event.source, event.id), event)

    def run_job(self, key: JobKey) -> None:
        """One chunk of a job, of two pages at most; after a crash it is to be run again."""
        job = self.jobs.get(key)
        if job is None or self.clock.now < job.not_before_us:
            return
        progress = self.worker.run(job, self.clock.now)
        if progress.done:
            self.worker.finish(job)
        elif self.jobs.get(key) == job:
            self.jobs[key] = replace(job, position=progress.position, step=job.step + 1)

    # ---- the records

    def insert(self, void: Void, names: Sequence[EventName], job: Job) -> None:
        self.interrupt(False)
        self.voids[void.id], self.listed[void.id], self.jobs[job.key] = void, tuple(names), job

    def get(self, workspace: str, void_id: str) -> Void | None:
        self.interrupt(False)
        return self.voids.get(void_id)

    def names(self, void: Void) -> tuple[EventName, ...]:
        return self.listed[void.id]

    def under_way(self, workspace: str, limit: int) -> int:
        """None, as far as the limit is concerned: what is made here is to run side by side."""
        return 0

    def finish(self, void: Void, tally: Tally, now_us: int) -> Void | None:
        self.interrupt(False)
        if self.voids[void.id].state is not void.state:
            return None
        if void.state is VoidState.RUNNING:
            found = replace(void, state=VoidState.DONE, tally=tally, done_at_us=now_us)
        else:
            found = replace(void, state=VoidState.UNDONE, undone_at_us=now_us)
        self.voids[void.id] = found
        return found

    def begin_undo(self, void: Void, final_at_us: int, job: Job) -> Void | None:
        self.interrupt(False)
        if self.voids[void.id].state is not void.state:
            return None
        self.voids[void.id] = replace(void, state=VoidState.UNDOING, final_at_us=final_at_us)
        self.jobs[job.key] = job
        return self.voids[void.id]

    def delete(self, key: JobKey) -> None:
        self.interrupt(False)
        self.jobs.pop(key, None)

    # ---- the events

    def read(self, workspace: str, names: Sequence[tuple[str, str]]) -> list[Event | None]:
        self.interrupt(True)
        return [self.events.get(EventName(*name)) for name in names]

    def mark(self, events: Sequence[Event], void_id: str, begin_by_us: int) -> list[Marked]:
        return [self._mark(event, void_id) for event in events]

    def unmark(self, events: Sequence[Event], void_id: str) -> int:
        return sum(self._unmark(event, void_id) for event in events)

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> tuple[int, ...]:
        return (0, 1)

    def page(
        self, workspace: str, bucket: int, start_us: int, end_us: int, *, after: str | None, limit: int
    ) -> HistoryPage:
        """What the index shows: nothing that was stored less than ``LAG_S`` ago."""
        self.interrupt(True)
        shown = self.clock.now - LAG_S * 1_000_000
        found = [
            StoredEvent(event, event.id)
            for event in sorted(self.events.values(), key=lambda one: one.id)
            if event.ingested_at_us <= shown
            and int(event.id.rpartition("-")[2]) % 2 == bucket
            and event.id > (after or "")
        ]
        page = found[:limit]
        return HistoryPage(tuple(page), page[-1].key if len(found) > limit else None, len(page))

    def _mark(self, event: Event, void_id: str) -> Marked:
        while True:
            if event.voided:
                return Marked(Outcome.MARKED if event.voided_by == void_id else Outcome.TAKEN, event.voided_by)
            if len(event.toggles) >= MAX_TOGGLES:
                return Marked(Outcome.SPENT)
            event, done = self._toggle(event, void_id)
            if done:
                return Marked(Outcome.MARKED, void_id)

    def _unmark(self, event: Event, void_id: str) -> bool:
        while True:
            if event.voided_by != void_id:
                self.interrupt(False)
                event = self.events[EventName(event.source, event.id)]
                if event.voided_by != void_id:
                    return False
            event, done = self._toggle(event, None)
            if done:
                return True

    def _toggle(self, event: Event, by: str | None) -> tuple[Event, bool]:
        self.interrupt(False)
        name = EventName(event.source, event.id)
        found = self.events[name]
        if found.toggles != event.toggles:
            return found, False
        self.clock.now += 1
        self.events[name] = replace(found, toggles=(*found.toggles, self.clock.now), voided_by=by)
        return event, True
