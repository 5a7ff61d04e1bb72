"""What one event, row, request or invocation takes, each with where the figure comes from.

``dynameter cost --figures FILE`` overrides any of them. Bytes are DynamoDB's item sizes; processor times are of one
core at full speed, of which a Lambda function gets its memory's share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from dynameter.meters.meter import Aggregation


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures; see each one's note."""

    # ---- events: sizes of the item form in events/store.py, held against it by a test
    event_envelope_bytes: int = 188
    """An event's item without its data: key, names, time and fingerprint, with an id of 36 characters."""
    event_overhead_bytes: int = 100
    """What DynamoDB adds to each stored item, in the table and again in the index (DynamoDB guide, "Storage")."""

    # ---- usage rows: sizes of the item form in usage/rows/row.py, held against it by a test
    row_base_bytes: int = 95
    """A row's key, for a subject of 12 characters."""
    row_groups_bytes: int = 60
    """What group values of 30 characters add: the hash in the key and the text."""
    watermark_bytes: int = 68
    """One shard's watermark in a row."""
    extreme_bytes: int = 30
    """What MIN, MAX and LATEST add once a row: order, version, greatest stamp."""
    cell_bytes: dict[Aggregation, int] = field(
        default_factory=lambda: {
            Aggregation.COUNT: 5,
            Aggregation.UNIQUE_COUNT: 5,
            Aggregation.SUM: 17,
            Aggregation.AVG: 17,
            Aggregation.MIN: 12,
            Aggregation.MAX: 12,
            Aggregation.LATEST: 84,
        }
    )
    """A minute's cell: count; and sum in two numbers (some values with a fraction), value kept, or value and moment."""
    listed_subjects: int = 50_000
    """Entries of the lists that one process of aggregate remembers to have written (usage/rows/store.py)."""

    # ---- processor time, milliseconds: `make bench`, the table "Figures" of docs/performance.md
    emit_request_ms: Decimal = Decimal("0.77")
    """A request of emit, on top of its events."""
    emit_event_ms: Decimal = Decimal("0.086")
    """Each event of a request."""
    aggregate_event_ms: Decimal = Decimal("0.034")
    """Each event folded into three meters."""
    row_write_ms: Decimal = Decimal("0.72")
    """One UpdateItem of aggregate, of 16 under way at once."""
    query_ms: Decimal = Decimal("3.8")
    """A usage query without its rows."""
    query_row_ms: Decimal = Decimal("0.032")
    """Each hour's row that a query reads."""
    authorize_ms: Decimal = Decimal("0.8")
    """Verifying a key that API Gateway does not remember. Not measured: one call, as emit makes for one event."""

    # ---- waiting, milliseconds: assumed of DynamoDB in the same Region, to be replaced by your own traces
    write_latency_ms: Decimal = Decimal("5")
    """A PutItem, UpdateItem or GetItem."""
    batch_latency_ms: Decimal = Decimal("15")
    """A BatchExecuteStatement of 25 inserts."""
    invocation_ms: Decimal = Decimal("1")
    """What Lambda's runtime adds to an invocation."""

    # ---- the template's settings
    emit_memory_mb: int = 512
    aggregate_memory_mb: int = 1_024
    meters_memory_mb: int = 1_024
    stream_batch: int = 1_000
    """BatchSize of the stream's mapping."""
    batching_window_s: int = 1
    """MaximumBatchingWindowInSeconds."""
    tumbling_window_s: int = 900
    """TumblingWindowInSeconds: each shard's window ends with one more invocation."""
    authorizer_cache_s: int = 30
    """AuthorizerCacheSeconds."""
    events_a_grant: int = 500
    """EventsPerSecond / 20: events for which the rate limit takes one write unit."""
    workers: int = 16
    """Calls that one process has under way at once."""
    statements_a_call: int = 25

    # ---- AWS
    full_core_mb: int = 1_769
    """The memory with which a Lambda function has one whole core (Lambda guide, "Configure function memory")."""
    first_partitions: int = 4
    """A new on-demand table takes 4,000 write units a second (DynamoDB guide, "Warm throughput")."""
    partition_write_units: int = 1_000
    """Write units a second of one partition, and so of one shard of the stream and of one item."""
    process_life_s: int = 7_200
    """How long Lambda keeps a busy process, about; a new one lists its subjects again."""

    # ---- logs, metrics, traces
    access_log_bytes: int = 250
    """API Gateway's line for a request, by the template's format."""
    invocation_log_bytes: int = 400
    """Lambda's START, END and REPORT lines."""
    metrics_log_bytes: int = 250
    """The metrics that emit and aggregate write with an invocation."""
    log_overhead_bytes: int = 26
    """What CloudWatch Logs adds to a line."""
    log_lines: int = 5
    """Lines of a request, about."""
    trace_share: Decimal = Decimal("0.05")
    """Of a function's invocations past the first of each second (X-Ray's default sampling, Lambda's active tracing)."""
    custom_metrics: int = 15
    alarms: int = 50
    """Metrics that the template's alarms watch; CloudWatch bills each, an alarm on several several times."""


MEASURED = Figures()
"""The figures as of `make bench` on the commit that docs/performance.md names."""
