"""One shard of an event source mapping: what Lambda does between a stream's records and a function.

Rules: AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB" with its pages on error handling, partial
batch responses and windows. Records are delivered in order and at least once; a batch that fails is sent again,
halved where the mapping says so, for ever and with growing pauses. Two things differ from Lambda: batches are not
held back to fill (MaximumBatchingWindowInSeconds), so usage shows at once, and nothing is given up by age.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.filters import RecordFilter

_log = logging.getLogger("local.pump")

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_STATE_BYTES = 1024 * 1024
"""A window whose state grows past this is closed early."""
WINDOW_GRACE_S = 2.0
"""How long after its end a quiet window stays open: arrival times are cut to whole seconds."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

_SUPPORTED = frozenset(
    {
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "Enabled",
        "FilterCriteria",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "ParallelizationFactor",
        "StartingPosition",
        "Stream",
        "TumblingWindowInSeconds",
    }
)


class UnsupportedMapping(ValueError):
    """The template asks the stream for something that the local server does not do."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The settings of a mapping that govern delivery."""

    batch_size: int = 100
    window_s: int = 0
    bisect: bool = False
    partial_responses: bool = False
    starting_position: str = "TRIM_HORIZON"
    lanes: int = 1
    filter: RecordFilter = field(default_factory=RecordFilter)

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Delivery:
        """Read the properties of a SAM DynamoDB event; raises ``UnsupportedMapping`` naming what is unknown."""
        unknown = properties.keys() - _SUPPORTED
        if unknown:
            raise UnsupportedMapping(f"the local stream pump does not do {', '.join(sorted(unknown))}")
        lanes, window_s = int(properties.get("ParallelizationFactor", 1)), properties.get("TumblingWindowInSeconds", 0)
        if lanes > 1 and window_s:
            raise UnsupportedMapping("a tumbling window needs a ParallelizationFactor of 1")
        try:
            admitted = RecordFilter.of(properties.get("FilterCriteria"))
        except ValueError as error:
            raise UnsupportedMapping(str(error)) from error
        return cls(
            batch_size=int(properties.get("BatchSize", 100)),
            window_s=int(window_s),
            bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
            partial_responses="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            starting_position=str(properties["StartingPosition"]),
            lanes=lanes,
            filter=admitted,
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    record: Mapping[str, Any]
    sequence: str
    arrived_s: int
    size: int


class _Failed(Exception):
    """The invocation counts as failed from the record at ``index`` of the batch."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class ShardDelivery:
    """Delivers one shard's records to ``invoke``, which takes Lambda's event and returns the function's answer.

    Feed it with ``offer`` and call ``step`` until it returns False. It holds no thread and no clock: ``step`` is told
    the time, in seconds since 1970.
    """

    def __init__(
        self, delivery: Delivery, shard_id: str, stream_arn: str, invoke: Callable[[dict[str, Any]], Any]
    ) -> None:
        self._delivery = delivery
        self._shard_id = shard_id
        self._stream_arn = stream_arn
        self._invoke = invoke
        self._pending: deque[_Pending] = deque()
        self._sizes: list[int] = []  # after a failure: how many records each coming batch takes
        self._failures = 0
        self.ready_at = 0.0
        """Before this instant, nothing is tried again."""
        self._window_start: int | None = None
        self._state: Any = {}
        self._ended = False

    @property
    def backlog(self) -> int:
        """How many records wait."""
        return len(self._pending)

    @property
    def is_full(self) -> bool:
        """Whether records wait, so that no more should be read."""
        return bool(self._pending)

    @property
    def is_busy(self) -> bool:
        """Whether work goes on by itself; never here, where ``step`` does it."""
        return False

    @property
    def finished(self) -> bool:
        """Whether the shard has ended and everything of it is delivered."""
        return self._ended and not self._pending and self._window_start is None

    def offer(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take records, in stream order, as Lambda's event has them."""
        for record in records:
            image = record["dynamodb"]
            size = len(json.dumps(record))
            arrived = int(image["ApproximateCreationDateTime"])
            self._pending.append(_Pending(record, str(image["SequenceNumber"]), arrived, size))

    def end(self) -> None:
        """The shard is closed and will have no more records; its window closes with it."""
        self._ended = True

    def step(self, now_s: float) -> bool:
        """Make at most one invocation; True where there may be more to do at once."""
        if now_s < self.ready_at:
            return False
        if self._window_is_over(now_s):
            return self._attempt(now_s, self._close_window)
        return bool(self._pending) and self._attempt(now_s, self._deliver)

    def _attempt(self, now_s: float, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:
            self._failures += 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 16))
            self.ready_at = now_s + pause
            _log.warning(
                "shard %s: attempt %d failed: %s; again in %.1f s", self._shard_id, self._failures, error, pause
            )
            return False
        self._failures = 0
        return True

    def _deliver(self) -> None:
        batch = self._next_batch()
        try:
            self._send([one.record for one in batch], final=False)
        except _Failed as failed:
            if failed.index:
                self._failures = 0
            self._drop(failed.index)
            self._plan(len(batch) - failed.index, failed.index == 0)
            raise
        except Exception:
            self._plan(len(batch), True)
            raise
        self._drop(len(batch))
        if self._sizes:
            self._sizes.pop(0)
        if self._delivery.window_s and len(json.dumps(self._state)) > MAX_STATE_BYTES:
            self._close_window(early=True)

    def _next_batch(self) -> list[_Pending]:
        """Records up to the batch size and the payload's limit, of one window."""
        limit = self._sizes[0] if self._sizes else self._delivery.batch_size
        if self._delivery.window_s and self._window_start is None:
            self._window_start = self._window_of(self._pending[0])
        batch: list[_Pending] = []
        size = 0
        for one in self._pending:
            size += one.size
            if len(batch) == limit or (batch and size > MAX_PAYLOAD_BYTES) or self._is_later(one):
                break
            batch.append(one)
        return batch

    def _plan(self, count: int, halve: bool) -> None:
        """Say how the ``count`` records at the front go out next."""
        rest = self._sizes[1:]
        if self._delivery.bisect and halve and count > 1:
            self._sizes = [count // 2, count - count // 2, *rest]
        else:
            self._sizes = [count, *rest]

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._pending.popleft()

    def _send(self, records: list[Mapping[str, Any]], *, final: bool, early: bool = False) -> None:
        event: dict[str, Any] = {"Records": records} if not final else {}
        if self._delivery.window_s:
            assert self._window_start is not None
            event |= {
                "window": {
                    "start": _instant(self._window_start),
                    "end": _instant(self._window_start + self._delivery.window_s),
                },
                "state": self._state,
                "shardId": self._shard_id,
                "eventSourceARN": self._stream_arn,
                "isFinalInvokeForWindow": final,
                "isWindowTerminatedEarly": early,
            }
        answer = self._invoke(event)
        if self._delivery.window_s and not (isinstance(answer, dict) and "state" in answer):
            raise _Failed(0, "the answer has no state, which a tumbling window needs")
        if self._delivery.partial_responses and not final:
            _check_failures(answer, records)
        if self._delivery.window_s:
            self._state = answer["state"]

    def _close_window(self, *, early: bool = False) -> None:
        self._send([], final=True, early=early)
        self._window_start, self._state = None, {}

    def _window_is_over(self, now_s: float) -> bool:
        if self._window_start is None:
            return False
        if self._pending:
            return self._is_later(self._pending[0])
        return self._ended or now_s >= self._window_start + self._delivery.window_s + WINDOW_GRACE_S

    def _window_of(self, one: _Pending) -> int:
        return one.arrived_s - one.arrived_s % self._delivery.window_s

    def _is_later(self, one: _Pending) -> bool:
        return self._window_start is not None and self._window_of(one) > self._window_start


def _check_failures(answer: Any, records: Sequence[Mapping[str, Any]]) -> None:
    """Read ReportBatchItemFailures: the lowest sequence named is where delivery starts again."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return
    positions = {str(record["dynamodb"]["SequenceNumber"]): index for index, record in enumerate(records)}
    try:
        index = min(positions[one["itemIdentifier"]] for one in failures)
    except (KeyError, TypeError):
        raise _Failed(0, "batchItemFailures names no record of the batch") from None
    raise _Failed(index, f"the function reported {len(failures)} failed records")


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
