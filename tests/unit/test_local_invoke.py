"""``sam local invoke`` works as the README says: a line for every payload, and variables that may be overridden."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.template import ROOT, Function
from tests.samples.payloads import FUNCTIONS, SAMPLES

README = (ROOT / "README.md").read_text()
SECTION = README.partition("\n## Invoke one function\n")[2].partition("\n## ")[0]
LIBRARY = ROOT / "layers" / "dynameter" / "python" / "dynameter"
ELSEWHERE = ("cli", "client", "cost", "middleware", "operations")
"""Parts of the library that run in other processes than the functions'."""


def lines(text: str) -> list[str]:
    return re.findall(r"(?m)^sam local invoke \S.*$", text)


def test_the_readme_has_a_line_for_each_payload_once() -> None:
    assert sorted(lines(README)) == sorted(sample.command for sample in SAMPLES)


def test_a_line_for_each_function_is_shown_and_the_others_are_folded() -> None:
    shown, fold, folded = SECTION.partition("<details>")

    assert fold
    assert sorted(line.split()[3] for line in lines(shown)) == sorted(one.name for one in FUNCTIONS.values())
    assert len(lines(folded)) == len(SAMPLES) - len(FUNCTIONS)


def variables_read(path: Path) -> Iterator[str]:
    """The names that a module asks of an environment, be it called ``env`` or ``os.environ``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript):
            asked, names = [node.value], [node.slice]
        elif isinstance(node, ast.Call):
            asked, names = [*([node.func.value] if isinstance(node.func, ast.Attribute) else []), *node.args], node.args
        else:
            continue
        if any(getattr(one, "id", getattr(one, "attr", "")) in ("env", "environ") for one in asked):
            yield from (one.value for one in names if isinstance(one, ast.Constant) and isinstance(one.value, str))


def overridable() -> set[str]:
    """The variables that decide how a function works; those of Lambda itself aside."""
    modules = [path for path in LIBRARY.rglob("*.py") if path.relative_to(LIBRARY).parts[0] not in ELSEWHERE]
    found = {name for path in (*modules, *(ROOT / "functions").rglob("*.py")) for name in variables_read(path)}
    return {name for name in found if re.fullmatch("[A-Z][A-Z0-9_]+", name) and not name.startswith("AWS_")}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda one: one.name)
def test_every_variable_is_declared_for_sam_overrides_no_other(function: Function) -> None:
    wanted = overridable()

    assert {"EVENTS_TABLE", "DYNAMETER_ENDPOINT", "EVENT_BUS"} <= wanted
    assert wanted - set(function.environment) == set()


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda one: one.name)
def test_the_readme_overrides_declared_variables(function: Function) -> None:
    (example,) = re.findall(r'(?m)^`(\{"Parameters".+\})`$', SECTION)

    assert set(json.loads(example)["Parameters"]) <= set(function.environment)
