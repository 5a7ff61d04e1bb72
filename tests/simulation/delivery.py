"""Lambda's event source mapping: a stream's records in batches to a function, a parent shard's before its children's.

A shard has a lane, or several where the mapping works on more than one batch of it at a time: then an item's records
stay in one lane, and in order. A batch that fails is brought again, as it was or as two halves one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.filters import RecordFilter
from local.template import StreamMapping
from tests.simulation.stream import Shard, Stream, hash_of

Span = tuple[int, int]


@dataclass(eq=False)
class Lane:
    """What a shard's records are brought by: ``records`` so far, all before ``at`` had their turn.

    ``failed`` are the spans to bring next; what lies before ``kept`` is trimmed and cannot come again.
    """

    shard: Shard
    records: list[dict[str, Any]] = field(default_factory=list)
    at: int = 0
    kept: int = 0
    failed: list[Span] = field(default_factory=list)
    ended: bool = False

    @property
    def waiting(self) -> int:
        """Records that had no turn yet, or not a good one."""
        return len(self.records) - self.at

    def following(self, count: int, again: int) -> Span:
        """The next batch: what failed before anything else, else ``again`` old records and up to ``count`` new ones."""
        if self.failed:
            return self.failed[0]
        return max(self.kept, self.at - again), min(len(self.records), self.at + count)

    def settle(self, span: Span, *, well: bool, bisect: bool) -> None:
        """The batch of ``following`` went well, or it did not."""
        if self.failed:
            self.failed.pop(0)
        start, end = span
        if well:
            self.at = max(self.at, end)
        elif bisect and end - start > 1:
            middle = (start + end) // 2
            self.failed[:0] = [(start, middle), (middle, end)]
        else:
            self.failed.insert(0, span)

    def give_up(self) -> Span | None:
        """Bring the batch that failed no more, if there is one."""
        if not self.failed:
            return None
        span = self.failed.pop(0)
        self.at = max(self.at, span[1])
        return span

    def trim(self) -> None:
        """Forget what was delivered: a stream keeps a day."""
        self.kept = self.at


class Delivery:
    """One mapping's lanes. ``lanes`` is how many a shard has."""

    def __init__(self, mapping: StreamMapping, stream: Stream, lanes: int) -> None:
        self.function = mapping.function.removesuffix("Function").lower()
        self.table = mapping.table
        self.batch = int(mapping.properties.get("BatchSize", 100))
        self.windowed = "TumblingWindowInSeconds" in mapping.properties
        self._filter = RecordFilter.of(mapping.properties.get("FilterCriteria"))
        self._stream = stream
        self._lanes = lanes
        self._made: dict[tuple[int, int], Lane] = {}
        self._read: dict[int, int] = {}

    def admits(self, record: Mapping[str, Any]) -> bool:
        """Whether the mapping's filter lets the record through to the function."""
        return self._filter.admits(record)

    def lanes(self) -> list[Lane]:
        """All lanes, with all their records so far."""
        return [lane for shard in self._stream.shards for lane in self._lanes_of(shard)]

    def ready(self) -> list[Lane]:
        """The lanes that have something to bring, and whose shard's parent has brought everything."""
        found = []
        for shard in self._stream.shards:
            parents = self._lanes_of(shard.parent) if shard.parent else []
            if all(one.ended for one in parents):
                found += [lane for lane in self._lanes_of(shard) if self._has_more(lane)]
        return found

    def _has_more(self, lane: Lane) -> bool:
        return bool(lane.waiting or lane.failed or (lane.shard.closed and not lane.ended))

    def _lanes_of(self, shard: Shard) -> list[Lane]:
        lanes = [self._made.setdefault((shard.number, number), Lane(shard)) for number in range(self._lanes)]
        for record in self._news(shard):
            if self._filter.admits(record):
                keys = record["dynamodb"]["Keys"]
                key = (keys["pk"]["S"], keys["sk"]["S"] if "sk" in keys else "")
                lanes[hash_of(key) // 7 % self._lanes].records.append(record)
        return lanes

    def _news(self, shard: Shard) -> Iterator[dict[str, Any]]:
        read = self._read.get(shard.number, 0)
        self._read[shard.number] = len(shard.records)
        yield from shard.records[read:]
