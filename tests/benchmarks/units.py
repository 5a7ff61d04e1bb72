"""Write units of events and of their usage, by DynamoDB's documented rule over what the handlers really write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from dynameter.clock import MINUTE_US
from dynameter.events.store import size_of
from tests.benchmarks.service import Service, is_row, service, stream_batch_size
from tests.benchmarks.workload import BATCH, EVENT_TYPE, METERS, Sender, hour_before

MINUTES = 60
AGGREGATIONS = ("COUNT", "SUM", "AVG", "MIN", "MAX", "LATEST")


@dataclass(frozen=True)
class WriteUnits:
    """Write units an event, and what they are made of.

    ``rows_a_batch`` are row writes, ``reads_a_batch`` reads of single rows, an invocation of aggregate; ``row_bytes``
    is the size of the largest row in the end.
    """

    event: float
    index: float
    usage: float
    event_bytes: float
    rows_a_batch: float
    reads_a_batch: float
    units_a_row: float
    row_bytes: int


def measure(stream_batch: int | None = None, meters: Sequence[Mapping[str, Any]] = METERS) -> WriteUnits:
    """An hour of traffic through emit and aggregate: each minute one batch of the stream, sent in requests of 100.

    So the rows' sizes are those of every stage of an hour, from one minute with usage to sixty.
    """
    size = stream_batch or stream_batch_size()
    with service(meters) as world:
        _send_an_hour(world, Sender(Random(3)), size)
        events, costs = MINUTES * size, world.costs
        return WriteUnits(
            event=costs.units["EventsTable"] / events,
            index=costs.units["EventsTable/by_time"] / events,
            usage=costs.units["UsageTable"] / events,
            event_bytes=sum(map(size_of, world.items("EventsTable"))) / events,
            rows_a_batch=costs.row_writes / MINUTES,
            reads_a_batch=costs.row_reads / MINUTES,
            units_a_row=costs.row_units / costs.row_writes,
            row_bytes=max(size_of(item) for item in world.items("UsageTable") if is_row(item)),
        )


def by_aggregation(value_property: str) -> dict[str, WriteUnits]:
    """The same of one meter of each aggregation, over batches of 100 records."""
    found = {}
    for aggregation in AGGREGATIONS:
        meter = {"slug": "meter", "eventType": EVENT_TYPE, "aggregation": aggregation}
        value = {} if aggregation == "COUNT" else {"valueProperty": value_property}
        found[aggregation] = measure(BATCH, [meter | value])
    return found


def _send_an_hour(world: Service, sender: Sender, events_a_minute: int) -> None:
    """Send every minute's events in requests, and bring them to aggregate as one batch."""
    start_us = hour_before()
    for minute in range(MINUTES):
        for _ in range(0, events_a_minute, BATCH):
            world.send(sender.batch(min(BATCH, events_a_minute), at_us=start_us + minute * MINUTE_US))
        world.deliver(events_a_minute)
