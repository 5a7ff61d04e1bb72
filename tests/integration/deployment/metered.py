"""An event type of its own and the meter that sums it, on whatever API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.conformance.api import Answer, Api

BATCH = "application/cloudevents-batch+json"
AMOUNTS = ("12345678901234567890.123456789", "0.1", "0.1")
SUM = Decimal("12345678901234567890.323456789")
HOUR = {"from": "2026-01-14T10:00:00Z", "to": "2026-01-14T11:00:00Z"}
"""Where all events are."""


@dataclass(frozen=True)
class Metered:
    """The meter's slug is the events' type."""

    api: Api
    name: str

    def define(self) -> None:
        meter = {"slug": self.name, "eventType": self.name, "aggregation": "SUM", "valueProperty": "$.tokens"}
        answer = self.api.post("/api/v1/meters", meter)
        assert answer.status == 201, answer.text

    def event(self, number: int, amount: str) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"{self.name}-{number}",
            "source": "smoke",
            "type": self.name,
            "subject": "customer-1",
            "time": "2026-01-14T10:00:00Z",
            "data": {"tokens": amount},
        }

    def post(self, events: Sequence[dict[str, Any]]) -> Answer:
        return self.api.post("/api/v1/events", events, media_type=BATCH)

    def send(self) -> tuple[str, str]:
        """Send the events; how many were accepted and how many known already."""
        answer = self.post([self.event(number, amount) for number, amount in enumerate(AMOUNTS)])
        assert answer.status == 204, answer.text
        return answer.headers["dynameter-accepted"], answer.headers["dynameter-duplicate"]

    def usage(self) -> list[Any]:
        answer = self.api.get(f"/api/v1/meters/{self.name}/query?subject=customer-1")
        assert answer.status == 200, answer.text
        return [row["value"] for row in answer.json()["data"]]

    def difference(self) -> str:
        """What a recount says is missing or too much."""
        answer = self.api.post(f"/v1/{self.api.workspace}/meters/{self.name}/recount", HOUR)
        assert answer.status == 200, answer.text
        return str(answer.json()["difference"])
