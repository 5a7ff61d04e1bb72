"""Removes a stack; with ``--data delete`` also what it leaves behind: events, usage, catalog and failed batches.

    python -m deployment.remove --stack NAME [--data keep|delete] [--confirm NAME] [--sam PROGRAM]

The stack's name has to be typed, or given by ``--confirm``. It may be stopped and run again: a stack that is gone is
still known to CloudFormation for 90 days, with what was left of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deployment.deploy import Refused, Run, run_command

TABLES = ("EventsTable", "UsageTable", "CatalogTable")
BUCKET = "FailedBatches"
_GONE = {"ResourceNotFoundException", "NoSuchBucket", "404"}


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    stack: str
    delete_data: bool
    confirmed: str | None
    sam: str


@dataclass(frozen=True, slots=True)
class Clients:
    """boto3's clients of the caller."""

    cloudformation: Any
    dynamodb: Any
    s3: Any
    lambda_: Any


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of ours, deployed or gone already, and what outlives it."""

    name: str
    is_deployed: bool
    tables: tuple[str, ...]
    bucket: str

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers whose versions outlive it."""
        return (f"{self.name}-library", f"{self.name}-dependencies")


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a message where it is wrong, as argparse does."""
    parser = argparse.ArgumentParser(prog="deployment.remove", description="Remove a stack.")
    parser.add_argument("--stack", required=True, help="CloudFormation stack of the deployment")
    parser.add_argument("--data", choices=("keep", "delete"), default="keep", help="its tables and its bucket")
    parser.add_argument("--confirm", help="the stack's name again; without it, you are asked")
    parser.add_argument("--sam", default="sam", help="the SAM CLI")
    found = parser.parse_args(arguments)
    return Options(found.stack, found.data == "delete", found.confirm or None, found.sam)


def find_stack(cloudformation: Any, name: str) -> Stack:
    """The stack of that name, or the last of that name that was deleted. Raises ``Refused`` where it is not ours."""
    identity, is_deployed = _identity(cloudformation, name)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=identity)
    resources = {
        one["LogicalResourceId"]: one.get("PhysicalResourceId", "")
        for page in pages
        for one in page["StackResourceSummaries"]
    }
    missing = [one for one in (*TABLES, BUCKET) if not resources.get(one)]
    if missing and not is_deployed:
        raise Refused(f"the stack {name} is gone, and CloudFormation has forgotten what it left; delete that by hand")
    if missing:
        raise Refused(f"the stack {name} is no Dynameter stack: it has no {missing[0]}")
    return Stack(name, is_deployed, tuple(resources[one] for one in TABLES), resources[BUCKET])


def _identity(cloudformation: Any, name: str) -> tuple[str, bool]:
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
    else:
        return str(found["StackId"]), True
    deleted = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    past = [one for page in deleted for one in page["StackSummaries"] if one["StackName"] == name]
    if not past:
        raise Refused(f"there is no stack {name} in this account and region")
    return str(max(past, key=lambda one: one["CreationTime"])["StackId"]), False


def describe(stack: Stack, delete_data: bool) -> Iterator[str]:
    """What is about to happen, a line each."""
    if stack.is_deployed:
        yield f"the stack {stack.name}: API, functions, alarms, dashboard, log groups"
    verb = "DELETED with everything in it" if delete_data else "kept"
    for table in stack.tables:
        yield f"the table {table}: {verb}"
    yield f"the bucket {stack.bucket}: {verb}"


def confirm(stack: Stack, confirmed: str | None, ask: Callable[[str], str]) -> None:
    """Have the stack's name typed. Raises ``Refused`` where it is another one."""
    if (confirmed or ask(f"type {stack.name} to go on: ").strip()) != stack.name:
        raise Refused("the name is not the stack's")


def delete_table(dynamodb: Any, table: str) -> None:
    """Delete a table that may be protected, or gone."""
    try:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=table)
        dynamodb.delete_table(TableName=table)
    except ClientError as error:
        _pass_over_gone(error)


def delete_bucket(s3: Any, bucket: str) -> None:
    """Delete a bucket with every version of every object; it may be gone."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        _pass_over_gone(error)


def delete_layers(lambda_: Any, stack: Stack) -> int:
    """Delete the versions of the stack's layers, which nothing uses any more; answers how many."""
    deleted = 0
    for layer in stack.layers:
        for page in lambda_.get_paginator("list_layer_versions").paginate(LayerName=layer):
            for one in page["LayerVersions"]:
                lambda_.delete_layer_version(LayerName=layer, VersionNumber=one["Version"])
                deleted += 1
    return deleted


def _pass_over_gone(error: ClientError) -> None:
    if error.response.get("Error", {}).get("Code") not in _GONE:
        raise error


def remove(stack: Stack, options: Options, clients: Clients, out: TextIO, run: Run) -> int:
    """Remove what was confirmed, the stack first so that nothing writes any more; answers the process's exit code."""
    if stack.is_deployed:
        failed = run([options.sam, "delete", "--stack-name", stack.name, "--no-prompts"])
        if failed:
            return failed
    print(f"{delete_layers(clients.lambda_, stack)} layer versions deleted", file=out)
    if not options.delete_data:
        print(f"kept: {', '.join((*stack.tables, stack.bucket))}", file=out)
        return 0
    for table in stack.tables:
        delete_table(clients.dynamodb, table)
    delete_bucket(clients.s3, stack.bucket)
    print("tables and bucket deleted", file=out)
    return 0


def main(
    arguments: Sequence[str],
    out: TextIO,
    ask: Callable[[str], str] = input,
    run: Run = run_command,
    clients: Clients | None = None,
) -> int:
    """Remove a stack; answers the process's exit code."""
    options = read_options(arguments)
    try:
        clients = clients or Clients(*(boto3.client(name) for name in ("cloudformation", "dynamodb", "s3", "lambda")))
        stack = find_stack(clients.cloudformation, options.stack)
        for line in describe(stack, options.delete_data):
            print(line, file=out, flush=True)
        confirm(stack, options.confirmed, ask)
        return remove(stack, options, clients, out, run)
    except (BotoCoreError, ClientError, EOFError, OSError, Refused) as error:
        print(f"not removed: {error or 'nobody confirmed'}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
