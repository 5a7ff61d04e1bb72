"""docs/limits.md and the tables in it, which are made of the constants: ``python -m tests.limits.page`` writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from local.template import ROOT
from tests.limits.limit import Limit
from tests.limits.table import SECTIONS

PAGE = ROOT / "docs" / "limits.md"
HEAD = "| what | limit | past it | code |\n|---|---|---|---|\n"


def rendered(limits: Sequence[Limit]) -> str:
    """The table of these limits."""
    return HEAD + "".join(f"{one.row}\n" for one in limits)


def tables(page: str) -> dict[str, str]:
    """The tables of limits by their headings."""
    return {heading: table for heading, table in map(_table, _sections(page)) if table}


def rewrite(page: str) -> str:
    """The page with its tables as they should be."""
    sections = []
    for section in _sections(page):
        heading, table = _table(section)
        sections.append(section.replace(table, rendered(SECTIONS[heading])) if table else section)
    return "".join(sections)


def _sections(page: str) -> list[str]:
    return re.split(r"(?m)^(?=## )", page)


def _table(section: str) -> tuple[str, str]:
    heading = section.partition("\n")[0].removeprefix("## ")
    return heading, HEAD + section.partition(HEAD)[2].partition("\n\n")[0].rstrip(
        "\n"
    ) + "\n" if HEAD in section else ""


if __name__ == "__main__":
    PAGE.write_text(rewrite(PAGE.read_text()))
