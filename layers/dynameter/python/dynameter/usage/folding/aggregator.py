"""One invocation of the stream: read, fold, write, each event exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.usage.folding.definitions import DefinitionCache
from dynameter.usage.folding.fold import Fault, fold
from dynameter.usage.folding.stream import DecodeItem, Part, Unreadable, oldest_s, read_parts
from dynameter.usage.rows.delta import Deltas


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def apply(self, shard: str, rows: Deltas, now_us: int) -> None:
        """Add each contribution to its row unless the row has it."""


class Quarantine(Protocol):
    """What is needed of ``dynameter.usage.quarantine.store.QuarantineStore``."""

    def put(self, shard_id: str, unreadable: Unreadable, now_us: int) -> None:
        """Keep a record that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of records, for the metrics."""

    events: int
    rows: int
    unmatched: int
    unusable: int
    quarantined: int
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Counts):
    """What became of an invocation's records. ``lag_ms`` is the age of the oldest of them."""

    lag_ms: int


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
        # Not a loop: its variable would keep a part in memory while the next one is read.
        counts = tuple(map(self._count, read_parts(event, self._decode_item)))
        if not counts:
            return None
        oldest = oldest_s(event)
        now_ms = self._clock.now_us() * 1_000 // MICROSECONDS
        return Outcome(
            events=sum(one.events for one in counts),
            rows=sum(one.rows for one in counts),
            unmatched=sum(one.unmatched for one in counts),
            unusable=sum(one.unusable for one in counts),
            quarantined=sum(one.quarantined for one in counts),
            faults=[fault for one in counts for fault in one.faults],
            lag_ms=0 if oldest is None else max(0, now_ms - oldest * 1_000),
        )

    def _count(self, part: Part) -> Counts:
        for unreadable in part.unreadable:
            self._quarantine.put(part.shard_id, unreadable, self._clock.now_us())
        definitions = self._definitions.load({record.event.workspace for record in part.records})
        folded = fold(part.records, definitions)
        self._rows.apply(part.shard_id, folded.rows, self._clock.now_us())
        return Counts(
            events=len(part.records),
            rows=len(folded.rows),
            unmatched=folded.unmatched,
            unusable=folded.unusable,
            quarantined=len(part.unreadable),
            faults=folded.faults,
        )
