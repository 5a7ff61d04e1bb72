"""Writing the rows of the usage table; the keys and attributes are those of ``dynameter.usage.rows.row``.

A row that adds takes one UpdateItem, which adds to its cells and moves the shard's watermark under the condition that
the watermark lies before the first contribution and the row is in the epoch that the writer thinks it is in. A row
that keeps an extreme is read, folded and put back under the condition that its version is the one read. Either write
is refused as a whole, and the refusal brings the row: what is not in it yet is tried again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import ClientError

from dynameter.clock import HOUR_US, MICROSECONDS
from dynameter.errors import Unavailable
from dynameter.meters.meter import Aggregation
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults
from dynameter.usage.rows.additive import fold_cells
from dynameter.usage.rows.delta import Contribution, Delta
from dynameter.usage.rows.epoch import Finish, RecomputeJobs, judge, request_recompute
from dynameter.usage.rows.extremes import ExtremeRow, read_extremes, write_extremes
from dynameter.usage.rows.row import (
    CURRENT,
    EPOCH,
    PENDING,
    STREAM_MARK_LIFE_S,
    VERSION,
    RowEpoch,
    RowKey,
    cell_names,
    decode_epoch,
    groups_text,
    is_stale,
    item_key,
    marked_position,
    watermark,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 40
"""Writes of one row before giving up: as many may work on a total's row at once, and each round lets one through."""
PRUNED_AT_ONCE = 50
"""Watermarks removed in one write, whose condition may have 4 KB; the row's next writes remove the others."""
EPOCHS_KNOWN = 10_000
"""Rows whose epoch this process remembers; a row without one is not remembered."""

_Item = Mapping[str, Any]
_K = TypeVar("_K")
_V = TypeVar("_V")


