"""Walkthrough 2, meters and events: Kong's quickstart counts agent runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.api import Api
from tests.conformance.polling import eventually

IDS = (
    ("8655CDD7-0775-4AEA-AF8C-89C47EBC8828", "summarizer"),
    ("3EC7EFD0-5B78-47A4-AE9E-15965675CF95", "summarizer"),
    ("48FC220C-C124-4B73-B378-7DC5CF88DD1A", "translator"),
)


def agent_run(event_id: str, agent: str, time: str, event_type: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": event_type,
        "id": event_id,
        "source": f"acme-platform/{event_type}",
        "time": time,
        "datacontenttype": "application/json",
        "subject": "acme-inc",
        "data": {"agent_name": agent},
    }


def create_meter(api: Api, base: str, key: str) -> str:
    answer = api.post(
        f"{base}/meters",
        {
            "key": key,
            "name": "Count agent runs",
            "aggregation": "count",
            "event_type": key,
            "dimensions": {"agent_name": "$.agent_name"},
        },
    )
    assert answer.status == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("base", ["/api/v3/openmeter", "/v3/openmeter"])
def test_three_events_sent_five_times_over_count_three(api: Api, base: str) -> None:
    key = api.fresh("agent_run")
    meter_id = create_meter(api, base, key)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    statuses = {
        api.post(
            f"{base}/events", agent_run(event_id, agent, now, key), media_type="application/cloudevents+json"
        ).status
        for _ in range(5)
        for event_id, agent in IDS
    }
    assert statuses == {202}

    def by_agent() -> dict[str, str]:
        answer = api.post(f"{base}/meters/{meter_id}/query", {"group_by_dimensions": ["agent_name"]})
        return {row["dimensions"]["agent_name"]: row["value"] for row in answer.json()["data"]}

    eventually(by_agent, {"summarizer": "2", "translator": "1"})


def test_the_quickstart_finds_value_one_in_the_text_of_the_answer(api: Api) -> None:
    key = api.fresh("agent_run")
    create_meter(api, "/api/v3/openmeter", key)
    event = agent_run(IDS[0][0], "summarizer", "2026-01-14T10:00:00Z", key)

    api.post("/api/v1/events", event, media_type="application/cloudevents+json")

    eventually(lambda: '"value":1' in api.get(f"/api/v1/meters/{key}/query?windowSize=HOUR").text, True)


def test_the_same_id_with_another_payload_keeps_the_first_and_says_so(api: Api) -> None:
    key = api.fresh("agent_run")
    first = agent_run(IDS[0][0], "summarizer", "2026-01-14T10:00:00Z", key)
    second = agent_run(IDS[0][0], "translator", "2026-01-14T10:00:00Z", key)

    api.post("/api/v1/events", first, media_type="application/cloudevents+json")
    told = api.post("/api/v1/events", second, media_type="application/cloudevents+json")

    assert (told.status, told.headers["dynameter-conflict"]) == (204, "1")
