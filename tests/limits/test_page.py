"""docs/limits.md says what the constants say, and no limit of the library stands outside of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from local.template import ROOT
from tests.limits.page import PAGE, rendered, tables
from tests.limits.table import ELSEWHERE, INTERNAL, LIMITS, SECTIONS

LIBRARY = ROOT / "layers" / "dynameter" / "python" / "dynameter"
_NAME = re.compile(r"(?:^|_)MAX(?:_|$)|^_?(?:LONGEST|MOST)_")


def constants() -> Iterator[str]:
    """Every constant of the library whose name says that it is a limit."""
    for path in sorted(LIBRARY.rglob("*.py")):
        module = ".".join(path.relative_to(LIBRARY).with_suffix("").parts)
        if not module.startswith(ELSEWHERE):
            yield from (f"{module}:{name}" for name in assigned(path.read_text()) if _NAME.search(name))


def assigned(source: str) -> Iterator[str]:
    """The names that a module assigns at its top."""
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name):
            yield target.id


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_says_what_the_code_says(heading: str) -> None:
    assert tables(PAGE.read_text()).get(heading) == rendered(SECTIONS[heading]), "run python -m tests.limits.page"


def test_every_limit_of_the_library_is_listed() -> None:
    assert sorted(set(constants()) - set(LIMITS) - set(INTERNAL)) == []


def test_no_limit_is_listed_that_is_no_more() -> None:
    assert sorted(set(INTERNAL) - set(constants())) == []


def test_a_limit_is_listed_once() -> None:
    assert len(LIMITS) == sum(map(len, SECTIONS.values()))
