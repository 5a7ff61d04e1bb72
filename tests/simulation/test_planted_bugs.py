"""The simulation has teeth: ten bugs that lose or double usage are planted one at a time, and each is caught.

Every bug is a small change of the real code. Histories run with seeds 1, 2, 3 ... until one fails; 500 must suffice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from dynameter.events import store as event_store
from dynameter.events.event import Event
from dynameter.events.store import EventStore
from dynameter.meters import quantity
from dynameter.runtime.workspaces import workspace_key
from dynameter.usage import additive, aggregator
from dynameter.usage.fold import Counting, Folded
from dynameter.usage.rows import RowTable
from tests.simulation.history import random_steps, run

HISTORIES = 500

_update = RowTable.update
_put_all = EventStore.put_all
_fold = aggregator.fold
_process = aggregator.Aggregator.process


def _without_watermark(condition: str) -> str:
    """The condition of an adding row's update, less its first half."""
    return condition.partition(") AND ")[2] if condition.startswith("(attribute_not_exists(w") else condition


def no_watermark() -> AbstractContextManager[Any]:
    """Rows are added to whatever they have already."""

    def update(table: RowTable, row: Any, text: str, condition: str, *more: Any) -> Any:
        return _update(table, row, text, _without_watermark(condition), *more)

    return patch.object(RowTable, "update", update)


def watermark_not_checked() -> AbstractContextManager[Any]:
    """A refused batch is written again as a whole."""

    def update(table: RowTable, row: Any, text: str, condition: str, *more: Any) -> Any:
        refused = _update(table, row, text, condition, *more)
        return refused and _update(table, row, text, _without_watermark(condition), *more)

    return patch.object(RowTable, "update", update)


def zombie_ignored() -> AbstractContextManager[Any]:
    """Only the very batch that was folded last is refused, not one from longer ago."""

    def update(table: RowTable, row: Any, text: str, condition: str, values: dict[str, Any], *more: Any) -> Any:
        if condition.startswith("(attribute_not_exists(w"):
            mark = condition.partition("OR ")[2].partition(" ")[0]
            condition = f"(attribute_not_exists({mark}) OR {mark} <> :mark) AND {condition.partition(') AND ')[2]}"
        return _update(table, row, text, condition, values, *more)

    return patch.object(RowTable, "update", update)


def ack_before_write() -> AbstractContextManager[Any]:
    """The answer does not wait for the last event of a batch."""

    def put_all(store: EventStore, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        waited = events[:-1] if len(events) > 3 else events
        return _put_all(store, waited, deadline_us) + [None] * (len(events) - len(waited))

    return patch.object(EventStore, "put_all", put_all)


@contextmanager
def cache_claims_dedupe() -> Iterator[None]:
    """A cache beside the table says "seen" before the event is stored."""
    seen: dict[tuple[str, str, str, int], bytes] = {}

    def put_all(store: EventStore, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        unseen = []
        for event in events:
            key = (event.source, event.id, event.subject, id(store._client))
            if key not in seen:
                unseen.append(event)
            seen[key] = event.fingerprint
        stored = iter(_put_all(store, unseen, deadline_us)) if unseen else iter(())
        return [next(stored) if event in unseen else event.fingerprint for event in events]

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
        first = records[0]["dynamodb"]["SequenceNumber"]
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


BUGS: list[Callable[[], AbstractContextManager[Any]]] = [
    no_watermark,
    watermark_not_checked,
    zombie_ignored,
    ack_before_write,
    cache_claims_dedupe,
    float_sum,
    total_row_forgotten,
    retry_of_half_a_batch,
    generations_mixed,
    key_joined_ambiguously,
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_the_bug_is_caught(plant: Callable[[], AbstractContextManager[Any]]) -> None:
    for seed in range(1, HISTORIES + 1):
        try:
            with plant():
                run(random_steps(seed))
        except AssertionError:
            return
    pytest.fail(f"{plant.__name__} went unnoticed in {HISTORIES} histories")
