"""A page's commands as its reader runs them, in a shell, on the deployed stack."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.template import ROOT
from tests.conformance.api import Api
from tests.documents.pages import blocks, cut
from tests.integration.deployment.account import COMMAND_S, without_make

PAGE = "docs/backup.md"
OPERATIONS = "docs/operations.md"
_AWS = f"""#!/bin/sh
cd {shlex.quote(str(ROOT))} && exec {shlex.quote(sys.executable)} -m {__package__}.aws_program "$@"
"""


def section(title: str) -> list[str]:
    """The commands of a section of the page, one by one."""
    text = (ROOT / PAGE).read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    plain = re.sub(r"(?m)^ +", "", text)
    return [one for block in blocks(PAGE, "sh") if re.sub(r"(?m)^ +", "", block) in plain for one in cut(block)]


def helper() -> str:
    """``id``, as the page on operations defines it."""
    return next(line for block in blocks(OPERATIONS, "sh") for line in block.splitlines() if line.startswith("id() "))


@dataclass(frozen=True)
class Operator:
    """Who has a shell with credentials of the account, and a key of a workspace."""

    environment: Mapping[str, str]
    stack: str
    api: Api
    folder: Path

    def begin(self, command: str) -> subprocess.Popen[str]:
        """Start a command of a page in the checkout."""
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "aws").write_text(_AWS)
        (programs / "aws").chmod(0o755)
        mine = {
            "STACK": self.stack,
            "API": self.api.url,
            "KEY": self.api.key,
            "WS": self.api.workspace,
            "PATH": f"{programs}:{Path(sys.executable).parent}:{self.environment['PATH']}",
        }
        return subprocess.Popen(
            ["bash", "-ec", f"{helper()}\n{command}"],
            cwd=ROOT,
            env=without_make({**self.environment, **mine}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """Run a command of a page; answers what it prints. Raises RuntimeError where it fails."""
        return finish(self.begin(command))


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command; answers what it printed. Raises RuntimeError where it failed."""
    try:
        printed, _ = process.communicate(timeout=COMMAND_S)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{process.args!r} failed:\n{printed[-3000:]}")
    return printed
