"""A workload, and what it comes to in units a second. Pure; docs/cost.md explains each formula with examples."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext

from dynameter.cost.figures import Figures
from dynameter.meters.meter import Aggregation
from dynameter.usage.rows.cells import EXTREME

WRITE_UNIT_BYTES = 1_024
READ_UNIT_BYTES = 4_096
MINUTES = 60
HOUR_S = 3_600

RATES = Decimal("1e-9"), Decimal("1e12")
"""Events and queries a second that can be priced: the least, but for none, and the most."""

_PRECISION = 28
_ROUNDS = 100
_MS_A_S = 1_000
_ONE = Decimal(1)
_EXPONENT_MAX = Decimal(700)
"""exp(-700) is nothing, and smaller exponents only cost time."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked of the service, evenly over time, subjects and groups.

    ``batch``: events a request. ``subjects``: those busy at the same time. ``groups``: tuples of group values a
    subject (for UNIQUE_COUNT: also of distinct values). ``query_hours``: hours that a query spans, for one subject.
    ``kept_months``: how long events and usage are kept. Raises ValueError where a number makes no sense.
    """

    events_per_second: Decimal
    batch: int = 100
    subjects: int = 10
    meters: int = 3
    event_bytes: int = 300
    aggregation: Aggregation = Aggregation.SUM
    groups: int = 1
    index: bool = True
    queries_per_second: Decimal = Decimal(0)
    query_hours: int = 720
    keys: int = 10
    kept_months: int = 12

    def __post_init__(self) -> None:
        for name in ("batch", "subjects", "groups", "query_hours", "keys"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("events_per_second", "meters", "event_bytes", "queries_per_second", "kept_months"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if not self.events_per_second:
            raise ValueError("events_per_second must be more than 0")
        for name in ("events_per_second", "queries_per_second"):
            rate = getattr(self, name)
            if rate and not RATES[0] <= rate <= RATES[1]:
                raise ValueError(f"{name} must be from {RATES[0]} to {RATES[1]}")


@dataclass(frozen=True, slots=True)
class Rows:
    """One kind of rows, the subjects' or the totals': how many of one meter, and what a write of one takes."""

    a_batch: Decimal
    """Distinct rows that one invocation writes."""
    an_hour: Decimal
    """Distinct rows that an hour leaves behind."""
    write_units: Decimal
    """Of one write, on average over the hour."""
    read_units: Decimal
    """Of the read before a write: MIN, MAX and LATEST."""
    full_bytes: Decimal
    """At the hour's end."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A workload in units; rates are a second."""

    requests: Decimal
    event_units: int
    """Write units of one event, in the table; the index takes the same again."""
    event_item_bytes: int
    shards: int
    records: Decimal
    """Records of one invocation of aggregate."""
    invocations: Decimal
    """Invocations of aggregate."""
    subject_rows: Rows
    total_rows: Rows
    list_writes: Decimal
    """Entries of the lists of subjects that are written."""
    row_writes: Decimal
    usage_write_units: Decimal
    usage_read_units: Decimal
    emit_ms: Decimal
    """Duration of one request of emit."""
    aggregate_ms: Decimal
    """Duration of one invocation of aggregate."""
    aggregate_limit: Decimal
    """Events a second with which aggregate keeps up, its batches full."""
    query_units: Decimal
    """Read units of one query."""
    query_ms: Decimal


def distinct(kinds: Decimal | int, draws: Decimal) -> Decimal:
    """How many of equally likely kinds so many draws are expected to show: n(1 - (1 - 1/n)^d)."""
    if kinds <= 1:
        return min(_ONE, draws)
    with localcontext(prec=_PRECISION):
        # ln first: the power itself would need as many digits as there are kinds.
        missed = draws * (_ONE - _ONE / Decimal(kinds)).ln()
        return Decimal(kinds) * (_ONE - max(missed, -_EXPONENT_MAX).exp())


def ceil(number: Decimal) -> int:
    """The least whole number that is not less."""
    return int(number.to_integral_value(rounding=ROUND_CEILING))


def flow(workload: Workload, figures: Figures) -> Flow:
    """The workload in units."""
    with localcontext(prec=_PRECISION):
        return _flow(workload, figures)


