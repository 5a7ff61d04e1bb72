"""What Lambda writes to the bucket of failed batches: one JSON document for each batch that the stream gave up. Pure.

The form is that of "Retain discarded records for a DynamoDB event source in Lambda": ``requestContext``,
``responseContext``, ``DDBStreamBatchInfo`` and, for S3 alone, ``payload``: the whole event of the invocation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynameter.usage.folding.stream import Unreadable

REASON = "the stream gave the record up"


class NoBatch(ValueError):
    """The document holds no records of a batch."""


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """The records of a batch, as the stream had them."""

    shard_id: str
    records: tuple[Mapping[str, Any], ...]

    @property
    def is_of_events(self) -> bool:
        """Whether the batch is of the events table's stream: of the tables only that has no sort key."""
        return not any("sk" in one["dynamodb"].get("Keys", {}) for one in self.records)

    def unreadable(self) -> tuple[Unreadable, ...]:
        """The records as the quarantine keeps them."""
        return tuple(Unreadable(_sequence(one), one, REASON) for one in self.records)


def read_failed_batch(document: bytes) -> FailedBatch:
    """Read a document of the bucket. Raises ``NoBatch`` with the reason."""
    try:
        found = json.loads(document)
        payload = found["payload"]
        event = json.loads(payload) if isinstance(payload, str) else payload
        shard_id = event.get("shardId") or found["DDBStreamBatchInfo"]["shardId"]
        records = tuple(event["Records"])
        if not records or not all(isinstance(one["dynamodb"], dict) for one in records):
            raise NoBatch("it holds no records of a DynamoDB stream")
    except NoBatch:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoBatch(f"it is no record of a failed invocation: {type(error).__name__}: {error}") from None
    return FailedBatch(str(shard_id), records)


def _sequence(record: Mapping[str, Any]) -> int | None:
    try:
        return int(record["dynamodb"]["SequenceNumber"])
    except (KeyError, TypeError, ValueError):
        return None
