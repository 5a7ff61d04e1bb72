"""OpenMeter's own golden vectors through the running service, every aggregation, v1, v3, CSV and the lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from openmeter import Client

from tests.conformance.api import Api
from tests.conformance.polling import eventually

NOW = datetime.now(UTC).replace(second=10, microsecond=0) - timedelta(hours=1)
DATA = [{"value": 123, "name": 1}, {"value": "0.4567890123456789", "name": "a"}, {"value": None, "name": None}]
GOLDEN = {
    "SUM": "123.4567890123456789",
    "AVG": "61.72839450617283945",
    "MIN": "0.4567890123456789",
    "MAX": "123",
    "LATEST": "0.4567890123456789",
    "COUNT": "3",
    "UNIQUE_COUNT": "2",
}


def at(second: int) -> str:
    return (NOW + timedelta(seconds=second)).isoformat()


def make_meter(api: Api, aggregation: str, event_type: str) -> dict[str, Any]:
    properties = {"COUNT": {}, "UNIQUE_COUNT": {"valueProperty": "$.name"}}.get(
        aggregation, {"valueProperty": "$.value"}
    )
    body = {
        "slug": api.fresh(aggregation.lower()),
        "aggregation": aggregation,
        "eventType": event_type,
        "groupBy": {"kind": "$.kind"},
        **properties,
    }
    found: dict[str, Any] = api.call("POST", "/api/v1/meters", body).json()
    return found


def send(api: Api, event_type: str) -> None:
    events = [
        {"specversion": "1.0", "id": str(number), "source": event_type, "type": event_type, "subject": "a"}
        | {"time": at(number), "data": data}
        for number, data in enumerate(DATA)
    ]
    assert api.call("POST", "/api/v1/events", events).status == 204


@pytest.mark.parametrize("aggregation", GOLDEN)
@pytest.mark.parametrize("before", [True, False], ids=["meter first", "events first"])
def test_golden_vectors(api: Api, aggregation: str, before: bool) -> None:
    event_type = api.fresh("golden")
    if not before:
        send(api, event_type)
    meter = make_meter(api, aggregation, event_type)
    if before:
        send(api, event_type)

    def usage() -> list[Any]:
        path = f"/api/v1/meters/{meter['slug']}/query"
        older = api.call("GET", f"{path}?windowSize=DAY&groupBy=kind&groupBy=subject").json()["data"]
        newer = api.call("POST", f"/api/v3/openmeter/meters/{meter['id']}/query", {}).json()["data"]
        file = api.call("GET", path, headers={"Accept": "text/csv"}).text.splitlines()
        return [
            [Decimal(row["value"]) for row in older],
            [row["value"] for row in newer],
            [line.rpartition(",")[2] for line in file[1:]],
        ]

    value = GOLDEN[aggregation]
    eventually(usage, [[Decimal(value)], [value], [value]])


def test_ends_inside_a_minute_subjects_and_group_values(api: Api) -> None:
    event_type = api.fresh("golden")
    meter = make_meter(api, "COUNT", event_type)
    send(api, event_type)
    path = f"/api/v1/meters/{meter['slug']}"
    ends = f"from={at(1)}&to={at(2)}".replace("+", "%2B")

    eventually(lambda: api.call("GET", f"{path}/subjects").json(), ["a"])
    eventually(lambda: api.call("GET", f"{path}/group-by/kind/values").json(), [""])
    eventually(lambda: [row["value"] for row in api.call("GET", f"{path}/query?{ends}").json()["data"]], [1])


def test_the_python_sdk_reads_csv(api: Api) -> None:
    event_type = api.fresh("golden")
    meter = make_meter(api, "SUM", event_type)
    send(api, event_type)

    with Client(endpoint=api.url, token=api.key) as client:
        eventually(
            lambda: client.meters.query_csv(meter["slug"], group_by=["kind"], subject=["a"]).splitlines()[1:2],
            [f"{NOW.replace(second=0):%Y-%m-%dT%H:%M:%SZ},{_next_minute():%Y-%m-%dT%H:%M:%SZ},a,,123.4567890123456789"],
        )


def _next_minute() -> datetime:
    return (NOW + timedelta(seconds=1)).replace(second=0) + timedelta(minutes=1)
