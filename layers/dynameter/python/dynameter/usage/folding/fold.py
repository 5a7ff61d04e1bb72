"""Folding facts about events into what they add to usage rows. Pure.

The stream brings facts one by one; the history holds events with all their facts. A generation takes from the stream
the facts stamped at or after its ``live_from``, and from the history the state of each event just before it, so that
together they count every fact once, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dynameter import codec, rfc3339
from dynameter.clock import MINUTE_US
from dynameter.events.event import Event
from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading, Skip
from dynameter.usage.rows.cells import moment_of
from dynameter.usage.rows.delta import Contribution, Delta, Deltas
from dynameter.usage.rows.row import MAX_SUBJECT_BYTES, RowKey, Series


class Reads(Protocol):
    """What reads an event's data, see ``dynameter.meters.reader.Reader``."""

    def read(self, data: dict[str, Any] | None) -> Reading | Skip:
        """The event's reading, or why it does not count."""


@dataclass(frozen=True, slots=True)
class Fact:
    """That an event counts (``sign`` 1) or no longer counts (-1), stamped by whoever wrote it."""

    stamp_us: int
    sign: int


@dataclass(frozen=True, slots=True)
class Record:
    """Facts about one event at one place of a shard: of the events table's stream, or of the history."""

    position: str
    event: Event
    data: dict[str, Any] | None
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Counting:
    """One generation of one meter, ready to read events."""

    meter: Meter
    generation: Generation
    reader: Reads
    series: Series

    def facts(self, record: Record) -> Sequence[Fact]:
        """Those of the record that are this generation's to fold; older ones are the rebuild's."""
        since, live_from_us = self.meter.event_from_us, self.generation.live_from_us
        if since is not None and record.event.time_us < since:
            return ()
        return [fact for fact in record.facts if fact.stamp_us >= live_from_us]

    def read(self, data: dict[str, Any] | None) -> Reading | Skip:
        """The event's reading, the value of UNIQUE_COUNT as one more group; or why the event does not count."""
        reading = self.reader.read(data)
        if self.meter.aggregation is not Aggregation.UNIQUE_COUNT or isinstance(reading, Skip):
            return reading
        return Reading(None, (*reading.groups, str(reading.value)))


Definitions = Mapping[tuple[str, str], Sequence[Counting]]
"""The countings of each (workspace, event type)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A reader that raised on an event, which a reader must not do: the event does not count in that meter."""

    series: Series
    position: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch adds, row by row and each row's contributions in the order of their positions.

    ``unmatched`` counts events of a type that no meter has, ``unusable`` the readings that were refused.
    """

    rows: Deltas
    unmatched: int
    unusable: int
    faults: Sequence[Fault]


def insertion(event: Event) -> Fact:
    """The fact that the event was stored."""
    return Fact(event.ingested_at_us, 1)


def toggles_since(event: Event, before: Event) -> tuple[Fact, ...]:
    """The voids and un-voids that the event has had since it was as ``before``."""
    known = len(before.toggles)
    if event.toggles[:known] != before.toggles:
        raise ValueError("the event's voids do not continue those it had before")
    return tuple(
        Fact(stamp_us, -1 if place % 2 == 0 else 1) for place, stamp_us in enumerate(event.toggles) if place >= known
    )


def make_record(position: str, event: Event, facts: tuple[Fact, ...]) -> Record:
    """The record, its event's data decoded. Raises ValueError where the event is not fit to count in any meter."""
    if not rfc3339.EARLIEST_US <= event.time_us < rfc3339.LATEST_US:
        raise ValueError(f"the event's time {event.time_us} is out of range")
    if not 0 < len(event.subject.encode()) <= MAX_SUBJECT_BYTES:
        raise ValueError(f"the event's subject must have 1 to {MAX_SUBJECT_BYTES} bytes")
    data = None if event.data is None else codec.decode(event.data)
    if data is not None and not isinstance(data, dict):
        raise ValueError("the event's data is no JSON object")
    return Record(position, event, data, facts)


def fold(records: Iterable[Record], definitions: Definitions) -> Folded:
    """Fold one shard's records; their order and repeats among them do not matter."""
    distinct = {record.position: record for record in records}
    batches: dict[tuple[str, str], list[Record]] = {}
    for position in sorted(distinct):
        record = distinct[position]
        batches.setdefault((record.event.workspace, record.event.type), []).append(record)
    rows: dict[RowKey, Delta] = {}
    faults: list[Fault] = []
    unmatched = unusable = 0
    for kind, batch in batches.items():
        countings = definitions.get(kind, ())
        unmatched += 0 if countings else len(batch)
        for counting in countings:
            unusable += _fold_into(rows, counting, batch, faults)
    return Folded(rows, unmatched, unusable, faults)


def _fold_into(rows: dict[RowKey, Delta], counting: Counting, records: Sequence[Record], faults: list[Fault]) -> int:
    """Fold what one counting makes of its records, in the order of their positions. How many were unusable."""
    latest = counting.meter.aggregation is Aggregation.LATEST
    found: dict[tuple[str | None, int, tuple[str, ...]], list[Contribution]] = {}
    unusable = 0
    for record in records:
        facts = counting.facts(record)
        if not facts:
            continue
        try:
            reading = counting.read(record.data)
        except Exception as error:
            # One meter's fault must disturb neither the other meters nor the shard.
            faults.append(Fault(counting.series, record.position, error))
            continue
        if isinstance(reading, Skip):
            unusable += 1
            continue
        event = record.event
        hour, minute = divmod(event.time_us // MINUTE_US, 60)
        moment = moment_of(event) if latest else None
        added = [Contribution(record.position, minute, reading.value, one.sign, one.stamp_us, moment) for one in facts]
        for subject in (event.subject, None):
            row = (subject, hour, reading.groups)
            if row in found:
                found[row] += added
            else:
                found[row] = added.copy()
    for row, contributions in found.items():
        rows[RowKey(counting.series, *row)] = Delta(
            counting.meter.aggregation, contributions, counting.generation.complete
        )
    return unusable


def fold_history(meter: Meter, generation: Generation, events: Iterable[StoredEvent], as_of_us: int) -> Folded:
    """Fold raw events as they counted just before ``as_of_us``: each once, at its key, or not at all.

    Events of other types, and events that no meter could count, are passed over. A row's contributions are those of
    ``Folded.rows``, both for the subject and for the total (``RowKey.subject`` None).
    """
    reader = compile_reader(meter.aggregation, meter.value_property, generation.group_by)
    series = Series(meter.workspace, meter.id, generation.number)
    counting = Counting(meter, replace(generation, live_from_us=0), reader, series)
    records = []
    for stored in events:
        event = stored.event
        if event.type != meter.event_type or not event.counted_before(as_of_us):
            continue
        try:
            records.append(make_record(stored.key, event, (insertion(event),)))
        except ValueError:
            # The stream has it in quarantine, and it was never counted.
            continue
    return fold(records, {(meter.workspace, meter.event_type): [counting]})
