"""The local server as a process of its own, for tests that speak HTTP to it as any client would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from local.service import KEY, WORKSPACE
from local.template import ROOT
from tests.policies import DENIAL

STOP_S = 60


@dataclass(frozen=True)
class Server:
    """A local server that answers: its base address, its key and workspace, and where its log goes."""

    url: str
    key: str
    workspace: str
    log: Path
    process: subprocess.Popen[str]


@contextmanager
def running_server(variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``python -m local`` on a free port while the context lasts; ``variables`` go into its environment.

    Its functions may do what the template allows them, see ``tests.policies``; one that did more fails here.
    """
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": "0", "DYNAMETER_ENDPOINT": "", **(variables or {})}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.judged_server"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdout is not None
        try:
            url = _address(process.stdout, log)
            Thread(target=_drain, args=(process.stdout,), daemon=True).start()
            yield Server(url, KEY, WORKSPACE, log, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            finally:
                process.kill()
        assert DENIAL not in log.read_text()


def _address(output: IO[str], log: Path) -> str:
    """The base address, which the server prints once it answers; its output ends where it cannot start."""
    for line in output:
        if line.startswith("Dynameter"):
            return line.split()[1]
    raise RuntimeError(f"the local server did not start:\n{log.read_text()}")


def _drain(output: IO[str]) -> None:
    """Read on, so that the server never waits for room to print."""
    with output:
        for _ in output:
            pass