def _flow(load: Workload, figures: Figures) -> Flow:
    item_bytes = figures.event_envelope_bytes + load.event_bytes
    event_units = ceil(Decimal(item_bytes) / WRITE_UNIT_BYTES)
    written = load.events_per_second * event_units
    shards = max(figures.first_partitions, ceil(written / figures.partition_write_units))
    rate = load.events_per_second / shards
    records, full = _records(load, figures, rate), Decimal(figures.stream_batch)
    invocations = load.events_per_second / records
    subjects = _rows(load, figures, load.subjects * load.groups, records, shards)
    totals = _rows(load, figures, load.groups, records, shards)
    a_batch = load.meters * (subjects.a_batch + totals.a_batch)
    lists = _list_writes(load, figures, invocations * load.meters * subjects.a_batch, rate, shards)
    rows_units = subjects.a_batch * subjects.write_units + totals.a_batch * totals.write_units
    rows_reads = subjects.a_batch * subjects.read_units + totals.a_batch * totals.read_units
    return Flow(
        requests=load.events_per_second / load.batch,
        event_units=event_units,
        event_item_bytes=item_bytes,
        shards=shards,
        records=records,
        invocations=invocations + Decimal(shards) / figures.tumbling_window_s,
        subject_rows=subjects,
        total_rows=totals,
        list_writes=lists,
        row_writes=invocations * a_batch,
        usage_write_units=invocations * load.meters * rows_units,
        usage_read_units=invocations * (load.meters * rows_reads + _ONE),
        emit_ms=_emit_ms(load, figures),
        aggregate_ms=_aggregate_ms(figures, records, a_batch),
        aggregate_limit=shards * full * _MS_A_S / _batch_ms(load, figures, full),
        query_units=max(_ONE, Decimal(ceil(load.query_hours * subjects.full_bytes / READ_UNIT_BYTES))) + _ONE,
        query_ms=_slowed(figures.query_ms + load.query_hours * figures.query_row_ms, figures, figures.meters_memory_mb)
        + figures.invocation_ms
        + 2 * figures.write_latency_ms,
    )


def _records(load: Workload, figures: Figures, rate: Decimal) -> Decimal:
    """Records of an invocation: what comes while it waits, or while the one before it runs, if that takes longer."""
    gathered_s = Decimal(figures.batching_window_s)
    records = Decimal(0)
    for _ in range(_ROUNDS):
        before, records = records, min(Decimal(figures.stream_batch), _ONE + rate * gathered_s)
        if records == before:
            break
        gathered_s = max(gathered_s, _batch_ms(load, figures, records) / _MS_A_S)
    return records


def _batch_ms(load: Workload, figures: Figures, records: Decimal) -> Decimal:
    rows = load.meters * (distinct(load.subjects * load.groups, records) + distinct(load.groups, records))
    return _aggregate_ms(figures, records, rows)


def _rows(load: Workload, figures: Figures, kinds: int, records: Decimal, shards: int) -> Rows:
    """The rows of one meter among which the events are spread evenly, ``kinds`` an hour."""
    a_minute = load.events_per_second * MINUTES / kinds
    filled = distinct(MINUTES, a_minute * MINUTES) / MINUTES
    extreme = load.aggregation in EXTREME
    base = figures.row_base_bytes + (figures.row_groups_bytes if load.groups > 1 else 0)
    base += figures.extreme_bytes if extreme else 0
    sizes = [
        base
        + figures.watermark_bytes * max(_ONE, distinct(shards, a_minute * minute))
        + figures.cell_bytes[load.aggregation] * (_ONE + max(_ONE, filled * minute))
        for minute in range(1, MINUTES + 1)
    ]
    return Rows(
        a_batch=distinct(kinds, records),
        an_hour=distinct(kinds, a_minute * MINUTES * kinds),
        write_units=sum((Decimal(ceil(size / WRITE_UNIT_BYTES)) for size in sizes), Decimal(0)) / MINUTES,
        read_units=sum((Decimal(ceil(size / READ_UNIT_BYTES)) for size in sizes), Decimal(0)) / MINUTES * extreme,
        full_bytes=sizes[-1],
    )


def _list_writes(load: Workload, figures: Figures, row_writes: Decimal, rate: Decimal, shards: int) -> Decimal:
    """Each process lists what it has not listed yet; past what it remembers, it lists again and again."""
    entries = load.subjects * load.meters
    if not entries:
        return Decimal(0)
    forgotten = max(Decimal(0), _ONE - Decimal(figures.listed_subjects) / entries)
    first = distinct(load.subjects, rate * figures.process_life_s) * load.meters * shards / figures.process_life_s
    return min(row_writes, first + row_writes * forgotten)


def _emit_ms(load: Workload, figures: Figures) -> Decimal:
    busy = figures.emit_request_ms + load.batch * figures.emit_event_ms
    if load.batch == 1:
        waiting = figures.write_latency_ms
    else:
        calls = ceil(Decimal(load.batch) / figures.statements_a_call)
        waiting = ceil(Decimal(calls) / figures.workers) * figures.batch_latency_ms
    return _slowed(busy, figures, figures.emit_memory_mb) + waiting + figures.invocation_ms


def _aggregate_ms(figures: Figures, records: Decimal, rows: Decimal) -> Decimal:
    busy = records * figures.aggregate_event_ms + rows * figures.row_write_ms
    waiting = (1 + ceil(rows / figures.workers)) * figures.write_latency_ms
    return _slowed(busy, figures, figures.aggregate_memory_mb) + waiting + figures.invocation_ms


def _slowed(busy_ms: Decimal, figures: Figures, memory_mb: int) -> Decimal:
    """Processor time as it takes with a function's share of a core."""
    return busy_ms * max(_ONE, Decimal(figures.full_core_mb) / memory_mb)
