"""What can be done with voids: make, preview, list, find, undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.corrections.jobs import Place, Report, VoidWorker
from dynameter.corrections.preview import Preview, Previewer
from dynameter.corrections.void import EventName, Tally, Void, VoidDraft, VoidState, check_draft
from dynameter.errors import AlreadyExists, FieldError, NotFound, Unavailable, VersionConflict
from dynameter.rebuild.job import UNVOID, VOID, Job, JobKey

REQUEST_TIME_US = 5 * MICROSECONDS
"""How long a request works on the events of a filter itself before it leaves them to the job."""
LONGEST_WAIT_US = 500_000
"""How long a request waits for the history to settle, so that it can say that all is done."""
JOB_DELAY_US = 2 * MICROSECONDS
"""How long a job leaves the work to the request that made it."""
MAX_LISTED = 100
"""Voids of one page."""
MAX_UNDER_WAY = 20
"""Voids under way, among the newest ``MAX_LISTED``, past which another filter is refused: each is a job that reads
every event that its filter may cover."""
_ATTEMPTS = 4


class Voids(Protocol):
    """What is needed of ``dynameter.corrections.store.VoidStore``; reads are strongly consistent."""

    def insert(self, void: Void, names: Sequence[EventName], job: Job) -> None:
        """Record a new void, its events' names and its job, all or nothing."""

    def get(self, workspace: str, void_id: str) -> Void | None:
        """The void of that id."""

    def names(self, void: Void) -> tuple[EventName, ...]:
        """The events that it names."""

    def page(self, workspace: str, limit: int, after: str | None) -> list[Void]:
        """Voids, newest first."""

    def under_way(self, workspace: str, limit: int) -> int:
        """How many of the newest ``limit`` voids have not come to their end."""

    def finish(self, void: Void, tally: Tally, now_us: int) -> Void | None:
        """Come to DONE or UNDONE; None where the void has moved on meanwhile."""

    def begin_undo(self, void: Void, final_at_us: int, job: Job) -> Void | None:
        """Come to UNDOING and write the job, both or neither; None where the void has moved on meanwhile."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A void just made, as far as the request has brought it; ``report`` is complete where the void names events."""

    void: Void
    report: Report


class VoidService:
    """The voids of all workspaces. ``new_id`` makes ULIDs, ``settle_us`` see ``Settings.settle_ms``."""

    def __init__(
        self,
        voids: Voids,
        worker: VoidWorker,
        previewer: Previewer,
        clock: Clock,
        new_id: Callable[[], str],
        settle_us: int,
    ) -> None:
        self._voids = voids
        self._worker = worker
        self._previewer = previewer
        self._clock = clock
        self._new_id = new_id
        self._settle_us = settle_us

    def create(self, workspace: str, draft: VoidDraft, deadline_us: int) -> Applied:
        """Make a void and apply it as far as the request's time allows; its job does the rest.

        Raises InvalidInput, and AlreadyExists where too many are under way.
        """
        check_draft(draft)
        if draft.filter is not None:
            self._refuse_crowd(workspace)
        names = tuple(dict.fromkeys(draft.events or ()))
        void = self._draft(workspace, draft, names)
        self._voids.insert(void, names, self._job(void, VOID))
        report = Report()
        return Applied(self._apply(void, deadline_us, report), report)

    def preview(self, workspace: str, draft: VoidDraft, deadline_us: int) -> Preview:
        """What making the void would change; writes nothing. Raises InvalidInput."""
        check_draft(draft)
        names = tuple(dict.fromkeys(draft.events or ()))
        return self._previewer.preview(self._draft(workspace, draft, names), names, deadline_us)

    def list(self, workspace: str, limit: int, after: str | None) -> list[Void]:
        """Voids, newest first, those made before the void of the id ``after``."""
        return self._voids.page(workspace, limit, after)

    def find(self, workspace: str, void_id: str) -> Void:
        """The void of that id, undone or not. Raises NotFound."""
        void = self._voids.get(workspace, void_id)
        if void is None:
            raise NotFound(f"void not found: {void_id[:64]}", code="void_not_found")
        return void

    def names(self, void: Void) -> tuple[EventName, ...]:
        """The events that the void names."""
        return self._voids.names(void)

    def undo(self, workspace: str, void_id: str, deadline_us: int) -> Void:
        """Undo a void as far as the request's time allows; its job does the rest. Again it changes nothing.

        Raises NotFound.
        """
        for _ in range(_ATTEMPTS):
            void = self.find(workspace, void_id)
            if void.state is VoidState.UNDONE:
                return void
            begun: Void | None = void
            if void.state.marks:
                begun = self._begin_undo(void)
            if begun is not None:
                return self._apply(begun, deadline_us, None)
        raise VersionConflict(f"void {void_id[:64]} was changed by another request; send it again")

    def _refuse_crowd(self, workspace: str) -> None:
        under_way = self._voids.under_way(workspace, MAX_LISTED)
        if under_way >= MAX_UNDER_WAY:
            message = f"{under_way} voids are under way; the limit for another filter is {MAX_UNDER_WAY}: wait for one"
            field = FieldError(("body", "filter"), "max_under_way", message)
            raise AlreadyExists(message, code="too_many_voids", fields=(field,))

    def _draft(self, workspace: str, draft: VoidDraft, names: tuple[EventName, ...]) -> Void:
        now = self._clock.now_us()
        return Void(
            workspace=workspace,
            id=self._new_id(),
            created_at_us=now,
            state=VoidState.RUNNING,
            # Named events are read by their keys; a filter needs an index that shows everything stored before now.
            final_at_us=now if draft.filter is None else now + self._settle_us,
            reason=draft.reason,
            named=None if draft.events is None else len(names),
            filter=draft.filter,
        )

    def _begin_undo(self, void: Void) -> Void | None:
        now = self._clock.now_us()
        # No pass of the void itself may still be marking, and the index must show all that they found.
        final_at_us = now + self._settle_us
        if void.done_at_us is not None:
            final_at_us = max(now, void.done_at_us + self._settle_us)
        return self._voids.begin_undo(void, final_at_us, self._job(void, UNVOID, final_at_us))

    def _job(self, void: Void, kind: str, final_at_us: int | None = None) -> Job:
        now = self._clock.now_us()
        final_us = void.final_at_us if final_at_us is None else final_at_us
        return Job(
            key=JobKey(void.workspace, kind, void.id),
            created_at_us=now,
            not_before_us=max(final_us, now + min(JOB_DELAY_US, self._settle_us)),
        )

    def _apply(self, void: Void, deadline_us: int, report: Report | None) -> Void:
        """One pass within the request, and the void as it is recorded afterwards."""
        waits_us = void.final_at_us - self._clock.now_us()
        if 0 < waits_us <= LONGEST_WAIT_US:
            self._clock.sleep(waits_us / MICROSECONDS)
        began_us = self._clock.now_us()
        until_us = deadline_us if void.filter is None else min(deadline_us, began_us + REQUEST_TIME_US)
        try:
            came_to = self._worker.proceed(void, Place(), until_us, report)
        except Unavailable:
            # The void is recorded and its job goes on; the caller had better learn its id.
            return void
        if isinstance(came_to, Tally) and began_us >= void.final_at_us:
            finished = self._voids.finish(void, came_to, self._clock.now_us())
            if finished is not None:
                return finished
        return self._voids.get(void.workspace, void.id) or void
