"""Deletes usage rows that nobody reads any more: those of dropped generations and of deleted meters.

    python -m dynameter.operations.purge --stack NAME [--delete] [--segments N]

with the caller's AWS credentials. Without ``--delete`` it only counts them. With it, it looks, waits 20 minutes, looks
again and deletes; it may be stopped and run again. See ``dynameter.operations.unread_rows``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dynameter.clock import Clock, SystemClock
from dynameter.errors import DynameterError
from dynameter.meters.store import MeterStore
from dynameter.operations.stack import connect_tables, read_outputs
from dynameter.operations.unread_rows import GRACE_S, Found, Look, UnreadRows
from dynameter.runtime.retries import pause

USAGE, CATALOG = "UsageTable", "CatalogTable"
"""The stack's outputs that are needed."""
DEFAULT_SEGMENTS = 8
MAX_SEGMENTS = 64
LISTED = 50


def main(arguments: Sequence[str], clock: Clock, out: TextIO, clients: tuple[Any, Any] | None = None) -> int:
    """Run the command; ``clients`` are CloudFormation's and DynamoDB's. Answers 1 where it could not go through."""
    options = _read_options(arguments)
    cloudformation, dynamodb = clients or (boto3.client("cloudformation"), connect_tables(options.segments))
    try:
        tables = read_outputs(cloudformation, options.stack, USAGE, CATALOG)
        purge = _Purge(dynamodb, tables[USAGE], tables[CATALOG], options.segments, clock)
        found = purge.look()
        _report(found, out)
        if options.delete and found.unread:
            print(f"waiting {GRACE_S // 60} minutes for whoever may still write them", file=out, flush=True)
            clock.sleep(GRACE_S)
            print(f"{purge.delete(found).deleted} items deleted", file=out)
    except (BotoCoreError, ClientError, DynameterError, LookupError) as error:
        print(f"not purged: {error}", file=sys.stderr)
        return 1
    return 0


class _Purge:
    """Both looks, a thread for each segment of the table."""

    def __init__(self, dynamodb: Any, usage: str, catalog: str, segments: int, clock: Clock) -> None:
        self._meters = MeterStore(dynamodb, catalog)
        self._rows = UnreadRows(dynamodb, usage, lambda attempt: pause(attempt, clock))
        self._segments = segments

    def look(self) -> Found:
        """Count."""
        return self._scan(Look(self._meters), delete=False)

    def delete(self, found: Found) -> Found:
        """Delete what was dropped at the first look, too."""
        return self._scan(Look(self._meters, found.unread), delete=True)

    def _scan(self, look: Look, *, delete: bool) -> Found:
        parts = [Found() for _ in range(self._segments)]
        with ThreadPoolExecutor(self._segments, thread_name_prefix="purge") as pool:
            waiting = [
                pool.submit(self._rows.scan, look, number, self._segments, part, delete=delete)
                for number, part in enumerate(parts)
            ]
            for one in waiting:
                one.result()
        whole = Found(sum(one.items for one in parts), {}, sum(one.deleted for one in parts))
        for part in parts:
            for series, count in part.unread.items():
                whole.unread[series] = whole.unread.get(series, 0) + count
        return whole


def _report(found: Found, out: TextIO) -> None:
    most = sorted(found.unread.items(), key=lambda one: (-one[1], one[0].workspace, one[0].meter_id, one[0].generation))
    for series, count in most[:LISTED]:
        print(f"{series.workspace}  meter {series.meter_id}  generation {series.generation}  {count}", file=out)
    print(f"{sum(found.unread.values())} of {found.items} items are read by nobody", file=out)


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dynameter.operations.purge", description="Delete usage rows that nobody reads any more."
    )
    parser.add_argument("--stack", required=True, help="CloudFormation stack of the deployment")
    parser.add_argument("--delete", action="store_true", help="delete them; else they are only counted")
    parser.add_argument("--segments", type=int, default=DEFAULT_SEGMENTS, help="parallel readers (%(default)s)")
    found = parser.parse_args(arguments)
    if not 1 <= found.segments <= MAX_SEGMENTS:
        parser.error(f"--segments must be 1 to {MAX_SEGMENTS}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], SystemClock(), sys.stdout))
