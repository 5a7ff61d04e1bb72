"""The DynamoDB engines that the integration tests run on, each with the template's tables, empty.

moto       embedded, always there
ministack  a process of its own, from .venv-ministack (made by make test)
endpoint   any other, named by DYNAMETER_TEST_ENDPOINT: an address, e.g. DynamoDB Local's, or ``aws`` for the account
           and region of the environment; the tests make and delete tables there

What an engine is known to get wrong stands in engines/faults.py, and the test of it must fail there.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.engine import Engine, choose, connected
from local.template import Template, create_tables
from tests.conftest import ENGINES
from tests.integration.engines.faults import MINISTACK as MINISTACK_NAME
from tests.integration.engines.faults import MOTO, fault_of, kind_of
from tests.running_ministack import MINISTACK, running_ministack
from tests.running_server import Server, running_server

HERE = Path(__file__).parent


@cache
def template() -> Template:
    """The template, read once: that takes longer than most of the tests."""
    return Template.load()


@cache
def _client(service: str, engine: str) -> Any:
    """A client for all tests of an engine, named as ``local.engine`` does: to make one takes longer than to use it."""
    endpoint = engine if engine.startswith("http") else None
    config = Config(account_id_endpoint_mode="disabled", connect_timeout=2, read_timeout=20)
    connect: Any = boto3.client
    return connect(service, endpoint_url=endpoint, config=config)


@cache
def _kind(param: str) -> str:
    """The engine behind a parameter of ``engine_choice``, as the table of faults names it."""
    known = {"moto": MOTO, "ministack": MINISTACK_NAME}
    return known[param] if param in known else kind_of(os.environ.get("DYNAMETER_TEST_ENDPOINT", ""))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that shows a known fault of its engine has to fail."""
    for item in items:
        if not isinstance(item, pytest.Function) or not item.path.is_relative_to(HERE):
            continue
        param = getattr(item, "callspec", None) and item.callspec.params.get("engine_choice")
        if param is None or (param == "endpoint" and not os.environ.get("DYNAMETER_TEST_ENDPOINT")):
            continue
        fault = fault_of(_kind(param), item.originalname)
        if fault is not None:
            item.add_marker(pytest.mark.xfail(reason=f"{fault.engine}: {fault.what}", strict=True))


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


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The address of a ministack that runs; skips where it is not installed."""
    if not MINISTACK.exists():
        pytest.skip("ministack is not installed in .venv-ministack; make test does that")
    with running_ministack() as address:
        yield address


@pytest.fixture(params=["moto", "ministack", "endpoint"])
def engine_choice(request: pytest.FixtureRequest) -> Engine:
    """Each engine there is in turn; what is not there is skipped with its reason."""
    outcomes = request.config.stash[ENGINES]
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
            for definition in template().table_definitions():
                client.delete_table(TableName=prefix + definition["TableName"])


@pytest.fixture
def engine(engine_choice: Engine) -> Iterator[EngineUnderTest]:
    """The engine with the template's tables, fresh."""
    prefix = f"test-{uuid.uuid4().hex[:12]}-"
    with connected(engine_choice):
        client, streams = (_client(service, engine_choice.name) for service in ("dynamodb", "dynamodbstreams"))
        tables = create_tables(client, template(), prefix)
        yield EngineUnderTest(engine_choice, client, streams, tables)
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
