"""A function in Lambda's own runtime: AWS's runtime interface client under its runtime interface emulator.

The client (package awslambdaric, in .venv-runtime) is what a managed Python runtime runs; the emulator, a program that
comes with the SAM CLI, stands for the rest of Lambda. It takes one request at a time and dies of two, and it does not
hold a function to its memory.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.template import ROOT

CLIENT = ROOT / ".venv-runtime"
_MACHINE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_READY_S, _ANSWER_S, _STOP_S = 30, 60, 20
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)")


class FunctionFailed(Exception):
    """The function raised, ran out of time or died; says what it logged."""


class Emulator:
    """A function that runs, alone; ask it one thing at a time."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self._log = log

    def invoke(self, event: Any) -> Any:
        """What the function answers. Raises ``FunctionFailed``."""
        request = urllib.request.Request(self._url, json.dumps(event).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_S) as response:
                answer = json.loads(response.read())
        except (OSError, ValueError) as error:
            raise FunctionFailed(f"{error}\n{self.log()[-4000:]}") from error
        if isinstance(answer, dict) and "errorType" in answer:
            raise FunctionFailed(f"{answer}\n{self.log()[-4000:]}")
        return answer

    def log(self) -> str:
        """What the function and the emulator have written."""
        return self._log.read_text(errors="replace")

    def init_ms(self) -> float:
        """Milliseconds from the start of the runtime to a handler that is ready. Known after the first answer."""
        found = _INIT.search(self.log())
        assert found is not None, self.log()
        return float(found[1])

    def peak_mb(self) -> float:
        """Megabytes that the function has had in memory at most."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if not children:  # started by another of the emulator's threads
            listed = (path.read_text() for path in Path(f"/proc/{self._process.pid}/task").glob("*/children"))
            children = [pid for text in listed for pid in text.split()]
        status = Path(f"/proc/{children[0]}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


@contextmanager
def emulating(code: Path, packages: Path, handler: str, variables: Mapping[str, str], log: Path) -> Iterator[Emulator]:
    """Run the function while the context lasts: its code, its layers' packages and the client on the path, no more."""
    client = next(CLIENT.glob("lib/python*/site-packages"))
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(code),
        # Layers and code are read-only in Lambda: what is not compiled in the build never is.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join(map(str, (code, packages, client))),
        **variables,
    }
    port, api_port = _free_ports()
    command: list[str | Path] = [
        *(_program(), "--log-level", "info"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *(CLIENT / "bin" / "python", "-S", "-s", "-m", "awslambdaric", handler),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=code, env=environment, stdout=output, stderr=output)
    try:
        _await_ready(process, port, log)
        yield Emulator(process, port, log)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def missing() -> str:
    """Why no function can be run here; empty where it can."""
    if not sys.platform.startswith("linux") or platform.machine() not in _MACHINE:
        return f"Lambda's emulator is a program for Linux, not for {sys.platform} on {platform.machine()}"
    if not (CLIENT / "bin" / "python").exists():
        return "Lambda's runtime interface client is not installed in .venv-runtime; make runtime does that"
    return "" if _programs() else "Lambda's emulator is not in .venv-sam; make runtime installs it"


def _programs() -> list[Path]:
    name = f"aws-lambda-rie-{_MACHINE[platform.machine()]}"
    return sorted((ROOT / ".venv-sam").glob(f"lib/python*/site-packages/samcli/local/rapid/{name}"))


def _program() -> Path:
    return _programs()[0]


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise FunctionFailed(f"the emulator did not start:\n{log.read_text()}")
