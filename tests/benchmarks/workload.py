"""What the benchmarks send: events of 300 bytes of data from 10 busy subjects, which three meters count."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from dynameter import codec
from dynameter.clock import HOUR_US, render
from tests.conftest import http_event

BATCH = 100
SUBJECTS = 10
DATA_BYTES = 300
START_US = 1_768_384_800_000_000  # 2026-01-14T10:00:00Z
EVENT_TYPE = "completion"
SINGLE = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
ROUTE = "POST /api/v1/events"

METERS: tuple[dict[str, Any], ...] = (
    {"slug": "requests", "eventType": EVENT_TYPE, "aggregation": "COUNT"},
    {"slug": "tokens", "eventType": EVENT_TYPE, "aggregation": "SUM", "valueProperty": "$.tokens"},
    {"slug": "seconds", "eventType": EVENT_TYPE, "aggregation": "SUM", "valueProperty": "$.seconds"},
)
"""A count, a sum of whole numbers and a sum of fractions."""


@dataclass
class Sender:
    """Makes events, each with an id of its own; the same seed makes the same ones."""

    random: Random
    subjects: int = SUBJECTS

    def event(self, at_us: int = START_US) -> dict[str, Any]:
        """A CloudEvent whose data is ``DATA_BYTES`` of compact JSON."""
        random = self.random
        data = {
            "tokens": random.randrange(20, 4_000),
            "seconds": random.randrange(1, 60_000) / 1_000,
            "model": random.choice(("gpt-4", "claude-3", "llama-3")),
            "region": "eu-west-1",
            "request": str(uuid.UUID(int=random.getrandbits(128))),
            "route": "/v1/chat/completions",
            "trace": "",
        }
        # Hexadecimal, as ids and hashes are: filler that compresses would flatter whatever compresses.
        data["trace"] = f"{random.getrandbits(4 * DATA_BYTES):x}"[: DATA_BYTES - len(codec.encode(data))]
        return {
            "specversion": "1.0",
            "id": str(uuid.UUID(int=random.getrandbits(128))),
            "source": "api.example.com",
            "type": EVENT_TYPE,
            "subject": f"customer-{random.randrange(self.subjects):04d}",
            "time": render(at_us),
            "datacontenttype": "application/json",
            "data": data,
        }

    def request(self, at_us: int = START_US) -> dict[str, Any]:
        """A Lambda event with one CloudEvent."""
        return http_event(ROUTE, headers=_headers(SINGLE), body=codec.encode(self.event(at_us)))

    def batch(self, size: int = BATCH, at_us: int = START_US) -> dict[str, Any]:
        """A Lambda event with a batch of CloudEvents."""
        body = codec.encode([self.event(at_us) for _ in range(size)])
        return http_event(ROUTE, headers=_headers(BATCHED), body=body)


def plain_items(sender: Sender, count: int) -> Iterator[dict[str, Any]]:
    """Events as the items that a program without this library would put: readable names, the data as JSON text."""
    for _ in range(count):
        event = sender.event()
        yield {
            "pk": {"S": f"{event['source']}#{event['id']}"},
            "type": {"S": event["type"]},
            "subject": {"S": event["subject"]},
            "time": {"S": event["time"]},
            "data": {"S": codec.encode(event["data"]).decode()},
        }


def _headers(media_type: str) -> dict[str, str]:
    return {
        "accept": "*/*",
        "accept-encoding": "gzip",
        "authorization": "Bearer dm_0123456789ab_0123456789abcdefghijklmnopqrstuv",
        "content-type": media_type,
        "host": "api.example.com",
        "user-agent": "bench",
        "x-amzn-trace-id": "Root=1-00000000-000000000000000000000000",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def hour_before() -> int:
    """The start of the last whole hour: rows near the present are written as they are in service."""
    return (time.time_ns() // 1_000 // HOUR_US - 1) * HOUR_US