class AdditiveRows:
    """Rows of SUM, COUNT, AVG and UNIQUE_COUNT."""

    def __init__(self, table: RowTable, jobs: RecomputeJobs | None) -> None:
        self._table = table
        self._jobs = jobs
        self._epochs: Remembered[RowKey, RowEpoch] = Remembered(EPOCHS_KNOWN)

    def add(self, mark: str, row: RowKey, contributions: Sequence[Contribution], now_s: int) -> None:
        """Add what the row does not have; ``mark`` names the shard's watermark. One write, if nothing refuses it."""
        epoch = self._epochs.get(row) or _NO_EPOCH
        known = ""
        for _ in range(ATTEMPTS):
            contributions = _news(contributions, known, epoch)
            if not contributions:
                return
            refused_by = self._update(mark, row, epoch, contributions, now_s)
            if refused_by is None:
                return
            known = marked_position(refused_by[mark]["S"]) if mark in refused_by else ""
            epoch = decode_epoch(refused_by)
            if epoch.epoch_us is not None:
                self._epochs.put(row, epoch)
        raise _gave_up()

    def start(self, row: RowKey, epoch_us: int) -> int:
        """See ``UsageStore.start_epoch``."""
        for _ in range(ATTEMPTS):
            before = decode_epoch(self._table.read(row))
            if before.pending and before.epoch_us is not None:
                # There is no third set for what lies between two epochs. What adds never needs the later one.
                request_recompute(self._jobs, row, before.epoch_us)
                return before.epoch_us
            after = RowEpoch(max(epoch_us, (before.epoch_us or 0) + 1), before.other, pending=True)
            assert after.epoch_us is not None
            request_recompute(self._jobs, row, after.epoch_us)
            update = f"SET {EPOCH} = :after, {PENDING} = :one"
            values: dict[str, Any] = {":after": {"N": str(after.epoch_us)}, ":one": {"N": "1"}}
            if row.groups:
                update += ", g = :g"
                values[":g"] = {"S": groups_text(row.groups)}
            if after.current:
                update += f", {CURRENT} = :cur"
                values[":cur"] = {"S": after.current}
            else:
                update += f" REMOVE {CURRENT}"
            condition = f"attribute_not_exists({PENDING}) AND {_is_in(before, values)}"
            if self._table.update(row, update, condition, values) is None:
                self._epochs.put(row, after)
                return after.epoch_us
        raise _gave_up()

    def finish(self, row: RowKey, epoch_us: int, recomputed: Sequence[Contribution]) -> Finish:
        """See ``UsageStore.finish_epoch``."""
        for _ in range(ATTEMPTS):
            item = self._table.read(row)
            epoch = decode_epoch(item)
            verdict = judge(epoch.epoch_us, epoch.pending, epoch_us)
            if verdict is not None:
                return verdict
            # While the recompute is pending nobody writes to the old set, so its names are those just read.
            gone = [name for name in cell_names(epoch.other) if name in item]
            added = {epoch.current + name: amount for name, amount in fold_cells(recomputed).items()}
            values: dict[str, Any] = {f":{name}": {"N": str(amount)} for name, amount in added.items()}
            update = f"REMOVE {', '.join([PENDING, *gone])}"
            if added:
                update = f"ADD {', '.join(f'{name} :{name}' for name in added)} {update}"
            condition = f"attribute_exists({PENDING}) AND {_is_in(epoch, values)}"
            if self._table.update(row, update, condition, values) is None:
                return Finish.DONE
        raise _gave_up()

    def _update(
        self, mark: str, row: RowKey, epoch: RowEpoch, contributions: Sequence[Contribution], now_s: int
    ) -> _Item | None:
        """Add in one write. None when it is done, else the row that refused it."""
        added = {epoch.current + name: amount for name, amount in fold_cells(contributions).items()}
        values: dict[str, Any] = {
            ":first": {"S": contributions[0].position},
            ":mark": {"S": watermark(contributions[-1].position, now_s)},
        }
        update = f"SET {mark} = :mark"
        if row.groups:
            update += ", g = :g"
            values[":g"] = {"S": groups_text(row.groups)}
        if added:
            update += f" ADD {', '.join(f'{name} :{name}' for name in added)}"
            values |= {f":{name}": {"N": str(amount)} for name, amount in added.items()}
        condition = f"(attribute_not_exists({mark}) OR {mark} < :first) AND {_is_in(epoch, values)}"
        look_back = _may_hold_stale_watermarks(row, now_s)
        written: list[_Item] | None = [] if look_back else None
        refused_by = self._table.update(row, update, condition, values, written)
        if refused_by is None and written:
            self._prune(row, written[0], now_s)
        return refused_by

    def _prune(self, row: RowKey, item: _Item, now_s: int) -> None:
        """Remove the watermarks of shards long gone, so that a row written to for years stays small."""
        named = ((name, typed["S"]) for name, typed in item.items() if name.startswith("w"))
        stale = dict(islice((one for one in named if is_stale(one[1], now_s)), PRUNED_AT_ONCE))
        if stale:
            # Where somebody else pruned or wrote in between, the next write to the row tries again.
            self._table.update(
                row,
                f"REMOVE {', '.join(stale)}",
                " AND ".join(f"{name} = :{name}" for name in stale),
                {f":{name}": {"S": value} for name, value in stale.items()},
            )


class ExtremeRows:
    """Rows of MIN, MAX and LATEST."""

    def __init__(self, table: RowTable, jobs: RecomputeJobs | None) -> None:
        self._table = table
        self._jobs = jobs

    def add(self, mark: str, row: RowKey, delta: Delta, now_s: int) -> None:
        """Fold in what the row does not have. One read and one write, if nobody writes the row at the same time."""
        item = self._table.read(row)
        for _ in range(ATTEMPTS):
            state = read_extremes(item, delta.aggregation)
            before = state.epoch
            if not state.fold(mark, delta, now_s):
                return
            refused_by = self._write(row, state, before, now_s)
            if refused_by is None:
                return
            item = refused_by
        raise _gave_up()

    def start(self, row: RowKey, aggregation: Aggregation, epoch_us: int, now_s: int) -> int:
        """See ``UsageStore.start_epoch``."""
        item = self._table.read(row)
        for _ in range(ATTEMPTS):
            state = read_extremes(item, aggregation)
            before = state.epoch
            after_us = max(epoch_us, state.top_us + 1, (before.epoch_us or 0) + 1)
            state.begin(after_us)
            refused_by = self._write(row, state, before, now_s)
            if refused_by is None:
                return after_us
            item = refused_by
        raise _gave_up()

    def finish(
        self, row: RowKey, aggregation: Aggregation, epoch_us: int, recomputed: Sequence[Contribution], now_s: int
    ) -> Finish:
        """See ``UsageStore.finish_epoch``."""
        item = self._table.read(row)
        for _ in range(ATTEMPTS):
            state = read_extremes(item, aggregation)
            verdict = judge(state.epoch.epoch_us, state.epoch.pending, epoch_us)
            if verdict is not None:
                return verdict
            before = state.epoch
            state.finish(recomputed)
            refused_by = self._write(row, state, before, now_s, finishing=True)
            if refused_by is None:
                return Finish.DONE
            item = refused_by
        raise _gave_up()

    def _write(
        self, row: RowKey, state: ExtremeRow, before: RowEpoch, now_s: int, *, finishing: bool = False
    ) -> _Item | None:
        """Put the next version. None when it is done, else the row that refused it."""
        if state.epoch.epoch_us != before.epoch_us and not finishing:
            assert state.epoch.epoch_us is not None
            request_recompute(self._jobs, row, state.epoch.epoch_us)
        return self._table.put(write_extremes(row, state, now_s), row, state.version)


