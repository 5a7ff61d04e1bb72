"""A prototype: what it would cost to keep the history in segments instead of in the index by_time.

    python -m tests.benchmarks.segments

Aggregate has every event in its hands. It could write, of each batch of the stream, one item for each bucket of a
workspace, in which all the batch's events of that bucket lie deflated. docs/performance.md weighs it.
"""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from dynameter import codec
from dynameter.events.store import decode_item, encode_item, size_of
from tests.benchmarks.service import READ_UNIT_BYTES, service, write_units
from tests.benchmarks.workload import Sender, hour_before

BATCHES = (1_000, 250, 100)
BUCKETS = (16, 4, 1)
KEY_BYTES = 60
"""A segment's key: workspace, bucket, hour, and the position in the shard of its first record."""

_Item = Mapping[str, Any]


def segments(items: Sequence[_Item], buckets: int, *, whole: bool) -> list[bytes]:
    """The events of a batch by bucket, each bucket's deflated: ``whole`` events, or their keys and times alone."""
    found: dict[int, list[_Item]] = {}
    for item in items:
        found.setdefault(int(item["b"]["S"][-1], 16) % buckets, []).append(item)
    return [zlib.compress(codec.encode([_entry(item, whole=whole) for item in one])) for one in found.values()]


def _entry(item: _Item, *, whole: bool) -> list[Any]:
    key, time_us = item["pk"]["S"][23:], item["k"]["S"].partition(".")[0]
    if not whole:
        return [key, time_us]
    fingerprint = base64.b64encode(item["h"]["B"]).decode()
    return [key, time_us, item["r"]["N"], item["y"]["S"], item["s"]["S"], fingerprint, item["d"]["S"]]


def _events(count: int) -> list[_Item]:
    """So many stored events, as items."""
    with service(()) as world:
        sender = Sender(Random(6))
        for _ in range(0, count, 100):
            world.send(sender.batch(at_us=hour_before()))
        return [encode_item(decode_item(item)) for item in world.items("EventsTable")]


def _lines() -> Iterator[str]:
    items = _events(max(BATCHES))
    each = sum(map(size_of, items)) / len(items)
    yield f"now: {each:.0f} bytes/event, 1 write unit/event in the index, {each / READ_UNIT_BYTES:.3f} read units/event"
    yield "batch  buckets  holds   bytes/event  write units/event  read units/event  us/event"
    for size in BATCHES:
        for buckets in BUCKETS:
            for whole in (True, False):
                started = time.process_time_ns()
                found = segments(items[:size], buckets, whole=whole)
                us = (time.process_time_ns() - started) / 1e3 / size
                sizes = [len(one) + KEY_BYTES for one in found]
                # Keys alone: every event is then read by its key, one unit of a consistent read each.
                read = sum(sizes) / READ_UNIT_BYTES / size + (0 if whole else 1)
                units = sum(map(write_units, sizes)) / size
                shape = f"{size:5}  {buckets:7}  {'events' if whole else 'keys  '}"
                yield f"{shape}  {sum(sizes) / size:11.0f}  {units:17.3f}  {read:16.3f}  {us:8.1f}"


if __name__ == "__main__":
    print("\n".join(_lines()))
