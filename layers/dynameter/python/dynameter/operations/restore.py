"""Puts back what a table of a stack has lost, from a table that was restored beside it.

    python -m dynameter.operations.restore --stack NAME --table events|usage|catalog --from TABLE
        [--with-keys] [--segments N]

with the caller's AWS credentials. Only what is missing is written, see ``dynameter.operations.missing_items``; run it
again as often as need be. Rebuild the meters afterwards: docs/backup.md has the whole procedure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dynameter.clock import Clock, SystemClock
from dynameter.operations.missing_items import Copying, Kind, MissingDefinitions, MissingItems, Outcome, Tally
from dynameter.operations.stack import connect_tables, read_outputs

OUTPUTS = {Kind.EVENTS: "EventsTable", Kind.USAGE: "UsageTable", Kind.CATALOG: "CatalogTable"}
"""The stack's outputs that name its tables."""
DEFAULT_SEGMENTS = 16
MAX_SEGMENTS = 256
REPORTED_ITEMS = 100_000
MAX_NOTES = 20


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    stack: str
    table: Kind
    source: str
    with_keys: bool
    segments: int


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a message where it is wrong, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="dynameter.operations.restore", description="Put back what a table of a stack has lost."
    )
    parser.add_argument("--stack", required=True, help="CloudFormation stack of the deployment")
    parser.add_argument("--table", required=True, choices=[one.value for one in OUTPUTS], help="which of its tables")
    parser.add_argument("--from", required=True, dest="source", help="the table that was restored beside it")
    parser.add_argument("--with-keys", action="store_true", help="API keys, too: revoked ones work again")
    parser.add_argument("--segments", type=int, default=DEFAULT_SEGMENTS, help="parallel readers (%(default)s)")
    found = parser.parse_args(arguments)
    if not 1 <= found.segments <= MAX_SEGMENTS:
        parser.error(f"--segments must be 1 to {MAX_SEGMENTS}")
    return Options(found.stack, Kind(found.table), found.source, found.with_keys, found.segments)


def main(arguments: Sequence[str], clock: Clock, out: TextIO, clients: tuple[Any, Any] | None = None) -> int:
    """Run the command; ``clients`` are CloudFormation's and DynamoDB's. Answers 1 where it could not go through."""
    options = read_options(arguments)
    cloudformation, dynamodb = clients or (boto3.client("cloudformation"), connect_tables(options.segments))
    try:
        target = read_outputs(cloudformation, options.stack, OUTPUTS[options.table])[OUTPUTS[options.table]]
        if target == options.source:
            raise LookupError(f"{target} is the stack's own table: name the one that was restored beside it")
        tally = _restore(options, dynamodb, target, clock, out)
    except (BotoCoreError, ClientError, LookupError) as error:
        print(f"not restored: {error}", file=sys.stderr)
        return 1
    for note in tally.notes[:MAX_NOTES]:
        print(note, file=out)
    print(f"{options.source} -> {target}: {_counts(tally)}", file=out)
    return 0


def _restore(options: Options, dynamodb: Any, target: str, clock: Clock, out: TextIO) -> Tally:
    reported = 0

    def report(tally: Tally) -> None:
        nonlocal reported
        if tally.read - reported >= REPORTED_ITEMS:
            reported = tally.read
            print(_counts(tally), file=out, flush=True)

    if options.table is not Kind.CATALOG:
        items = MissingItems(dynamodb, target, clock)
        return Copying(dynamodb, options.source, options.table, items.put_back, options.segments).run(report)
    definitions = MissingDefinitions(dynamodb, target, clock, keys=options.with_keys)
    try:
        tally = Copying(dynamodb, options.source, options.table, definitions.put_back, options.segments).run(report)
    finally:
        # What was put back before a failure is there for good, too.
        definitions.finish()
    tally.notes = definitions.notes
    return tally


def _counts(tally: Tally) -> str:
    return ", ".join(f"{tally.counts[one]} {one.value}" for one in Outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], SystemClock(), sys.stdout))
