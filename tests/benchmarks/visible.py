"""How long after its 2xx an event is part of a query's answer, on the local server."""

from __future__ import annotations

import http.client
import json
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.benchmarks.workload import EVENT_TYPE, METERS, SINGLE
from tests.running_server import Server, running_server

SAMPLES = 100
SUBJECT = "customer-0001"
GIVE_UP_S = 30


@dataclass(frozen=True)
class Delays:
    """Seconds from the 2xx of an event to an answer that holds it."""

    samples: Sequence[float]

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.samples, n=100, method="inclusive")[percent - 1]


class _Client:
    """One keep-alive connection to the server."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        self._key = server.key

    def ask(self, method: str, path: str, body: Any = None, media_type: str = "application/json") -> Any:
        headers = {"authorization": f"Bearer {self._key}", "content-type": media_type}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert 200 <= answer.status < 300, text
        return json.loads(text) if text else None


def measure(samples: int = SAMPLES) -> Delays:
    """Send one event after the other, and ask after each until its meter has counted it."""
    with running_server() as server:
        client = _Client(server)
        for meter in METERS:
            client.ask("POST", "/api/v1/meters", meter)
        return Delays([_delay(client, number) for number in range(1, samples + 1)])


def _delay(client: _Client, expected: int) -> float:
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "bench",
        "type": EVENT_TYPE,
        "subject": SUBJECT,
        "data": {"tokens": 1, "seconds": 0.5},
    }
    client.ask("POST", "/api/v1/events", event, SINGLE)
    answered = time.monotonic()
    query = "/api/v1/meters/tokens/query?" + urlencode({"subject": SUBJECT})
    while time.monotonic() < answered + GIVE_UP_S:
        data = client.ask("GET", query)["data"]
        if data and data[0]["value"] == expected:
            return time.monotonic() - answered
    raise AssertionError(f"event {expected} is not visible after {GIVE_UP_S} s")
