"""The production trace of shared/data, replayed as a client would that sends every tenth batch twice."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local.template import ROOT
from tests.conformance.api import Api
from tests.conformance.polling import eventually
from tests.running_server import running_server

TRACE = Path(os.environ.get("DYNAMETER_TRACE", ROOT.parent / "shared" / "data" / "llm-requests.csv"))
BATCH_SIZE = 100
CUSTOMERS = [f"customer-{number}" for number in range(5)]

pytestmark = pytest.mark.skipif(not TRACE.exists(), reason=f"the trace is not here: {TRACE.name} (DYNAMETER_TRACE)")

Row = dict[str, Any]


def read_trace(event_type: str) -> list[Row]:
    """The trace's rows as CloudEvents, by the rules of its README."""
    with TRACE.open(newline="") as file:
        return [
            {
                "specversion": "1.0",
                "id": f"code-{number}",
                "source": "azure-trace",
                "type": event_type,
                "subject": f"customer-{number % 5}",
                "time": row["TIMESTAMP"].replace(" ", "T")[:26] + "Z",
                "data": {
                    "context_tokens": int(row["ContextTokens"]),
                    "generated_tokens": int(row["GeneratedTokens"]),
                    "total_tokens": int(row["ContextTokens"]) + int(row["GeneratedTokens"]),
                },
            }
            for number, row in enumerate(csv.DictReader(file))
        ]


METERS: dict[str, dict[str, str]] = {
    "requests": {"aggregation": "COUNT"},
    "context": {"aggregation": "SUM", "valueProperty": "$.context_tokens"},
    "generated": {"aggregation": "SUM", "valueProperty": "$.generated_tokens"},
    "total": {"aggregation": "SUM", "valueProperty": "$.total_tokens"},
    "least": {"aggregation": "MIN", "valueProperty": "$.generated_tokens"},
    "most": {"aggregation": "MAX", "valueProperty": "$.generated_tokens"},
    "longest": {"aggregation": "MAX", "valueProperty": "$.context_tokens"},
    "distinct": {"aggregation": "UNIQUE_COUNT", "valueProperty": "$.generated_tokens"},
    "latest": {"aggregation": "LATEST", "valueProperty": "$.generated_tokens"},
}


def create_meters(api: Api, prefix: str) -> None:
    for slug, definition in METERS.items():
        body = {"slug": f"{prefix}_{slug}", "eventType": "llm.request", **definition}
        assert api.post("/api/v1/meters", body).status == 201


@pytest.fixture(scope="module")
def replayed() -> Iterator[Api]:
    """A service of its own after the replay, with meters made before it and the same ones made after it."""
    with running_server() as server:
        yield replay(Api(server.url, server.key, server.workspace))


def replay(api: Api) -> Api:
    create_meters(api, "trace")
    events = read_trace("llm.request")
    for batch, start in enumerate(range(0, len(events), BATCH_SIZE)):
        for _ in range(2 if batch % 10 == 0 else 1):
            answer = api.post(
                "/api/v1/events", events[start : start + BATCH_SIZE], media_type="application/cloudevents-batch+json"
            )
            assert answer.status == 204, answer.text
    eventually(lambda: value(api, "requests"), 8819, within_s=60)
    create_meters(api, "after")
    for slug in METERS:
        path = f"/v1/{api.workspace}/meters/after_{slug}/state"
        eventually(lambda path=path: api.get(path).json()["state"], "live", within_s=120)  # type: ignore[misc]
    return api


def query(api: Api, meter: str, parameters: str = "", made: str = "trace") -> list[Row]:
    rows: list[Row] = api.get(f"/api/v1/meters/{made}_{meter}/query?{parameters}").json()["data"]
    return rows


def value(api: Api, meter: str, made: str = "trace") -> Any:
    return next((row["value"] for row in query(api, meter, made=made)), None)


@pytest.mark.parametrize("made", ["trace", "after"], ids=["meter made before the events", "meter made after them"])
@pytest.mark.parametrize(
    ("meter", "expected"),
    [
        ("requests", 8819),
        ("context", 18059974),
        ("generated", 245896),
        ("least", 6),
        ("most", 1899),
        ("longest", 7437),
        ("distinct", 281),
        ("latest", 173),
    ],
)
def test_totals(replayed: Api, meter: str, expected: int, made: str) -> None:
    eventually(lambda: value(replayed, meter, made), expected)


@pytest.mark.parametrize("made", ["trace", "after"])
def test_total_tokens_of_each_customer(replayed: Api, made: str) -> None:
    by_customer = {row["subject"]: row["value"] for row in query(replayed, "total", "groupBy=subject", made)}

    assert by_customer == dict(zip(CUSTOMERS, [3730715, 3626615, 3670736, 3526415, 3751389], strict=True))


@pytest.mark.parametrize("made", ["trace", "after"])
def test_minutes_with_any_event_and_the_busiest(replayed: Api, made: str) -> None:
    minutes = query(replayed, "requests", "windowSize=MINUTE", made)

    busiest = max(minutes, key=lambda row: row["value"])
    assert len(minutes) == 45
    assert (busiest["windowStart"], busiest["value"]) == ("2023-11-16T18:31:00Z", 585)


@pytest.mark.parametrize("made", ["trace", "after"])
def test_generated_tokens_by_hour(replayed: Api, made: str) -> None:
    hours = {row["windowStart"]: row["value"] for row in query(replayed, "generated", "windowSize=HOUR", made)}

    assert hours == {"2023-11-16T18:00:00Z": 213958, "2023-11-16T19:00:00Z": 31938}


@pytest.mark.parametrize("window", ["MINUTE", "HOUR"])
def test_every_customer_and_window_agrees_with_a_direct_sum(replayed: Api, window: str) -> None:
    width = 16 if window == "MINUTE" else 13
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for event in read_trace("llm.request"):
        expected[event["subject"], event["time"][:width]] += event["data"]["total_tokens"]

    rows = query(replayed, "total", f"windowSize={window}&groupBy=subject")

    assert {(row["subject"], row["windowStart"][:width]): row["value"] for row in rows} == expected
