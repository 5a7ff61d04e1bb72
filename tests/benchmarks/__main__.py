"""``python -m tests.benchmarks``: every budget beside its plain alternative, in one run."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local.template import ROOT
from tests.benchmarks import aggregate, emit, engine, queries, startup, units, visible
from tests.benchmarks.cpu import Spread, ratio
from tests.benchmarks.report import Line, as_table, compared, write_json
from tests.benchmarks.service import stream_batch_size
from tests.benchmarks.workload import BATCH

BIG, SMALL = 1e6, 1e3
Figures = dict[str, Any]


def main() -> int:
    """Run everything, print the table and write the JSON; docs/performance.md explains a budget that is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, default=ROOT / "bench.json", help="where the figures go")
    options = parser.parse_args()
    started = time.monotonic()
    lines: list[Line] = []
    figures: Figures = {}
    for part in (_write_units, _emit, _aggregate, _start_up, _read_units, _visibility):
        print(f"measuring {part.__name__.strip('_').replace('_', ' ')} ...", file=sys.stderr)
        lines += part(figures)
    print(as_table(lines))
    write_json(options.json, lines, figures, time.monotonic() - started)
    missed = sum(line.met is False for line in lines)
    print(f"\n{missed} not met; {time.monotonic() - started:.0f} s; figures in {options.json}")
    return 0


def _write_units(figures: Figures) -> Iterator[Line]:
    full, small = units.measure(), units.measure(BATCH)
    size = stream_batch_size()
    what = f"write units an event, stream batches of {size}"
    yield Line(f"{what}, index on", full.event + full.index + full.usage, "units", None, None, 2.2)
    yield Line(f"{what}, index off", full.event + full.usage, "units", None, None, 1.2)
    yield Line(
        f"the same, stream batches of {BATCH}, index on",
        small.event + small.index + small.usage,
        "units",
        None,
        None,
        None,
    )
    checked = engine.check()
    if checked is not None:
        rule, reported = (sum(one.values()) for one in checked)
        yield Line("units by the rule, as an engine reports them", rule, "units", reported, rule / reported, 1)
    figures["write_units"] = {f"batch_{size}": asdict(full), f"batch_{BATCH}": asdict(small)}
    figures["whole_numbers"] = {name: asdict(one) for name, one in units.by_aggregation("$.tokens").items()}
    figures["fractions"] = {name: asdict(one) for name, one in units.by_aggregation("$.seconds").items()}


def _emit(figures: Figures) -> Iterator[Line]:
    found = emit.measure()
    figures["emit_us"] = _medians(found, BIG)
    yield _line("emit: one of a batch of 100, against a put_item", "us", found["batch"], found["put"], 1 / 5, BIG)
    yield _line("emit: one event, against a handler of one put_item", "us", found["single"], found["put"], 1.3, BIG)


def _aggregate(figures: Figures) -> Iterator[Line]:
    found = aggregate.measure()
    figures["aggregate_us"] = _medians(found, BIG)
    size = stream_batch_size()
    what = "aggregate: an event of a batch of {}, against an update_item a meter"
    yield _line(what.format(size), "us", found["full"], found["update"], 1 / 20, BIG)
    yield _line(what.format(BATCH), "us", found["small"], found["update"], None, BIG)


def _start_up(figures: Figures) -> Iterator[Line]:
    found = startup.measure()
    figures["start_up_ms"] = _medians(found, SMALL)
    yield _line("start-up of emit, against boto3 and a client", "ms", found["emit"], found["boto3"], 1.5, SMALL)


def _read_units(figures: Figures) -> Iterator[Line]:
    what = "query: a month by day, 10^6 events against 10^3"
    same = queries.measure(queries.in_the_same_minutes)
    yield compared(f"{what} in the same minutes", "units", same.many, same.few, same.many / same.few, 1)
    even = queries.measure(queries.evenly)
    yield compared(f"{what} spread evenly", "units", even.many, even.few, even.many / even.few, 1)
    figures["query_read_units"] = {"same_minutes": asdict(same), "evenly": asdict(even)}


def _visibility(figures: Figures) -> Iterator[Line]:
    found = visible.measure()
    figures["visible_s"] = {f"p{percent}": found.percentile(percent) for percent in (50, 99)}
    yield Line("2xx to visible on the local server, p50", found.percentile(50), "s", None, None, 0.5)
    yield Line("2xx to visible on the local server, p99", found.percentile(99), "s", None, None, 2)


def _line(what: str, unit: str, ours: Spread, plain: Spread, budget: float | None, scale: float) -> Line:
    return compared(what, unit, ours.median * scale, plain.median * scale, ratio(ours, plain), budget)


def _medians(found: dict[str, Spread], scale: float) -> dict[str, dict[str, float]]:
    return {name: {"median": one.median * scale, "least": one.least * scale} for name, one in found.items()}


if __name__ == "__main__":
    try:
        code = main()
    except Exception:
        # Powertools' own hook would log it to a stream that is closed by now.
        traceback.print_exc()
        code = 2
    sys.exit(code)
