"""Sends records in batches, several at once, and settles them in the order of the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum

from dynameter.cli.imports.lines import Position
from dynameter.cli.imports.records import Record

MAX_BATCH = 1_000
"""Events of one request that the service takes."""
DEFAULT_BATCH = 500
MAX_BATCH_BYTES = 4_000_000
"""The service takes 4.5 MB."""
DEFAULT_PARALLEL = 4
MAX_PARALLEL = 16
MAX_KEPT = 1_000
"""Rejected records that are remembered with their reasons; the others are counted."""


class Fate(Enum):
    """What became of a record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the record that begins at ``line``; ``reason`` is there for a conflict or a rejection."""

    line: int
    fate: Fate
    reason: str | None = None


@dataclass(slots=True)
class Tally:
    """What has become of the records so far; ``troubles`` are the conflicts and rejections, the first of them."""

    counts: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(Fate, 0))
    troubles: list[Outcome] = field(default_factory=list)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes."""
        for one in outcomes:
            self.counts[one.fate] += 1
            if one.fate in (Fate.CONFLICT, Fate.REJECTED) and len(self.troubles) < MAX_KEPT:
                self.troubles.append(one)

    @property
    def clean(self) -> bool:
        """Whether every record's event is stored as the record says it."""
        return not (self.counts[Fate.CONFLICT] or self.counts[Fate.REJECTED])


Send = Callable[[Sequence[Record]], list[Outcome]]
Settled = Callable[[Position, Sequence[Outcome]], None]


def batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """The records in runs of at most ``size`` and so many bytes that a request can hold them."""
    batch: list[Record] = []
    bytes_ = 0
    for record in records:
        length = len(record.item or b"") + 1
        if batch and (len(batch) == size or bytes_ + length > MAX_BATCH_BYTES):
            yield batch
            batch, bytes_ = [], 0
        batch.append(record)
        bytes_ += length
    if batch:
        yield batch


def import_all(
    records: Iterator[Record],
    send: Send,
    settled: Settled,
    *,
    size: int = DEFAULT_BATCH,
    parallel: int = DEFAULT_PARALLEL,
) -> None:
    """Send all; ``settled`` hears of each batch in the order of the file, from the calling thread.

    Raises what ``send`` raises; every batch that ``settled`` has heard of by then is done, whatever came after it.
    """
    under_way: deque[tuple[list[Record], Future[list[Outcome]]]] = deque()

    def settle() -> None:
        batch, future = under_way.popleft()
        settled(batch[-1].end, future.result())

    with ThreadPoolExecutor(parallel, thread_name_prefix="import") as pool:
        try:
            for batch in batches(records, size):
                under_way.append((batch, pool.submit(_send_batch, send, batch)))
                if len(under_way) > parallel:
                    settle()
            while under_way:
                settle()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _send_batch(send: Send, batch: list[Record]) -> list[Outcome]:
    """Send what can be sent; what cannot is rejected here."""
    good = [one for one in batch if one.item is not None]
    bad = [Outcome(one.line, Fate.REJECTED, one.error) for one in batch if one.item is None]
    return sorted([*(send(good) if good else []), *bad], key=lambda one: one.line)
