"""Usage over time as a chart of characters. Drawing is the one place where values become floats."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import plotext

from dynameter import rfc3339
from dynameter.cli.output import safe
from dynameter.usage.windows import Calendar, WindowSize, load_zone, render_in_zone

MAX_SERIES = 8
"""Lines that can still be told apart; of more the largest are drawn."""
MAX_WINDOWS = 2_000
HEIGHT_LINES = 20
DEFAULT_COLUMNS = 100
_LABEL_CHARACTERS = {WindowSize.MONTH: 7, WindowSize.DAY: 10, WindowSize.HOUR: 13, WindowSize.MINUTE: 16}

_Series = dict[int, float]


def draw(body: dict[str, Any], window: str, zone_name: str, title: str) -> str:
    """The chart of a query's answer: bars of one series, lines of several; windows without usage are 0."""
    size = WindowSize(window.upper())
    series = _series(body["data"])
    if not series:
        return "no usage"
    zone = load_zone(zone_name)
    starts = _all_windows(series, Calendar(size, zone))
    labels = [render_in_zone(one, zone)[: _LABEL_CHARACTERS[size]].replace("T", " ") for one in starts]
    drawn = sorted(series, key=lambda name: -sum(series[name].values()))[:MAX_SERIES]

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(shutil.get_terminal_size((DEFAULT_COLUMNS, HEIGHT_LINES)).columns, HEIGHT_LINES)
    left_out = f" (the {MAX_SERIES} largest of {len(series)})" if len(series) > MAX_SERIES else ""
    plotext.title(safe(title) + left_out)
    if len(drawn) == 1:
        plotext.bar(labels, [series[drawn[0]].get(one, 0.0) for one in starts], width=0.6)
    else:
        places = list(range(len(starts)))
        for name in drawn:
            plotext.plot(places, [series[name].get(one, 0.0) for one in starts], label=name, marker="braille")
        step = max(1, len(starts) // 8)
        plotext.xticks(places[::step], labels[::step])
    text: str = plotext.build()
    return text if sys.stdout.isatty() else plotext.uncolorize(text)


def _series(rows: list[dict[str, Any]]) -> dict[str, _Series]:
    """Values by window for each subject and group."""
    found: dict[str, _Series] = {}
    for row in rows:
        names = [row["subject"], *(value for _, value in sorted(row["groupBy"].items()))]
        name = safe(" ".join(one or "-" for one in names if one is not None)) or "usage"
        found.setdefault(name, {})[rfc3339.parse(row["windowStart"])] = float(row["value"])
    return found


def _all_windows(series: dict[str, _Series], calendar: Calendar) -> list[int]:
    """The starts of all windows from the first with usage to the last; only those with usage where it would be many."""
    used = sorted({start for values in series.values() for start in values})
    starts: list[int] = []
    at = used[0]
    while at <= used[-1]:
        if len(starts) == MAX_WINDOWS:
            return used
        window = calendar.containing(at)
        starts.append(window.start_us)
        at = window.end_us
    return starts
