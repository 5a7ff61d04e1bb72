"""The stream pump: reads a table's stream and feeds a function, as a Lambda event source mapping does.

It keeps no position of its own: started again on tables that are there already, it reads their stream from the
mapping's starting position, and the function counts nothing twice.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.lanes import ShardLanes
from local.shard import Delivery, ShardDelivery

_log = logging.getLogger("local.pump")

BUSY_POLL_S = 0.05
"""How often the stream is read while records come or have just been written."""
BUSY_FOR_S = 1.0
DESCRIBE_EVERY_S = 10.0
"""How often new shards are looked for."""
RECORDS_PER_READ = 1000
FAULT_PAUSE_S = 1.0

_STALE_ITERATOR = frozenset({"ExpiredIteratorException", "TrimmedDataAccessException"})


def lambda_record(record: Mapping[str, Any], stream_arn: str) -> dict[str, Any]:
    """A record of GetRecords as Lambda's event has it: binary as base64 text, times as whole epoch seconds."""
    converted: dict[str, Any] = json.loads(json.dumps(record, default=_plain))
    if "userIdentity" in converted:
        identity = converted["userIdentity"]
        converted["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    return {**converted, "eventSourceARN": stream_arn}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    raise TypeError(f"a stream record holds {type(value).__name__}")


class _Shard:
    """A shard's reader: its iterator, and the delivery that it feeds."""

    def __init__(self, description: Mapping[str, Any], delivery: ShardDelivery | ShardLanes) -> None:
        self.id: str = description["ShardId"]
        self.parent: str | None = description.get("ParentShardId")
        self.delivery = delivery
        self.iterator: str | None = None
        self.last_read: str | None = None
        self.exhausted = False


class StreamPump:
    """One thread that drives one mapping.

    ``client`` is a DynamoDB streams client, ``invoke`` calls the function with an event, ``forget_iterator`` hears of
    each iterator that will not be used again. ``wall_clock`` gives seconds since 1970 and ends tumbling windows.
    """

    def __init__(
        self,
        client: Any,
        stream_arn: str,
        delivery: Delivery,
        invoke: Callable[[dict[str, Any]], Any],
        *,
        idle_poll_s: float = 0.2,
        forget_iterator: Callable[[str], None] = lambda _: None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._delivery = delivery
        self._invoke = invoke
        self._idle_poll_s = idle_poll_s
        self._forget_iterator = forget_iterator
        self._wall_clock = wall_clock
        self._shards: dict[str, _Shard] = {}
        self._described_at = float("-inf")
        self._busy_until = 0.0
        self._wake = Event()
        self._stopping = False
        self._thread = Thread(target=self._run, name=f"pump {stream_arn.rpartition('table/')[2]}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def nudge(self) -> None:
        """Something may have been written: look at once."""
        self._wake.set()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the invocation under way."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)

    def turn(self, now_s: float) -> bool:
        """Read and deliver once for each shard that may be read; True where records were seen or delivered."""
        if now_s - self._described_at >= DESCRIBE_EVERY_S or not self._shards:
            self._describe()
            self._described_at = now_s
        moved = False
        for shard in list(self._readable()):
            moved |= self._read(shard)
            while not self._stopping and shard.delivery.step(self._wall_clock()):
                moved = True
            if shard.delivery.is_busy:
                self._busy_until = max(self._busy_until, now_s + BUSY_FOR_S)
            if shard.delivery.finished:
                self._described_at = float("-inf")  # its children may begin
        return moved

    def _run(self) -> None:
        while not self._stopping:
            pause = self._idle_poll_s
            try:
                if self._wake.is_set() or time.monotonic() < self._busy_until:
                    pause = BUSY_POLL_S
                if self._wake.is_set():
                    self._wake.clear()
                    self._busy_until = time.monotonic() + BUSY_FOR_S
                if self.turn(time.monotonic()):
                    self._busy_until = time.monotonic() + BUSY_FOR_S
                    pause = 0.0
            except (BotoCoreError, ClientError) as error:
                _log.warning("the stream cannot be read: %s; again in %.0f s", error, FAULT_PAUSE_S)
                pause = FAULT_PAUSE_S
            except Exception:
                _log.exception("the stream pump failed; again in %.0f s", FAULT_PAUSE_S)
                pause = FAULT_PAUSE_S
            if pause:
                self._wake.wait(pause)

    def _describe(self) -> None:
        start: dict[str, Any] = {}
        while True:
            found = self._client.describe_stream(StreamArn=self._stream_arn, **start)["StreamDescription"]
            for one in found["Shards"]:
                if one["ShardId"] not in self._shards:
                    make = ShardLanes if self._delivery.lanes > 1 else ShardDelivery
                    delivery = make(self._delivery, one["ShardId"], self._stream_arn, self._invoke)
                    self._shards[one["ShardId"]] = _Shard(one, delivery)
            if "LastEvaluatedShardId" not in found:
                return
            start = {"ExclusiveStartShardId": found["LastEvaluatedShardId"]}

    def _readable(self) -> Iterator[_Shard]:
        """Shards with something left, a parent before its children."""
        for shard in self._shards.values():
            parent = self._shards.get(shard.parent or "")
            if not shard.delivery.finished and (parent is None or parent.delivery.finished):
                yield shard

    def _read(self, shard: _Shard) -> bool:
        """Fetch records unless some wait already; True where any came."""
        if shard.delivery.is_full or shard.exhausted:
            return False
        if shard.iterator is None:
            shard.iterator = self._position(shard)
        try:
            answer = self._client.get_records(ShardIterator=shard.iterator, Limit=RECORDS_PER_READ)
        except ClientError as error:
            self._lost(shard, str(error.response.get("Error", {}).get("Code", "")))
            raise
        self._forget_iterator(shard.iterator)
        shard.iterator = answer.get("NextShardIterator")
        records = answer["Records"]
        if records:
            shard.last_read = records[-1]["dynamodb"]["SequenceNumber"]
            sent = [lambda_record(one, self._stream_arn) for one in records]
            shard.delivery.offer([one for one in sent if self._delivery.filter.admits(one)])
        if shard.iterator is None:
            shard.exhausted = True
            shard.delivery.end()
        return bool(records)

    def _position(self, shard: _Shard) -> str:
        where: dict[str, str] = {"ShardIteratorType": self._delivery.starting_position}
        if shard.last_read is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": shard.last_read}
        answer = self._client.get_shard_iterator(StreamArn=self._stream_arn, ShardId=shard.id, **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _lost(self, shard: _Shard, code: str) -> None:
        """Take a new iterator next time where the old one cannot be used."""
        if code not in _STALE_ITERATOR:
            return
        shard.iterator = None
        if code == "TrimmedDataAccessException":
            _log.error("shard %s: records after %s are gone from the stream", shard.id, shard.last_read)
            shard.last_read = None
