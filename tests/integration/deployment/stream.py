"""Streams of a stack on ministack, brought to the deployed functions as Lambda brings them.

ministack's own mappings know no windows, so the function that folds events refuses its batches, as it must; and they
bring one batch at a time, so one job would wait for another. Those two mappings are switched off; thresholds' stay.

What goes wrong on the way is played, too: a record that comes without its image, and one that the stream gives up and
writes to the bucket of failed batches ("Retain discarded records for a DynamoDB event source in Lambda").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from local.pump import StreamPump
from local.shard import Delivery
from local.template import Template

FOLDED_BY = "AggregateFunction"
REBUILT_BY = "RebuildFunction"
NOTE = (
    f"streams were brought to {FOLDED_BY} and {REBUILT_BY} by the test: "
    "ministack's mappings have no tumbling window and no ParallelizationFactor"
)


class Invoked:
    """A function, invoked as Lambda's poller does."""

    def __init__(self, lambda_: Any, function: str) -> None:
        self._lambda = lambda_
        self._function = function

    def bring(self, event: Mapping[str, Any]) -> Any:
        """Hand a batch over. Raises RuntimeError where the function raised, so that the batch comes again."""
        answer = self._lambda.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
        payload = answer["Payload"].read()
        if "FunctionError" in answer:
            raise RuntimeError(payload.decode()[:1000])
        return json.loads(payload)


class EventStream:
    """Brings batches of events to a function. The marks are the ends of events' ids."""

    def __init__(self, function: Invoked, s3: Any, bucket: str) -> None:
        self._function = function
        self._s3 = s3
        self._bucket = bucket
        self.unreadable: set[str] = set()
        """What comes without its image."""
        self.given_up: set[str] = set()
        """What never comes."""
        self.gone_wrong: set[str] = set()
        """The marks of both that have been met."""

    def bring(self, event: Mapping[str, Any]) -> Any:
        """Hand a batch over, but for what goes wrong with it. Raises as ``Invoked`` does."""
        records = event.get("Records", [])  # the end of a window brings none
        lost = [one for one in records if _mark(one, self.given_up)]
        for number, one in enumerate(lost):
            self._write_down(f"aws/lambda/mapping/{event['shardId']}/{_mark(one, self.given_up)}-{number}", event, one)
        brought = [self._spoiled(one) for one in records if one not in lost]
        answer = self._function.bring({**event, "Records": brought})
        self.gone_wrong |= {_mark(one, self.unreadable | self.given_up) for one in records} - {""}
        return answer

    def _spoiled(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        if not _mark(record, self.unreadable):
            return record
        return {**record, "dynamodb": {k: one for k, one in record["dynamodb"].items() if k != "NewImage"}}

    def _write_down(self, name: str, event: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        document = {
            "requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 900},
            "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2026-01-15T12:00:00.000Z",
            "DDBStreamBatchInfo": {"shardId": event["shardId"], "batchSize": 1},
            "payload": json.dumps({**event, "Records": [record]}),
        }
        self._s3.put_object(Bucket=self._bucket, Key=name, Body=json.dumps(document).encode())


def _mark(record: Mapping[str, Any], marks: set[str]) -> str:
    key = record["dynamodb"]["Keys"]["pk"]["S"]
    return next((one for one in marks if key.endswith(one)), "")


@contextmanager
def brought_by_us(client: Any, resources: Mapping[str, str]) -> Iterator[EventStream]:
    """Bring both streams while the context lasts. ``client`` makes a client of a service."""
    events = EventStream(_switched_off(client, resources, FOLDED_BY), client("s3"), resources["FailedBatches"])
    with ExitStack() as pumps:
        for function, bring in (
            (FOLDED_BY, events.bring),
            (REBUILT_BY, _switched_off(client, resources, REBUILT_BY).bring),
        ):
            mapping = next(one for one in Template.load().stream_mappings() if one.function == function)
            table = client("dynamodb").describe_table(TableName=resources[mapping.table])["Table"]
            delivery = Delivery.of(mapping.properties)
            pump = StreamPump(client("dynamodbstreams"), table["LatestStreamArn"], delivery, bring)
            pump.start()
            pumps.callback(pump.stop)
        yield events


def _switched_off(client: Any, resources: Mapping[str, str], function: str) -> Invoked:
    """The function, which ministack brings nothing any more."""
    lambda_, name = client("lambda"), f"{resources[function]}:live"
    for one in lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        lambda_.update_event_source_mapping(UUID=one["UUID"], Enabled=False)
    return Invoked(lambda_, name)
