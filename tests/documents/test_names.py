"""What the documents name is there: files, routes, metrics, variables, and every other word of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from local.template import ROOT, Template
from tests.documents.pages import DOCUMENTS, METHODS, name, prose

LIBRARY = ROOT / "layers" / "dynameter" / "python"
TEMPLATE = Template.load()
CODE = ("layers", "functions", "local", "deployment", "requirements", "tests", "events")
SINGLE_FILES = ("Makefile", "template.yaml", "samconfig.toml", "pyproject.toml", ".ci/run")
ENDINGS = (".py", ".yaml", ".toml", ".json", ".in", ".js", ".mjs", ".csv")

READERS_OWN = {"usage.csv", "env.json", "batch.json", "answer.json", "PriceClass.json", "bench.json"}
"""Files that a reader makes."""
ELSEWHERE = {
    "jq": "a program",
    "OBJECT": "what the reader puts in",
    "HttpApi": "what SAM has and the template does not use",
    "idOrFeatureKey": "OpenMeter's name of a path's part",
    "idOrKey": "OpenMeter's name of a path's part",
    "idOrSlug": "OpenMeter's name of a path's part",
    "taxConfig": "a field of OpenMeter's that is refused or ignored",
    "tax_config": "a field of OpenMeter's that is refused or ignored",
}
"""Words of other programs, with what they are."""
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_ROUTE = re.compile(rf"({METHODS}(?:(?:, *|\|){METHODS})*) +(\S+)$")


def said(document: Path) -> list[str]:
    """What a page has between backticks, in its sentences and tables."""
    return _INLINE.findall(prose(document.read_text()))


@cache
def files() -> tuple[Path, ...]:
    found = [path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in (*ENDINGS, ".sh", ".txt")]
    own = Path(__file__).parent
    ours = (one for one in found if one.parent != own and "node_modules" not in one.parts)
    return (*(ROOT / one for one in SINGLE_FILES), *ours)


@cache
def words() -> frozenset[str]:
    """Every name that the code has."""
    locks = ROOT / "requirements"
    read = [path for path in files() if path.suffix != ".txt" or path.parent != locks]
    return frozenset(word for path in read for word in re.findall(r"[A-Za-z_]\w*", path.read_text(errors="ignore")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_page_names_nothing_that_the_code_does_not_have(document: Path) -> None:
    plain = [re.sub(r"\barn:\S+", "", one) for one in said(document)]
    named = {word for one in plain for word in re.findall(r"(?<![\w.$-])[A-Za-z_]\w*(?![\w-])", one)}

    assert named - words() - set(ELSEWHERE) == set()


def test_no_word_of_elsewhere_is_waived_in_vain() -> None:
    named = {word for document in DOCUMENTS for one in said(document) for word in re.findall(r"[A-Za-z_]\w*", one)}

    assert set(ELSEWHERE) & words() == set()
    assert set(ELSEWHERE) - named == set()


def named_files(document: Path) -> Iterator[str]:
    for one in said(document):
        if (
            re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", one)
            and (one.endswith(ENDINGS) or is_folder(one))
            and one not in ENDINGS
        ):
            yield one


def is_folder(text: str) -> bool:
    first = text.partition("/")[0]
    return "/" in text and first != "." and (ROOT / first).is_dir()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_page_names_no_file_that_is_not_there(document: Path) -> None:
    roots = (ROOT, document.parent, LIBRARY, LIBRARY / "dynameter")
    lost = [
        one
        for one in named_files(document)
        if one not in READERS_OWN
        and not any(any(root.glob(one.rstrip("/") + end)) for root in roots for end in ("", ".py"))
        and not (("/" not in one) and any(path.match(one) for path in files()))
    ]

    assert lost == []


@cache
def routes() -> frozenset[tuple[str, str]]:
    """The template's routes: methods, and paths with the same name in every place."""
    split = [route.key.split(" ", 1) for route in TEMPLATE.routes()]
    return frozenset((method, re.sub(r"\{\w+\}", "x", path)) for method, path in split)


def paths(text: str) -> Iterator[str]:
    """The paths that a text such as ``/plans/{id}/publish|archive`` stands for, written as those of ``routes``."""
    plain = re.sub(r"\{[^}]*\}(\.\w+)?|\$WS", "x", text.partition("?")[0].replace("$API", "").replace("…", "..."))
    head, slash, last = plain.rpartition("/")
    yield from (head + slash + one for one in last.split("|"))


def is_a_route(method: str, path: str) -> bool:
    """Whether a route has the method and such a path, of which a page may leave out the beginning, or end with dots."""
    known = {found for its, found in routes() if its == method}
    part = "/" + path.strip("./")
    if path.endswith("..."):
        return any(part + "/" in found + "/" for found in known)
    return path in known or any(found.endswith(part) for found in known)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_page_names_no_route_that_the_template_does_not_have(document: Path) -> None:
    named = [found for one in said(document) if (found := _ROUTE.match(one))]
    lost = [
        f"{method} {path}"
        for one in named
        for method in re.findall(METHODS, one[1])
        for path in paths(one[2])
        if not is_a_route(method, path)
    ]

    assert lost == []


def published() -> set[str]:
    """The metrics that the functions name where they publish them."""
    found = set()
    for path in (*(ROOT / "functions").rglob("*.py"), *LIBRARY.rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "publish_counts" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "publish_counts" and node.args:
                keys = node.args[0].keys if isinstance(node.args[0], ast.Dict) else []
                found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found


def test_operations_has_every_metric_and_no_other() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("\n## Metrics\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([a-z_]+)`", section)) - {"service"}
    resources = TEMPLATE.document["Resources"].values()
    rung = {
        one["Properties"]["MetricName"]
        for one in resources
        if one["Type"] == "AWS::CloudWatch::Alarm" and one["Properties"].get("Namespace") == "Dynameter"
    }
    code = "".join(path.read_text() for path in (*(ROOT / "functions").rglob("*.py"), *LIBRARY.rglob("*.py")))

    assert (published() | rung) - listed == set()
    assert [one for one in listed if f'"{one.removeprefix("jobs_")}"' not in code] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_page_names_no_variable_that_nothing_reads(document: Path) -> None:
    named = {word for one in said(document) for word in re.findall(r"\b(?:[A-Z]+_)+[A-Z_]+\b", one)}
    product = [path for path in files() if not path.is_relative_to(ROOT / "tests") or path.name == "conftest.py"]
    read = "\n".join(path.read_text(errors="ignore") for path in product)

    assert [one for one in sorted(named) if not re.search(rf"\b{one}\b", read)] == []
