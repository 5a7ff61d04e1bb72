"""Runs a page's commands as a reader's shell would, against a service that answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.service import KEY, WORKSPACE
from local.template import ROOT

LIMIT_S = 180
_STATUS = "status:"
_CURL_SETTINGS = f'silent\nshow-error\nmax-time = 30\nwrite-out = "\\n{_STATUS}%{{http_code}}"\n'
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
"""What a make around the tests hands down, which would have another make do as it was told."""


@dataclass(frozen=True)
class Done:
    """What a command came to; ``status`` and ``text`` are those of the answer that curl got."""

    command: str
    code: int
    out: str
    err: str

    @property
    def status(self) -> int:
        return int(self.out.rpartition(_STATUS)[2])

    @property
    def text(self) -> str:
        return self.out.rpartition("\n" + _STATUS)[0]

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Shell:
    """A reader's shell: what one command sets, the next one finds, as long as it is put into ``variables``."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    prelude: str = ""

    def run(self, command: str) -> Done:
        """Run one command of a page; it is the caller who looks at its exit code."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        (home / ".curlrc").write_text(_CURL_SETTINGS)
        done = subprocess.run(
            ["bash", "-c", f"{self.prelude}\n{command}"],
            cwd=self.folder,
            env={**environment(), "CURL_HOME": str(home), **self.variables},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Done(command, done.returncode, done.stdout, done.stderr)

    def assign(self, command: str) -> None:
        """Take over what a command such as ``API=… KEY=…`` or ``export A=…`` sets."""
        done = self.run(f"set -a; {command}\nenv -0")
        assert done.code == 0, done.err
        found = dict(one.split("=", 1) for one in done.out.split("\0") if one)
        self.variables.update({key: found[key] for key in re.findall(r"\b([A-Z_]+)=", command)})


def environment() -> dict[str, str]:
    """This process's variables without those of a make around it, and without settings of the command line."""
    given = re.findall(r"(?:^|\s)(\w+)=", os.environ.get("MAKEFLAGS", ""))
    left_out = {*_OF_MAKE, *given}
    return {key: value for key, value in os.environ.items() if key not in left_out and not key.startswith("DYNAMETER_")}


def local_variables(url: str) -> dict[str, str]:
    """The variables that the pages use, for a local server."""
    return {"API": url, "KEY": KEY, "WS": WORKSPACE}


def make(*arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run make here, without making an environment anew that is older than its lock: tests run in it."""
    return subprocess.run(
        ["make", "--no-print-directory", *_as_they_are(), *arguments],
        cwd=ROOT,
        env={**environment(), **(variables or {})},
        capture_output=True,
        text=True,
        timeout=LIMIT_S * 2,
        check=False,
    )


@contextmanager
def make_run(log: Path) -> Iterator[str]:
    """``make run`` on a free port while the context lasts; yields the address that it prints."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["make", "--no-print-directory", *_as_they_are(), "run", "PORT=0"],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        first = next((line for line in process.stdout if line.startswith("Dynameter")), "")
        assert first, log.read_text()
        yield first.split()[1]
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)


def _as_they_are() -> list[str]:
    return [word for stamp in (".venv/.run-stamp", ".venv/.test-stamp") for word in ("-o", stamp)]
