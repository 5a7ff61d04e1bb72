"""What the pages have pip and Python do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dynameter.middleware.asgi import MeteringMiddleware
from local.template import ROOT
from tests.documents.covers import covered_by
from tests.documents.pages import Command, blocks, commands
from tests.documents.shell import LIMIT_S, environment

COVERED = covered_by("tests/documents/test_tools.py")
INSTALLS = sorted(
    {one.text for one in COVERED if one.key == "pip install" and not one.text.endswith("--require-hashes")}
)
SAM = ROOT / ".venv-sam" / "bin" / "sam"
WITHOUT_AN_INDEX = ("--dry-run", "--no-index", "--no-deps", "--no-build-isolation")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("command", INSTALLS)
def test_pip_takes_the_project_with_its_extras(command: str) -> None:
    done = run("pip", "install", *WITHOUT_AN_INDEX, *shlex.split(command)[2:])

    assert (done.returncode, "does not provide the extra" in done.stderr) == (0, False), done.stderr
    assert "Would install dynameter-" in done.stdout


@pytest.mark.skipif(not SAM.exists(), reason="SAM is not in .venv-sam; make build installs it")
def test_sam_has_the_options_by_which_the_pages_invoke_a_function() -> None:
    lines = {one.text for one in commands() if one.key == "sam local invoke"}
    used = {word for line in lines for word in line.split() if word.startswith("-")} | {"-n"}

    shown = subprocess.run(
        [SAM, "local", "invoke", "--help"],
        env={**environment(), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "`-n env.json`" in (ROOT / "README.md").read_text()
    assert [one for one in used if not re.search(rf"(?m)^\W*{one}, --", shown)] == []


def test_make_installs_by_hash_as_the_page_says() -> None:
    assert [one.page for one in COVERED if one.text == "pip install --require-hashes"] == ["docs/development.md"]
    assert "pip install -q --no-deps --require-hashes -r" in (ROOT / "Makefile").read_text()


def test_a_reader_puts_the_middleware_around_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (around, others) = blocks("docs/middleware.md", "python")
    monkeypatch.setenv("DYNAMETER_API_KEY", "dm_local_admin")
    app = object()
    found: dict[str, Any] = {"app": app}

    exec(around.replace("/var/spool/dynameter", str(tmp_path)), found)  # the page's own lines

    assert found["app"] is not app
    assert isinstance(found["app"], MeteringMiddleware)
    compile(others, "docs/middleware.md", "exec")


@pytest.mark.parametrize("command", [one for one in COVERED if one.key == "python"], ids=str)
def test_a_module_of_the_pages_runs(command: Command) -> None:
    done = run(*command.text.partition(" -m ")[2].split())

    assert (done.returncode, done.stdout != "") == (0, True), done.stderr
