"""Makes the key that no key can make: the first of a fresh deployment.

    python -m dynameter.operations.first_key --stack NAME [--workspace UUID] [--name TEXT] [--days N]

makes an admin key with the caller's AWS credentials and prints it once.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dynameter.access import roles
from dynameter.access.key import OPERATOR, Random
from dynameter.access.principal import Principal
from dynameter.access.service import AccessService, IssuedKey
from dynameter.access.store import KeyStore
from dynameter.clock import Clock, SystemClock
from dynameter.errors import DynameterError
from dynameter.operations.stack import connect_tables, read_outputs

TABLE_OUTPUT = "CatalogTable"
"""The stack's output that names the table of keys."""


def create_first_key(
    store: KeyStore, clock: Clock, random: Random, *, workspace: str, name: str | None, days: int | None
) -> IssuedKey:
    """Make an admin key in the workspace; without ``days`` it never expires."""
    operator = Principal(workspace, OPERATOR, frozenset(roles.ADMIN.permissions))
    service = AccessService(store, clock, random)
    return service.create(operator, name=name, role=roles.ADMIN.name, permissions=(), duration_days=days)


def find_table(cloudformation: Any, stack: str) -> str:
    """The name of the stack's table of keys. Raises LookupError where the stack does not say it."""
    return read_outputs(cloudformation, stack, TABLE_OUTPUT)[TABLE_OUTPUT]


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    stack: str | None
    table: str | None
    workspace: str
    name: str
    days: int | None


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a message where it is wrong, as argparse does."""
    parser = argparse.ArgumentParser(prog="dynameter.operations.first_key", description="Make an admin API key.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", help="CloudFormation stack of the deployment")
    where.add_argument("--table", help="its catalog table, where the stack cannot be read")
    parser.add_argument("--workspace", type=uuid.UUID, help="the workspace's UUID; a new one without it")
    parser.add_argument("--name", default="first key", help="what to call the key")
    parser.add_argument("--days", type=int, help="days until the key expires, 1 to 90; without it, never")
    found = parser.parse_args(arguments)
    return Options(found.stack, found.table, str(found.workspace or uuid.uuid4()), found.name, found.days)


def main(arguments: Sequence[str], clock: Clock, random: Random, *, cloudformation: Any = None) -> int:
    """Make the key and print it; answers the process's exit code."""
    options = read_options(arguments)
    try:
        if options.stack is None:
            table = str(options.table)
        else:
            table = find_table(cloudformation or boto3.client("cloudformation"), options.stack)
        issued = create_first_key(
            KeyStore(connect_tables(), table, clock),
            clock,
            random,
            workspace=options.workspace,
            name=options.name,
            days=options.days,
        )
    except (BotoCoreError, ClientError, DynameterError, LookupError) as error:
        print(f"no key was made: {error}", file=sys.stderr)
        return 1
    print(f"workspace  {issued.key.workspace}")
    print(f"key        {issued.plaintext}")
    print("The key is shown this once; keep it safe.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], SystemClock(), secrets.token_bytes))
