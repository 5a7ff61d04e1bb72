"""ministack as a process of its own, for whoever needs a second DynamoDB. ``make test`` installs it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.template import ROOT

MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
TABLES_ONLY = "dynamodb,dynamodbstreams,sts,iam"
READY_S = 90
STOPPED_S = 5


@contextmanager
def running_ministack(program: Path = MINISTACK, services: str = TABLES_ONLY) -> Iterator[str]:
    """Run it on a free port while the context lasts; answers its address. Raises RuntimeError if it does not start.

    It is bound to this machine alone: its own defaults listen everywhere, and on a port for MQTT besides.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "SERVICES": services,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([program], cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            _await_ready(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(STOPPED_S)
            except subprocess.TimeoutExpired:  # it lets requests end, and a function may be waiting for minutes
                process.kill()
                process.wait(READY_S)


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"ministack did not start:\n{log.read_text()[-2000:]}")
