"""Stream records that could not be read, kept in the usage table for a person to look at.

pk  "!quarantine"
sk  shard id "." 40-digit sequence number, so that a record brought again lands on its own item
reason, at (epoch microseconds), record (the stream record as JSON text, cut at 100 KB)
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from dynameter.runtime.dynamodb import storage_faults
from dynameter.usage.row import sequence_text
from dynameter.usage.stream import Unreadable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "!quarantine"
MAX_RECORD_CHARACTERS = 100_000
"""Characters kept of a record; the text is ASCII, so these are bytes."""
MAX_REASON_CHARACTERS = 1_000


class QuarantineStore:
    """Writes quarantined records."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, shard_id: str, unreadable: Unreadable, now_us: int) -> None:
        """Keep the record and why it could not be read; again for the same record changes nothing but the time."""
        # Not the codec: whatever the record holds must come out as text, and ASCII fits every engine.
        text = json.dumps(unreadable.record, default=repr)
        if unreadable.sequence is None:
            place = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        else:
            place = sequence_text(unreadable.sequence)
        item: dict[str, Any] = {
            "pk": {"S": PARTITION},
            "sk": {"S": f"{shard_id}.{place}"},
            "reason": {"S": ascii(unreadable.reason)[1:-1][:MAX_REASON_CHARACTERS]},
            "at": {"N": str(now_us)},
            "record": {"S": text[:MAX_RECORD_CHARACTERS]},
        }
        with storage_faults():
            self._client.put_item(TableName=self._table, Item=item)
