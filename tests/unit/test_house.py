"""The house that docs/architecture.md draws is the one that stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from local.template import ROOT

DRAWN = re.findall(
    r"(?m)^ {4}(.+)$", (ROOT / "docs/architecture.md").read_text().partition("\n## The house\n")[2].partition("\nIm")[0]
)
LIBRARY = "dynameter/python/dynameter/"


def columns(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def words(line: str) -> Iterator[str]:
    """What stands in a line before it begins to explain."""
    for column in columns(line):
        if not re.fullmatch(r"[a-z_]+", column):
            return
        yield column


def drawn_below(title: str) -> list[str]:
    """The names in the lines that stand below a line and further to the right."""
    start = next(place for place, line in enumerate(DRAWN) if columns(line)[0] == title)
    depth = len(DRAWN[start]) - len(DRAWN[start].lstrip()) + 2
    found: list[str] = []
    for line in DRAWN[start + 1 :]:
        indent = len(line) - len(line.lstrip())
        if indent < depth:
            break
        found += words(line) if indent == depth else ()
    return sorted(found)


def drawn_beside(title: str) -> list[str]:
    return sorted(next(columns(line)[1:] for line in DRAWN if columns(line)[0] == title))


def folders(place: Path) -> list[str]:
    """The folders with something in them, hidden ones and caches aside."""
    found = (one for one in place.iterdir() if one.is_dir() and re.fullmatch(r"[a-z][a-z_]*", one.name))
    return sorted(one.name for one in found if any(part.suffix != ".pyc" for part in one.rglob("*") if part.is_file()))


def test_the_root_is_drawn() -> None:
    drawn = {columns(line)[0] for line in DRAWN if not line.startswith(" ")}

    assert {f"{name}/" for name in folders(ROOT)} == {one for one in drawn if one.endswith("/")}
    assert all((ROOT / one).exists() for one in drawn)


def test_every_function_and_layer_is_drawn() -> None:
    assert drawn_beside("functions/") == folders(ROOT / "functions")
    assert drawn_beside("layers/") == folders(ROOT / "layers")


def test_every_part_of_the_library_is_drawn() -> None:
    assert drawn_below(LIBRARY) == folders(ROOT / "layers" / LIBRARY)


def test_every_kind_of_test_is_drawn() -> None:
    assert drawn_below("tests/") == folders(ROOT / "tests")
