"""The pages' tables of routes: the scope that each needs and the status that it answers are those of the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.documented import operations
from tests.documents.pages import DOCUMENTS, METHODS, name, prose

ROWS = re.compile(r"(?m)^\| (?P<head>[^|\n]*) \|(?P<titles>[^\n]*)\|\n\|[-|]+\|\n(?P<rows>(?:\|.*\n)+)")
_OPERATIONS = {re.sub(r"\{\w+\}", "{}", key): one for key, one in operations().items()}


@dataclass(frozen=True)
class Row:
    """A route of a table, the scope that it says, if it says one, and the statuses of success."""

    page: str
    route: str
    scope: str | None
    statuses: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.route}"


def rows() -> Iterator[Row]:
    """Every row of every table that has a column for the answer."""
    for document in DOCUMENTS:
        for table in ROWS.finditer(prose(document.read_text())):
            titles = [one.strip() for one in table["titles"].split("|")]
            answer = next((titles.index(one) for one in ("success", "answer") if one in titles), None)
            if table["head"] != "route" or answer is None:
                continue
            for line in table["rows"].splitlines():
                first, *cells = (one.strip() for one in line.strip("|").split("|"))
                scope = cells[titles.index("scope")].strip("`") if "scope" in titles else None
                statuses = tuple(re.findall(r"\b[2-5]\d\d\b", cells[answer]))
                for route in re.findall(rf"`({METHODS} [^`]+)`", first):
                    plain = re.sub(r"\{[^}]*\}(\.\w+)?", "{}", route.partition("?")[0])
                    yield Row(name(document), plain, scope, statuses)


ALL = list(rows())


def test_the_tables_are_found() -> None:
    assert {row.page for row in ALL} >= {
        "README.md",
        *(f"docs/{one}.md" for one in ("api", "billing", "quotas", "routes")),
    }


@pytest.mark.parametrize("row", ALL, ids=str)
def test_a_route_answers_as_its_row_says(row: Row) -> None:
    operation = _OPERATIONS[row.route]

    assert row.statuses
    assert set(row.statuses) - set(operation["responses"]) == set()


@pytest.mark.parametrize("row", [row for row in ALL if row.scope], ids=str)
def test_a_route_needs_the_scope_of_its_row(row: Row) -> None:
    needed = [scope for one in _OPERATIONS[row.route]["security"] for scopes in one.values() for scope in scopes]

    assert needed == [row.scope]
