"""What can be done with meters: create, list, find, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.errors import FieldError, InvalidInput, NotFound, Unavailable, VersionConflict
from dynameter.meters.generations import first_generation, with_grouping, with_later_start
from dynameter.meters.meter import Meter, MeterChange, MeterDraft
from dynameter.meters.rules import check_change, check_draft, is_id, is_slug
from dynameter.rebuild.job import Job, rebuild_job

LEAST_MARGIN_US = 50_000
"""What a definition's commit is given at least, even where all clocks are one."""
_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class MeterStore(Protocol):
    """Where meters are kept; reads see every change that was answered before."""

    def load_live(self, workspace: str) -> tuple[Meter, ...]:
        """Every live meter."""

    def load_deleted(self, workspace: str) -> tuple[Meter, ...]:
        """Every deleted meter."""

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""

    def get_by_slug(self, workspace: str, slug: str) -> Meter | None:
        """The live meter of that slug."""

    def insert(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Add the meter and in the same instant the jobs; AlreadyExists where its slug is taken."""

    def replace(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Write the next version of a live meter and in the same instant the jobs.

        VersionConflict where another request was faster.
        """

    def move_deleted(self, meter: Meter) -> None:
        """Keep a meter as deleted and free its slug; VersionConflict where another request was faster."""


class MeterOrder(Enum):
    """What a list of meters is ordered by; equal ones are ordered by id."""

    KEY = "key"
    NAME = "name"
    AGGREGATION = "aggregation"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


_SORT_KEYS: dict[MeterOrder, Callable[[Meter], tuple[str | int, str]]] = {
    MeterOrder.KEY: lambda meter: (meter.slug, meter.id),
    MeterOrder.NAME: lambda meter: (meter.name, meter.id),
    MeterOrder.AGGREGATION: lambda meter: (meter.aggregation.value, meter.id),
    MeterOrder.CREATED_AT: lambda meter: (meter.created_at_us, meter.id),
    MeterOrder.UPDATED_AT: lambda meter: (meter.updated_at_us, meter.id),
}


class MeterService:
    """The meters of all workspaces.

    ``new_id`` makes ULIDs. ``clock_skew_ms`` bounds how far the clocks of two machines of the service may differ: an
    event stamped so much after a definition's commit, on whichever machine, was stored after that commit.
    ``settle_ms`` after an instant, no write stamped before it is still in flight or missing from the index.
    """

    def __init__(
        self, store: MeterStore, clock: Clock, new_id: Callable[[], str], clock_skew_ms: int, settle_ms: int
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._margin_us = max(clock_skew_ms * 1_000, LEAST_MARGIN_US)
        self._settle_us = settle_ms * 1_000

    def create(self, workspace: str, draft: MeterDraft) -> Meter:
        """Create a meter and answer when it is live: events sent from then on are counted as they arrive.

        What was stored before is counted by the rebuild, whose job is written with the meter. Raises InvalidInput
        (fields under the core's names) and AlreadyExists.
        """
        _refuse(check_draft(draft))
        now = self._clock.now_us()
        generation = first_generation(draft.group_by, now + self._margin_us)
        meter = Meter(
            workspace=workspace,
            id=self._new_id(),
            slug=draft.slug,
            name=draft.name or draft.slug,
            description=draft.description,
            event_type=draft.event_type,
            aggregation=draft.aggregation,
            value_property=draft.value_property,
            group_by=generation.group_by,
            event_from_us=draft.event_from_us,
            metadata=dict(draft.metadata),
            created_at_us=now,
            updated_at_us=now,
            deleted_at_us=None,
            generations=(generation,),
            active=generation.number,
        )
        self._store.insert(meter, (self._rebuild(meter),))
        return self._await_live(meter)

    def list(
        self,
        workspace: str,
        *,
        include_deleted: bool = False,
        order_by: MeterOrder = MeterOrder.KEY,
        descending: bool = False,
    ) -> tuple[Meter, ...]:
        """Every meter of the workspace in that order."""
        found = self._store.load_live(workspace)
        if include_deleted:
            found += self._store.load_deleted(workspace)
        return tuple(sorted(found, key=_SORT_KEYS[order_by], reverse=descending))

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter of that id, deleted or not, or the live meter of that slug. Raises NotFound."""
        meter = None
        if is_id(id_or_slug):
            meter = self._store.get(workspace, id_or_slug.upper())
        if meter is None and is_slug(id_or_slug):
            meter = self._store.get_by_slug(workspace, id_or_slug)
        if meter is None:
            raise _not_found(id_or_slug)
        return meter

    def update(self, workspace: str, id_or_slug: str, change: MeterChange) -> Meter:
        """Replace what may change and answer when it is live; another ``group_by`` starts a generation.

        Until that generation is rebuilt, queries read the one before.

        Without a name the slug becomes the name. Raises InvalidInput, NotFound and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            meter = self.find(workspace, id_or_slug)
            if meter.deleted_at_us is not None:
                raise _not_found(id_or_slug)
            _refuse(check_change(change, meter.value_property))
            changed = self._apply(meter, change)
            begins = changed.generations[-1].number > meter.generations[-1].number
            try:
                self._store.replace(changed, (self._rebuild(changed),) if begins else ())
            except VersionConflict:
                continue
            return self._await_live(changed) if begins else changed
        raise _contended(id_or_slug)

    def delete(self, workspace: str, id_or_slug: str) -> None:
        """Delete a meter; its events stay and its slug is free again. A deleted one by its id is no error."""
        for _ in range(_ATTEMPTS):
            meter = self.find(workspace, id_or_slug)
            if meter.deleted_at_us is not None:
                return
            now = self._clock.now_us()
            try:
                self._store.move_deleted(
                    replace(meter, deleted_at_us=now, updated_at_us=now, version=meter.version + 1)
                )
            except VersionConflict:
                continue
            return
        raise _contended(id_or_slug)

    def _apply(self, meter: Meter, change: MeterChange) -> Meter:
        now = self._clock.now_us()
        changed = replace(
            meter,
            name=change.name or meter.slug,
            description=meter.description if change.description is None else change.description,
            metadata=dict(change.metadata),
            updated_at_us=now,
            version=meter.version + 1,
        )
        return with_grouping(changed, change.group_by, now + self._margin_us)

    def _rebuild(self, meter: Meter) -> Job:
        """The job that rebuilds the newest generation."""
        newest = meter.generations[-1]
        now = self._clock.now_us()
        return rebuild_job(meter.workspace, meter.id, newest.number, newest.live_from_us, self._settle_us, now)

    def _await_live(self, meter: Meter) -> Meter:
        """Answer when the newest generation's ``live_from`` has passed.

        ``live_from`` must not lie before the commit: an event between the two may have been folded by somebody who
        could not know the definition. It is chosen before the commit, so where that took too long, the generation
        is given up for another with more room. (To move its ``live_from`` would count twice what was folded since.)
        """
        room_us = self._margin_us
        for _ in range(_ATTEMPTS):
            now = self._clock.now_us()
            live_from = meter.generations[-1].live_from_us
            if now <= live_from:
                self._clock.sleep((live_from - now) / MICROSECONDS)
                return meter
            room_us += 2 * (now - live_from)
            meter, ours = self._start_again(meter, room_us)
            if not ours:
                return meter
        raise Unavailable("the meter is stored, but storage is too slow to take it live; update it to try again")

    def _start_again(self, meter: Meter, room_us: int) -> tuple[Meter, bool]:
        """Put a later generation in the newest one's place; False where another request has done more than that."""
        late = meter.generations[-1]
        for _ in range(_ATTEMPTS):
            moved = with_later_start(meter, self._clock.now_us() + room_us)
            moved = replace(moved, version=meter.version + 1)
            try:
                self._store.replace(moved, (self._rebuild(moved),))
            except VersionConflict:
                current = self._store.get(meter.workspace, meter.id)
                if current is None or current.deleted_at_us is not None:
                    return meter, False
                if current.generations[-1].number != late.number:
                    return current, False
                meter = current
            else:
                return moved, True
        raise _contended(meter.slug)


def _refuse(errors: tuple[FieldError, ...]) -> None:
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
        raise InvalidInput(f"invalid meter: {listed}", fields=errors)


def _not_found(id_or_slug: str) -> NotFound:
    return NotFound(f"failed to get meter: meter not found: {id_or_slug[:_SHOWN_CHARACTERS]}")


def _contended(id_or_slug: str) -> VersionConflict:
    return VersionConflict(f"meter {id_or_slug} is being changed by other requests")
