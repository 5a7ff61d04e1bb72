"""Events with their voids and un-voids beside an aggregator, and what usage must come to, counted plainly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from dynameter import codec
from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.events.event import Event
from dynameter.events.store import encode_item
from dynameter.events.stored import StoredEvent
from dynameter.meters.meter import Aggregation, Meter
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading
from dynameter.usage.folding.fold import fold_history
from dynameter.usage.rows.budget import ReadBudget
from dynameter.usage.rows.cells import Cell, answer, cell_of, combine, is_counted, moment_of
from dynameter.usage.rows.epoch import Finish
from dynameter.usage.rows.row import LAST_HOUR, PENDING, HourSpan, RowKey, Series
from dynameter.usage.rows.store import UsageStore
from tests.unit.usage.builders import OTHER_SHARD, SHARD, make_event, stream_record
from tests.unit.usage.world import Crash, RecomputeJob, World

SKEW_US = 20
"""How far the stamps of writers differ from the clock, either way."""
EVERY_HOUR = HourSpan(0, LAST_HOUR)
Place = tuple[str | None, int, tuple[str, ...]]
"""Subject (None for the total), minute since the epoch, groups."""


@dataclass
class Ledger:
    """The events table, its stream of two shards, and a meter's usage rows, driven step by step."""

    meter: Meter
    world: World = field(init=False)
    events: dict[str, Event] = field(default_factory=dict)
    streams: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {SHARD: [], OTHER_SHARD: []})
    done: dict[str, int] = field(default_factory=lambda: {SHARD: 0, OTHER_SHARD: 0})
    held: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    rebuilt: int = 0

    def __post_init__(self) -> None:
        self.world = World(meters=(self.meter,))

    # ---- writers

    def insert(self, data: Mapping[str, Any], skew_us: int = 0, **changes: Any) -> str:
        """Store an event; its id says how many there were."""
        number = len(self.events)
        event = make_event(number, data, **changes, ingested_at_us=self._stamp(skew_us))
        self.events[event.id] = event
        self._write(stream_record(self._sequence(), event), event)
        return event.id

    def toggle(self, id_: str, skew_us: int = 0) -> None:
        """Void the event, or un-void it if it is void."""
        before = self.events[id_]
        last = max((before.ingested_at_us, *before.toggles))
        after = replace(before, toggles=(*before.toggles, max(self._stamp(skew_us), last + 1)))
        self.events[id_] = after
        self._write(stream_record(self._sequence(), after, "MODIFY", before), after)

    def _stamp(self, skew_us: int) -> int:
        self.world.clock.now += 1
        return self.world.clock.now + skew_us

    def _sequence(self) -> int:
        return 10**21 + 7 * sum(map(len, self.streams.values()))

    def _write(self, record: dict[str, Any], event: Event) -> None:
        self.streams[OTHER_SHARD if int(event.id.rpartition("-")[2]) % 2 else SHARD].append(record)

    def settle(self) -> None:
        """Wait until nothing can be stamped any more as early as anything is yet."""
        self.world.clock.now += 3 * SKEW_US

    # ---- the stream

    def deliver(self, shard: str = SHARD, back: int = 0, length: int = 1_000, dies_after: int | None = None) -> None:
        """Deliver records from ``back`` before the first not yet done; may die after so many writes."""
        start = max(0, self.done[shard] - back)
        run = self.streams[shard][start : start + length]
        if not run:
            return
        if dies_after is not None:
            self.world.deliver_records_and_die(run, dies_after, shard)
            return
        self.world.deliver_records(run, shard)
        self.done[shard] = max(self.done[shard], start + len(run))

    def deliver_to_a_zombie(self, shard: str, length: int) -> None:
        """Deliver to a process whose first write to a row hangs in the network until ``release``."""

        def hold(operation: str, arguments: dict[str, Any]) -> None:
            if "Item" not in arguments or "ver" in arguments["Item"]:
                self.held.append((operation, arguments))
                raise Crash

        run = self.streams[shard][self.done[shard] : self.done[shard] + length]
        self.world.table.before_write = hold
        try:
            self.world.deliver_records(run, shard)
        except Crash:
            pass
        finally:
            self.world.table.before_write = lambda operation, arguments: None
        self.world.restart()

    def release(self) -> None:
        """Let the writes that hang arrive."""
        for operation, arguments in self.held:
            try:
                if operation == "put":
                    self.world.table.apply_put(arguments)
                else:
                    self.world.table.apply_update(arguments)
            except ClientError:
                continue
        self.held.clear()

    # ---- in the background

    @property
    def store(self) -> UsageStore:
        client: Any = self.world.table
        return UsageStore(client, "usage", workers=1, jobs=self.world.jobs)

    def history(self) -> list[StoredEvent]:
        """Every event at its place in the index."""
        stored = [StoredEvent(event, encode_item(event)["k"]["S"]) for event in self.events.values()]
        return sorted(stored, key=lambda one: one.key)

    def recompute(self, job: RecomputeJob) -> Finish:
        """Run a job once the history has settled; it is done with unless its row has yet to get into the epoch."""
        self.settle()
        self.world.clock.now = max(self.world.clock.now, job.epoch_us + 2 * SKEW_US)
        start_us = job.row.hour * HOUR_US
        events = [one for one in self.history() if start_us <= one.event.time_us < start_us + HOUR_US]
        generation = self.meter.generation(job.row.series.generation)
        delta = fold_history(self.meter, generation, events, job.epoch_us).rows.get(job.row)
        found = self.store.finish_epoch(
            job.row,
            self.meter.aggregation,
            job.epoch_us,
            delta.contributions if delta else (),
            self.world.clock.now,
        )
        if found is not Finish.NOT_STARTED:
            self.world.jobs.waiting.remove(job)
        return found

    def repair(self, row: RowKey) -> int:
        """Start an epoch of the row as a repair does."""
        epoch_us = self.world.clock.now + 2 * SKEW_US
        return self.store.start_epoch(row, self.meter.aggregation, epoch_us, self.world.clock.now)

    def rebuild(self, back: int = 0, length: int = 1_000) -> None:
        """Fold one chunk of the history into the newest generation, as of its ``live_from``."""
        generation = self.meter.generations[-1]
        self.world.clock.now = max(self.world.clock.now, generation.live_from_us + 2 * SKEW_US)
        # What is stored later, or was not there at live_from, makes no difference to which events the slice has.
        events = [one for one in self.history() if one.event.ingested_at_us < generation.live_from_us]
        start = max(0, self.rebuilt - back)
        chunk = events[start : start + length]
        folded = fold_history(self.meter, generation, chunk, generation.live_from_us)
        self.store.apply("rebuild.slice", folded.rows, self.world.clock.now)
        self.rebuilt = max(self.rebuilt, start + len(chunk))
        if self.rebuilt == len(events):
            self.complete()

    def complete(self) -> None:
        """Mark the newest generation as rebuilt."""
        newest = replace(self.meter.generations[-1], complete=True)
        self.meter = replace(self.meter, generations=(*self.meter.generations[:-1], newest))
        self.world.meters = (self.meter,)
        self.world.restart()

    def finish(self) -> None:
        """Let everything that is under way come to its end."""
        self.release()
        while not self.meter.generations[-1].complete:
            self.rebuild(length=2)
        for shard in self.streams:
            self.deliver(shard)
        while any(self.recompute(job) is not Finish.NOT_STARTED for job in list(self.world.jobs.waiting)):
            continue

    # ---- what usage is, and must be

    def found(self) -> dict[Place, Decimal]:
        """The usage of each minute in the rows of all subjects and of the total."""
        assert not any(PENDING in item for item in self.world.table.items.values())
        places: dict[Place, Decimal] = {}
        series = Series(self.meter.workspace, self.meter.id, self.meter.generations[-1].number)
        for subject in (None, *sorted({event.subject for event in self.events.values()})):
            coarse = self.store.rows(series, subject, EVERY_HOUR, ReadBudget(), minutes=False)
            fine = self.store.rows(series, subject, EVERY_HOUR, ReadBudget(), minutes=True)
            for hour, row in zip(coarse, fine, strict=True):
                assert row.minutes is not None
                whole = combine(self.meter.aggregation, row.minutes.values())
                assert hour.total == row.total
                assert is_counted(whole) == is_counted(row.total)
                assert not is_counted(whole) or whole == row.total
                for minute, cell in row.minutes.items():
                    places[subject, row.hour * 60 + minute, row.groups] = answer(self.meter.aggregation, cell)
        return places

    def expected(self) -> dict[Place, Decimal]:
        """The same, from the events that are not void."""
        cells: dict[Place, list[Cell]] = {}
        reader = compile_reader(self.meter.aggregation, self.meter.value_property, self.meter.generations[-1].group_by)
        for event, reading in _readings(self.events.values(), reader):
            groups = reading.groups
            if self.meter.aggregation is Aggregation.UNIQUE_COUNT:
                groups = (*groups, str(reading.value))
            cell = cell_of(self.meter.aggregation, reading.value, moment_of(event))
            for subject in (event.subject, None):
                cells.setdefault((subject, event.time_us // MINUTE_US, groups), []).append(cell)
        return {place: self._plainly(found) for place, found in cells.items()}

    def _plainly(self, cells: list[Cell]) -> Decimal:
        return answer(self.meter.aggregation, combine(self.meter.aggregation, cells))


def _readings(events: Iterable[Event], reader: Any) -> Iterable[tuple[Event, Reading]]:
    for event in events:
        reading = reader.read(None if event.data is None else codec.decode(event.data))
        if not event.voided and isinstance(reading, Reading):
            yield event, reading
