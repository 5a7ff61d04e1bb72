"""What the command line prints: tables for people, JSON for programs, messages on standard error."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import click
import msgspec

from dynameter import codec
from dynameter.meters.quantity import render_text

UNBOUNDED_WIDTH = 100_000
"""Columns of a table that no terminal shows: nothing is cut or folded."""


class Output:
    """Where results go. ``json``: standard output holds one JSON document and nothing else."""

    def __init__(self) -> None:
        self.json = False

    def document(self, value: Any) -> None:
        """Print JSON; numbers keep their digits."""
        text = msgspec.json.format(codec.encode(value), indent=2).decode()
        click.echo(text)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Collection[int] = frozenset()
    ) -> None:
        """Print a table; numbers, and the columns named by ``right``, stand to the right."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = [list(row) for row in rows]
        wide = sys.stdout.isatty()
        console = Console(file=sys.stdout, highlight=False, width=None if wide else UNBOUNDED_WIDTH)
        table = Table(box=box.SIMPLE_HEAD if wide else None, header_style="bold", pad_edge=False)
        for place, name in enumerate(columns):
            numeric = place in right or any(_is_number(row[place]) for row in shown)
            table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
        for row in shown:
            table.add_row(*(Text(cell(value)) for value in row))
        with console.capture() as captured:
            console.print(table)
        click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def one(self, found: Mapping[str, Any]) -> None:
        """Print one thing: as JSON, or a line each of its attributes."""
        if self.json:
            self.document(found)
        else:
            self.record(found)

    def many(self, columns: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
        """Print things: all of them as JSON, or the columns as a table."""
        if self.json:
            self.document(found)
        else:
            self.table(columns, [[one.get(name) for name in columns] for one in found])

    def record(self, values: Mapping[str, Any]) -> None:
        """Print one thing, a line each of its attributes; those that are not set are left out."""
        shown = {name: cell(value) for name, value in values.items() if value is not None}
        width = max(map(len, shown), default=0)
        for name, text in shown.items():
            click.echo(f"{cell(name):<{width}}  {text}")

    def lines(self, text: str) -> None:
        """Print text as it is, such as a file's."""
        click.echo(text, nl=not text.endswith("\n"))

    def foreign(self, text: str) -> None:
        """Print text of the service's as it came; a terminal gets it with its control characters spelt out."""
        self.lines(safe(text.replace("\r\n", "\n")) if sys.stdout.isatty() else text)

    @staticmethod
    def note(text: str) -> None:
        """Tell people something that is no part of the result."""
        click.echo(safe(text), err=True)

    @staticmethod
    def complain(text: str) -> None:
        """Tell what went wrong."""
        click.echo(f"Error: {safe(text)}", err=True)


def cell(value: Any) -> str:
    """A value for people; what the service sent cannot steer the terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return render_text(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return safe(", ".join(value))
    if isinstance(value, dict | list | tuple):
        return safe(codec.encode(value).decode())
    return safe(str(value))


def safe(text: str) -> str:
    """The text with control characters spelt out, line breaks kept."""
    return "".join(one if one.isprintable() or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
