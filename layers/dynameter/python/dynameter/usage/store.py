"""The usage table. The keys and attributes are those of ``dynameter.usage.row``.

Adding is exactly once without a marker for each event: the one UpdateItem that adds to a row also moves the shard's
watermark in that row, under the condition that the watermark lies before the first record to be added. A replay is
refused, the refusal brings the row, and what lies after its watermark is added. Sequence numbers grow within a shard
and a shard's records come in order the first time, so nothing at or before a watermark is ever missing from the row.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from dynameter.clock import HOUR_US, MICROSECONDS
from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import CONDITION_FAILED, error_code, storage_faults
from dynameter.usage import additive
from dynameter.usage.additive import Cells, Contribution
from dynameter.usage.budget import ReadBudget
from dynameter.usage.query import HourRow
from dynameter.usage.row import (
    HourSpan,
    RowKey,
    Series,
    groups_text,
    hour_of,
    marked_at_s,
    marked_sequence,
    next_month,
    partition_key,
    read_groups,
    read_subject,
    sequence_text,
    sort_key,
    sort_key_bounds,
    subject_sort_key,
    subjects_key,
    watermark,
    watermark_name,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WORKERS = 16
ATTEMPTS = 6
"""Updates of one row before giving up; more than two only where two invocations work on one shard at once."""
WATERMARK_LIFE_S = 48 * 3_600
"""A stream keeps its records 24 hours, so an older watermark can refuse nothing any more."""
LISTED_SUBJECTS = 50_000
"""Entries of the subjects' lists that this process remembers to have written."""

_Item = dict[str, Any]
_T = TypeVar("_T")


class UsageStore:
    """Adds to usage rows and reads them, strongly consistent."""

    def __init__(self, client: DynamoDBClient, table: str, workers: int = WORKERS) -> None:
        self._client = client
        self._table = table
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="usage")
        self._listed = _RecentlyWritten(LISTED_SUBJECTS)

    def apply(self, shard_id: str, rows: Mapping[RowKey, Sequence[Contribution]], now_us: int) -> None:
        """Add each contribution to its row unless the row has it already; rows are written in parallel.

        Raises ``Unavailable`` where storage fails. Some rows may be written then; calling again with the same
        contributions, or any run of them that starts no later, adds the rest and nothing twice.
        """
        entries = {(subjects_key(row.series, row.hour), row.subject) for row in rows if row.subject is not None}
        # A subject is listed before its first row is there, so that no row can be missed by listing subjects.
        self._in_parallel(self._list_subject, [entry for entry in entries if entry not in self._listed])
        self._in_parallel(lambda row: self._add(shard_id, row, rows[row], now_us), list(rows))

    def rows(
        self, series: Series, subject: str | None, span: HourSpan, budget: ReadBudget, *, minutes: bool
    ) -> list[HourRow]:
        """The rows of a subject, or of the total where it is None, in the order of hours.

        Without ``minutes`` only the hours' totals are sent and parsed; the read units are the same. Raises TooLarge
        when the budget is used up.
        """
        first, last = sort_key_bounds(span)
        projection = {} if minutes else {"ProjectionExpression": "sk, g, n, i, f"}
        pages = self._query(
            budget,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": partition_key(series, subject)},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            **projection,
        )
        return [_read_row(item, minutes=minutes) for page in pages for item in page]

    def subjects(self, series: Series, span: HourSpan, budget: ReadBudget, limit: int) -> list[str]:
        """Subjects that may have rows in the hours' UTC months, sorted; stops once there are more than ``limit``.

        Months without usage are skipped over by looking for the total's next row, so an open range costs by the
        months that have any.
        """
        found: set[str] = set()
        hour = self._next_hour(series, span.first, span.last)
        while hour is not None and len(found) <= limit:
            pages = self._query(
                budget,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": subjects_key(series, hour)}},
            )
            for page in pages:
                budget.spend(0, goes_on=True)
                found |= {read_subject(item["sk"]["S"]) for item in page}
                if len(found) > limit:
                    break
            hour = self._next_hour(series, next_month(hour), span.last)
        return sorted(found)

    def _next_hour(self, series: Series, first: int, last: int) -> int | None:
        """The first hour of the span in which the series has a row."""
        if first > last:
            return None
        least, greatest = sort_key_bounds(HourSpan(first, last))
        with storage_faults():
            answer = self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                Limit=1,
                ProjectionExpression="sk",
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": {"S": partition_key(series, None)},
                    ":first": {"S": least},
                    ":last": {"S": greatest},
                },
            )
        return hour_of(answer["Items"][0]["sk"]["S"]) if answer["Items"] else None

    def _query(self, budget: ReadBudget, **arguments: Any) -> Iterator[list[_Item]]:
        """The pages of one strongly consistent Query."""
        start: _Item = {}
        while True:
            with storage_faults():
                answer = self._client.query(TableName=self._table, ConsistentRead=True, **arguments, **start)
            goes_on = bool(answer.get("LastEvaluatedKey"))
            items: list[Any] = answer["Items"]
            budget.spend(sum(map(len, items)), goes_on=goes_on)
            yield items
            if not goes_on:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _list_subject(self, entry: tuple[str, str]) -> None:
        partition, subject = entry
        with storage_faults():
            self._client.put_item(
                TableName=self._table, Item={"pk": {"S": partition}, "sk": {"S": subject_sort_key(subject)}}
            )
        self._listed.add(entry)

    def _add(self, shard_id: str, row: RowKey, contributions: Sequence[Contribution], now_us: int) -> None:
        mark = watermark_name(shard_id)
        for _ in range(ATTEMPTS):
            refused_by = self._update(row, mark, contributions, now_us)
            if refused_by is None:
                return
            contributions = [one for one in contributions if one.sequence > refused_by]
            if not contributions:
                return
        raise Unavailable("storage did not accept the request: a usage row kept changing")

    def _update(self, row: RowKey, mark: str, contributions: Sequence[Contribution], now_us: int) -> int | None:
        """Add in one write. None when it is done, else the watermark that refused it."""
        now_s = now_us // MICROSECONDS
        added = additive.fold_cells(contributions)
        assignments = f"{mark} = :mark"
        values: _Item = {
            ":first": {"S": sequence_text(contributions[0].sequence)},
            ":mark": {"S": watermark(contributions[-1].sequence, now_s)},
        }
        if row.groups:
            assignments += ", g = :g"
            values[":g"] = {"S": groups_text(row.groups)}
        values |= {f":{name}": {"N": str(amount)} for name, amount in added.items()}
        additions = ", ".join(f"{name} :{name}" for name in added)
        look_back = _may_hold_stale_watermarks(row, now_s)
        try:
            with storage_faults():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(row),
                    UpdateExpression=f"SET {assignments} ADD {additions}",
                    ConditionExpression=f"attribute_not_exists({mark}) OR {mark} < :first",
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW" if look_back else "NONE",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ClientError as error:
            if error_code(error) != CONDITION_FAILED:
                raise
            return self._watermark(row, mark, error)
        if look_back:
            self._prune(row, answer.get("Attributes", {}), now_s)
        return None

    def _watermark(self, row: RowKey, mark: str, error: ClientError) -> int:
        """The watermark in the row that came with the refusal; read where an engine sends none."""
        item: Mapping[str, Any] = error.response.get("Item") or {}  # type: ignore[assignment]
        if mark not in item:
            with storage_faults():
                item = self._client.get_item(TableName=self._table, Key=_key(row), ConsistentRead=True)["Item"]
        return marked_sequence(item[mark]["S"])

    def _prune(self, row: RowKey, item: Mapping[str, Any], now_s: int) -> None:
        """Remove the watermarks of shards long gone, so that a row written to for years stays small."""
        stale = {
            name: typed["S"]
            for name, typed in item.items()
            if name.startswith("w") and marked_at_s(typed["S"]) < now_s - WATERMARK_LIFE_S
        }
        if not stale:
            return
        try:
            with storage_faults():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(row),
                    UpdateExpression=f"REMOVE {', '.join(stale)}",
                    ConditionExpression=" AND ".join(f"{name} = :{name}" for name in stale),
                    ExpressionAttributeValues={f":{name}": {"S": value} for name, value in stale.items()},
                )
        except ClientError as error:
            # Somebody else pruned or wrote in between; the next write to the row tries again.
            if error_code(error) != CONDITION_FAILED:
                raise

    def _in_parallel(self, call: Callable[[_T], None], parts: Sequence[_T]) -> None:
        """Call for every part; after a failure begin no more, wait for those under way and raise it.

        No write may outlive its invocation: Lambda freezes the process after the answer and thaws it with another.
        """
        if len(parts) == 1:
            call(parts[0])
            return
        futures = [self._pool.submit(call, part) for part in parts]
        finished, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        if waiting:
            for future in waiting:
                future.cancel()
            finished |= wait(waiting).done
        for future in finished:
            if not future.cancelled():
                future.result()


