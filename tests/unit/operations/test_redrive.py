"""The operator's command: the bucket of failed batches and the quarantine, counted by the stack's own functions."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.clock import HOUR_US
from dynameter.meters.meter import Aggregation
from dynameter.operations.redrive import Clients, main
from dynameter.rebuild.job import Job, JobKey, JobState
from dynameter.rebuild.store import JobStore
from dynameter.runtime.settings import Settings
from dynameter.usage.folding.stream import Unreadable
from dynameter.usage.quarantine.store import QuarantineStore
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.rebuild.quarantine_world import QuarantineWorld
from tests.unit.usage.builders import NOON, SHARD, make_event, make_meter, stream_event

SUM = make_meter(Aggregation.SUM)
OUTPUTS = {"UsageTable": "UsageTable", "CatalogTable": "CatalogTable", "FailedBatches": "bucket"}
JOB = Job(JobKey(WORKSPACE, "rebuild", "m.1"), NOON, NOON, step=4)


@dataclass
class Bucket:
    """S3 as far as the command uses it."""

    objects: dict[str, bytes] = field(default_factory=dict)

    def get_object(self, **arguments: str) -> dict[str, Any]:
        assert arguments["Bucket"] == "bucket"
        return {"Body": io.BytesIO(self.objects[arguments["Key"]])}

    def delete_object(self, **arguments: str) -> None:
        del self.objects[arguments["Key"]]

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_objects_v2"
        bucket = self

        class Pages:
            def paginate(self, **_: str) -> Iterator[dict[str, Any]]:
                for name in list(bucket.objects):
                    yield {"Contents": [{"Key": name}]}
                yield {}

        return Pages()


class Stack:
    """CloudFormation's answer about the stack."""

    def __init__(self, **outputs: str) -> None:
        self._outputs = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": self._outputs}]}


@dataclass
class WorkingClock(ManualClock):
    """While somebody sleeps, the functions run."""

    work: Callable[[], None] = lambda: None
    asleep: bool = False

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if not self.asleep:
            self.asleep = True
            self.work()
            self.asleep = False


@dataclass
class Operator:
    """Who runs the command."""

    world: QuarantineWorld
    clock: WorkingClock
    bucket: Bucket = field(default_factory=Bucket)
    outputs: dict[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    printed: str = ""

    def run(self, *arguments: str) -> int:
        out = io.StringIO()
        clients = Clients(Stack(**self.outputs), self.world.client, self.bucket)
        code = main(["--stack", "metering", *arguments], self.clock, out, clients)
        self.printed = out.getvalue()
        return code

    @property
    def jobs(self) -> JobStore:
        return JobStore(self.world.client, "CatalogTable", self.clock, 0)


@pytest.fixture
def operator(settings: Settings, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Operator:
    clock = WorkingClock(NOON + HOUR_US)
    world = QuarantineWorld(dynamodb, settings, clock, monkeypatch)
    clock.work = world.run_jobs
    return Operator(world, clock)


def failed(records: list[dict[str, Any]], *, as_text: bool = True, shard: str | None = SHARD) -> bytes:
    """What Lambda writes for a batch that the stream gave up."""
    payload = stream_event(records, shard)
    return json.dumps(
        {
            "requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 900},
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-01-15T12:00:00.000Z",
            "DDBStreamBatchInfo": {"shardId": SHARD, "startSequenceNumber": "1", "batchSize": len(records)},
            "payload": json.dumps(payload) if as_text else payload,
        }
    ).encode()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_that_the_stream_gave_up_is_counted_once(operator: Operator, as_text: bool) -> None:
    operator.world.define(SUM)
    records = [operator.world.store(make_event(number, {"value": number})) for number in (1, 2, 3)]
    operator.world.bring(records[0])
    document = failed(records, as_text=as_text)
    for _ in range(2):
        operator.bucket.objects["aws/lambda/x"] = document
        assert operator.run() == 0

    assert operator.world.usage(SUM)[None] == 6
    assert operator.bucket.objects == {}
    assert "the quarantine is empty" in operator.printed


def test_a_job_whose_chunk_was_given_up_goes_on(operator: Operator) -> None:
    operator.clock.asleep = True
    operator.jobs.put(JOB)
    image = operator.world.client.scan(TableName="CatalogTable")["Items"][0]
    record = {"dynamodb": {"Keys": {"pk": image["pk"], "sk": image["sk"]}, "NewImage": image}}
    operator.bucket.objects["aws/lambda/x"] = failed([record], shard=None)

    assert operator.run() == 0

    found = operator.jobs.get(JOB.key)
    assert found is not None
    assert (found.step, found.state) == (5, JobState.RUNNING)
    assert operator.bucket.objects == {}


def test_a_job_that_was_done_and_told_nobody_is_done_again(operator: Operator) -> None:
    operator.clock.asleep = True
    operator.jobs.put(JOB)
    operator.jobs.mark_done(JOB)

    assert operator.jobs.bring_again(JOB.key, JOB.step)

    found = operator.jobs.get(JOB.key)
    assert found is not None
    assert (found.step, found.state) == (JOB.step + 1, JobState.RUNNING)


def test_a_job_that_has_gone_on_by_itself_is_left_alone(operator: Operator) -> None:
    operator.clock.asleep = True
    operator.jobs.put(replace(JOB, step=7))

    assert not operator.jobs.bring_again(JOB.key, 4)
    assert not operator.jobs.bring_again(JobKey(WORKSPACE, "rebuild", "other"), 4)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        json.dumps({"DDBStreamBatchInfo": {"shardId": "x"}}).encode(),
        json.dumps({"payload": "{"}).encode(),
        json.dumps({"payload": {"shardId": "x", "Records": []}}).encode(),
        json.dumps({"payload": {"shardId": "x", "Records": [{"kinesis": {}}]}}).encode(),
        json.dumps({"payload": {"Records": [{"dynamodb": {}}]}}).encode(),
        json.dumps({"payload": {"shardId": "x", "Records": [1]}}).encode(),
    ],
)
def test_a_document_that_holds_no_batch_stays_and_is_named(operator: Operator, document: bytes) -> None:
    operator.bucket.objects["aws/lambda/odd"] = document

    assert operator.run() == 1

    assert operator.bucket.objects == {"aws/lambda/odd": document}
    assert "left in the bucket: aws/lambda/odd: " in operator.printed


