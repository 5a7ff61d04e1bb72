"""Folding stream records into what they add to usage rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dynameter.clock import MINUTE_US
from dynameter.events.event import Event
from dynameter.meters.meter import Generation, Meter
from dynameter.meters.reading import Reading, Skip
from dynameter.usage import additive
from dynameter.usage.additive import Contribution
from dynameter.usage.row import RowKey, Series


class Reads(Protocol):
    """What reads an event's data, see ``dynameter.meters.reader.Reader``."""

    def read(self, data: dict[str, Any] | None) -> Reading | Skip:
        """The event's reading, or why it does not count."""


@dataclass(frozen=True, slots=True)
class Counting:
    """One generation of one meter, ready to read events."""

    meter: Meter
    generation: Generation
    reader: Reads
    series: Series

    @property
    def folds(self) -> bool:
        """Whether there is a family that aggregates this meter."""
        return self.meter.aggregation in additive.AGGREGATIONS

    def covers(self, event: Event) -> bool:
        """Whether the event is this generation's to fold from the stream; what is older is the rebuild's."""
        since = self.meter.event_from_us
        return event.ingested_at_us >= self.generation.live_from_us and (since is None or event.time_us >= since)


Definitions = Mapping[tuple[str, str], Sequence[Counting]]
"""The countings of each (workspace, event type)."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event inserted into the events table, at its place in a shard of the table's stream."""

    sequence: int
    event: Event
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A reader that raised on an event, which a reader must not do: the event does not count in that meter."""

    series: Series
    sequence: int
    error: Exception


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch adds, row by row and each row's contributions in the order of the stream.

    ``unmatched`` counts events of a type that no meter has, ``unusable`` the readings that were refused.
    """

    rows: Mapping[RowKey, Sequence[Contribution]]
    unmatched: int
    unusable: int
    faults: Sequence[Fault]


def fold(records: Iterable[Record], definitions: Definitions) -> Folded:
    """Fold one shard's records; their order and repeats among them do not matter."""
    rows: dict[tuple[Series, str | None, int, tuple[str, ...]], list[Contribution]] = {}
    faults: list[Fault] = []
    unmatched = unusable = 0
    distinct = {record.sequence: record for record in records}
    for sequence in sorted(distinct):
        record = distinct[sequence]
        event = record.event
        hour, minute = divmod(event.time_us // MINUTE_US, 60)
        countings = definitions.get((event.workspace, event.type), ())
        unmatched += not countings
        for counting in countings:
            if not counting.folds or not counting.covers(event):
                continue
            try:
                reading = counting.reader.read(record.data)
            except Exception as error:
                # One meter's fault must disturb neither the other meters nor the shard.
                faults.append(Fault(counting.series, sequence, error))
                continue
            if isinstance(reading, Skip):
                unusable += 1
                continue
            contribution = Contribution(sequence, minute, reading.value)
            for subject in (event.subject, None):
                rows.setdefault((counting.series, subject, hour, reading.groups), []).append(contribution)
    return Folded({RowKey(*key): added for key, added in rows.items()}, unmatched, unusable, faults)
