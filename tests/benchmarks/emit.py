"""Emit: processor time of the handler beside plain boto3."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

import boto3

from tests.benchmarks.canned import canned_endpoint
from tests.benchmarks.cpu import Side, Spread, in_turn
from tests.benchmarks.service import functions_environment
from tests.benchmarks.workload import BATCH, Sender, plain_items
from tests.conftest import LambdaContext, load_function

TABLE = "EventsTable"
_ANSWERS = {"UpdateItem": {"Attributes": {"earned": {"N": "1"}}}}
"""What a workspace's limit is asked for now and then: it has not been reached."""


def measure(rounds: int = 25) -> dict[str, Spread]:
    """Seconds of processor time an event: ``batch`` and ``single`` through the handler, ``put`` plain boto3."""
    sender = Sender(Random(1))
    with canned_endpoint(_ANSWERS), functions_environment(EVENT_WRITES="partiql"):
        handler = load_function("emit").handler
        context = LambdaContext()
        batches = itertools.cycle([sender.batch() for _ in range(8)])
        singles = itertools.cycle([sender.request() for _ in range(800)])
        items = itertools.cycle(plain_items(sender, 800))
        client = boto3.client("dynamodb")

        def plain_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            client.put_item(TableName=TABLE, Item=event)
            return {"statusCode": 204, "headers": {}, "body": ""}

        def batch() -> None:
            answer = handler(next(batches), context)
            assert (answer["statusCode"], answer["headers"]["dynameter-accepted"]) == (204, str(BATCH)), answer

        def single() -> None:
            for _ in range(50):
                answer = handler(next(singles), context)
                assert answer["statusCode"] == 204, answer

        def put() -> None:
            for _ in range(BATCH):
                plain_handler(next(items), context)

        return in_turn({"batch": Side(batch, BATCH), "put": Side(put, BATCH), "single": Side(single, 50)}, rounds)