def test_what_cannot_be_counted_is_listed_with_its_reason(operator: Operator) -> None:
    operator.world.broken = lambda _: True
    operator.world.bring(operator.world.store(make_event(1)))

    assert operator.run() == 1

    assert "BrokenItem: the decoder has a bug" in operator.printed


def test_listing_changes_nothing_and_is_bounded(operator: Operator) -> None:
    store = QuarantineStore(operator.world.client, "UsageTable")
    for number in range(120):
        store.put(SHARD, Unreadable(number, {}, f"reason {number}"), 1)
    operator.bucket.objects["aws/lambda/x"] = b"{}"

    assert operator.run("--list", "--limit", "70") == 0

    assert operator.printed.count("reason ") == 70
    assert "more than 70" in operator.printed
    assert len(operator.bucket.objects) == 1
    assert operator.jobs._query("00000000-0000-0000-0000-000000000000", "j.") == []


def test_a_job_that_does_not_end_in_time_is_told(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.clock.asleep = True
    QuarantineStore(operator.world.client, "UsageTable").put(SHARD, Unreadable(1, {}, "?"), 1)

    assert operator.run("--wait", "30") == 1

    assert "goes on" in capsys.readouterr().err


def test_a_job_that_was_given_up_is_told(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    def give_up() -> None:
        (job,) = operator.jobs._query("00000000-0000-0000-0000-000000000000", "j.")
        operator.jobs.give_up(job, "a bug")

    operator.clock.work = give_up
    QuarantineStore(operator.world.client, "UsageTable").put(SHARD, Unreadable(1, {}, "?"), 1)

    assert operator.run() == 1

    assert "was given up: a bug" in capsys.readouterr().err


def test_a_stack_without_the_bucket_is_told(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    del operator.outputs["FailedBatches"]

    assert operator.run() == 1

    assert "has no output FailedBatches" in capsys.readouterr().err


def test_missing_rights_are_told(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deny(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    operator.bucket.objects["x"] = b"{}"
    monkeypatch.setattr(operator.bucket, "get_object", deny)

    assert operator.run() == 1

    assert "AccessDenied" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--wait", "0"], ["--limit", "x"]])
def test_a_wrong_command_line_is_refused(operator: Operator, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        operator.run(*arguments)


def test_a_batch_of_thresholds_is_left_for_its_own_function(operator: Operator) -> None:
    keys = {"pk": {"S": "w.x"}, "sk": {"S": "bt.e.01"}}
    operator.bucket.objects["aws/lambda/x"] = failed([{"eventName": "INSERT", "dynamodb": {"Keys": keys}}])

    operator.run()

    assert list(operator.bucket.objects) == ["aws/lambda/x"]
    assert "ThresholdsFunction" in operator.printed
