"""Putting back what a table has lost: items of a table that was restored beside it, where they are missing.

What is there stays as it is, so nothing that was written since is undone, and a run that was cut short is run again.
Some items are never put back as they were:

    jobs (j.…)                    what was under way in the backup must not begin again; rebuild, or void again, instead
    API keys (k.…)                one that was revoked since would work again; they come only where that is asked for
    a live meter (m.…)            goes with its slug (s.…), which another meter may have by now, and takes the place of
                                  the deleted one (d.…)
    versions that caches go by    (v, g.routes, bt.v) leap, so that no process takes old definitions for present ones
    limits' buckets (!limit.…)    are earned anew
    what has expired              (x) would only be deleted again

An item that the table cannot hold, because another table was named, is no item to put back: nothing is written then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from dynameter.clock import MICROSECONDS, Clock

_Item = dict[str, Any]
_ABSENT = "attribute_not_exists(pk)"
_ATTEMPTS = 6
_VERSIONED = ("g.routes", "bt.v")
_EXPIRY = "x"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_CANCELED = "TransactionCanceledException"
_OF_THE_CATALOG = ("w.", "k.")
"""How the catalog's partitions begin, and no other table's."""


class WrongTable(LookupError):
    """The restored table is one of another kind."""


class Kind(Enum):
    """The stack's tables, by what their items look like."""

    EVENTS = "events"
    USAGE = "usage"
    CATALOG = "catalog"

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Kind:
        """The table that an item is from."""
        if "sk" not in item:
            return cls.EVENTS
        return cls.CATALOG if item["pk"]["S"].startswith(_OF_THE_CATALOG) else cls.USAGE


class Outcome(Enum):
    """What became of an item of the restored table."""

    PUT = "put back"
    THERE = "there"
    LEFT_OUT = "left out"


@dataclass
class Tally:
    """Counts items by what became of them; ``notes`` are sentences about some of those left out."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    notes: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Items of the restored table that were looked at."""
        return sum(self.counts.values())


PutBack = Callable[[_Item], Outcome]


class Copying:
    """Reads the restored table in ``segments`` at a time and hands each item to ``put_back``."""

    def __init__(self, client: Any, source: str, kind: Kind, put_back: PutBack, segments: int) -> None:
        self._client = client
        self._source = source
        self._kind = kind
        self._put_back = put_back
        self._segments = segments
        self._lock = Lock()

    def run(self, report: Callable[[Tally], None]) -> Tally:
        """Put back what is missing; ``report`` hears the counts after each page.

        Raises what boto3 raises, and ``WrongTable``.
        """
        tally = Tally()
        with ThreadPoolExecutor(self._segments, thread_name_prefix="restore") as pool:
            for done in [pool.submit(self._copy, number, tally, report) for number in range(self._segments)]:
                done.result()
        return tally

    def _copy(self, segment: int, tally: Tally, report: Callable[[Tally], None]) -> None:
        for page in self._pages(segment):
            for item in page:
                if Kind.of(item) is not self._kind:
                    raise WrongTable(f"{self._source} holds {Kind.of(item).value}, not {self._kind.value}")
            outcomes = [self._put_back(item) for item in page]
            with self._lock:
                for one in outcomes:
                    tally.counts[one] += 1
                report(tally)

    def _pages(self, segment: int) -> Iterator[list[_Item]]:
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._source, Segment=segment, TotalSegments=self._segments
        )
        for page in pages:
            yield page["Items"]


class MissingItems:
    """Puts items back as they were: events, usage rows, books."""

    def __init__(self, client: Any, table: str, clock: Clock) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def put_back(self, item: _Item) -> Outcome:
        """Put the item where it is missing."""
        expires = item.get(_EXPIRY, {}).get("N")
        if item["pk"]["S"].startswith("!limit.") or (expires and int(expires) <= self._now_s()):
            return Outcome.LEFT_OUT
        return self._put(item)

    def _put(self, item: _Item) -> Outcome:
        try:
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression=_ABSENT)
        except ClientError as error:
            if error.response["Error"]["Code"] != _CONDITION_FAILED:
                raise
            return Outcome.THERE
        return Outcome.PUT

    def _now_s(self) -> int:
        return self._clock.now_us() // MICROSECONDS


class MissingDefinitions(MissingItems):
    """Puts back items of the catalog. ``keys``: API keys, too. ``notes`` say what could not be."""

    def __init__(self, client: Any, table: str, clock: Clock, *, keys: bool) -> None:
        super().__init__(client, table, clock)
        self._keys = keys
        self._lock = Lock()
        self._workspaces: set[str] = set()
        self.notes: list[str] = []

    def put_back(self, item: _Item) -> Outcome:
        """Put the definition where it is missing; see above for those that have a rule of their own."""
        partition, name = item["pk"]["S"], item["sk"]["S"]
        is_key = partition.startswith("k.") or name.startswith("k.")
        if name == "v" or name.startswith(("j.", "s.")) or (is_key and not self._keys):
            return Outcome.LEFT_OUT
        if name.startswith("m."):
            with self._lock:
                self._workspaces.add(partition)
            return self._put_meter(item)
        if name in _VERSIONED:
            return self._put({**item, "version": {"N": str(self._now_s())}})
        return self._put(item)

    def finish(self) -> None:
        """Have every process read the meters of the workspaces again, and count them."""
        for partition in sorted(self._workspaces):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                Select="COUNT",
                KeyConditionExpression="pk = :pk AND begins_with(sk, :live)",
                ExpressionAttributeValues={":pk": {"S": partition}, ":live": {"S": "m."}},
            )
            live = sum(page["Count"] for page in pages)
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": partition}, "sk": {"S": "v"}},
                # A version counts changes, a second at a time at the most: it never comes near the time of day.
                UpdateExpression="SET live_meters = :live ADD version :leap",
                ExpressionAttributeValues={":live": {"N": str(live)}, ":leap": {"N": str(self._now_s())}},
            )

    def _put_meter(self, item: _Item) -> Outcome:
        key = {"pk": item["pk"]}
        slug: Mapping[str, Any] = {**key, "sk": {"S": f"s.{item['slug']['S']}"}, "id": item["id"]}
        free = {
            "ConditionExpression": f"{_ABSENT} OR id = :id",
            "ExpressionAttributeValues": {":id": item["id"]},
        }
        actions = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _ABSENT}},
            {"Put": {"TableName": self._table, "Item": slug, **free}},
            {"Delete": {"TableName": self._table, "Key": {**key, "sk": {"S": f"d.{item['id']['S']}"}}}},
        ]
        for attempt in range(_ATTEMPTS):
            try:
                self._client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                refused = _refused_actions(error)
                if 0 in refused:
                    return Outcome.THERE
                if 1 in refused:
                    with self._lock:
                        self.notes.append(f"meter {item['id']['S']}: another one has its slug {item['slug']['S']}")
                    return Outcome.LEFT_OUT
                if attempt == _ATTEMPTS - 1:
                    raise
                self._clock.sleep(0.1 * 2**attempt)
            else:
                return Outcome.PUT
        raise AssertionError("unreachable: the last attempt returns or raises")


def _refused_actions(error: ClientError) -> set[int]:
    """The places of the actions whose condition failed, none where it only met another transaction; else raises."""
    if error.response["Error"]["Code"] != _CANCELED:
        raise error
    response: Mapping[str, Any] = error.response
    reasons = response.get("CancellationReasons", [])
    return {place for place, one in enumerate(reasons) if one.get("Code") == "ConditionalCheckFailed"}
