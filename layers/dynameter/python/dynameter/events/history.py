"""Reading stored events back in the order of their times: the raw history behind every aggregate.

The index by_time holds an event in one of 16 buckets (by its subject); within a bucket its key sorts by event time
and is unique. The index lags the table by moments; whoever needs certainty waits before reading (see the rebuild).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from dynameter.events.event import Event
from dynameter.events.store import TIME_DIGITS, BrokenItem, bucket_key, bucket_keys, decode_item, partition_key
from dynameter.events.stored import HistoryPage as HistoryPage
from dynameter.events.stored import StoredEvent as StoredEvent
from dynameter.rfc3339 import LATEST_US
from dynameter.runtime.dynamodb import storage_faults
from dynameter.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BUCKETS = 16
INDEX = "by_time"
PAGE_BYTES = 16_000_000
"""Memory of a page's data, inflated, after which the page ends: a query's 1 MB may hold a hundred times as much."""


class EventHistory:
    """The events of a workspace by time."""

    def __init__(self, client: DynamoDBClient, settings: Settings) -> None:
        self._client = client
        self._table = settings.events_table

    def page(
        self,
        workspace: str,
        bucket: int,
        start_us: int = 0,
        end_us: int = LATEST_US,
        *,
        after: str | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> HistoryPage:
        """One page of one bucket: events with start <= time < end, after the key ``after`` in reading order.

        It may end before ``limit`` and before the range does; ``next`` alone says whether there is more.
        """
        if end_us <= start_us:
            return HistoryPage((), None, 0)
        low, high = f"{start_us:0{TIME_DIGITS}d}", f"{end_us - 1:0{TIME_DIGITS}d}.~"
        if after is not None:
            # "!" sorts before every character of a key, "~" after: the bounds exclude ``after`` itself.
            # Whoever continues somewhere outside the range still reads nothing but the range.
            if descending:
                high = min(high, after[:-1] + chr(ord(after[-1]) - 1) + "~")
            else:
                low = max(low, after + "!")
        if low > high:
            return HistoryPage((), None, 0)
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "b = :b AND k BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":b": {"S": bucket_keys(workspace)[bucket]},
                ":low": {"S": low},
                ":high": {"S": high},
            },
            "ScanIndexForward": not descending,
        }
        if limit is not None:
            arguments["Limit"] = limit
        with storage_faults():
            answer = self._client.query(**arguments)
        items = answer["Items"]
        events, used = _stored(items)
        if used < len(items):
            return HistoryPage(events, str(items[used - 1]["k"]["S"]), used)
        last = answer.get("LastEvaluatedKey")
        return HistoryPage(events, str(last["k"]["S"]) if last else None, answer.get("ScannedCount", 0))

    def buckets(self, workspace: str, subjects: Collection[str] | None = None) -> tuple[int, ...]:
        """The buckets that hold the events of these subjects, of all subjects where none are named."""
        if subjects is None:
            return tuple(range(BUCKETS))
        return tuple(sorted({bucket_of(workspace, subject) for subject in subjects}))

    def get(self, workspace: str, source: str, id_: str) -> Event | None:
        """One event by its identity, strongly consistent; None where none is stored."""
        item = self.find_item(partition_key(workspace, source, id_))
        return None if item is None else decode_item(item)

    def find_item(self, key: str) -> Mapping[str, Any] | None:
        """What is stored under an event's key in the table, strongly consistent, whether it can be decoded or not."""
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        return cast("Mapping[str, Any] | None", answer.get("Item"))


def bucket_of(workspace: str, subject: str) -> int:
    """The bucket that holds the subject's events."""
    return bucket_keys(workspace).index(bucket_key(workspace, subject))


def _stored(items: Iterable[Any]) -> tuple[tuple[StoredEvent, ...], int]:
    """The events of a page, and how many of the items they are."""
    events: list[StoredEvent] = []
    used = held = 0
    for item in items:
        if held >= PAGE_BYTES:
            break
        used += 1
        try:
            event = decode_item(item)
        except BrokenItem:
            # What is no event of ours was never counted either: the aggregate function has it in quarantine.
            continue
        events.append(StoredEvent(event, item["k"]["S"]))
        held += sys.getsizeof(event.data)
    return tuple(events), used
