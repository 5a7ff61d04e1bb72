"""Counting the events of quarantined records, each once, whether or not some of its rows have it already.

The stream has passed these records, so folding them again is no way: the watermarks would refuse them, and nobody
knows which rows were written before the record went to quarantine. But the events table has the event itself. So for
every row that the event counts in, in every generation of every meter of its type, an epoch is started, and the row is
recomputed from the raw history; ``usage.rows.epoch`` argues why that is exact while events keep coming. Only when
all its rows have their epochs, and with them their durable jobs, does the record leave the quarantine: to be killed
anywhere before means to do the same again, which changes nothing.

An epoch serves only if it lies after all that is known of the event, and after this job was written: an older one may
be under recompute by the very code that could not read the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dynameter.clock import HOUR_US, Clock
from dynameter.events.event import Event
from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Aggregation, Meter
from dynameter.rebuild.job import DoneJobs, Handler, Job, Progress
from dynameter.rfc3339 import LATEST_US
from dynameter.usage.folding.fold import fold_history, make_record
from dynameter.usage.folding.stream import DecodeItem
from dynameter.usage.quarantine.record import Quarantined, QuarantinePage
from dynameter.usage.recounts.repair import LEAST_MARGIN_US
from dynameter.usage.rows.row import RowKey

_DAY_US = 24 * HOUR_US


class Quarantine(Protocol):
    """What is needed of ``dynameter.usage.quarantine.store.QuarantineStore``."""

    def page(self, after: str | None = None) -> QuarantinePage:
        """Some records after that place."""

    def keep(self, place: str, reason: str) -> None:
        """Note why the record still cannot be counted."""

    def remove(self, place: str) -> None:
        """Drop the record."""


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def load_live(self, workspace: str) -> Sequence[Meter]:
        """The workspace's meters."""


class Rows(Protocol):
    """What is needed of ``dynameter.usage.rows.store.UsageStore``."""

    def start_epoch(self, row: RowKey, aggregation: Aggregation, epoch_us: int, now_us: int) -> int:
        """Start an epoch of the row and ask for its recompute; answers the epoch that is pending."""


FindItem = Callable[[str], Mapping[str, Any] | None]
"""See ``dynameter.events.history.EventHistory.find_item``."""


@dataclass(slots=True)
class _Chunk:
    """What a chunk remembers. Meters may be: a generation made later covers these events by its rebuild."""

    job: Job
    epochs: dict[RowKey, int] = field(default_factory=dict)
    meters: dict[str, Sequence[Meter]] = field(default_factory=dict)


class Stays(Exception):
    """The record cannot be counted now; the text says why."""


class Redrive(Handler):
    """What jobs of the kind ``redrive`` do.

    ``settle_us`` and ``retention_days`` are those of ``usage.recounts.repair.RecountService``, for the same reasons.
    """

    def __init__(
        self,
        quarantine: Quarantine,
        find_item: FindItem,
        decode_item: DecodeItem,
        meters: Meters,
        rows: Rows,
        jobs: DoneJobs,
        clock: Clock,
        settle_us: int,
        retention_days: int,
    ) -> None:
        self._quarantine = quarantine
        self._find_item = find_item
        self._decode_item = decode_item
        self._meters = meters
        self._rows = rows
        self._jobs = jobs
        self._clock = clock
        self._margin_us = max(settle_us, LEAST_MARGIN_US)
        self._retention_us = retention_days * _DAY_US

    def run(self, job: Job, deadline_us: int) -> Progress:
        """See ``dynameter.rebuild.job.Handler``; a position is the place of the last record looked at."""
        after, worked = job.position, 0
        chunk = _Chunk(job)
        while True:
            page = self._quarantine.page(after)
            for record in page.records:
                self._redrive(record, chunk)
                after, worked = record.place, worked + 1
                if self._clock.now_us() >= deadline_us:
                    return Progress(after, worked=worked)
            if page.next is None:
                return Progress(after, done=True, worked=worked)
            after = page.next

    def finish(self, job: Job) -> None:
        """What stayed in quarantine says why; the job has nothing to add."""
        self._jobs.delete(job.key)

    def _redrive(self, record: Quarantined, chunk: _Chunk) -> None:
        try:
            event = self._read(record)
            newest_us = max(event.ingested_at_us, *event.toggles, chunk.job.created_at_us)
            if event.workspace not in chunk.meters:
                chunk.meters[event.workspace] = self._meters.load_live(event.workspace)
            for row, aggregation in _rows_of(event, chunk.meters[event.workspace]):
                if chunk.epochs.get(row, 0) <= newest_us:
                    chunk.epochs[row] = self._start(row, aggregation, newest_us)
        except Stays as reason:
            self._quarantine.keep(record.place, str(reason))
        else:
            self._quarantine.remove(record.place)

    def _read(self, record: Quarantined) -> Event:
        """The event of the record, by today's code. Raises ``Stays``."""
        if record.event_key is None:
            raise Stays("the record names no event")
        item = self._find_item(record.event_key)
        if item is None:
            raise Stays("the event is not stored any more")
        try:
            event = self._decode_item(item)
            make_record("", event, ())
        except Exception as error:
            # Whatever is wrong with one record, as where the stream is read.
            raise Stays(f"{type(error).__name__}: {error}") from None
        hour_us = event.time_us // HOUR_US * HOUR_US
        if self._retention_us and hour_us < self._clock.now_us() - self._retention_us:
            raise Stays("its hour is older than EventRetentionDays: events that usage has may be gone from it")
        return event

    def _start(self, row: RowKey, aggregation: Aggregation, newest_us: int) -> int:
        now_us = self._clock.now_us()
        epoch_us = self._rows.start_epoch(row, aggregation, now_us + self._margin_us, now_us)
        if epoch_us <= newest_us:
            raise Stays("its hour is being recomputed from before; redrive it again in some minutes")
        return epoch_us


def _rows_of(event: Event, meters: Sequence[Meter]) -> Iterator[tuple[RowKey, Aggregation]]:
    """Every row that the event counts in, or would if it were not void."""
    stored = StoredEvent(replace(event, toggles=(), voided_by=None), "")
    for meter in meters:
        for generation in meter.generations:
            for row in fold_history(meter, generation, (stored,), LATEST_US).rows:
                yield row, meter.aggregation
