"""What the meters make of one event: counted, with which value and in which windows, or why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.clock import render
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.meters.path import InvalidPath
from dynameter.meters.reader import compile_reader
from dynameter.meters.reading import Reading, Skip
from dynameter.usage.folding.fold import Counting
from dynameter.usage.rows.row import Series

VOIDED = "the event is voided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one generation of a meter makes of an event; ``reading`` is None where the event does not count."""

    meter: Meter
    generation: Generation
    reading: Reading | None
    reason: str | None

    @property
    def groups(self) -> Mapping[str, str]:
        """The event's value of each group-by key."""
        return (
            {}
            if self.reading is None
            else dict(zip(sorted(self.generation.group_by), self.reading.groups, strict=True))
        )

    @property
    def value(self) -> Decimal | str | None:
        """The value that counts; an event counts 1 in a COUNT."""
        if self.reading is None:
            return None
        return Decimal(1) if self.reading.value is None else self.reading.value


class Judge:
    """Judges events by the live meters of their workspace, in the order of their slugs, each compiled once."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self._meters: dict[str, list[Meter]] = {}
        for meter in sorted(meters, key=lambda one: one.slug):
            self._meters.setdefault(meter.event_type, []).append(meter)
        self._countings: dict[tuple[str, int], Counting | Skip] = {}

    def validation_errors(self, event: Event) -> tuple[str, ...]:
        """OpenMeter's validation errors, by the generations that queries read; ``no_customer`` is not among them."""
        meters = self._meters.get(event.type, ())
        if not meters:
            return (no_meter(event),)
        data = _data(event)
        readings = (self._read(meter, meter.active_generation, data) for meter in meters)
        return tuple(dict.fromkeys(one.reason for one in readings if isinstance(one, Skip)))

    def verdicts(self, event: Event) -> Iterator[Verdict]:
        """A verdict of each meter of the event's type: of the generation that queries read, and of any newer one."""
        data = _data(event)
        for meter in self._meters.get(event.type, ()):
            for generation in meter.generations:
                if generation.number < meter.active:
                    continue
                found = self._judge(meter, generation, event, data)
                if isinstance(found, Skip):
                    yield Verdict(meter, generation, None, found.reason)
                else:
                    yield Verdict(meter, generation, found, None)

    def _judge(self, meter: Meter, generation: Generation, event: Event, data: dict[str, Any] | None) -> Reading | Skip:
        if event.voided:
            return Skip(VOIDED)
        since = meter.event_from_us
        if since is not None and event.time_us < since:
            return Skip(f"the event's time lies before {render(since)}, from which on the meter counts")
        reading = self._read(meter, generation, data)
        if isinstance(reading, Reading) and not generation.complete and event.ingested_at_us < generation.live_from_us:
            return Skip(
                f"generation {generation.number} is being rebuilt: the event was stored before "
                f"{render(generation.live_from_us)} and counts when the rebuild has come to it"
            )
        return reading

    def _read(self, meter: Meter, generation: Generation, data: dict[str, Any] | None) -> Reading | Skip:
        key = (meter.id, generation.number)
        if key not in self._countings:
            self._countings[key] = _compile(meter, generation)
        counting = self._countings[key]
        if isinstance(counting, Skip):
            return counting
        # By the rules of the fold itself, which takes the value of UNIQUE_COUNT as one more group.
        found = counting.read(data)
        if isinstance(found, Skip) or meter.aggregation is not Aggregation.UNIQUE_COUNT:
            return found
        return Reading(found.groups[-1], found.groups[:-1])


def no_meter(event: Event) -> str:
    """Why an event counts nowhere."""
    return f"no meter found for event type: {event.type}"


def no_customer(event: Event) -> str:
    """Why nobody is billed for an event."""
    return f"no customer found for event subject: {event.subject}"


def _compile(meter: Meter, generation: Generation) -> Counting | Skip:
    try:
        reader = compile_reader(meter.aggregation, meter.value_property, generation.group_by)
    except (InvalidPath, ValueError) as error:
        # Paths were checked when the meter was made; the aggregate function leaves such a meter out, too.
        return Skip(f"the meter cannot be read: {error}")
    return Counting(meter, generation, reader, Series(meter.workspace, meter.id, generation.number))


def _data(event: Event) -> dict[str, Any] | None:
    return None if event.data is None else codec.decode(event.data)
