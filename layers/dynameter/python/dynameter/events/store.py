"""The events table. Only this module knows its keys and attributes.

pk  workspace (22 characters) "." length of source in characters "." source id
b   workspace "." one hex digit of the subject's hash       the index by_time, partition
k   event time (18 digits of microseconds) "." 11 characters of the key's hash      its sort key, unique
y   type     s  subject     r  ingested at (microseconds)     h  fingerprint (16 bytes)
d   data: JSON text, or the same deflated (binary) where that saves a write unit
e   extensions: JSON text, where present     x  epoch second of expiry, where events expire
v   stamps (microseconds) of void, un-void, void, ... in turn, where it was ever voided
i   id of the void that voids it now
"""

from __future__ import annotations

import base64
import hashlib
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.exceptions import ClientError

from dynameter.clock import MICROSECONDS, Clock
from dynameter.deadline import carry
from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults
from dynameter.runtime.retries import backoff_s, was_sent_again
from dynameter.runtime.settings import EventWrites, Settings
from dynameter.workspaces import workspace_key, workspace_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATEMENTS_A_CALL = 25
KEYS_A_CALL = 100
WORKERS = 16
WRITE_UNIT_BYTES = 1_024
TIME_DIGITS = 18
"""Microseconds up to the year 9999 have 18 digits: fewer would not sort."""

_DAY_S = 86_400
_MAX_INFLATED_BYTES = 400_000
_TAKEN = frozenset({"DuplicateItem", "ConditionalCheckFailed"})
_PASSING = frozenset(
    {
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "RequestLimitExceeded",
        "InternalServerError",
        "TransactionConflict",
    }
)

_Item = dict[str, dict[str, Any]]
_T = TypeVar("_T")
_R = TypeVar("_R")


class BrokenItem(ValueError):
    """An item that is no event as this module writes them."""


class _Again(Enum):
    """A write that was throttled."""

    AGAIN = 0


_AGAIN: Final = _Again.AGAIN
_Stored = bytes | None | _Again


