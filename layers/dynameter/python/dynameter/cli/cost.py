"""``dynameter cost``: what a workload costs a month. It calls no service."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from dynameter.cli.options import DecimalText, service_options
from dynameter.cli.session import Session, pass_session
from dynameter.cost.figures import MEASURED, Figures
from dynameter.cost.price import Bill, Prices, price
from dynameter.cost.workload import Workload
from dynameter.meters.meter import Aggregation

T = TypeVar("T", Figures, Prices)
F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT = {one.name: one.default for one in fields(Workload)}
MAX_BATCHING_WINDOW_S = 300
"""What Lambda allows."""

_HIDDEN_USD = Decimal("0.005")
_MILLIONTH = Decimal("0.000001")
_WIDE = Context(prec=1_000)
"""Whatever a workload comes to has fewer digits."""
_toml = click.Path(exists=True, dir_okay=False, path_type=Path)
_aggregations = click.Choice([one.value for one in Aggregation], case_sensitive=False)


def _whole(name: str, help_: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}", type=click.IntRange(0), default=_DEFAULT[name.replace("-", "_")], show_default=True, help=help_
    )


@click.command()
@click.option("--events-per-second", type=DecimalText(), required=True, help="On average over the month.")
@_whole("batch", "Events a request.")
@_whole("subjects", "Subjects busy at the same time.")
@_whole("meters", "Meters that count each event.")
@_whole("event-bytes", "Bytes of an event's data.")
@click.option("--aggregation", type=_aggregations, default="SUM", show_default=True, help="Of all meters.")
@_whole("groups", "Tuples of group values a subject; for UNIQUE_COUNT times distinct values.")
@click.option("--index/--no-index", default=True, show_default=True, help="Whether events are indexed by time.")
@click.option("--queries-per-second", type=DecimalText(), default=Decimal(0), help="Usage queries of one subject.")
@_whole("query-hours", "Hours that a query spans.")
@_whole("keys", "API keys in use.")
@_whole("kept-months", "Months that events and usage are kept.")
@click.option(
    "--batching-window",
    type=click.IntRange(0, MAX_BATCHING_WINDOW_S),
    default=MEASURED.batching_window_s,
    show_default=True,
    help="Seconds that the stream's records are gathered: AggregateBatchSeconds of the template.",
)
@click.option("--prices", type=_toml, help="TOML that overrides prices.")
@click.option("--figures", type=_toml, help="TOML that overrides measured figures and settings.")
@service_options
@pass_session
def cost(
    session: Session, prices: Path | None, figures: Path | None, aggregation: str, batching_window: int, **asked: Any
) -> None:
    """Price a workload in on-demand units, from measured figures.

    docs/cost.md has the formulas, what they assume, and worked examples.
    """
    try:
        workload = Workload(**asked, aggregation=Aggregation(aggregation.upper()))
        used = _overridden(Prices(), prices)
        bill = price(workload, _overridden(replace(MEASURED, batching_window_s=batching_window), figures), used)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if session.output.json:
        session.output.document(_document(bill, used))
        return
    _print(session, bill, used)


def _print(session: Session, bill: Bill, prices: Prices) -> None:
    rows = [
        [line.name, f"{line.quantity:,.1f}", line.unit, _money(line.usd), f"{bill.usd_per_million(line.usd):,.4f}"]
        for line in bill.lines
        if line.usd >= _HIDDEN_USD
    ]
    rows.append(["Total", "", "", _money(bill.usd), f"{bill.usd_per_million(bill.usd):,.4f}"])
    session.output.table(["", "a month", "unit", "USD a month", "USD a million events"], rows, right={1, 3, 4})
    flow = bill.flow
    session.output.lines("")
    session.output.record(
        {
            "events a month": f"{bill.events:,.0f}",
            "write units an event": f"{bill.write_units_an_event:.3f}",
            "row writes a second": f"{flow.row_writes:,.1f}",
            "records an invocation of aggregate": f"{flow.records:,.1f} on {flow.shards} shards",
            "aggregate keeps up with": f"{flow.aggregate_limit:,.0f} events a second",
            "prices": f"us-east-1, {prices.as_of}, free tiers left out",
        }
    )


def _document(bill: Bill, prices: Prices) -> dict[str, Any]:
    """The bill as JSON: exact numbers, as text where a division made them long."""
    load = asdict(bill.workload) | {"aggregation": bill.workload.aggregation.value}
    lines = [
        {
            "name": line.name,
            "quantity": _rounded(line.quantity),
            "unit": line.unit,
            "usd": _rounded(line.usd),
            "usd_per_million_events": _rounded(bill.usd_per_million(line.usd)),
        }
        for line in bill.lines
    ]
    return {
        "workload": load,
        "prices_as_of": prices.as_of,
        "events": _rounded(bill.events),
        "usd": _rounded(bill.usd),
        "usd_per_million_events": _rounded(bill.usd_per_million(bill.usd)),
        "write_units_per_event": _rounded(bill.write_units_an_event),
        "shards": bill.flow.shards,
        "row_writes_per_second": _rounded(bill.flow.row_writes),
        "records_per_invocation": _rounded(bill.flow.records),
        "aggregate_events_per_second_max": _rounded(bill.flow.aggregate_limit),
        "lines": lines,
    }


def _rounded(value: Decimal) -> Decimal:
    """To a millionth; of money that is far below what a bill shows."""
    return _WIDE.quantize(value, _MILLIONTH)


def _money(usd: Decimal) -> str:
    return f"{usd:,.2f}"


def _overridden(defaults: T, path: Path | None) -> T:
    """The defaults with what the file says. Raises ValueError naming what the file gets wrong."""
    if path is None:
        return defaults
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    known = {one.name: getattr(defaults, one.name) for one in fields(defaults)}
    changed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{path}: {name} is not known; known are {', '.join(known)}")
        changed[name] = _converted(f"{path}: {name}", value, known[name])
    return replace(defaults, **changed)


def _converted(what: str, value: Any, default: Any) -> Any:
    """The value in the type of the default."""
    if isinstance(default, dict):
        if not isinstance(value, dict) or not {one.upper() for one in value} <= {one.value for one in default}:
            raise ValueError(f"{what} must be a table of aggregations")
        return {**default, **{Aggregation(one.upper()): _converted(what, held, 0) for one, held in value.items()}}
    if isinstance(default, str):
        return str(value)
    wanted = int if isinstance(default, int) else int | Decimal
    if isinstance(value, bool) or not isinstance(value, wanted) or value < 0:
        raise ValueError(f"{what} must be a {'whole number' if wanted is int else 'number'} of at least 0")
    return value if wanted is int else Decimal(value)
