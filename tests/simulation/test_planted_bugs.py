"""The simulation has teeth: bugs that lose, double or mix up usage are planted one at a time, and each is caught.

Every bug is a small change of the real code. Histories run with seeds 1, 2, 3 ... until one fails; 500 must suffice,
and the one that fails must come out right without the bug. For bugs of restores the histories have more of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

import pytest

from dynameter.events import store as event_store
from dynameter.events.event import Event
from dynameter.events.store import EventStore
from dynameter.meters import quantity
from dynameter.usage.folding import aggregator
from dynameter.usage.folding.fold import Counting, Folded
from dynameter.usage.folding.fold import fold as _fold
from dynameter.usage.rows import additive
from dynameter.usage.rows.writing import RowTable
from dynameter.workspaces import workspace_key
from tests.simulation.history import run
from tests.simulation.more_bugs import MORE_BUGS, RESTORE_BUGS, Plant
from tests.simulation.moves import lost_and_restored, random_steps

HISTORIES = 500

_update = RowTable.update
_put_all = EventStore.put_all
_process = aggregator.Aggregator.process


def _without_watermark(condition: str) -> str:
    """The condition of an adding row's update, less its first half."""
    return condition.partition(") AND ")[2] if condition.startswith("(attribute_not_exists(w") else condition


def no_watermark() -> AbstractContextManager[Any]:
    """Rows do not keep how far each shard has come."""

    def update(table: RowTable, row: Any, text: str, condition: str, values: dict[str, Any], *more: Any) -> Any:
        if ":mark" in values:
            text = re.sub(r"SET w\w+ = :mark(, )?", "SET " if "g = :g" in text else "", text).strip()
            condition = _without_watermark(condition)
        return _update(table, row, text, condition, values, *more)

    return patch.object(RowTable, "update", update)


def watermark_not_checked() -> AbstractContextManager[Any]:
    """Rows keep how far each shard has come, and are added to whatever it is."""

    def update(table: RowTable, row: Any, text: str, condition: str, *more: Any) -> Any:
        return _update(table, row, text, _without_watermark(condition), *more)

    return patch.object(RowTable, "update", update)


def zombie_ignored() -> AbstractContextManager[Any]:
    """Only the very batch that was folded last is refused, not one from longer ago."""

    def update(table: RowTable, row: Any, text: str, condition: str, *more: Any) -> Any:
        if condition.startswith("(attribute_not_exists(w"):
            mark = condition.partition("OR ")[2].partition(" ")[0]
            condition = f"(attribute_not_exists({mark}) OR {mark} <> :mark) AND {condition.partition(') AND ')[2]}"
        return _update(table, row, text, condition, *more)

    return patch.object(RowTable, "update", update)


@contextmanager
def ack_before_write() -> Iterator[None]:
    """The answer does not wait for the last event of a batch: it is written with the next request, if there is one."""
    late: WeakKeyDictionary[EventStore, Event] = WeakKeyDictionary()

    def put_all(store: EventStore, events: Sequence[Event], deadline_us: int) -> list[Any]:
        if store in late:
            _put_all(store, [late.pop(store)], deadline_us)
        if len(events) == 1:
            return _put_all(store, events, deadline_us)
        late[store] = events[-1]
        return [*_put_all(store, events[:-1], deadline_us), None]

    with patch.object(EventStore, "put_all", put_all):
        yield


@contextmanager
def cache_claims_dedupe() -> Iterator[None]:
    """A cache of the process says "seen" before the event is stored."""
    caches: WeakKeyDictionary[EventStore, dict[tuple[str, str], bytes]] = WeakKeyDictionary()

    def put_all(store: EventStore, events: Sequence[Event], deadline_us: int) -> list[Any]:
        seen = caches.setdefault(store, {})
        known = {(one.source, one.id): seen.get((one.source, one.id)) for one in events}
        seen |= {(one.source, one.id): one.fingerprint for one in events}
        unseen = [one for one in events if known[one.source, one.id] is None]
        stored = iter(_put_all(store, unseen, deadline_us)) if unseen else iter(())
        return [next(stored) if found is None else found for found in known.values()]

    with patch.object(EventStore, "put_all", put_all):
        yield


def float_sum() -> AbstractContextManager[Any]:
    """A value passes through a float on its way into the sum."""
    return patch.object(additive, "split", lambda value: quantity.split(Decimal(repr(float(value)))))


def total_row_forgotten() -> AbstractContextManager[Any]:
    """Only the subjects' rows are written."""

    def fold(*arguments: Any) -> Folded:
        folded = _fold(*arguments)
        return replace(folded, rows={row: delta for row, delta in folded.rows.items() if row.subject is not None})

    return patch.object(aggregator, "fold", fold)


@contextmanager
def retry_of_half_a_batch() -> Iterator[None]:
    """After a failure the retry goes on in the middle."""
    failed: set[str] = set()

    def process(self: aggregator.Aggregator, event: Any) -> Any:
        records = event["Records"]
        first = records[0]["dynamodb"]["SequenceNumber"] if records else ""
        if first in failed:
            failed.discard(first)
            event = {**event, "Records": records[len(records) // 2 :]}
        try:
            return _process(self, event)
        except BaseException:
            failed.add(first)
            raise

    with patch.object(aggregator.Aggregator, "process", process):
        yield


def generations_mixed() -> AbstractContextManager[Any]:
    """The stream folds what is the rebuild's, too."""
    return patch.object(Counting, "facts", lambda _self, record: record.facts)


def key_joined_ambiguously() -> AbstractContextManager[Any]:
    """Source and id are joined with a dash and nothing more."""
    return patch.object(
        event_store, "partition_key", lambda workspace, source, id_: f"{workspace_key(workspace)}.0.{source}-{id_}"
    )


BUGS: list[Plant] = [
    no_watermark,
    watermark_not_checked,
    ack_before_write,
    cache_claims_dedupe,
    float_sum,
    total_row_forgotten,
    zombie_ignored,
    retry_of_half_a_batch,
    generations_mixed,
    key_joined_ambiguously,
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _caught(plant: Plant, seed: int) -> bool:
    try:
        run(random_steps(seed, often=lost_and_restored if plant in RESTORE_BUGS else None), seed)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("plant", [*BUGS, *MORE_BUGS, *RESTORE_BUGS], ids=lambda plant: plant.__name__)
def test_the_bug_is_caught(plant: Plant) -> None:
    for seed in range(1, HISTORIES + 1):
        with plant():
            caught = _caught(plant, seed)
        if caught:
            assert not _caught(plant, seed), f"history {seed} fails without {plant.__name__}, too"
            return
    pytest.fail(f"{plant.__name__} went unnoticed in {HISTORIES} histories")
