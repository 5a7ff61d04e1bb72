"""A workload's bill a month: units and US dollars, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dynameter.cost.figures import MEASURED, Figures
from dynameter.cost.workload import HOUR_S, Flow, Workload, flow

MONTH_HOURS = 730
MILLION = Decimal(1_000_000)

_GIGABYTE = Decimal(1_000_000_000)
_MB_A_GB = 1_024
_MS_A_S = 1_000


@dataclass(frozen=True, slots=True)
class Prices:
    """On-demand prices of us-east-1 in US dollars, free tiers and taxes left out.

    From AWS's price list (services AmazonDynamoDB, AWSLambda, AmazonApiGateway, AmazonCloudWatch, AWSXRay; the usage
    types stand beside each), as of ``as_of``. ``dynameter cost --prices FILE`` overrides any of them.
    """

    as_of: str = "2026-10-04"
    write_units_million: Decimal = Decimal("0.625")
    """WriteRequestUnits."""
    read_units_million: Decimal = Decimal("0.125")
    """ReadRequestUnits."""
    storage_gb_month: Decimal = Decimal("0.25")
    """TimedStorage-ByteHrs, standard class."""
    recovery_gb_month: Decimal = Decimal("0.20")
    """TimedPITRStorage-ByteHrs, point-in-time recovery; not looked up on that date."""
    lambda_requests_million: Decimal = Decimal("0.20")
    """Request-ARM."""
    lambda_gb_second: Decimal = Decimal("0.0000133334")
    """Lambda-GB-Second-ARM."""
    api_requests_million: Decimal = Decimal("1.00")
    """ApiGatewayHttpRequest, for each 512 KB of a request."""
    logs_gb: Decimal = Decimal("0.50")
    """DataProcessing-Bytes: CloudWatch Logs taken in."""
    traces_million: Decimal = Decimal("5.00")
    """XRay-TracesStored; not looked up on that date."""
    metric_month: Decimal = Decimal("0.30")
    """CW:MetricMonitorUsage; not looked up on that date."""
    alarm_month: Decimal = Decimal("0.10")
    """CW:AlarmMonitorUsage; not looked up on that date."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill: so much of a unit a month, and what that costs."""

    name: str
    quantity: Decimal
    unit: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """A month of a workload."""

    workload: Workload
    flow: Flow
    lines: tuple[Line, ...]

    @property
    def events(self) -> Decimal:
        """Events of the month."""
        return self.workload.events_per_second * HOUR_S * MONTH_HOURS

    @property
    def usd(self) -> Decimal:
        """Dollars of the month."""
        return sum((line.usd for line in self.lines), Decimal(0))

    def usd_per_million(self, usd: Decimal) -> Decimal:
        """Dollars a million events."""
        return usd / self.events * MILLION

    @property
    def write_units_an_event(self) -> Decimal:
        """Write units of all tables and indexes."""
        written = sum((line.quantity for line in self.lines if line.unit == WRITE_UNITS), Decimal(0))
        return written / self.events


WRITE_UNITS = "write units"
READ_UNITS = "read units"
REQUESTS = "requests"
GB_SECONDS = "GB-s"
GB_MONTHS = "GB-months"


def price(workload: Workload, figures: Figures = MEASURED, prices: Prices | None = None) -> Bill:
    """The month's bill."""
    found = flow(workload, figures)
    used = prices or Prices()
    return Bill(workload, found, tuple(_Biller(workload, figures, used, found).lines()))


