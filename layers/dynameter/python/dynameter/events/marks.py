"""Marking stored events as voided, and taking the mark away. The item's keys are those of ``events.store``.

    v   the stamps (whole microseconds) of the event's toggles: voided, unvoided, voided, ...; odd length: voided now
    i   the id of the void that voids it now

A mark is one conditional write under the toggles it was decided on, so of several that race one is first and the
others see what it made. Each toggle flows through the table's stream to the usage rows, in order after the event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import ClientError

from dynameter.clock import Clock
from dynameter.deadline import carry
from dynameter.errors import Unavailable
from dynameter.events.event import Event
from dynameter.events.marked import MAX_TOGGLES, Marked, Outcome
from dynameter.events.store import KEYS_A_CALL, decode_item, partition_key
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults
from dynameter.runtime.retries import pause
from dynameter.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WORKERS = 16
ATTEMPTS = 6
"""Writes of one mark before giving up; each but the first means that another mark came in between."""
READS = 6

_Item = dict[str, Any]
_T = TypeVar("_T")


class EventMarks:
    """Reads events by their names and toggles their marks, many at once."""

    def __init__(self, client: DynamoDBClient, settings: Settings, clock: Clock, workers: int = WORKERS) -> None:
        self._client = client
        self._table = settings.events_table
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="marks")

    def read(self, workspace: str, names: Sequence[tuple[str, str]]) -> list[Event | None]:
        """The events of these (source, id), strongly consistent; None where none is stored."""
        keys = [partition_key(workspace, source, id_) for source, id_ in names]
        distinct = list(dict.fromkeys(keys))
        found: dict[str, Event] = {}
        for start in range(0, len(distinct), KEYS_A_CALL):
            found |= self._read_batch(distinct[start : start + KEYS_A_CALL])
        return [found.get(key) for key in keys]

    def mark(self, events: Sequence[Event], void_id: str, begin_by_us: int) -> list[Marked]:
        """Set the void's mark on each event that carries none; repeating it changes nothing.

        Raises Unavailable rather than begin a write later than ``begin_by_us``; some marks may be set then.
        """
        return self._each(lambda event: self._mark(event, void_id, begin_by_us), events)

    def unmark(self, events: Sequence[Event], void_id: str) -> int:
        """Take the void's mark from each event that carries it; answers how many did. Repeating changes nothing."""
        return sum(self._each(lambda event: self._unmark(event, void_id), events))

    def _mark(self, event: Event, void_id: str, begin_by_us: int) -> Marked:
        for _ in range(ATTEMPTS):
            if event.voided:
                outcome = Outcome.MARKED if event.voided_by == void_id else Outcome.TAKEN
                return Marked(outcome, event.voided_by)
            if len(event.toggles) >= MAX_TOGGLES:
                return Marked(Outcome.SPENT)
            if self._clock.now_us() > begin_by_us:
                raise Unavailable("storage took too long to mark the events; the void goes on by itself")
            refused_by = self._toggle(event, "SET v = :toggles, i = :void", "attribute_not_exists(i)", void_id)
            if refused_by is event:
                return Marked(Outcome.MARKED, void_id)
            if refused_by is None:
                return Marked(Outcome.GONE)
            event = refused_by
        raise _contended()

    def _unmark(self, event: Event, void_id: str) -> bool:
        """What was read may be old, from the index, so the write itself finds out whether the mark is there."""
        for _ in range(ATTEMPTS):
            if not event.voided or event.voided_by != void_id:
                fresh = self._fresh(event)
                if fresh is None or not fresh.voided or fresh.voided_by != void_id:
                    return False
                event = fresh
            refused_by = self._toggle(event, "SET v = :toggles REMOVE i", "i = :void", void_id)
            if refused_by is event:
                return True
            if refused_by is None:
                return False
            event = refused_by
        raise _contended()

    def _toggle(self, event: Event, change: str, condition: str, void_id: str) -> Event | None:
        """Write one more toggle. The event itself when it is done, else the event as it is by now, None if gone."""
        before = event.toggles
        least = before[-1] if before else event.ingested_at_us
        # Set just before the write: whoever waits for writes stamped earlier than some instant relies on that.
        stamp = max(self._clock.now_us(), least + 1)
        unchanged = "size(v) = :size" if before else "attribute_not_exists(v)"
        values: _Item = {
            ":toggles": {"L": [{"N": str(one)} for one in (*before, stamp)]},
            ":void": {"S": void_id},
        }
        if before:
            values[":size"] = {"N": str(len(before))}
        try:
            with storage_faults():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(event),
                    UpdateExpression=change,
                    ConditionExpression=f"attribute_exists(pk) AND {condition} AND {unchanged}",
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            item = cast("_Item | None", error.response.get("Item"))
            return decode_item(item) if item else self._fresh(event)
        return event

    def _fresh(self, event: Event) -> Event | None:
        with storage_faults():
            answer = self._client.get_item(TableName=self._table, Key=_key(event), ConsistentRead=True)
        return decode_item(cast("_Item", answer["Item"])) if "Item" in answer else None

    def _read_batch(self, keys: list[str]) -> dict[str, Event]:
        waiting: Any = {self._table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}}
        found: dict[str, Event] = {}
        for attempt in range(READS):
            if attempt:
                pause(attempt, self._clock)
            with storage_faults():
                answer = self._client.batch_get_item(RequestItems=waiting)
            for item in answer["Responses"].get(self._table, []):
                found[str(item["pk"]["S"])] = decode_item(cast("_Item", item))
            waiting = answer.get("UnprocessedKeys")
            if not waiting:
                return found
        raise Unavailable("storage did not accept the request: events stay unread")

    def _each(self, call: Callable[[Event], _T], events: Sequence[Event]) -> list[_T]:
        """Call for every event and wait for all, failed or not: no write may outlive its request."""
        if len(events) == 1:
            return [call(events[0])]
        in_time = carry(call)
        futures = [self._pool.submit(in_time, event) for event in events]
        wait(futures)
        return [future.result() for future in futures]


def _key(event: Event) -> Any:
    return {"pk": {"S": partition_key(event.workspace, event.source, event.id)}}


def _contended() -> Unavailable:
    return Unavailable("storage did not accept the request: an event's marks kept changing")
