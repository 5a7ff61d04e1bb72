"""The DynamoDB engines that the integration tests run on, each with the template's tables, empty.

moto       embedded, always there
ministack  a process of its own, from .venv-ministack (made by make test)
endpoint   any other, named by DYNAMETER_TEST_ENDPOINT, e.g. DynamoDB Local; the tests make and delete tables there
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.engine import Engine, choose, connected
from local.service import streams_client
from local.template import ROOT, Template, create_tables
from tests.running_server import Server, running_server

MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
READY_S = 30

_outcomes = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True)
class EngineUnderTest:
    """An engine, clients of it, and the template's tables there by their logical ids."""

    engine: Engine
    client: Any
    streams: Any
    tables: dict[str, str]

    @property
    def name(self) -> str:
        return self.engine.name


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_outcomes] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for name, outcome in config.stash[_outcomes].items():
        terminalreporter.write_line(f"DynamoDB engine {name}: {outcome}")


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ministack that runs; skips where it is not installed."""
    if not MINISTACK.exists():
        pytest.skip("ministack is not installed in .venv-ministack; make test does that")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("ministack")
    variables = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "SERVICES": "dynamodb,dynamodbstreams,sts,iam",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([MINISTACK], cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log)
    try:
        _await_ready(process, port, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(READY_S)


@pytest.fixture(params=["moto", "ministack", "endpoint"])
def engine_choice(request: pytest.FixtureRequest) -> Engine:
    """Each engine there is in turn; what is not there is skipped with its reason."""
    outcomes = request.config.stash[_outcomes]
    try:
        found = choose(_address(request))
    except pytest.skip.Exception as skipped:
        outcomes[request.param] = f"skipped, {skipped}"
        raise
    outcomes[request.param] = "ran" + (f", {found.endpoint}" if found.endpoint else "")
    return found


@pytest.fixture
def server(engine_choice: Engine) -> Iterator[Server]:
    """A local server on the engine, with tables of its own that go when it stops."""
    prefix = f"test-{uuid.uuid4().hex[:12]}-"
    endpoint = engine_choice.endpoint or ""
    with running_server({"DYNAMETER_ENDPOINT": endpoint, "DYNAMETER_TABLE_PREFIX": prefix}) as found:
        yield found
    if endpoint:
        with connected(engine_choice):
            client = boto3.client("dynamodb", endpoint_url=endpoint)
            for definition in Template.load().table_definitions():
                client.delete_table(TableName=prefix + definition["TableName"])


@pytest.fixture
def engine(engine_choice: Engine) -> Iterator[EngineUnderTest]:
    """The engine with the template's tables, fresh."""
    prefix = f"test-{uuid.uuid4().hex[:12]}-"
    with connected(engine_choice):
        config = Config(account_id_endpoint_mode="disabled", connect_timeout=2, read_timeout=20)
        client = boto3.client("dynamodb", endpoint_url=engine_choice.endpoint, config=config)
        tables = create_tables(client, Template.load(), prefix)
        yield EngineUnderTest(engine_choice, client, streams_client(engine_choice), tables)
        for table in tables.values():
            client.delete_table(TableName=table)


def _address(request: pytest.FixtureRequest) -> str:
    if request.param == "moto":
        return ""
    if request.param == "ministack":
        address: str = request.getfixturevalue("ministack")
        return address
    if not os.environ.get("DYNAMETER_TEST_ENDPOINT"):
        pytest.skip("DYNAMETER_TEST_ENDPOINT names none")
    return os.environ["DYNAMETER_TEST_ENDPOINT"]


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5).close()
            return
        time.sleep(0.05)
    pytest.fail(f"ministack did not start:\n{log.read_text()[-2000:]}")