class _Biller:
    def __init__(self, load: Workload, figures: Figures, prices: Prices, found: Flow) -> None:
        self._load, self._figures, self._prices, self._flow = load, figures, prices, found

    def lines(self) -> Iterator[Line]:
        yield from self._intake()
        yield from self._usage()
        yield from self._queries()
        yield from self._storage()
        yield from self._watching()

    def _intake(self) -> Iterator[Line]:
        load, found, prices = self._load, self._flow, self._prices
        body_bytes = load.batch * found.event_item_bytes
        metered = -(-body_bytes // (512 * 1_024))
        yield _millions("API Gateway: events", _month(found.requests * metered), REQUESTS, prices.api_requests_million)
        yield from self._function("emit", found.requests, found.emit_ms, self._figures.emit_memory_mb)
        yield from self._authorizer()
        units = _month(load.events_per_second * found.event_units)
        yield _millions("DynamoDB: events", units, WRITE_UNITS, prices.write_units_million)
        if load.index:
            yield _millions("DynamoDB: index of events", units, WRITE_UNITS, prices.write_units_million)
        if self._figures.events_a_grant:
            granted = _month(load.events_per_second) / self._figures.events_a_grant
            yield _millions("DynamoDB: rate limit", granted, WRITE_UNITS, prices.write_units_million)

    def _authorizer(self) -> Iterator[Line]:
        """API Gateway asks once a key in the time it remembers one; each time is a read, and now and then a write."""
        figures = self._figures
        asked = min(
            self._flow.requests + self._load.queries_per_second,
            Decimal(self._load.keys) / max(1, figures.authorizer_cache_s),
        )
        slowed = figures.authorize_ms * max(Decimal(1), Decimal(figures.full_core_mb) / figures.emit_memory_mb)
        duration_ms = slowed + figures.invocation_ms + figures.write_latency_ms
        yield from self._function("authorize", asked, duration_ms, figures.emit_memory_mb)

    def _usage(self) -> Iterator[Line]:
        found, prices = self._flow, self._prices
        write = prices.write_units_million
        yield _millions("DynamoDB: usage rows", _month(found.usage_write_units), WRITE_UNITS, write)
        yield _millions("DynamoDB: lists of subjects", _month(found.list_writes), WRITE_UNITS, write)
        reads = _month(found.usage_read_units)
        yield _millions("DynamoDB: reads of aggregate", reads, READ_UNITS, prices.read_units_million)
        memory = self._figures.aggregate_memory_mb
        yield from self._function("aggregate", found.invocations, found.aggregate_ms, memory)

    def _queries(self) -> Iterator[Line]:
        rate, prices = self._load.queries_per_second, self._prices
        if not rate:
            return
        yield _millions("API Gateway: queries", _month(rate), REQUESTS, prices.api_requests_million)
        units = _month(rate * self._flow.query_units)
        yield _millions("DynamoDB: reads of queries", units, READ_UNITS, prices.read_units_million)
        yield from self._function("meters", rate, self._flow.query_ms, self._figures.meters_memory_mb)

    def _storage(self) -> Iterator[Line]:
        """What lies there once the oldest is deleted as fast as new comes."""
        load, found, figures, prices = self._load, self._flow, self._figures, self._prices
        item = found.event_item_bytes + figures.event_overhead_bytes
        events = _month(load.events_per_second) * item * load.kept_months / _GIGABYTE
        rows = sum(
            (
                one.an_hour * (one.full_bytes + figures.event_overhead_bytes)
                for one in (found.subject_rows, found.total_rows)
            ),
            Decimal(0),
        )
        usage = rows * load.meters * MONTH_HOURS * load.kept_months / _GIGABYTE
        yield Line("DynamoDB: storage of events", events, GB_MONTHS, events * prices.storage_gb_month)
        if load.index:
            yield Line("DynamoDB: storage of the index", events, GB_MONTHS, events * prices.storage_gb_month)
        yield Line("DynamoDB: storage of usage", usage, GB_MONTHS, usage * prices.storage_gb_month)
        kept = events + usage
        yield Line("DynamoDB: point-in-time recovery", kept, GB_MONTHS, kept * prices.recovery_gb_month)

    def _watching(self) -> Iterator[Line]:
        load, found, figures, prices = self._load, self._flow, self._figures, self._prices
        line = figures.invocation_log_bytes + figures.log_overhead_bytes * figures.log_lines
        a_second = found.requests * (line + figures.access_log_bytes + figures.metrics_log_bytes)
        a_second += found.invocations * (line + figures.metrics_log_bytes)
        a_second += load.queries_per_second * (line + figures.access_log_bytes)
        logs = _month(a_second) / _GIGABYTE
        yield Line("CloudWatch: logs", logs, "GB", logs * prices.logs_gb)
        rates = (found.requests, found.invocations, load.queries_per_second)
        traces = _month(sum((_sampled(rate, figures) for rate in rates), Decimal(0)))
        yield _millions("X-Ray: traces", traces, "traces", prices.traces_million)
        fixed = figures.custom_metrics * prices.metric_month + figures.alarms * prices.alarm_month
        watched = Decimal(figures.custom_metrics + figures.alarms)
        yield Line("CloudWatch: metrics and alarms", watched, "metrics and alarms", fixed)

    def _function(self, name: str, rate: Decimal, duration_ms: Decimal, memory_mb: int) -> Iterator[Line]:
        invocations = _month(rate)
        yield _millions(f"Lambda {name}: requests", invocations, REQUESTS, self._prices.lambda_requests_million)
        seconds = invocations * duration_ms / _MS_A_S * memory_mb / _MB_A_GB
        yield Line(f"Lambda {name}: time", seconds, GB_SECONDS, seconds * self._prices.lambda_gb_second)


def _month(a_second: Decimal) -> Decimal:
    return a_second * HOUR_S * MONTH_HOURS


def _millions(name: str, quantity: Decimal, unit: str, usd_per_million: Decimal) -> Line:
    return Line(name, quantity, unit, quantity / MILLION * usd_per_million)


def _sampled(rate: Decimal, figures: Figures) -> Decimal:
    """Traces a second of a function that is called so often: the first of each second and a share of the rest."""
    return min(rate, Decimal(1)) + max(Decimal(0), rate - 1) * figures.trace_share
