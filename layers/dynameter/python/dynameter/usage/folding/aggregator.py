"""One invocation of the stream: read, fold, write, each event exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.usage.folding.definitions import DefinitionCache
from dynameter.usage.folding.fold import Fault, fold
from dynameter.usage.folding.stream import DecodeItem, Unreadable, read_batch
from dynameter.usage.rows.delta import Deltas


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def apply(self, shard: str, rows: Deltas, now_us: int) -> None:
        """Add each contribution to its row unless the row has it."""


class Quarantine(Protocol):
    """What is needed of ``dynameter.usage.quarantine.store.QuarantineStore``."""

    def put(self, shard_id: str, unreadable: Unreadable, now_us: int) -> None:
        """Keep a record that could not be read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an invocation's records, for the metrics. ``lag_ms`` is the age of the oldest of them."""

    events: int
    rows: int
    unmatched: int
    unusable: int
    quarantined: int
    lag_ms: int
    faults: Sequence[Fault]


class Aggregator:
    """Folds what the events table's stream brings into usage rows."""

    def __init__(
        self,
        definitions: DefinitionCache,
        rows: Rows,
        quarantine: Quarantine,
        decode_item: DecodeItem,
        clock: Clock,
    ) -> None:
        self._definitions = definitions
        self._rows = rows
        self._quarantine = quarantine
        self._decode_item = decode_item
        self._clock = clock

    def process(self, event: Mapping[str, Any]) -> Outcome | None:
        """Process one invocation; None where it brings no records.

        When this returns, every record is counted or in quarantine. It raises where storage fails (``Unavailable``)
        or the event says no shard; then the same records must be brought again, and what was counted before stays
        counted once.
        """
        batch = read_batch(event, self._decode_item)
        if batch is None:
            return None
        for unreadable in batch.unreadable:
            self._quarantine.put(batch.shard_id, unreadable, self._clock.now_us())
        definitions = self._definitions.load({record.event.workspace for record in batch.records})
        folded = fold(batch.records, definitions)
        self._rows.apply(batch.shard_id, folded.rows, self._clock.now_us())
        now_ms = self._clock.now_us() * 1_000 // MICROSECONDS
        return Outcome(
            events=len(batch.records),
            rows=len(folded.rows),
            unmatched=folded.unmatched,
            unusable=folded.unusable,
            quarantined=len(batch.unreadable),
            lag_ms=0 if batch.oldest_s is None else max(0, now_ms - batch.oldest_s * 1_000),
            faults=folded.faults,
        )
