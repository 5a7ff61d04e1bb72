"""Read units of a month by day of one subject, with few events in it and with many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from dynameter.clock import HOUR_US, from_datetime, render
from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.delta import Contribution, Delta
from dynameter.usage.rows.row import RowKey, Series, sequence_text
from dynameter.usage.rows.store import UsageStore
from tests.benchmarks.service import Costs, Service, service
from tests.benchmarks.workload import METERS
from tests.conftest import WORKSPACE

FEW, MANY = 1_000, 1_000_000
DAYS = 31
SUBJECT = "customer-0001"
METER = METERS[1]
MONTH_US = from_datetime(datetime(2026, 1, 1, tzinfo=UTC))
_HOURS = DAYS * 24
_MINUTES = _HOURS * 60

Spread = Callable[[int, Random], Iterator[int]]
"""Gives the minute of the month of each of so many events."""


@dataclass(frozen=True)
class ReadUnits:
    """Read units of one query."""

    few: int
    many: int


def evenly(events: int, random: Random) -> Iterator[int]:
    """Each event in any minute of the month: the more events, the more minutes that have any."""
    return (random.randrange(_MINUTES) for _ in range(events))


def in_the_same_minutes(events: int, _random: Random) -> Iterator[int]:
    """Each event in one of the same thousand minutes, however many events there are."""
    return (number % FEW * (_MINUTES // FEW) for number in range(events))


def measure(spread: Spread) -> ReadUnits:
    """Read units of the query over ``FEW`` and over ``MANY`` events."""
    return ReadUnits(_query(FEW, spread), _query(MANY, spread))


def _query(events: int, spread: Spread) -> int:
    with service([METER]) as world:
        total = _fill(world, events, spread)
        world.costs = Costs()
        query = [("subject", SUBJECT), ("windowSize", "DAY")]
        query += [("from", render(MONTH_US)), ("to", render(MONTH_US + _HOURS * HOUR_US))]
        path = {"meterIdOrSlug": METER["slug"]}
        answer = world.ask("meters", "GET /api/v1/meters/{meterIdOrSlug}/query", path=path, query=query)
        assert sum(Decimal(row["value"]) for row in answer["data"]) == total
        return world.costs.read_units()


def _fill(world: Service, events: int, spread: Spread) -> int:
    """Write the subject's rows as aggregate does, each hour in one batch. The sum of all values."""
    (meter,) = world.ask("meters", "GET /api/v1/meters")
    series = Series(WORKSPACE, meter["id"], 1)
    store = UsageStore(world.memory, "UsageTable")  # type: ignore[arg-type]
    random = Random(4)
    rows: dict[int, list[Contribution]] = {}
    total = 0
    for position, minute in enumerate(spread(events, random)):
        value = random.randrange(20, 4_000)
        total += value
        contribution = Contribution(sequence_text(position), minute % 60, Decimal(value))
        rows.setdefault(minute // 60, []).append(contribution)
    for hour, contributions in rows.items():
        row = RowKey(series, SUBJECT, MONTH_US // HOUR_US + hour, ())
        store.apply("shard", {row: Delta(Aggregation.SUM, contributions)}, MONTH_US)
    return total
