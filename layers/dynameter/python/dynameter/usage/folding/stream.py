"""Lambda's event of a DynamoDB stream with a tumbling window, read into records and what could not be read. Pure.

The form is that of "Using AWS Lambda with Amazon DynamoDB": ``Records``, and, only because the mapping has a tumbling
window, ``shardId``, ``window``, ``state``, ``isFinalInvokeForWindow`` and ``isWindowTerminatedEarly``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dynameter.events.event import Event
from dynameter.usage.folding.fold import Record, insertion, make_record, toggles_since
from dynameter.usage.rows.row import sequence_text

PART_CHARACTERS = 4_000_000
"""Events' data that are in memory at once, decoded. That may take thirty times as much, and a stored item a thousandth:
the 6 MB that an invocation brings could otherwise be more than the function has, and hold up everybody's shard."""

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
class Part:
    """Records of one invocation and shard that follow each other."""

    shard_id: str
    records: tuple[Record, ...]
    unreadable: tuple[Unreadable, ...]


def read_parts(event: Mapping[str, Any], decode_item: DecodeItem) -> Iterator[Part]:
    """Read an invocation's event, part by part; none where it brings no records, as at a window's end.

    Parts are in the order of sequence numbers, which the rows' watermarks need: what one part has counted stays counted
    when the same records come again, however they are divided then. Raises ``MissingShard``: without a shard's name
    there is no watermark, and counting without one could count twice.
    """
    raw_records = event.get("Records") or []
    if not raw_records:
        return
    shard_id = event.get("shardId")
    if not isinstance(shard_id, str) or not shard_id:
        raise MissingShard("the event has no shardId: set TumblingWindowInSeconds on the event source mapping")
    records: list[Record] = []
    unreadable: list[Unreadable] = []
    characters = 0
    for raw in sorted(raw_records, key=lambda raw: _sequence(raw) or 0):
        if characters >= PART_CHARACTERS:
            yield Part(shard_id, tuple(records), tuple(unreadable))
            records, unreadable, characters = [], [], 0
        try:
            record = _read_record(raw["eventName"], raw["dynamodb"], decode_item)
            if record is not None:
                records.append(record)
                characters += len(record.event.data or "")
        except Exception as error:
            # Whatever is wrong with one record, it must not hold up the shard.
            unreadable.append(Unreadable(_sequence(raw), raw, f"{type(error).__name__}: {error}"))
    yield Part(shard_id, tuple(records), tuple(unreadable))


def oldest_s(event: Mapping[str, Any]) -> int | None:
    """The epoch second of the oldest of an invocation's records, if any says."""
    seconds = []
    for raw in event.get("Records") or []:
        try:
            seconds.append(int(raw["dynamodb"]["ApproximateCreationDateTime"]))
        except (KeyError, TypeError, ValueError):
            continue
    return min(seconds, default=None)


def _read_record(name: str, change: Mapping[str, Any], decode_item: DecodeItem) -> Record | None:
    """The facts that a change brings; None where it brings none, as an event's expiry.

    An event is inserted once, and whatever voids or un-voids it modifies its item: an INSERT is the event's storing
    alone, even if its image should have been voided since.
    """
    if name not in ("INSERT", "MODIFY"):
        return None
    event = decode_item(change["NewImage"])
    facts = (insertion(event),) if name == "INSERT" else toggles_since(event, decode_item(change["OldImage"]))
    return make_record(sequence_text(int(change["SequenceNumber"])), event, facts) if facts else None


def _sequence(raw: Any) -> int | None:
    try:
        return int(raw["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError, ValueError):
        return None
