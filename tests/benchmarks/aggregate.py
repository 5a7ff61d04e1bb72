"""Aggregate: processor time of the handler beside one plain update_item for each event and meter."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import boto3

from tests.benchmarks.canned import canned_endpoint
from tests.benchmarks.cpu import Side, Spread, in_turn
from tests.benchmarks.service import functions_environment, service, stream_batch_size, stream_event
from tests.benchmarks.workload import BATCH, METERS, Sender, hour_before
from tests.conftest import LambdaContext, load_function

PLAIN_EVENTS = 40


def measure(rounds: int = 15) -> dict[str, Spread]:
    """Seconds of processor time an event: ``full`` and ``small`` batches of the stream, and ``update``, plain boto3.

    Full batches are those of the template's mapping, small ones have 100 records.
    """
    size = stream_batch_size()
    with service(METERS) as world:
        sender = Sender(Random(2))
        for _ in range(size // BATCH):
            world.send(sender.batch(at_us=hour_before()))
        records = list(world.waiting)
        answers = catalog_answers(world.items("CatalogTable"))
    with canned_endpoint(answers), functions_environment():
        handler = load_function("aggregate").handler
        context = LambdaContext()

        def run(count: int) -> Callable[[], None]:
            batches = [stream_event(records[at : at + count]) for at in range(0, size, count)]

            def fold() -> None:
                for batch in batches:
                    assert handler(batch, context) == {"state": {}, "batchItemFailures": []}

            return fold

        sides = {
            "full": Side(run(size), size),
            "small": Side(run(BATCH), size),
            "update": Side(_plain(records), PLAIN_EVENTS),
        }
        return in_turn(sides, rounds)


def _plain(records: list[dict[str, Any]]) -> Callable[[], None]:
    client = boto3.client("dynamodb")
    waiting = itertools.cycle(records)

    def update_all() -> None:
        for record in itertools.islice(waiting, PLAIN_EVENTS):
            image = record["dynamodb"]["NewImage"]
            data = json.loads(image["d"]["S"])
            for meter in METERS:
                name = meter.get("valueProperty", "")[2:]
                client.update_item(
                    TableName="UsageTable",
                    Key={"pk": {"S": f"{meter['slug']}#{image['s']['S']}"}, "sk": {"S": image["k"]["S"][:12]}},
                    UpdateExpression="ADD total :value, events :one",
                    ExpressionAttributeValues={
                        ":value": {"N": str(data[name] if name else 1)},
                        ":one": {"N": "1"},
                    },
                )

    return update_all


def catalog_answers(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the catalog answers to the calls that aggregate makes of it."""
    versions = [item for item in items if item["sk"]["S"] == "v"]
    meters = [item for item in items if item["sk"]["S"].startswith("m.")]
    return {
        "BatchGetItem": {"Responses": {"CatalogTable": versions}, "UnprocessedKeys": {}},
        "Query": {"Items": meters, "Count": len(meters), "ScannedCount": len(meters)},
    }
