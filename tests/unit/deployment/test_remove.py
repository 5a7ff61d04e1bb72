"""``make remove`` removes a stack, and its data only when told so and by name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from deployment.deploy import Refused
from deployment.remove import TABLES, Clients, confirm, describe, find_stack, main
from local.engine import embedded

NAME = "dynameter-test"
REGION = "us-east-1"


def template(*without: str) -> str:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        },
    }
    bucket = {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
    }
    resources = {**dict.fromkeys(TABLES, table), "FailedBatches": bucket}
    return json.dumps({"Resources": {name: one for name, one in resources.items() if name not in without}})


class Account:
    """An AWS account with a stack; ``sam delete`` as SAM does it."""

    def __init__(self) -> None:
        make: Any = boto3.client
        self.clients = Clients(*(make(name, region_name=REGION) for name in SERVICES))
        self.ran: list[Sequence[str]] = []
        self.fails = 0

    def create(self, name: str = NAME, body: str | None = None) -> None:
        self.clients.cloudformation.create_stack(StackName=name, TemplateBody=body or template())

    def run(self, command: Sequence[str]) -> int:
        self.ran.append(command)
        if not self.fails:
            self.clients.cloudformation.delete_stack(StackName=NAME)
        return self.fails

    def remove(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        out = io.StringIO()
        code = main(["--stack", NAME, *arguments], out, ask=lambda _: typed, run=self.run, clients=self.clients)
        return code, out.getvalue()

    def tables(self) -> list[str]:
        found: list[str] = self.clients.dynamodb.list_tables()["TableNames"]
        return found

    def buckets(self) -> list[str]:
        return [one["Name"] for one in self.clients.s3.list_buckets()["Buckets"]]

    def stack_is_there(self) -> bool:
        return bool(self.clients.cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"])


SERVICES = ("cloudformation", "dynamodb", "s3", "lambda")


@pytest.fixture
def account() -> Iterator[Account]:
    with embedded():
        found = Account()
        found.create()
        yield found


def test_a_stack_goes_and_its_data_stays(account: Account) -> None:
    code, said = account.remove(typed=NAME)

    assert code == 0
    assert account.ran == [["sam", "delete", "--stack-name", NAME, "--no-prompts"]]
    assert not account.stack_is_there()
    assert len(account.tables()) == 3
    assert len(account.buckets()) == 1
    assert all(name in said for name in (*account.tables(), *account.buckets()))


def test_told_so_its_protected_tables_and_every_version_in_its_bucket_go_too(account: Account) -> None:
    (bucket,) = account.buckets()
    for body in (b"1", b"2"):
        account.clients.s3.put_object(Bucket=bucket, Key="batch", Body=body)
    account.clients.s3.delete_object(Bucket=bucket, Key="batch")

    code, _ = account.remove("--data", "delete", typed=NAME)

    assert code == 0
    assert (account.tables(), account.buckets(), account.stack_is_there()) == ([], [], False)


@pytest.mark.parametrize("typed", ["", "yes", "dynameter", NAME + "2"])
def test_another_name_removes_nothing(account: Account, typed: str) -> None:
    code, _ = account.remove("--data", "delete", typed=typed)

    assert code == 1
    assert account.ran == []
    assert len(account.tables()) == 3


def test_the_name_may_be_given_beforehand(account: Account) -> None:
    assert account.remove("--confirm", NAME)[0] == 0
    assert not account.stack_is_there()


def test_a_wrong_name_given_beforehand_is_not_asked_for_again(account: Account) -> None:
    stack = find_stack(account.clients.cloudformation, NAME)

    with pytest.raises(Refused):
        confirm(stack, "another", lambda _: NAME)


def test_a_stack_that_could_not_be_deleted_keeps_its_data(account: Account) -> None:
    account.fails = 7

    code, _ = account.remove("--data", "delete", typed=NAME)

    assert code == 7
    assert len(account.tables()) == 3


def test_data_that_was_kept_can_be_deleted_when_the_stack_is_gone(account: Account) -> None:
    account.remove(typed=NAME)

    code, _ = account.remove("--data", "delete", typed=NAME)

    assert code == 0
    assert len(account.ran) == 1
    assert (account.tables(), account.buckets()) == ([], [])


def test_a_removal_that_was_stopped_half_way_goes_on(account: Account) -> None:
    account.remove("--data", "delete", typed=NAME)

    assert account.remove("--data", "delete", typed=NAME)[0] == 0


def test_only_this_stacks_layers_lose_their_versions(account: Account) -> None:
    for name in (f"{NAME}-library", "another-library"):
        account.clients.lambda_.publish_layer_version(LayerName=name, Content={"ZipFile": b"zip"})

    account.remove(typed=NAME)

    left = [one["LayerName"] for one in account.clients.lambda_.list_layers()["Layers"]]
    assert left == ["another-library"]


def test_a_stack_that_is_not_there_is_refused(account: Account) -> None:
    with pytest.raises(Refused, match="no stack elsewhere"):
        find_stack(account.clients.cloudformation, "elsewhere")


def test_a_stack_of_another_kind_is_refused(account: Account) -> None:
    account.create("other", template("UsageTable"))

    with pytest.raises(Refused, match="no Dynameter stack: it has no UsageTable"):
        find_stack(account.clients.cloudformation, "other")


def test_what_will_go_is_said_before_anybody_is_asked(account: Account) -> None:
    stack: Any = find_stack(account.clients.cloudformation, NAME)

    kept, deleted = (list(describe(stack, delete_data)) for delete_data in (False, True))

    assert [line.endswith("kept") for line in kept] == [False, True, True, True, True]
    assert sum("DELETED" in line for line in deleted) == 4


def test_what_cloudformation_has_forgotten_has_to_be_deleted_by_hand(account: Account) -> None:
    account.remove(typed=NAME)
    client = account.clients.cloudformation

    with (
        patch.object(client, "get_paginator", lambda name: Forgetful(client, name)),
        pytest.raises(Refused, match="by hand"),
    ):
        find_stack(client, NAME)


class Forgetful:
    """Knows stacks, not what they had."""

    def __init__(self, client: Any, name: str) -> None:
        self._pages = client.list_stacks if name == "list_stacks" else None

    def paginate(self, **options: Any) -> list[Any]:
        return [self._pages(**options)] if self._pages else [{"StackResourceSummaries": []}]
