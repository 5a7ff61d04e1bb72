"""The usage table: adding to its rows, and reading them. The keys and attributes are those of ``usage.rows.row``.

Adding is exactly once without a marker for each event: the one write that changes a row also moves the shard's
watermark in that row, under the condition that the watermark lies before the first contribution. A replay is
refused, the refusal brings the row, and what lies after its watermark is added. Positions grow within a shard
and a shard's records come in order the first time, so nothing at or before a watermark is ever missing from the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from dynameter.clock import MICROSECONDS
from dynameter.deadline import carry
from dynameter.meters.meter import Aggregation
from dynameter.runtime.dynamodb import storage_faults
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import EXTREME
from dynameter.usage.rows.delta import Contribution, Delta, Deltas
from dynameter.usage.rows.epoch import Finish, RecomputeJobs
from dynameter.usage.rows.row import (
    HOUR_ATTRIBUTES,
    HourRow,
    HourSpan,
    RowKey,
    Series,
    decode,
    hour_of,
    next_month,
    partition_key,
    read_subject,
    sort_key_bounds,
    subject_sort_key,
    subjects_key,
    watermark_name,
)
from dynameter.usage.rows.writing import AdditiveRows, ExtremeRows, Remembered, RowTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WORKERS = 16
LISTED_SUBJECTS = 50_000
"""Entries of the subjects' lists that this process remembers to have written."""

_Item = dict[str, Any]
_T = TypeVar("_T")


class UsageStore:
    """Adds to usage rows and reads them, strongly consistent."""

    def __init__(
        self, client: DynamoDBClient, table: str, workers: int = WORKERS, jobs: RecomputeJobs | None = None
    ) -> None:
        """``jobs`` is needed by whoever may start an epoch: the stream's fold, and a repair."""
        self._client = client
        self._table = table
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="usage")
        self._listed: Remembered[tuple[str, str], bool] = Remembered(LISTED_SUBJECTS)
        self._additive = AdditiveRows(RowTable(client, table), jobs)
        self._extremes = ExtremeRows(RowTable(client, table), jobs)

    def apply(self, shard: str, rows: Deltas, now_us: int) -> None:
        """Add each contribution to its row unless the row has it already; rows are written in parallel.

        ``shard`` names whatever brings contributions in the order of their positions: a shard of the stream, a slice
        of a rebuild. Raises ``Unavailable`` where storage fails. Some rows may be written then; calling again with the
        same contributions, or any run of them that starts no later, adds the rest and nothing twice.
        """
        self._list_subjects(rows)
        mark, now_s = watermark_name(shard), now_us // MICROSECONDS
        self._in_parallel(lambda row: self._add(mark, row, rows[row], now_s), list(rows))

    def start_epoch(self, row: RowKey, aggregation: Aggregation, epoch_us: int, now_us: int) -> int:
        """Start an epoch of the row, made if it is not there, and ask for its recompute; see ``usage.rows.epoch``.

        ``epoch_us`` must lie past the present by the margin that clocks may differ. Answers the epoch that is pending
        when this returns: that one, a later one, or of rows that add one that was pending before.
        """
        self._list_subjects((row,))
        if aggregation in EXTREME:
            return self._extremes.start(row, aggregation, epoch_us, now_us // MICROSECONDS)
        return self._additive.start(row, epoch_us)

    def finish_epoch(
        self,
        row: RowKey,
        aggregation: Aggregation,
        epoch_us: int,
        recomputed: Sequence[Contribution],
        now_us: int,
    ) -> Finish:
        """End the row's epoch with what ``fold_history`` as of the epoch holds for the row (nothing: an empty one).

        One conditional write; again for the same epoch changes nothing.
        """
        if aggregation in EXTREME:
            return self._extremes.finish(row, aggregation, epoch_us, recomputed, now_us // MICROSECONDS)
        return self._additive.finish(row, epoch_us, recomputed)

    def rows(
        self, series: Series, subject: str | None, span: HourSpan, budget: ReadBudget, *, minutes: bool
    ) -> list[HourRow]:
        """The rows of a subject, or of the total where it is None, in the order of hours.

        Without ``minutes`` only the hours' totals are sent and parsed; the read units are the same. Raises TooLarge
        when the budget is used up.
        """
        first, last = sort_key_bounds(span)
        projection = {} if minutes else {"ProjectionExpression": ", ".join(HOUR_ATTRIBUTES)}
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
        return [decode(item, minutes=minutes) for page in pages for item in page]

    def subjects(self, series: Series, span: HourSpan, budget: ReadBudget, limit: int) -> list[str]:
        """Subjects that may have rows in the hours' UTC months, sorted; stops once there are more than ``limit``.

        Months without usage are skipped over by looking for the total's next row, so an open range costs by the
        months that have any.
        """
        found: set[str] = set()
        hour = self.first_hour(series, span)
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
            hour = self.first_hour(series, HourSpan(next_month(hour), span.last))
        return sorted(found)

    def first_hour(self, series: Series, span: HourSpan) -> int | None:
        """The first hour of the span in which the series has a row."""
        if span.first > span.last:
            return None
        least, greatest = sort_key_bounds(span)
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

    def _list_subjects(self, rows: Iterable[RowKey]) -> None:
        """List the rows' subjects before the rows are there, so that no row can be missed by listing subjects."""
        entries = {(subjects_key(row.series, row.hour), row.subject) for row in rows if row.subject is not None}
        self._in_parallel(self._list_subject, [entry for entry in entries if self._listed.get(entry) is None])

    def _list_subject(self, entry: tuple[str, str]) -> None:
        partition, subject = entry
        with storage_faults():
            self._client.put_item(
                TableName=self._table, Item={"pk": {"S": partition}, "sk": {"S": subject_sort_key(subject)}}
            )
        self._listed.put(entry, True)

    def _add(self, mark: str, row: RowKey, delta: Delta, now_s: int) -> None:
        if delta.aggregation in EXTREME:
            self._extremes.add(mark, row, delta, now_s)
        else:
            self._additive.add(mark, row, delta.contributions, now_s)

    def _in_parallel(self, call: Callable[[_T], None], parts: Sequence[_T]) -> None:
        """Call for every part; after a failure begin no more, wait for those under way and raise it.

        No write may outlive its invocation: Lambda freezes the process after the answer and thaws it with another.
        """
        if len(parts) == 1:
            call(parts[0])
            return
        in_time = carry(call)
        futures = [self._pool.submit(in_time, part) for part in parts]
        finished, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        if waiting:
            for future in waiting:
                future.cancel()
            finished |= wait(waiting).done
        for future in finished:
            if not future.cancelled():
                future.result()
