"""Has counted what the stream could not: the records in quarantine, and those in the bucket of failed batches.

    python -m dynameter.operations.redrive --stack NAME [--list] [--limit N] [--wait SECONDS]

with the caller's AWS credentials. The records of failed batches are put into the quarantine, jobs among them are
started again, and a job of the stack's own (``dynameter.rebuild.redrive``) goes through the quarantine: by the code
that is deployed, so deploy a mended decoder before. What it still cannot count stays and is listed with its reason.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dynameter.clock import MICROSECONDS, Clock, SystemClock, render
from dynameter.errors import DynameterError
from dynameter.operations.stack import connect_tables, read_outputs
from dynameter.rebuild.job import JobState, redrive_job
from dynameter.rebuild.store import JobStore, read_job
from dynameter.rebuild.worker import read_trigger
from dynameter.usage.folding.failed_batches import FailedBatch, NoBatch, read_failed_batch
from dynameter.usage.quarantine.store import QuarantineStore

USAGE, CATALOG, BUCKET = "UsageTable", "CatalogTable", "FailedBatches"
"""The stack's outputs that are needed."""
POLL_S = 2.0
DEFAULT_WAIT_S = 900
DEFAULT_LIMIT = 20


class Refused(Exception):
    """The command cannot go on; the text says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    stack: str
    list_only: bool
    limit: int
    wait_s: int


@dataclass(frozen=True, slots=True)
class Clients:
    """boto3's clients of the caller."""

    cloudformation: Any
    dynamodb: Any
    s3: Any


class Redriver:
    """The command on one stack's tables and bucket."""

    def __init__(self, quarantine: QuarantineStore, jobs: JobStore, s3: Any, bucket: str, clock: Clock) -> None:
        self._quarantine = quarantine
        self._jobs = jobs
        self._s3 = s3
        self._bucket = bucket
        self._clock = clock

    def take_in(self, out: TextIO) -> int:
        """Move what lies in the bucket: events to the quarantine, jobs on. An object goes when all of it has.

        Answers how many objects had to stay.
        """
        stayed = 0
        for name in self._objects():
            document = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"].read()
            try:
                batch = read_failed_batch(document)
                done = self._quarantine_all(batch) if batch.is_of_events else self._start_jobs(batch)
            except (NoBatch, KeyError, ValueError) as error:
                print(f"left in the bucket: {name}: {error}", file=out)
                stayed += 1
                continue
            self._s3.delete_object(Bucket=self._bucket, Key=name)
            print(f"{name}: {done}", file=out)
        return stayed

    def redrive(self, wait_s: int) -> None:
        """Start the job and wait for it. Raises ``Refused`` where it does not end, or was given up."""
        if not self._quarantine.page(limit=1).records:
            return
        job = redrive_job(self._clock.now_us())
        self._jobs.put(job)
        until_us = job.created_at_us + wait_s * MICROSECONDS
        while (found := self._jobs.get(job.key)) is not None and found.state is not JobState.DONE:
            if found.state is JobState.FAILED:
                raise Refused(f"the job {job.key.id} was given up: {found.reason}")
            if self._clock.now_us() >= until_us:
                raise Refused(f"the job {job.key.id} goes on; --list shows later what stayed")
            self._clock.sleep(POLL_S)

    def list(self, limit: int, out: TextIO) -> int:
        """Print what is in quarantine, no more than ``limit`` records of it; answers how many were printed."""
        after: str | None = None
        printed = 0
        while printed < limit:
            page = self._quarantine.page(after, limit - printed)
            for one in page.records:
                print(f"{render(one.at_us)}  {one.place}  {one.reason}", file=out)
            printed += len(page.records)
            after = page.next
            if after is None:
                return printed
        print(f"more than {limit}; --limit lists more", file=out)
        return printed

    def _objects(self) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for one in page.get("Contents", []):
                yield one["Key"]

    def _quarantine_all(self, batch: FailedBatch) -> str:
        for one in batch.unreadable():
            self._quarantine.put(batch.shard_id, one, self._clock.now_us())
        return f"{len(batch.records)} records to the quarantine"

    def _start_jobs(self, batch: FailedBatch) -> str:
        triggers = [read_trigger(one, read_job) for one in batch.records]
        if not any(triggers):
            raise NoBatch("neither events nor jobs; hand its payload to ThresholdsFunction, see docs/operations.md")
        started = sum(self._jobs.bring_again(one.key, one.step) for one in triggers if one is not None)
        return f"{started} of {len(triggers)} jobs started again"


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a message where it is wrong, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="dynameter.operations.redrive", description="Have counted what the stream could not."
    )
    parser.add_argument("--stack", required=True, help="CloudFormation stack of the deployment")
    parser.add_argument("--list", action="store_true", help="only list what is in quarantine")
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT, help="records listed (%(default)s)")
    parser.add_argument("--wait", type=int, default=DEFAULT_WAIT_S, help="seconds to wait for the job (%(default)s)")
    found = parser.parse_args(arguments)
    if found.limit < 1 or found.wait < 1:
        parser.error("--limit and --wait must be at least 1")
    return Options(found.stack, found.list, found.limit, found.wait)


def main(arguments: Sequence[str], clock: Clock, out: TextIO, clients: Clients | None = None) -> int:
    """Run the command; answers 1 where something went wrong, or stayed in quarantine after a redrive."""
    options = read_options(arguments)
    try:
        redriver = _redriver(options.stack, clock, clients or _clients())
        stayed = 0
        if not options.list_only:
            stayed = redriver.take_in(out)
            redriver.redrive(options.wait_s)
        left = redriver.list(options.limit, out)
    except (BotoCoreError, ClientError, DynameterError, LookupError, Refused) as error:
        print(f"not redriven: {error}", file=sys.stderr)
        return 1
    print("the quarantine is empty" if not left else "these are in quarantine", file=out)
    return 1 if stayed or (left and not options.list_only) else 0


def _redriver(stack: str, clock: Clock, clients: Clients) -> Redriver:
    outputs = read_outputs(clients.cloudformation, stack, USAGE, CATALOG, BUCKET)
    jobs = JobStore(clients.dynamodb, outputs[CATALOG], clock, settle_us=0)
    return Redriver(QuarantineStore(clients.dynamodb, outputs[USAGE]), jobs, clients.s3, outputs[BUCKET], clock)


def _clients() -> Clients:
    return Clients(boto3.client("cloudformation"), connect_tables(), boto3.client("s3"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], SystemClock(), sys.stdout))
