"""Passing over the events of a void and marking or unmarking each, in the request or in a job that resumes it.

Any number of passes may be under way at once, any of them may die anywhere, and the end is the same:

* Setting and taking a mark changes nothing where it is done already, so passes do not disturb each other.
* A pass looks at the void's record before each chunk of events and stops where the void has moved on. So a mark may
  be set after the void has begun to be undone, but no later than ``MARKING_TIME_US`` and the time of one write after.
* Only a whole pass that began at or after ``Void.final_at_us`` ends the void's state, and that lies by
  ``Settings.settle_ms`` after whatever it must not miss: events and marks that were being written, and events that the
  index may not show before. So the pass that ends an undoing finds every mark there is.
* The job is written with the change of the record that calls for it, and comes again until such a pass is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from dynameter import codec
from dynameter.clock import MICROSECONDS, Clock
from dynameter.corrections.void import EventName, Tally, Void, VoidState
from dynameter.events.event import Event
from dynameter.events.marked import Marked, Outcome
from dynameter.events.stored import HistoryPage
from dynameter.rebuild.job import VOID, DoneJobs, Job, Progress

EVENTS_AT_ONCE = 200
"""Events that are read and marked together."""
MARKING_TIME_US = 20 * MICROSECONDS
"""How long after the look at the record a mark may be begun; far less than history takes to settle."""

_NOTHING = Tally()


class Records(Protocol):
    """What is needed of ``dynameter.corrections.store.VoidStore``."""

    def get(self, workspace: str, void_id: str) -> Void | None:
        """The void of that id."""

    def names(self, void: Void) -> tuple[EventName, ...]:
        """The events that it names."""

    def finish(self, void: Void, tally: Tally, now_us: int) -> Void | None:
        """Come to DONE or UNDONE; None where it has moved on."""


class Marks(Protocol):
    """What is needed of ``dynameter.events.marks.EventMarks``."""

    def read(self, workspace: str, names: Sequence[tuple[str, str]]) -> list[Event | None]:
        """The events of these names."""

    def mark(self, events: Sequence[Event], void_id: str, begin_by_us: int) -> list[Marked]:
        """Set the void's mark on each; raises Unavailable rather than begin a write later than that."""

    def unmark(self, events: Sequence[Event], void_id: str) -> int:
        """Take the void's mark from each."""


