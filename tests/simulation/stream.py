"""A table's stream: shards that close and are followed by others, each with its records in order."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

HASHES = 2**32
_FIRST_NUMBER = 1_768_384_000_000


def hash_of(key: tuple[str, str]) -> int:
    """Where an item lies: a stream keeps the order of the changes of one item, and of nothing else."""
    return zlib.crc32("\n".join(key).encode())


@dataclass
class Shard:
    """The records of the items whose hash lies from ``first`` up to ``last``, as long as the shard was open."""

    number: int
    first: int
    last: int
    parent: Shard | None = None
    closed: bool = False
    records: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Ids grow with the shards' age."""
        return f"shardId-{_FIRST_NUMBER + self.number:020d}-{self.number:08x}"


class Stream:
    """Shards, oldest first. Those that are open share the hashes among them without gap or overlap."""

    def __init__(self, shards: int) -> None:
        self.shards: list[Shard] = []
        for at in range(shards):
            self._open(HASHES * at // shards, HASHES * (at + 1) // shards, None)

    def write(self, key: tuple[str, str], record: dict[str, Any]) -> None:
        """Append the record of a change of the item."""
        place = hash_of(key)
        (shard,) = [one for one in self.shards if not one.closed and one.first <= place < one.last]
        shard.records.append(record)

    def split(self, number: int, children: int) -> None:
        """Close an open shard; one child goes on with all of its hashes, or two with a half each."""
        opened = [one for one in self.shards if not one.closed]
        parent = opened[number % len(opened)]
        if parent.last - parent.first < children:
            return
        parent.closed = True
        middle = (parent.first + parent.last) // 2
        bounds = [parent.first, parent.last] if children == 1 else [parent.first, middle, parent.last]
        for first, last in pairwise(bounds):
            self._open(first, last, parent)

    def _open(self, first: int, last: int, parent: Shard | None) -> None:
        self.shards.append(Shard(len(self.shards), first, last, parent))
