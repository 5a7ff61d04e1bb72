"""Short ways to meters, events and stream records for the tests of usage."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from dynameter import codec, rfc3339
from dynameter.events.event import Event
from dynameter.events.store import encode_item
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.usage.folding.fold import Counting, Definitions, Record, insertion
from dynameter.usage.rows.row import Series, sequence_text
from tests.conftest import WORKSPACE

SHARD = "shardId-00000001768384800000-0a1b2c3d"
OTHER_SHARD = "shardId-00000001768399200000-4e5f6a7b"
NOON = rfc3339.parse("2026-01-14T12:00:00Z")


def instant(text: str) -> int:
    """An RFC 3339 text as microseconds."""
    return rfc3339.parse(text)


def make_meter(aggregation: Aggregation = Aggregation.SUM, **changes: Any) -> Meter:
    """A meter over events of type ``request``, live from the beginning."""
    group_by = changes.pop("group_by", {})
    generations = (Generation(1, group_by, 0, True),)
    fields: dict[str, Any] = {
        "workspace": WORKSPACE,
        "id": "01KEYZ8Q4V0000000000000001",
        "slug": "requests",
        "name": "Requests",
        "description": None,
        "event_type": "request",
        "aggregation": aggregation,
        "value_property": None if aggregation is Aggregation.COUNT else "$.value",
        "group_by": group_by,
        "event_from_us": None,
        "metadata": {},
        "created_at_us": 0,
        "updated_at_us": 0,
        "deleted_at_us": None,
        "generations": generations,
        "active": 1,
    }
    return Meter(**(fields | changes))


def series_of(meter: Meter, generation: int = 1) -> Series:
    return Series(meter.workspace, meter.id, generation)


def define(*meters: Meter) -> Definitions:
    """What the definition cache makes of the meters."""
    found: dict[tuple[str, str], list[Counting]] = {}
    for meter in meters:
        for one in meter.generations:
            reader = compile_reader(meter.aggregation, meter.value_property, one.group_by)
            counting = Counting(meter, one, reader, Series(meter.workspace, meter.id, one.number))
            found.setdefault((meter.workspace, meter.event_type), []).append(counting)
    return found


def make_event(number: int = 1, data: Mapping[str, Any] | None = None, **changes: Any) -> Event:
    """The event of that number, of type ``request``, at noon."""
    fields: dict[str, Any] = {
        "workspace": WORKSPACE,
        "source": "test",
        "id": f"event-{number}",
        "type": "request",
        "subject": "customer-1",
        "time_us": NOON,
        "data": None if data is None else codec.encode_sorted(data).decode(),
        "extensions": None,
        "fingerprint": bytes(16),
        "ingested_at_us": NOON,
    }
    return Event(**(fields | changes))


def make_record(sequence: int, event: Event) -> Record:
    """The record of the event's insertion."""
    data = None if event.data is None else codec.decode(event.data)
    return Record(sequence_text(sequence), event, data, (insertion(event),))


def stream_record(sequence: int, event: Event, name: str = "INSERT", before: Event | None = None) -> dict[str, Any]:
    """The record as Lambda gets it: the JSON of DynamoDB Streams, binary as base64. ``before`` is the old image."""
    image = _image(event)
    old = {} if before is None else {"OldImage": _image(before)}
    return {
        "eventID": f"{sequence:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": event.ingested_at_us // 1_000_000,
            "Keys": {"pk": image["pk"]},
            "NewImage": image,
            **old,
            "SequenceNumber": f"{sequence:021d}",
            "SizeBytes": 300,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable/stream/2026-01-14T00:00:00.000",
    }


def _image(event: Event) -> dict[str, Any]:
    return {
        attribute: {"B": base64.b64encode(typed["B"]).decode()} if "B" in typed else typed
        for attribute, typed in encode_item(event).items()
    }


def stream_event(records: Iterable[dict[str, Any]], shard: str | None = SHARD) -> dict[str, Any]:
    """The whole event of an invocation, through JSON as in reality."""
    event = {
        "Records": list(records),
        "shardId": shard,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/EventsTable/stream/2026-01-14T00:00:00.000",
        "window": {"start": "2026-01-14T12:00:00Z", "end": "2026-01-14T12:15:00Z"},
        "state": {},
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
    if shard is None:
        del event["shardId"]
    decoded: dict[str, Any] = json.loads(json.dumps(event))
    return decoded
