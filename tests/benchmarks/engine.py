"""The documented rule held against an engine that reports consumed units right: ministack, where it is installed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any
from unittest.mock import patch

from dynameter.events.store import size_of
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from local.template import create_tables
from tests.benchmarks.cpu import silenced
from tests.benchmarks.service import (
    TEMPLATE,
    functions_environment,
    insertion,
    stream_event,
    write_units,
)
from tests.benchmarks.workload import METERS, Sender, hour_before
from tests.conftest import LambdaContext, http_event, load_function
from tests.running_ministack import MINISTACK, running_ministack

REQUESTS = 2
_WRITES = ("PutItem", "UpdateItem", "BatchExecuteStatement")


def check() -> tuple[Counter[str], Counter[str]] | None:
    """Write units by table, indexes included, of some requests: by the rule, and as the engine reports them.

    None where there is no engine.
    """
    if not MINISTACK.exists():
        return None
    credentials = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
    with running_ministack() as url, patch.dict(os.environ, credentials):
        environment = functions_environment(DYNAMETER_ENDPOINT=url, EVENT_WRITES="put", CLOCK_SKEW_MS="0")
        reported: Counter[str] = Counter()
        with environment, silenced():
            client = create_client(Settings.from_env(os.environ))
            create_tables(client, TEMPLATE)
            with patch("dynameter.runtime.dynamodb.create_client", lambda *_args, **_options: client):
                return _write(client, reported), reported


def _write(client: Any, reported: Counter[str]) -> Counter[str]:
    """Send requests and bring them to aggregate. The units by the rule; what the engine reports is added up."""
    functions = {name: load_function(name) for name in ("emit", "meters", "aggregate")}
    context = LambdaContext()
    for meter in METERS:
        answer = functions["meters"].handler(http_event("POST /api/v1/meters", body=dict(meter)), context)
        assert answer["statusCode"] < 300, answer
    _account(client, reported)
    sender = Sender(Random(5))
    for _ in range(REQUESTS):
        answer = functions["emit"].handler(sender.batch(at_us=hour_before()), context)
        assert answer["statusCode"] == 204, answer
    events = client.scan(TableName="EventsTable")["Items"]
    records = [insertion(item, number) for number, item in enumerate(events)]
    functions["aggregate"].handler(stream_event(records), context)
    rows = client.scan(TableName="UsageTable")["Items"]
    return Counter(
        {
            # The table's and the index's: an item is projected as a whole.
            "EventsTable": sum(2 * write_units(size_of(item)) for item in events),
            "UsageTable": sum(write_units(size_of(item)) for item in rows),
        }
    )


def _account(client: Any, reported: Counter[str]) -> None:
    """Have every write report its units, and add them up."""

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def add(parsed: Mapping[str, Any], **_: Any) -> None:
        found = parsed.get("ConsumedCapacity", [])
        for one in found if isinstance(found, list) else [found]:
            reported[one["TableName"]] += one["CapacityUnits"]

    for operation in _WRITES:
        client.meta.events.register(f"provide-client-params.dynamodb.{operation}", ask)
        client.meta.events.register(f"after-call.dynamodb.{operation}", add)
