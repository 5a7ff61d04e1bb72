"""Bugs to plant: around workspaces, the rate limit, what was put aside, purges and restores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from dynameter.admission import store as bucket_store
from dynameter.admission.bucket import Limit
from dynameter.events import history, marks
from dynameter.events import store as event_store
from dynameter.events.intake import Intake
from dynameter.events.stored import StoredEvent
from dynameter.meters import service
from dynameter.meters.meter import Generation, Meter
from dynameter.operations import unread_rows
from dynameter.operations.missing_items import Copying, MissingDefinitions, MissingItems, Outcome
from dynameter.operations.redrive import Redriver
from dynameter.rebuild.redrive import Redrive
from dynameter.rfc3339 import LATEST_US
from dynameter.usage.folding.definitions import DefinitionCache
from dynameter.usage.folding.fold import fold_history
from dynameter.usage.quarantine.store import QuarantineStore
from dynameter.workspaces import workspace_key

Plant = Callable[[], AbstractContextManager[Any]]

_accept = Intake.accept
_read = DefinitionCache._read
_pages = Copying._pages


# ---- workspaces


@contextmanager
def _everywhere(name: str, planted: Callable[..., Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for module in (event_store, history, marks):
            if hasattr(module, name):
                stack.enter_context(patch.object(module, name, planted))
        yield


def dedupe_across_workspaces() -> AbstractContextManager[Any]:
    """An event's key does not hold the workspace."""
    return _everywhere("partition_key", lambda _workspace, source, id_: f"{len(source)}.{source}{id_}")


@contextmanager
def history_of_all_workspaces() -> Iterator[None]:
    """The index by time does not hold the workspace."""
    keys, key = event_store.bucket_keys, event_store.bucket_key
    with (
        _everywhere("bucket_keys", lambda _: keys("00000000-0000-4000-8000-000000000000")),
        _everywhere("bucket_key", lambda _, subject: key("00000000-0000-4000-8000-000000000000", subject)),
    ):
        yield


@contextmanager
def definitions_by_version_alone() -> Iterator[None]:
    """Two workspaces whose catalogs have the same version have the same definitions."""
    caches: WeakKeyDictionary[DefinitionCache, dict[int, Any]] = WeakKeyDictionary()

    def read(cache: DefinitionCache, workspace: str, version: int) -> Any:
        known = caches.setdefault(cache, {})
        if version not in known:
            known[version] = _read(cache, workspace, version)
        return known[version]

    with patch.object(DefinitionCache, "_read", read):
        yield


# ---- the rate limit


def one_bucket_for_everybody() -> AbstractContextManager[Any]:
    """All workspaces spend from one bucket."""
    return patch.object(bucket_store, "workspace_key", lambda _: workspace_key("00000000-0000-4000-8000-000000000000"))


def limit_never_reached() -> AbstractContextManager[Any]:
    """However much was spent, the bucket is not overdrawn."""
    return patch.object(Limit, "overdrawn_us", lambda *_: 0)


def refused_after_it_was_stored() -> AbstractContextManager[Any]:
    """The limit is asked when the events are stored."""

    def accept(intake: Intake, workspace: str, drafts: Sequence[Any], deadline_us: int) -> Any:
        admission, intake._admission = intake._admission, None
        try:
            outcomes = _accept(intake, workspace, drafts, deadline_us)
        finally:
            intake._admission = admission
        if admission is not None:
            admission.admit(workspace, len(drafts))
        return outcomes

    return patch.object(Intake, "accept", accept)


# ---- what was put aside


def quarantine_forgets() -> AbstractContextManager[Any]:
    """A record that cannot be read is passed over."""
    return patch.object(QuarantineStore, "put", lambda *_: None)


def given_up_and_forgotten() -> AbstractContextManager[Any]:
    """The records of a batch that was given up leave the bucket, and go nowhere."""
    return patch.object(Redriver, "_quarantine_all", lambda *_: "forgotten")


def redrive_counts_nothing() -> AbstractContextManager[Any]:
    """A record leaves the quarantine before its rows are to be counted anew."""
    return patch.object(Redrive, "_start", lambda _self, _row, _aggregation, newest_us: newest_us + 1)


def redrive_adds_again() -> AbstractContextManager[Any]:
    """A record is added to its rows, whether they have it or not."""

    def redrive(self: Redrive, record: Any, chunk: Any) -> None:
        event = self._read(record)
        rows: Any = self._rows
        stored = (StoredEvent(event, record.place),)
        for meter in self._meters.load_live(event.workspace):
            for generation in meter.generations:
                folded = fold_history(meter, generation, stored, LATEST_US)
                rows.apply("redrive", folded.rows, chunk.job.created_at_us)
        self._quarantine.remove(record.place)

    return patch.object(Redrive, "_redrive", redrive)


# ---- purge and restore


def purge_takes_what_is_being_built() -> AbstractContextManager[Any]:
    """Only the generation that queries read is spared."""

    def is_dropped(meter: Meter | None, generation: int) -> bool:
        return meter is not None and (meter.deleted_at_us is not None or generation != meter.active)

    return patch.object(unread_rows, "is_dropped", is_dropped)


def purge_leaves_deleted_meters() -> AbstractContextManager[Any]:
    """Rows of deleted meters stay for ever."""

    def is_dropped(meter: Meter | None, generation: int) -> bool:
        return meter is not None and all(one.number > generation for one in meter.generations)

    return patch.object(unread_rows, "is_dropped", is_dropped)


def restore_overwrites() -> AbstractContextManager[Any]:
    """What is there is put back, too, as it was."""

    def put(self: MissingItems, item: Any) -> Outcome:
        self._client.put_item(TableName=self._table, Item=item)
        return Outcome.PUT

    return patch.object(MissingItems, "_put", put)


def restore_reads_one_segment() -> AbstractContextManager[Any]:
    """What lies in other segments is not put back."""
    return patch.object(Copying, "_pages", lambda self, segment: _pages(self, segment) if segment == 0 else iter(()))


def definitions_outlive_a_restore() -> AbstractContextManager[Any]:
    """After a restore, processes go on with the definitions of before it."""
    return patch.object(MissingDefinitions, "finish", lambda _: None)


def rebuild_counts_into_old_rows() -> AbstractContextManager[Any]:
    """A rebuild takes the number after the newest one that the catalog knows."""

    def with_rebuild(meter: Meter, live_from_us: int) -> Meter:
        number = meter.generations[-1].number + 1
        following = Generation(number, meter.group_by, live_from_us, complete=False, confirmed=False)
        return replace(meter, generations=(meter.active_generation, following))

    return patch.object(service, "with_rebuild", with_rebuild)


MORE_BUGS: list[Plant] = [
    dedupe_across_workspaces,
    history_of_all_workspaces,
    definitions_by_version_alone,
    one_bucket_for_everybody,
    limit_never_reached,
    refused_after_it_was_stored,
    quarantine_forgets,
    given_up_and_forgotten,
    redrive_counts_nothing,
    redrive_adds_again,
    purge_takes_what_is_being_built,
    purge_leaves_deleted_meters,
]
RESTORE_BUGS: list[Plant] = [
    restore_overwrites,
    restore_reads_one_segment,
    definitions_outlive_a_restore,
    rebuild_counts_into_old_rows,
]