class EventStore:
    """Writes events, each under the condition that its key is free: the write is the dedupe claim."""

    def __init__(
        self,
        client: DynamoDBClient,
        settings: Settings,
        clock: Clock,
        random: Callable[[], float],
        workers: int = WORKERS,
    ) -> None:
        """``random`` gives a number from 0 up to 1 and spreads retries."""
        self._client = client
        self._table = settings.events_table
        self._writes = settings.event_writes
        self._retention_days = settings.event_retention_days
        self._clock = clock
        self._random = random
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="events")

    def put_all(self, events: Sequence[Event], deadline_us: int) -> list[bytes | None]:
        """See ``dynameter.events.intake.EventStore``."""
        items = [encode_item(event, self._retention_days) for event in events]
        if self._writes is EventWrites.PUT or len(items) == 1:
            return self._in_parallel(lambda item: self._put(item, deadline_us), items)
        return self._insert_all(items, deadline_us)

    def _put(self, item: _Item, deadline_us: int) -> bytes | None:
        """One PutItem."""
        while True:
            self._check_time(deadline_us)
            try:
                with storage_faults():
                    self._client.put_item(
                        TableName=self._table,
                        Item=item,
                        ConditionExpression="attribute_not_exists(pk)",
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
                response: Any = error.response
            else:
                return None
            # An engine that does not return the old item: read it. One that is gone by then is written again.
            taken = response.get("Item") or self._read([item], deadline_us).get(item["pk"]["S"])
            if taken:
                return _in_the_way(taken, item, sent_again=was_sent_again(response))

    def _insert_all(self, items: list[_Item], deadline_us: int) -> list[bytes | None]:
        """Insert in calls of 25 statements, what was throttled again after a pause, until all are settled."""
        found: list[bytes | None] = [None] * len(items)
        pending = list(range(len(items)))
        attempt = 0
        while True:
            chunks = [pending[at : at + STATEMENTS_A_CALL] for at in range(0, len(pending), STATEMENTS_A_CALL)]
            statements = [[items[index] for index in chunk] for chunk in chunks]
            insert = partial(self._insert, deadline_us=deadline_us, sent_again=attempt > 0)
            answers = self._in_parallel(insert, statements)
            pending = []
            for chunk, answer in zip(chunks, answers, strict=True):
                for index, stored in zip(chunk, answer, strict=True):
                    if isinstance(stored, _Again):
                        pending.append(index)
                    else:
                        found[index] = stored
            if not pending:
                return found
            self._pause(attempt, deadline_us, f"{len(pending)} of {len(items)} events are not stored yet")
            attempt += 1

    def _insert(self, items: list[_Item], deadline_us: int, sent_again: bool) -> list[_Stored]:
        """One BatchExecuteStatement; ``sent_again`` says that it repeats statements of an earlier one."""
        self._check_time(deadline_us)
        with storage_faults():
            answer = self._client.batch_execute_statement(
                Statements=[
                    {
                        "Statement": _statement(self._table, tuple(item)),
                        "Parameters": list(item.values()),
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                    for item in items
                ]
            )
        sent_again = sent_again or was_sent_again(answer)
        errors: list[Any] = [response.get("Error") for response in answer["Responses"]]
        # A duplicate answered without its item has to be read; one that is gone by then is written again.
        unseen = [item for item, error in zip(items, errors, strict=True) if _is_taken(error) and not error.get("Item")]
        read = self._read(unseen, deadline_us) if unseen else {}
        found: list[_Stored] = []
        for item, error in zip(items, errors, strict=True):
            if not _is_taken(error):
                found.append(_unless_refused(error))
                continue
            taken = error.get("Item") or read.get(item["pk"]["S"])
            found.append(_in_the_way(taken, item, sent_again) if taken else _AGAIN)
        return found

    def _read(self, items: list[_Item], deadline_us: int) -> dict[str, _Item]:
        """What is stored under the items' keys, read strongly consistent; absent where there is nothing."""
        found: dict[str, _Item] = {}
        keys: list[Any] = [{"pk": item["pk"]} for item in items]
        attempt = 0
        while keys:
            self._check_time(deadline_us)
            wanted = {"Keys": keys[:KEYS_A_CALL], "ConsistentRead": True, "ProjectionExpression": "pk,h,r"}
            with storage_faults():
                answer = self._client.batch_get_item(RequestItems={self._table: wanted})  # type: ignore[dict-item]
            for item in answer["Responses"].get(self._table, []):
                found[item["pk"]["S"]] = cast("_Item", item)
            unprocessed: dict[str, Any] = answer.get("UnprocessedKeys", {})
            left = unprocessed.get(self._table, {}).get("Keys", [])
            keys = [*left, *keys[KEYS_A_CALL:]]
            if left:
                self._pause(attempt, deadline_us, "stored events could not be compared yet")
                attempt += 1
        return found

    def _in_parallel(self, call: Callable[[_T], _R], parts: Sequence[_T]) -> list[_R]:
        """Call for every part and wait for all, failed or not.

        No write may outlive its request: Lambda freezes the process after the answer, and a thread thawed with a
        later request would store an event under a stamp that a rebuild has already passed.
        """
        if len(parts) == 1:
            return [call(parts[0])]
        in_time = carry(call)
        futures = [self._pool.submit(in_time, part) for part in parts]
        wait(futures)
        return [future.result() for future in futures]

    def _check_time(self, deadline_us: int) -> None:
        if self._clock.now_us() >= deadline_us:
            raise Unavailable("the request's time is over before all events were stored; send it again")

    def _pause(self, attempt: int, deadline_us: int, state: str) -> None:
        """Sleep before the next round, or give up where the time is too short."""
        delay_s = backoff_s(attempt, self._random)
        if self._clock.now_us() + int(delay_s * MICROSECONDS) >= deadline_us:
            raise Unavailable(f"storage is throttling: {state}; send the same request again", retry_after_s=2)
        self._clock.sleep(delay_s)


def partition_key(workspace: str, source: str, id_: str) -> str:
    """The event's key. The source's length keeps ("a-b", "c") and ("a", "b-c") apart."""
    return f"{workspace_key(workspace)}.{len(source)}.{source}{id_}"


def bucket_keys(workspace: str) -> list[str]:
    """Every partition of the index by_time that holds events of the workspace."""
    return [f"{workspace_key(workspace)}.{digit}" for digit in "0123456789abcdef"]


def bucket_key(workspace: str, subject: str) -> str:
    """The partition of the index by_time that holds the subject's events."""
    return f"{workspace_key(workspace)}.{hashlib.blake2b(subject.encode(), digest_size=1).hexdigest()[0]}"


def encode_item(event: Event, retention_days: int = 0) -> _Item:
    """The event as an item; ``retention_days`` 0 keeps it for ever."""
    key = partition_key(event.workspace, event.source, event.id)
    suffix = base64.urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=8).digest()).decode().rstrip("=")
    item: _Item = {
        "pk": {"S": key},
        "b": {"S": bucket_key(event.workspace, event.subject)},
        "k": {"S": f"{event.time_us:0{TIME_DIGITS}d}.{suffix}"},
        "y": {"S": event.type},
        "s": {"S": event.subject},
        "r": {"N": str(event.ingested_at_us)},
        "h": {"B": event.fingerprint},
    }
    if event.extensions is not None:
        item["e"] = {"S": event.extensions}
    if event.toggles:
        item["v"] = {"L": [{"N": str(stamp_us)} for stamp_us in event.toggles]}
    if event.voided_by is not None:
        item["i"] = {"S": event.voided_by}
    if retention_days:
        item["x"] = {"N": str(event.ingested_at_us // MICROSECONDS + retention_days * _DAY_S)}
    if event.data is not None:
        item["d"] = {"S": event.data}
        if write_units(item) > 1:
            deflated = {**item, "d": {"B": zlib.compress(event.data.encode())}}
            return deflated if write_units(deflated) < write_units(item) else item
    return item


def decode_item(item: Mapping[str, Mapping[str, Any]]) -> Event:
    """The event in an item as boto3's client or a Lambda stream record gives it (binary as bytes or base64 text).

    Raises ``BrokenItem`` with a reason if it is none.
    """
    try:
        key = item["pk"]["S"]
        source, id_ = _split_key(key)
        extensions = item.get("e")
        return Event(
            workspace=workspace_of(key),
            source=source,
            id=id_,
            type=str(item["y"]["S"]),
            subject=str(item["s"]["S"]),
            time_us=int(item["k"]["S"][:TIME_DIGITS]),
            data=_inflate(item["d"]) if "d" in item else None,
            extensions=None if extensions is None else str(extensions["S"]),
            fingerprint=_fingerprint_of(item),
            ingested_at_us=int(item["r"]["N"]),
            toggles=tuple(int(stamp["N"]) for stamp in item["v"]["L"]) if "v" in item else (),
            voided_by=str(item["i"]["S"]) if "i" in item else None,
        )
    except KeyError as error:
        raise BrokenItem(f"attribute {error} is missing or of another type") from None
    except (ValueError, TypeError, AttributeError, zlib.error) as error:
        raise BrokenItem(f"not an event: {error}") from None


def size_of(item: Mapping[str, Mapping[str, Any]]) -> int:
    """The item's size in bytes by DynamoDB's documented rule: names and values, a number by its digit pairs."""
    return sum(len(name) + _size_of_value(typed) for name, typed in item.items())


def _size_of_value(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "N":
        return math.ceil(len(value.strip("-").strip("0")) / 2) + 1
    if kind == "L":
        return 3 + sum(1 + _size_of_value(one) for one in value)
    return len(value if isinstance(value, bytes) or value.isascii() else value.encode())


def write_units(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Write units that putting the item costs: one for each KB begun. The index by_time costs as many again."""
    return max(1, math.ceil(size_of(item) / WRITE_UNIT_BYTES))


def _statement(table: str, names: tuple[str, ...]) -> str:
    values = ", ".join(f"'{name}': ?" for name in names)
    return f'INSERT INTO "{table}" VALUE {{{values}}}'


def _in_the_way(taken: Mapping[str, Mapping[str, Any]], item: _Item, sent_again: bool) -> bytes | None:
    """The fingerprint of the item that refused a write; None where that is the very item which was to be written.

    That is so where an earlier attempt of the call was stored and its answer lost. It is told by the stamp and the
    fingerprint, and only where the call was sent more than once: two requests may bring one event in a microsecond.
    """
    stored = _fingerprint_of(taken)
    is_ours = sent_again and stored == item["h"]["B"] and taken.get("r") == item["r"]
    return None if is_ours else stored


def _is_taken(error: Any) -> bool:
    return bool(error) and error.get("Code") in _TAKEN


def _unless_refused(error: Any) -> _Stored:
    """None for a statement that stored, and whether one that did not should be sent again."""
    if not error:
        return None
    if error.get("Code") in _PASSING:
        return _AGAIN
    raise RuntimeError(f"storage refused an event: {error.get('Code')}: {error.get('Message')}")


def _split_key(key: str) -> tuple[str, str]:
    length, dot, rest = key[23:].partition(".")
    if key[22:23] != "." or not dot or not length.isascii() or not length.isdigit() or int(length) > len(rest):
        raise ValueError(f"malformed key {key[:64]!r}")
    return rest[: int(length)], rest[int(length) :]


def _fingerprint_of(item: Mapping[str, Mapping[str, Any]]) -> bytes:
    return _binary(item["h"]["B"])


def _binary(value: bytes | str) -> bytes:
    return base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value)


def _inflate(typed: Mapping[str, Any]) -> str:
    if "S" in typed:
        return str(typed["S"])
    inflater = zlib.decompressobj()
    text = inflater.decompress(_binary(typed["B"]), _MAX_INFLATED_BYTES)
    if not inflater.eof:
        raise ValueError("the deflated data is cut off or too long")
    return text.decode()
