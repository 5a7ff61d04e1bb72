"""The budgets as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_HEADINGS = ("what", "figure", "plain alternative", "ratio", "budget", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One budget: what was measured beside its plain alternative, and the most that it may come to.

    The budget is on the ``ratio`` where there is one, else on the ``figure``; None for a line that only informs.
    """

    what: str
    figure: float
    unit: str
    plain: float | None
    ratio: float | None
    budget: float | None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the budget is met; None where there is none."""
        if self.budget is None:
            return None
        return (self.figure if self.ratio is None else self.ratio) <= self.budget


def compared(what: str, unit: str, figure: float, plain: float, ratio: float, budget: float | None) -> Line:
    """A line whose budget is on the ratio."""
    return Line(what, figure, unit, plain, ratio, budget)


def as_table(lines: Sequence[Line]) -> str:
    """The lines as columns of text."""
    rows = [_HEADINGS, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])


def write_json(path: Path, lines: Sequence[Line], figures: Mapping[str, Any], seconds: float) -> None:
    """Everything that was measured."""
    document = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds": round(seconds, 1),
        "budgets": [{**asdict(line), "met": line.met} for line in lines],
        "figures": figures,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _cells(line: Line) -> tuple[str, ...]:
    verdict = {True: "met", False: "NOT MET", None: ""}[line.met]
    return (
        line.what,
        f"{_number(line.figure)} {line.unit}",
        "" if line.plain is None else f"{_number(line.plain)} {line.unit}",
        "" if line.ratio is None else _number(line.ratio),
        "" if line.budget is None else f"<= {_number(line.budget)}",
        " ".join(part for part in (verdict, line.note) if part),
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
