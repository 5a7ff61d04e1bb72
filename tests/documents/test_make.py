"""make's commands on the pages: each target, variable and argument is there, and each target is run by something."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from local.template import ROOT, Template
from tests.conftest import WORKSPACE
from tests.documents.covers import covered_by
from tests.documents.pages import Command
from tests.documents.shell import environment, make
from tests.integration.deployment.runbook import section

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = dict(re.findall(r"(?m)^([a-z][a-z-]*):.*?## (.+)$", MAKEFILE))
COVERED = covered_by("tests/documents/test_make.py")
UV = ROOT / ".venv-tools" / "bin" / "uv"

CI = ".ci/run"
RUN = {
    "run": "tests/documents/test_readme.py",
    "help": "tests/documents/test_make.py",
    "simulate": "tests/documents/test_make.py",
    "schemathesis": "tests/abuse/test_schemathesis.py",
    "fuzz": "tests/abuse/fuzz/test_requests.py",
    "check": CI,
    "policies": CI,
    "audit": CI,
    "test": CI,
    "build": CI,
    "reproducible": CI,
    "built": CI,
    "runtime": CI,
    "smoke": CI,
    "first-key": "tests/integration/deployment/deployed.py",
    "remove": "tests/integration/deployment/test_smoke.py",
    "deploy": "tests/integration/deployment/deployed.py",
    "redrive": "tests/integration/deployment/test_operators.py",
    "restore": "tests/integration/deployment/test_operators.py",
    "purge": "tests/integration/deployment/test_operators.py",
}
"""What runs a target, or the program that is all there is to it."""
NEVER_RUN = {
    "lock": "it needs an index; uv parses what it would do",
    "bench": "it takes minutes, and its figures are this machine's",
}


class Parsed(BaseException):
    """A program has read its command line and is kept from going on."""


def written() -> dict[str, Command]:
    """The commands as a reader would type them, each once."""
    said = {re.sub(r"\[|\]|\s*#.*", "", one.text.replace("\\\n", " ")): one for one in COVERED}
    return {text.replace(" UUID", f" {WORKSPACE}"): one for text, one in said.items()}


def words(text: str) -> tuple[list[str], list[str]]:
    """Targets and variables of a command."""
    said = shlex.split(text.partition("make ")[2])
    return [one for one in said if "=" not in one], [one for one in said if "=" in one]


def dry_run(text: str) -> str:
    """What make would do, a line a command."""
    targets, variables = words(text)
    done = make("--dry-run", *targets, *variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\\\n", " ")


@pytest.mark.parametrize("text", written())
def test_make_would_do_it(text: str) -> None:
    targets, variables = words(text)

    assert set(targets) - set(TARGETS) == set()
    assert [one for one in variables if f"$({one.partition('=')[0]})" not in MAKEFILE] == []
    assert dry_run(text)


def programs(text: str) -> Iterator[tuple[str, list[str]]]:
    """Modules of ours that make would run, and their arguments."""
    for module, arguments in re.findall(
        r"(?m)/python -m ((?:dynameter|deployment|requirements|tests|local)[\w.]*) ?(.*)$", text
    ):
        source = find_spec(module)
        if source is not None and source.origin and "ArgumentParser" in Path(source.origin).read_text():
            yield module, shlex.split(arguments)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # runpy's, of a module that is imported
@pytest.mark.parametrize("text", [text for text in written() if words(text)[1]])
def test_its_program_takes_the_arguments(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(parser: argparse.ArgumentParser, arguments: Any = None, _: Any = None) -> NoReturn:
        known, unknown = parser.parse_known_args(arguments)
        assert (known is not None, unknown) == (True, [])
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    for module, arguments in programs(dry_run(text)):
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(Parsed):
            runpy.run_module(module, run_name="__main__")


@pytest.mark.parametrize("text", [text for text in written() if words(text)[0] == ["deploy"]])
def test_a_deployment_names_an_environment_and_parameters_that_exist(text: str) -> None:
    given = dict(one.split("=", 1) for one in words(text)[1])
    parameters = {one.split("=", 1)[0] for one in given.get("PARAMETERS", "").split()}

    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert given.get("ENV", "dev") in environments
    assert parameters - set(Template.load().document["Parameters"]) == set()


def test_every_target_of_the_pages_is_run_by_something_or_says_why_not() -> None:
    named = {target for text in written() for target in words(text)[0]}

    assert named - set(RUN) - set(NEVER_RUN) == set()
    assert (set(RUN) | set(NEVER_RUN)) - named == set()


@pytest.mark.parametrize("target", [one for one, by in RUN.items() if by == CI])
def test_ci_runs_the_target(target: str) -> None:
    assert re.search(rf"(?m)^make {target}( |$)", (ROOT / CI).read_text())


@pytest.mark.parametrize(("target", "by"), [(one, by) for one, by in RUN.items() if by.endswith(".py")])
def test_the_tests_that_run_a_target_are_there(target: str, by: str) -> None:
    assert (ROOT / by).exists()


@pytest.mark.parametrize("target", [one for one, by in RUN.items() if by.startswith("tests/integration/deployment")])
def test_the_smoke_test_runs_the_target(target: str) -> None:
    folder = ROOT / "tests" / "integration" / "deployment"
    followed = [one.split()[1] for one in section("How a restore goes") if one.startswith("make ")]

    assert target in followed or f'"{target}"' in "".join(one.read_text() for one in folder.glob("*.py"))


def test_help_lists_every_target() -> None:
    shown = make("help").stdout

    assert [one for one in TARGETS if not re.search(rf"(?m)^{one} +\S", shown)] == []


@pytest.mark.parametrize("text", [text for text in written() if words(text)[0] == ["simulate"] and words(text)[1]])
def test_a_short_simulation_runs(text: str) -> None:
    variables = dict(one.split("=", 1) for one in words(text)[1])

    done = make("simulate", *(f"{name}={value}" for name, value in {**variables, "RUNS": "3"}.items()))

    assert (done.returncode, done.stdout.splitlines()[-1].startswith("runs 3, ")) == (0, True), done.stderr


@pytest.mark.skipif(not UV.exists(), reason="uv is not in .venv-tools; make lock installs it")
@pytest.mark.parametrize("text", [text for text in written() if words(text)[0] == ["lock"]])
def test_uv_takes_what_make_lock_says(text: str) -> None:
    compiled = [line for line in dry_run(text).splitlines() if "uv pip compile" in line]
    assert compiled
    for line in compiled[:3]:
        done = subprocess.run([*shlex.split(line), "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_variables_given_to_a_make_around_the_tests_do_not_reach_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--hypothesis-seed=7 ENV=prod")
    monkeypatch.setenv("ARGS", "--hypothesis-seed=7")
    monkeypatch.setenv("ENV", "prod")

    assert {"ARGS", "ENV", "MAKEFLAGS"}.isdisjoint(environment())
