"""What can be done with meters: create, list, find, update, rebuild, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Protocol

from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.meters.generations import first_generation, with_grouping, with_rebuild
from dynameter.meters.going_live import GoingLive
from dynameter.meters.meter import Meter, MeterChange, MeterDraft
from dynameter.meters.rules import check_change, check_draft, is_id, is_slug
from dynameter.rebuild.job import Job

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


class MeterUses(Protocol):
    """What is sold by meters. Whoever begins to use a meter gives it a new version in the same transaction."""

    def of_meter(self, workspace: str, meter_id: str) -> Iterable[tuple[str, frozenset[str]]]:
        """The key of each live feature of the meter, and the group-by keys that it filters by."""


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
    ``uses`` is needed by whoever updates or deletes meters.
    """

    def __init__(
        self,
        store: MeterStore,
        clock: Clock,
        new_id: Callable[[], str],
        clock_skew_ms: int,
        settle_ms: int,
        uses: MeterUses | None = None,
    ) -> None:
        self._uses = uses
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._going_live = GoingLive(store, clock, clock_skew_ms, settle_ms)

    def create(self, workspace: str, draft: MeterDraft) -> Meter:
        """Create a meter and answer when it is live: events sent from then on are counted as they arrive.

        What was stored before is counted by the rebuild, whose job is written with the meter. Raises InvalidInput
        (fields under the core's names) and AlreadyExists.
        """
        _refuse(check_draft(draft))
        now = self._clock.now_us()
        generation = first_generation(draft.group_by, self._going_live.live_from_us())
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
        self._store.insert(meter, (self._going_live.rebuild(meter),))
        return self._take_live(meter)

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

        Without a name the slug becomes the name. Raises InvalidInput, NotFound, AlreadyExists where a feature filters
        by a group-by key that would be dropped, and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            meter = self.find(workspace, id_or_slug)
            if meter.deleted_at_us is not None:
                raise _not_found(id_or_slug)
            _refuse(check_change(change, meter.value_property))
            self._refuse_dropped(meter, change)
            changed = self._apply(meter, change)
            begins = changed.generations[-1].number > meter.generations[-1].number
            try:
                self._store.replace(changed, (self._going_live.rebuild(changed),) if begins else ())
            except VersionConflict:
                continue
            return self._take_live(changed) if begins else changed
        raise _contended(id_or_slug)

    def rebuild(self, workspace: str, id_or_slug: str, *, restart: bool = False) -> Meter:
        """Count the meter anew from its raw events and answer when that is live; queries read the old count till then.

        Raises NotFound, VersionConflict, and AlreadyExists while a generation is being built; with ``restart`` that
        one is given up.
        """
        for _ in range(_ATTEMPTS):
            meter = self.find(workspace, id_or_slug)
            if meter.deleted_at_us is not None:
                raise _not_found(id_or_slug)
            if not meter.generations[-1].complete and not restart:
                raise _being_rebuilt()
            fresh = with_rebuild(meter, self._going_live.live_from_us())
            fresh = replace(fresh, version=meter.version + 1)
            try:
                self._store.replace(fresh, (self._going_live.rebuild(fresh),))
            except VersionConflict:
                continue
            return self._take_live(fresh)
        raise _contended(id_or_slug)

    def delete(self, workspace: str, id_or_slug: str) -> None:
        """Delete a meter; its events stay and its slug is free again. A deleted one by its id is no error.

        Raises NotFound, AlreadyExists for a meter that has features, and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            meter = self.find(workspace, id_or_slug)
            if meter.deleted_at_us is not None:
                return
            if self._used(meter):
                raise AlreadyExists("meter has active features and cannot be deleted", code="meter_in_use")
            now = self._clock.now_us()
            try:
                self._store.move_deleted(
                    replace(meter, deleted_at_us=now, updated_at_us=now, version=meter.version + 1)
                )
            except VersionConflict:
                continue
            return
        raise _contended(id_or_slug)

    def _used(self, meter: Meter) -> tuple[tuple[str, frozenset[str]], ...]:
        """Read after the meter: a use that comes later changes its version."""
        return () if self._uses is None else tuple(self._uses.of_meter(meter.workspace, meter.id))

    def _refuse_dropped(self, meter: Meter, change: MeterChange) -> None:
        dropped = {*meter.group_by} - {*change.group_by}
        for feature, keys in self._used(meter) if dropped else ():
            for key in sorted(keys & dropped):
                message = f"group by {key} cannot be dropped: feature {feature} filters by it"
                field = FieldError(("body", "group_by", key), "in_use", message)
                raise AlreadyExists(message, code="group_by_in_use", fields=(field,))

    def _take_live(self, meter: Meter) -> Meter:
        """Answer when the newest generation, just committed, or one in its place is live."""
        meter = self._going_live.confirm(meter)
        self._going_live.await_start(meter)
        return meter

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
        return with_grouping(changed, change.group_by, self._going_live.live_from_us())


def _refuse(errors: tuple[FieldError, ...]) -> None:
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
        raise InvalidInput(f"invalid meter: {listed}", fields=errors)


def _not_found(id_or_slug: str) -> NotFound:
    return NotFound(f"failed to get meter: meter not found: {id_or_slug[:_SHOWN_CHARACTERS]}")


def _being_rebuilt() -> AlreadyExists:
    message = "the meter is being rebuilt already; restart gives that up and begins again"
    field = FieldError(("body", "restart"), "being_rebuilt", message)
    return AlreadyExists(message, code="being_rebuilt", fields=(field,))


def _contended(id_or_slug: str) -> VersionConflict:
    return VersionConflict(f"meter {id_or_slug} is being changed by other requests")
