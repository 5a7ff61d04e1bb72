"""The first key of a deployment."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from dynameter.access.principal import Principal
from dynameter.access.service import AccessService
from dynameter.access.store import KeyStore
from dynameter.operations.first_key import create_first_key, find_table, main
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock


@pytest.fixture
def store(dynamodb: Any, settings: Settings, clock: ManualClock) -> KeyStore:
    return KeyStore(dynamodb, settings.catalog_table, clock)


@pytest.fixture
def access(store: KeyStore, clock: ManualClock) -> AccessService:
    return AccessService(store, clock, secrets.token_bytes)


def stack(*outputs: tuple[str, str]) -> Any:
    """A CloudFormation client that knows one stack with these outputs."""
    client = boto3.client("cloudformation", region_name="us-east-1")
    stubber = Stubber(client)
    found = {
        "StackName": "metering",
        "CreationTime": "2026-01-14T10:00:00Z",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs],
    }
    stubber.add_response("describe_stacks", {"Stacks": [found]}, {"StackName": "metering"})
    stubber.activate()
    return client


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    lines = capsys.readouterr().out.splitlines()
    return {"workspace": lines[0].split()[1], "key": lines[1].split()[1]}


def test_the_first_key_may_everything_for_ever(store: KeyStore, clock: ManualClock, access: AccessService) -> None:
    issued = create_first_key(store, clock, secrets.token_bytes, workspace=WORKSPACE, name=None, days=None)
    clock.advance(100 * 365 * 86_400)

    assert access.verify(issued.plaintext) == Principal(WORKSPACE, issued.key.id, frozenset({"*"}))


def test_the_command_finds_the_table_of_the_stack_and_prints_a_key_that_works(
    clock: ManualClock, access: AccessService, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation = stack(("EventsTable", "x"), ("CatalogTable", "CatalogTable"))
    arguments = ["--stack", "metering", "--workspace", OTHER_WORKSPACE.upper()]

    assert main(arguments, clock, secrets.token_bytes, cloudformation=cloudformation) == 0
    shown = printed(capsys)
    principal = access.verify(shown["key"])
    assert principal is not None
    assert (shown["workspace"], principal.workspace) == (OTHER_WORKSPACE, OTHER_WORKSPACE)


def test_a_workspace_is_made_where_none_is_named(
    store: KeyStore, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--table", "CatalogTable"], clock, secrets.token_bytes) == 0

    workspace = printed(capsys)["workspace"]
    assert uuid.UUID(workspace).version == 4
    assert len(store.entries(workspace)) == 1


def test_the_first_key_may_have_a_term_and_a_name(
    store: KeyStore, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--table", "CatalogTable", "--name", "ops", "--days", "7"], clock, secrets.token_bytes)

    key = store.get(printed(capsys)["key"].split("_")[1])
    assert key is not None
    assert (key.name, key.expires_at_us) == ("ops", clock.now + 7 * 86_400 * 1_000_000)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--table", "CatalogTable", "--days", "91"], "from 1 to 90"),
        (["--table", "NoSuchTable"], "ResourceNotFoundException"),
    ],
)
def test_a_failure_is_told_and_prints_no_key(
    settings: Settings,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    assert main(arguments, clock, secrets.token_bytes) == 1

    shown = capsys.readouterr()
    assert (shown.out, reason in shown.err) == ("", True)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--stack", "a", "--table", "b"], ["--table", "t", "--workspace", "mine"], ["--table", "t", "--days", "x"]],
)
def test_a_wrong_command_line_is_refused(
    clock: ManualClock, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments, clock, secrets.token_bytes)


def test_a_stack_of_another_kind_is_named() -> None:
    with pytest.raises(LookupError, match="metering has no output CatalogTable"):
        find_table(stack(("Other", "x")), "metering")