class _RecentlyWritten:
    """A bounded memory of what this process has durably written."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, entry: tuple[str, str]) -> bool:
        with self._lock:
            if entry not in self._entries:
                return False
            self._entries.move_to_end(entry)
            return True

    def add(self, entry: tuple[str, str]) -> None:
        with self._lock:
            self._entries[entry] = None
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)


def _key(row: RowKey) -> _Item:
    return {"pk": {"S": partition_key(row.series, row.subject)}, "sk": {"S": sort_key(row.hour, row.groups)}}


def _read_row(item: Mapping[str, Any], *, minutes: bool) -> HourRow:
    fine = {minute: _cells(item, f"{minute:02d}") for minute in range(60) if f"n{minute:02d}" in item}
    groups = read_groups(item["g"]["S"]) if "g" in item else ()
    return HourRow(hour_of(item["sk"]["S"]), groups, _cells(item, ""), fine if minutes else None)


def _cells(item: Mapping[str, Any], suffix: str) -> Cells:
    return Cells(*(_whole(item.get(name + suffix)) for name in "nif"))


def _whole(typed: Mapping[str, str] | None) -> int:
    """A whole number of any size; an engine may print one with an exponent."""
    if typed is None:
        return 0
    text = typed["N"]
    return int(text) if "E" not in text.upper() and "." not in text else int(Decimal(text))


def _may_hold_stale_watermarks(row: RowKey, now_s: int) -> bool:
    """Rows near the present are spared the look: what wrote them, wrote them not long ago."""
    return abs(now_s - row.hour * (HOUR_US // MICROSECONDS)) > WATERMARK_LIFE_S