class History(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def page(
        self,
        workspace: str,
        bucket: int,
        start_us: int,
        end_us: int,
        *,
        after: str | None,
        descending: bool = False,
        limit: int | None = None,
    ) -> HistoryPage:
        """One page of one bucket."""

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> Sequence[int]:
        """The buckets that hold the subjects' events."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a pass has come: the number of named events or of buckets done, and the key within the bucket."""

    done: int = 0
    after: str | None = None
    tally: Tally = _NOTHING
    read: int = 0

    @classmethod
    def parse(cls, text: str | None) -> Place:
        """Read what ``text`` wrote; the beginning for None."""
        if not text:
            return cls()
        done, after, voided, skipped, read = codec.decode(text)
        return cls(done, after, Tally(voided, skipped), read)

    def text(self) -> str:
        """The place as a job keeps it."""
        return codec.encode((self.done, self.after, self.tally.voided, self.tally.skipped, self.read)).decode()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Candidates read together, and the place after them (None where none are left)."""

    names: tuple[EventName, ...]
    events: tuple[Event | None, ...]
    following: Place | None


@dataclass(slots=True)
class Report:
    """The named events that a void could not have; ``taken`` says which void has each."""

    missing: list[EventName] = field(default_factory=list)
    taken: list[tuple[EventName, str | None]] = field(default_factory=list)
    spent: list[EventName] = field(default_factory=list)


class Candidates:
    """The events that a void is about, chunk by chunk."""

    def __init__(self, marks: Marks, history: History, at_once: int = EVENTS_AT_ONCE) -> None:
        self._marks = marks
        self._history = history
        self._at_once = at_once

    def read(self, void: Void, names: Sequence[EventName], place: Place) -> Chunk:
        """The chunk at the place; None stands for a named event that is not stored."""
        return self._filtered(void, place) if void.filter else self._named(void, names, place)

    def chunks(self, void: Void, names: Sequence[EventName]) -> Iterator[Chunk]:
        """All chunks from the beginning, lazily."""
        place: Place | None = Place()
        while place is not None:
            chunk = self.read(void, names, place)
            yield chunk
            place = chunk.following

    def _named(self, void: Void, names: Sequence[EventName], place: Place) -> Chunk:
        chosen = tuple(names[place.done : place.done + self._at_once])
        events = self._marks.read(void.workspace, [(one.source, one.id) for one in chosen]) if chosen else []
        done = place.done + len(chosen)
        following = replace(place, done=done, read=place.read + len(chosen)) if done < len(names) else None
        return Chunk(chosen, tuple(events), following)

    def _filtered(self, void: Void, place: Place) -> Chunk:
        assert void.filter is not None
        wanted = void.filter
        buckets = self._history.buckets(void.workspace, None if wanted.subject is None else (wanted.subject,))
        start_us, end_us = wanted.span
        page = self._history.page(
            void.workspace, buckets[place.done], start_us, end_us, after=place.after, limit=self._at_once
        )
        events = tuple(one.event for one in page.events if void.covers(one.event))
        read = place.read + page.items_read
        following: Place | None = replace(place, after=page.next, read=read)
        if page.next is None:
            done = place.done + 1
            following = replace(place, done=done, after=None, read=read) if done < len(buckets) else None
        return Chunk(tuple(EventName(one.source, one.id) for one in events), events, following)


class VoidWorker:
    """Brings the marks of a void's events to what its record wants. Also the handler of both kinds of job."""

    def __init__(
        self, records: Records, marks: Marks, candidates: Candidates, done_jobs: DoneJobs, clock: Clock
    ) -> None:
        self._records = records
        self._marks = marks
        self._candidates = candidates
        self._done_jobs = done_jobs
        self._clock = clock

    def run(self, job: Job, deadline_us: int) -> Progress:
        """See ``dynameter.rebuild.job.Handler``."""
        void = self._records.get(job.key.workspace, job.key.id)
        if void is None or void.state is not (VoidState.RUNNING if job.key.kind == VOID else VoidState.UNDOING):
            return Progress(job.position, done=True)
        before = Place.parse(job.position)
        after = self.proceed(void, before, deadline_us)
        if isinstance(after, Place):
            return Progress(after.text(), worked=after.read - before.read)
        if after is not None:
            self._records.finish(void, after, self._clock.now_us())
        return Progress(job.position, done=True)

    def finish(self, job: Job) -> None:
        """See ``dynameter.rebuild.job.Handler``: what is done leaves no job behind, the void's record says it all."""
        self._done_jobs.delete(job.key)

    def proceed(self, void: Void, place: Place, deadline_us: int, report: Report | None = None) -> Place | Tally | None:
        """Work on from the place until the deadline: the place to go on from, or the tally when all is done.

        None where the void has moved on to another state meanwhile: then that state's pass takes over.
        """
        names = self._records.names(void)
        while True:
            chunk = self._candidates.read(void, names, place)
            looked_at_us = self._clock.now_us()
            found = self._records.get(void.workspace, void.id)
            if found is None or found.state is not void.state:
                return None
            tally = place.tally + self._settle(void, chunk, looked_at_us + MARKING_TIME_US, report)
            if chunk.following is None:
                return tally
            place = replace(chunk.following, tally=tally)
            if self._clock.now_us() >= deadline_us:
                return place

    def _settle(self, void: Void, chunk: Chunk, begin_by_us: int, report: Report | None) -> Tally:
        """Mark or unmark the chunk."""
        events = [one for one in chunk.events if one is not None]
        if not void.state.marks:
            if events:
                self._marks.unmark(events, void.id)
            return _NOTHING
        marked = self._marks.mark(events, void.id, begin_by_us) if events else []
        if report is not None:
            _report(report, chunk, marked)
        voided = sum(one.outcome is Outcome.MARKED for one in marked)
        gone = sum(one.outcome is Outcome.GONE for one in marked)
        return Tally(voided, len(marked) - voided - gone)


def _report(report: Report, chunk: Chunk, marked: Sequence[Marked]) -> None:
    results = iter(marked)
    for name, event in zip(chunk.names, chunk.events, strict=True):
        found = Marked(Outcome.GONE) if event is None else next(results)
        match found.outcome:
            case Outcome.GONE:
                report.missing.append(name)
            case Outcome.TAKEN:
                report.taken.append((name, found.by))
            case Outcome.SPENT:
                report.spent.append(name)
            case Outcome.MARKED:
                pass
