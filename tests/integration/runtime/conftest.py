"""Built functions in Lambda's runtime over a DynamoDB of another process, and what is told of them at the end."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from local.engine import choose, connected
from local.functions import merged_environment
from local.template import Function, create_tables
from tests.integration.runtime.artifacts import Artifacts
from tests.integration.runtime.emulator import Emulator, emulating, missing
from tests.running_ministack import MINISTACK, running_ministack

REPORT = pytest.StashKey[list[str]]()
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
REGION = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(REPORT, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are printed when all is done."""
    return request.config.stash.setdefault(REPORT, [])


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The build."""
    return Artifacts.find(tmp_path_factory.mktemp("opt"))


@dataclass
class Storage:
    """A DynamoDB of another process, with the template's tables by their logical ids."""

    client: Any
    endpoint: str
    tables: Mapping[str, str]

    def variables(self, declared: Mapping[str, str]) -> dict[str, str]:
        """A function's variables, as ``sam local invoke -n`` would override them: the tables and the endpoint."""
        named = {name: self.tables.get(value, value) for name, value in declared.items()}
        return {**named, "DYNAMETER_ENDPOINT": self.endpoint}

    def empty(self) -> None:
        """Delete every item."""
        for table in self.tables.values():
            keys = [one["AttributeName"] for one in self.client.describe_table(TableName=table)["Table"]["KeySchema"]]
            for page in self.client.get_paginator("scan").paginate(TableName=table):
                for item in page["Items"]:
                    self.client.delete_item(TableName=table, Key={name: item[name] for name in keys})


@pytest.fixture(scope="session")
def storage(artifacts: Artifacts) -> Iterator[Storage]:
    """ministack, or what DYNAMETER_TEST_ENDPOINT names; the functions of this process see the same tables."""
    with ExitStack() as stack:
        endpoint = os.environ.get("DYNAMETER_TEST_ENDPOINT", "")
        if not endpoint and not MINISTACK.exists():
            pytest.exit("ministack is not installed in .venv-ministack; make runtime does that", returncode=1)
        endpoint = endpoint or stack.enter_context(running_ministack())
        stack.enter_context(patch.dict(os.environ, {**CREDENTIALS, **REGION}))
        stack.enter_context(connected(choose(endpoint)))
        client = boto3.client("dynamodb", endpoint_url=endpoint)
        tables = create_tables(client, artifacts.template, f"runtime_{uuid.uuid4().hex[:12]}_")
        found = Storage(client, endpoint, tables)
        stack.enter_context(patch.dict(os.environ, found.variables(merged_environment(artifacts.template.functions()))))
        yield found
        for table in tables.values():
            client.delete_table(TableName=table)


@dataclass
class Lambda:
    """Runs one function at a time, the built code with its layers, memory, time and variables."""

    artifacts: Artifacts
    storage: Storage
    folder: Path
    starts: int = 0
    peaks_mb: dict[str, float] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _running: tuple[str, Emulator] | None = None

    def running(self, name: str) -> Emulator:
        """The function of this name, started if it is not the one that ran last."""
        if self._running is None or self._running[0] != name:
            self.stop()
            self._running = (name, self.start(name))
        return self._running[1]

    def start(self, name: str, code: Path | None = None) -> Emulator:
        """Start a function anew; ``stop`` ends it. ``code`` in place of its own."""
        self.starts += 1
        function = self.artifacts.functions[name]
        context = emulating(
            code or self.artifacts.code_of(function),
            self.artifacts.packages,
            function.handler,
            {**self.storage.variables(function.environment), **_lambda_variables(function)},
            self.folder / f"{self.starts}-{name}.log",
        )
        return self._stack.enter_context(context)

    def stop(self) -> None:
        """End what runs; its memory is kept."""
        if self._running is not None:
            name, emulator = self._running
            self.peaks_mb[name] = max(emulator.peak_mb(), self.peaks_mb.get(name, 0))
        self._running = None
        self._stack.close()


@pytest.fixture(scope="session")
def aws_lambda(artifacts: Artifacts, storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lambda]:
    """Where functions run. Whoever asks for them is not told that all is well where they cannot."""
    if reason := missing():
        pytest.exit(reason, returncode=1)
    found = Lambda(artifacts, storage, tmp_path_factory.mktemp("logs"))
    yield found
    found.stop()


def _lambda_variables(function: Function) -> dict[str, str]:
    """What Lambda itself sets."""
    return {
        **CREDENTIALS,
        **REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
    }
