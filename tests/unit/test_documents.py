"""The documents find each other, and say of the policies what the policies say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.template import ROOT, Template
from tests.policies import statements

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
TEMPLATE = Template.load()

_CODE = re.compile(r"(?ms)^```.*?^```|^ {4}.*?$|`[^`\n]*`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^()\s]+)\)")
_ELSEWHERE = ("https://", "http://", "mailto:")

RIGHTS = {
    "GetItem": "read",
    "BatchGetItem": "read",
    "Query": "read",
    "PutItem": "write",
    "UpdateItem": "write",
    "PartiQLInsert": "write",
    "DeleteItem": "delete",
}
COLUMNS = {
    ("EventsTable", None): "events",
    ("EventsTable/index/by_time", None): "their index",
    ("UsageTable", "!*"): "usage",
    ("UsageTable", "!limit.*"): "limits",
    ("UsageTable", "!quota.*"): "quotas",
    ("UsageTable", "!batch.*"): "receipts",
    ("UsageTable", "!quarantine"): "quarantine",
    ("CatalogTable", "w.*"): "catalog",
    ("CatalogTable", "k.*"): "keys",
}
"""A table and the pattern of the partition keys that a statement is bound to; usage is all that is not under "!"."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links(document: Path) -> Iterator[str]:
    """The targets inside the repository that a document links to."""
    for target in _LINK.findall(_CODE.sub("", document.read_text())):
        if not target.startswith(_ELSEWHERE):
            yield target


def linked_files(document: Path) -> set[Path]:
    return {(document.parent / target.partition("#")[0]).resolve() for target in links(document)}


def anchors(document: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", re.sub(r"(?ms)^```.*?^```", "", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    lost = []
    for target in links(document):
        path, _, fragment = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (fragment and fragment not in anchors(file)):
            lost.append(target)

    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_document_names_no_file_outside_the_repository(document: Path) -> None:
    assert [target for target in linked_files(document) if not target.is_relative_to(ROOT)] == []


def test_the_readme_links_every_page() -> None:
    assert {name(page) for page in PAGES} - {name(file) for file in linked_files(ROOT / "README.md")} == set()


def test_the_readme_links_the_decisions_and_the_changelog() -> None:
    assert linked_files(ROOT / "README.md") >= {DOCS / "decisions" / "README.md", ROOT / "CHANGELOG.md"}


def test_the_index_of_decisions_has_each_once_and_in_order() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()

    assert re.findall(r"(?m)^\| \[\d+\]\((.+?)\)", index) == [page.name for page in DECISIONS]


@pytest.mark.parametrize("page", DECISIONS, ids=name)
def test_a_decision_has_its_number_and_a_status(page: Path) -> None:
    first, _, rest = page.read_text().partition("\n")

    assert first.startswith(f"# {page.name[:4]}: ")
    assert re.match(r"\n\*\*Status:\*\* (accepted|superseded by \[\d{4}\])", rest)


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'(?m)^version = "(.+)"$', (ROOT / "pyproject.toml").read_text())
    assert version is not None

    headings = re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text())

    assert version[1] in headings


def bound_to(conditions: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The pattern of a statement's partition keys."""
    patterns = [found["dynamodb:LeadingKeys"] for found in conditions.values() if "dynamodb:LeadingKeys" in found]
    for (pattern,) in patterns:
        return str(pattern)
    return None


def policy_row(function: str) -> dict[str, str]:
    """What a function's policies allow, in the words of the page."""
    granted: dict[str, set[str]] = {}
    for statement in statements(TEMPLATE, function):
        for resource in statement.resources:
            for action in statement.actions:
                service, _, verb = action.partition(":")
                if service == "dynamodb":
                    column = COLUMNS[resource, bound_to(statement.conditions)]
                    granted.setdefault(column, set()).add(RIGHTS[verb])
                else:
                    granted.setdefault("else", set()).add(f"`{action}`")
    order = [*dict.fromkeys(RIGHTS.values())]
    return {
        column: ", ".join(
            sorted(granted.get(column, ()), key=lambda one: (order.index(one) if one in order else 9, one))
        )
        for column in (*COLUMNS.values(), "else")
    }


def documented_rows() -> dict[str, dict[str, str]]:
    section = (DOCS / "security.md").read_text().partition("\n## What each function may do\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {cells[0].strip("`"): dict(zip(head[1:], cells[1:], strict=True)) for cells in rows}


def test_the_security_page_says_what_each_function_may_do() -> None:
    assert documented_rows() == {function.name: policy_row(function.name) for function in TEMPLATE.functions()}
