"""Lambda's event of a DynamoDB stream with a tumbling window, read into records and what could not be read. Pure.

The form is that of "Using AWS Lambda with Amazon DynamoDB": ``Records``, and, only because the mapping has a tumbling
window, ``shardId``, ``window``, ``state``, ``isFinalInvokeForWindow`` and ``isWindowTerminatedEarly``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dynameter import codec, rfc3339
from dynameter.events.event import Event
from dynameter.usage.fold import Record
from dynameter.usage.row import MAX_SUBJECT_BYTES

DecodeItem = Callable[[Mapping[str, Any]], Event]
"""See ``dynameter.events.store.decode_item``."""


class MissingShard(RuntimeError):
    """The event says no shard, so its records cannot be counted exactly once."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no event; ``sequence`` is None where even that cannot be read."""

    sequence: int | None
    record: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One invocation's records of one shard. ``oldest_s`` is the epoch second of the oldest of them, if any says."""

    shard_id: str
    records: tuple[Record, ...]
    unreadable: tuple[Unreadable, ...]
    oldest_s: int | None


def read_batch(event: Mapping[str, Any], decode_item: DecodeItem) -> Batch | None:
    """Read an invocation's event; None where it brings no records, as at a window's end.

    Raises ``MissingShard``: without a shard's name there is no watermark, and counting without one could count twice.
    """
    raw_records = event.get("Records") or []
    if not raw_records:
        return None
    shard_id = event.get("shardId")
    if not isinstance(shard_id, str) or not shard_id:
        raise MissingShard("the event has no shardId: set TumblingWindowInSeconds on the event source mapping")
    records: list[Record] = []
    unreadable: list[Unreadable] = []
    for raw in raw_records:
        try:
            # Events are written once: a MODIFY or REMOVE (expiry) adds nothing and takes nothing away.
            if raw["eventName"] == "INSERT":
                records.append(_read_record(raw["dynamodb"], decode_item))
        except Exception as error:
            # Whatever is wrong with one record, it must not hold up the shard.
            unreadable.append(Unreadable(_sequence(raw), raw, f"{type(error).__name__}: {error}"))
    return Batch(shard_id, tuple(records), tuple(unreadable), _oldest_s(raw_records))


def _read_record(change: Mapping[str, Any], decode_item: DecodeItem) -> Record:
    event = decode_item(change["NewImage"])
    if not rfc3339.EARLIEST_US <= event.time_us < rfc3339.LATEST_US:
        raise ValueError(f"the event's time {event.time_us} is out of range")
    if not 0 < len(event.subject.encode()) <= MAX_SUBJECT_BYTES:
        raise ValueError(f"the event's subject must have 1 to {MAX_SUBJECT_BYTES} bytes")
    data = None if event.data is None else codec.decode(event.data)
    if data is not None and not isinstance(data, dict):
        raise ValueError("the event's data is no JSON object")
    return Record(int(change["SequenceNumber"]), event, data)


def _sequence(raw: Any) -> int | None:
    try:
        return int(raw["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError, ValueError):
        return None


def _oldest_s(raw_records: list[Any]) -> int | None:
    seconds = []
    for raw in raw_records:
        try:
            seconds.append(int(raw["dynamodb"]["ApproximateCreationDateTime"]))
        except (KeyError, TypeError, ValueError):
            continue
    return min(seconds, default=None)
