"""Stream records that could not be read, kept in the usage table until they are counted or a person deletes them.

pk  "!quarantine"
sk  shard id "." 40-digit sequence number, so that a record brought again lands on its own item
reason, at (epoch microseconds), record (the stream record as JSON text, cut at 100 KB)
event   the event's key in the events table, where the record names one
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults, text, whole
from dynameter.usage.folding.stream import Unreadable
from dynameter.usage.quarantine.record import Quarantined, QuarantinePage
from dynameter.usage.rows.row import sequence_text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PARTITION = "!quarantine"
MAX_RECORD_CHARACTERS = 100_000
"""Characters kept of a record; the text is ASCII, so these are bytes."""
MAX_REASON_CHARACTERS = 1_000
KEY_BYTES = 2_048
"""What DynamoDB takes at most as a partition key."""
MAX_PAGE = 50
"""Records of a page: with the longest records, what one Query brings."""

_Item = dict[str, Any]


class QuarantineStore:
    """Keeps, lists and drops quarantined records."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, shard_id: str, unreadable: Unreadable, now_us: int) -> None:
        """Keep the record and why it could not be read; again for the same record changes nothing but the time."""
        # Not the codec: whatever the record holds must come out as text, and ASCII fits every engine.
        record = json.dumps(unreadable.record, default=repr)
        if unreadable.sequence is None:
            place = hashlib.blake2b(record.encode(), digest_size=16).hexdigest()
        else:
            place = sequence_text(unreadable.sequence)
        item: _Item = {
            **_key(f"{shard_id}.{place}"),
            "reason": {"S": _worded(unreadable.reason)},
            "at": {"N": str(now_us)},
            "record": {"S": record[:MAX_RECORD_CHARACTERS]},
        }
        event_key = _event_key(unreadable.record)
        if event_key is not None:
            item["event"] = {"S": event_key}
        with storage_faults():
            self._client.put_item(TableName=self._table, Item=item)

    def page(self, after: str | None = None, limit: int = MAX_PAGE) -> QuarantinePage:
        """At most ``limit`` records (and at most ``MAX_PAGE``) after that place."""
        start: _Item = {} if after is None else {"ExclusiveStartKey": _key(after)}
        with storage_faults():
            answer = self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                Limit=min(limit, MAX_PAGE),
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": PARTITION}},
                **start,
            )
        last = answer.get("LastEvaluatedKey")
        return QuarantinePage(tuple(_read(item) for item in answer["Items"]), text(dict(last), "sk") if last else None)

    def keep(self, place: str, reason: str) -> None:
        """Note why the record still cannot be counted, if it is still there."""
        try:
            with storage_faults():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(place),
                    UpdateExpression="SET reason = :reason",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":reason": {"S": _worded(reason)}},
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise

    def remove(self, place: str) -> None:
        """Drop the record: its event is counted."""
        with storage_faults():
            self._client.delete_item(TableName=self._table, Key=_key(place))


def _read(item: Any) -> Quarantined:
    event_key = text(item, "event") if "event" in item else _event_key(_decoded(text(item, "record")))
    return Quarantined(text(item, "sk"), text(item, "reason"), whole(item, "at"), event_key)


def _decoded(record: str) -> Any:
    """The record; None for one that was cut."""
    try:
        return json.loads(record)
    except ValueError:
        return None


def _event_key(record: Any) -> str | None:
    """The key of the event that a stream record is about, as far as it can be told."""
    try:
        key = record["dynamodb"]["Keys"]["pk"]["S"]
        fits = isinstance(key, str) and 0 < len(key.encode()) <= KEY_BYTES
    except (KeyError, TypeError, UnicodeEncodeError):
        return None
    return key if fits else None


def _worded(reason: str) -> str:
    return ascii(reason)[1:-1][:MAX_REASON_CHARACTERS]


def _key(place: str) -> _Item:
    return {"pk": {"S": PARTITION}, "sk": {"S": place}}
