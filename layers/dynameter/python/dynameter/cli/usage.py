"""``dynameter usage``: how much was used, as a table, CSV, JSON or a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from dynameter.cli.options import CommaList, Instant, Pair, service_options
from dynameter.cli.session import Session, pass_session, segment

_WINDOWS = ("MINUTE", "HOUR", "DAY", "MONTH")


@click.command()
@click.argument("meter", metavar="METER")
@click.option("--from", "start", type=Instant(), help="RFC 3339, a date, or so long ago: 30m, 24h, 7d.")
@click.option("--to", "end", type=Instant(), help="The same; it is not included.")
@click.option("--window", type=click.Choice(_WINDOWS, case_sensitive=False), help="Divide by windows of this size.")
@click.option("--time-zone", help="IANA zone of the windows. [default: UTC]")
@click.option("--group-by", type=CommaList(), default=(), help="Divide by keys of the meter, and by subject.")
@click.option("--subject", "subjects", multiple=True, help="Only this subject; again for more.")
@click.option("--filter", "filters", type=Pair(), multiple=True, help="KEY=VALUE of a group key; again for more.")
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV.")
@click.option("--plot", is_flag=True, help="Draw a chart; by DAY unless --window says otherwise.")
@service_options
@pass_session
def usage(session: Session, meter: str, as_csv: bool, plot: bool, **question: Any) -> None:
    """How much was used, as METER counts it."""
    if as_csv + plot + session.output.json > 1:
        raise click.UsageError("--csv, --plot and --json exclude each other")
    if plot and not question["window"]:
        question["window"] = "DAY"
    path = f"/api/v1/meters/{segment(meter)}/query"
    headers = {"Accept": "text/csv"} if as_csv else {}
    answer = session.client.request("GET", path, query=_query(**question), headers=headers)
    if state := answer.headers.get("dynameter-state"):
        session.output.note(f"meter {meter} is {state}: the answer may not cover everything yet")
    if as_csv:
        session.output.foreign(str(answer.body))
    elif session.output.json:
        session.output.document(answer.body)
    elif plot:
        from dynameter.cli.chart import draw

        session.output.lines(draw(answer.body, question["window"], question["time_zone"] or "UTC", meter))
    else:
        _print_table(session, answer.body["data"], bool(question["window"]))


def _query(
    start: str | None,
    end: str | None,
    window: str | None,
    time_zone: str | None,
    group_by: Sequence[str],
    subjects: Sequence[str],
    filters: Sequence[tuple[str, str]],
) -> list[tuple[str, str]]:
    single = {"from": start, "to": end, "windowSize": window and window.upper(), "windowTimeZone": time_zone}
    return [
        *((name, value) for name, value in single.items() if value),
        *(("groupBy", one) for one in group_by),
        *(("subject", one) for one in subjects),
        *((f"filterGroupBy[{key}]", value) for key, value in filters),
    ]


def _print_table(session: Session, rows: list[dict[str, Any]], windowed: bool) -> None:
    keys = sorted({key for row in rows for key in row["groupBy"]})
    subjects = any(row["subject"] is not None for row in rows)
    # Without windows a row's bounds are those of the whole answer.
    columns = ["from", "to"][: 1 if windowed else 2] + ["subject"] * subjects + keys + ["value"]
    session.output.table(
        columns,
        [
            [
                *(row["windowStart"], row["windowEnd"])[: 1 if windowed else 2],
                *([row["subject"]] if subjects else []),
                *(row["groupBy"].get(key) for key in keys),
                row["value"],
            ]
            for row in rows
        ],
    )