class RowTable:
    """Single rows of the usage table: strongly consistent reads, and writes under a condition."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, row: RowKey) -> _Item:
        """The row's item, empty where there is none."""
        with storage_faults():
            answer = self._client.get_item(TableName=self._name, Key=item_key(row), ConsistentRead=True)
        return answer.get("Item", {})

    def update(
        self,
        row: RowKey,
        update: str,
        condition: str,
        values: dict[str, Any],
        written: list[_Item] | None = None,
    ) -> _Item | None:
        """Update the row. None when it is done, its item then appended to ``written``; else the row that refused."""
        arguments: dict[str, Any] = {"ExpressionAttributeValues": values} if values else {}
        try:
            with storage_faults():
                answer = self._client.update_item(
                    TableName=self._name,
                    Key=item_key(row),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ReturnValues="NONE" if written is None else "ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **arguments,
                )
        except ClientError as error:
            return self._refused_by(row, error)
        if written is not None:
            written.append(answer.get("Attributes", {}))
        return None

    def put(self, item: dict[str, Any], row: RowKey, version: int) -> _Item | None:
        """Put the row's next version over ``version``, 0 for none. None when it is done, else the row that refused."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if version:
            condition = {
                "ConditionExpression": f"{VERSION} = :before",
                "ExpressionAttributeValues": {":before": {"N": str(version)}},
            }
        try:
            with storage_faults():
                self._client.put_item(
                    TableName=self._name, Item=item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **condition
                )
        except ClientError as error:
            return self._refused_by(row, error)
        return None

    def _refused_by(self, row: RowKey, error: ClientError) -> _Item:
        """The row that came with the refusal; read where an engine sends none."""
        if error_code(error) != CONDITION_FAILED:
            raise error
        item: Any = error.response.get("Item")
        return item or self.read(row)


class Remembered(Generic[_K, _V]):
    """A bounded memory of what this process knows, shared by its threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[_K, _V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _K) -> _V | None:
        """What is known of the key."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: _K, value: _V) -> None:
        """Remember it, and forget what was longest unused."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)


_NO_EPOCH = RowEpoch()


def _news(contributions: Sequence[Contribution], known: str, epoch: RowEpoch) -> Sequence[Contribution]:
    """What lies after the watermark and is not the recompute's."""
    since_us = epoch.epoch_us
    if not known and since_us is None:
        return contributions
    return [one for one in contributions if one.position > known and (since_us is None or one.stamp_us >= since_us)]


def _is_in(epoch: RowEpoch, values: dict[str, Any]) -> str:
    """The condition that the row is in the epoch; adds what it needs to ``values``."""
    if epoch.epoch_us is None:
        return f"attribute_not_exists({EPOCH})"
    values[":ep"] = {"N": str(epoch.epoch_us)}
    return f"{EPOCH} = :ep"


def _may_hold_stale_watermarks(row: RowKey, now_s: int) -> bool:
    """Rows near the present are spared the look: what wrote them, wrote them not long ago."""
    return abs(now_s - row.hour * (HOUR_US // MICROSECONDS)) > STREAM_MARK_LIFE_S


def _gave_up() -> Unavailable:
    return Unavailable("storage did not accept the request: a usage row kept changing")
