"""Walkthrough 1: an Amigo platform client emits metering events."""

from __future__ import annotations

import uuid
from typing import Any

from tests.conformance.api import Api
from tests.conformance.polling import eventually

EVENT: dict[str, Any] = {
    "event_type": "voice.minutes",
    "metering_quantity": 12.5,
    "metering_source": "production",
    "effective_at": "2026-01-14T10:00:00Z",
    "metering_unit": "minutes",
    "metering_metadata": {"agent": "intake"},
}


def emit_path(api: Api) -> str:
    return f"/v1/{api.workspace}/metering/emit"


def test_an_event_is_accepted_and_echoes_its_type(api: Api) -> None:
    answer = api.post(emit_path(api), EVENT)

    assert (answer.status, answer.text) == (202, '{"status":"accepted","event_type":"voice.minutes"}')


def test_usage_groups_by_traffic_class_and_by_metadata(api: Api) -> None:
    slug = api.fresh("voice")
    event_type = f"{slug}.minutes"
    api.post(
        "/api/v1/meters",
        {
            "slug": slug,
            "eventType": event_type,
            "aggregation": "SUM",
            "valueProperty": "$.metering_quantity",
            "groupBy": {"source": "$.metering_source", "agent": "$.metering_metadata.agent"},
        },
    )

    for source, quantity in (("production", 12.5), ("production", 0.25), ("simulation", 7)):
        event = {**EVENT, "event_type": event_type, "metering_source": source, "metering_quantity": quantity}
        assert api.post(emit_path(api), event).status == 202

    def usage() -> dict[str, Any]:
        rows = api.get(f"/api/v1/meters/{slug}/query?groupBy=source&groupBy=agent").json()["data"]
        return {f"{row['groupBy']['source']}/{row['groupBy']['agent']}": row["value"] for row in rows}

    eventually(usage, {"production/intake": 12.75, "simulation/intake": 7})


def test_a_retry_with_the_same_event_id_counts_once(api: Api) -> None:
    event = {**EVENT, "event_id": str(uuid.uuid4())}

    first, second = api.post(emit_path(api), event), api.post(emit_path(api), event)

    assert [first.status, second.status] == [202, 202]
    assert second.headers["dynameter-duplicate"] == "1"


def test_a_retry_with_the_same_idempotency_key_counts_once(api: Api) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}

    api.post(emit_path(api), EVENT, headers=headers)
    second = api.post(emit_path(api), EVENT, headers=headers)

    assert (second.headers["dynameter-accepted"], second.headers["dynameter-duplicate"]) == ("0", "1")


def test_a_quantity_below_zero_is_answered_as_fastapi_does(api: Api) -> None:
    answer = api.post(emit_path(api), {**EVENT, "metering_quantity": -1})

    assert answer.status == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "greater_than_equal",
                "loc": ["body", "metering_quantity"],
                "msg": "Input should be greater than or equal to 0",
                "input": -1,
                "ctx": {"ge": 0},
            }
        ]
    }


def test_an_unknown_source_is_refused(api: Api) -> None:
    answer = api.post(emit_path(api), {**EVENT, "metering_source": "staging"})

    assert (answer.status, answer.json()["detail"][0]["loc"]) == (422, ["body", "metering_source"])


def test_an_event_type_outside_its_pattern_is_refused(api: Api) -> None:
    answer = api.post(emit_path(api), {**EVENT, "event_type": "Voice"})

    assert (answer.status, answer.json()["detail"][0]["type"]) == (422, "string_pattern_mismatch")


def test_a_workspace_that_is_no_uuid_is_refused(api: Api) -> None:
    answer = api.post("/v1/not-a-uuid/metering/emit", EVENT)

    assert (answer.status, answer.json()["detail"][0]["loc"]) == (422, ["path", "workspace_id"])


def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    answer = api.post(emit_path(api), b"{not json")

    assert (answer.status, answer.json()["detail"][0]["type"]) == (422, "json_invalid")


def test_a_key_from_the_api_works_until_it_is_deleted(api: Api) -> None:
    created = api.post(f"/v1/{api.workspace}/api-keys", {"duration_days": 30, "name": "ci", "role": "member"})
    assert created.status == 201
    key = created.json()

    accepted = api.post(emit_path(api), EVENT, key=key["api_key"])
    api.delete(f"/v1/{api.workspace}/api-keys/{key['key_id']}")
    refused = api.post(emit_path(api), EVENT, key=key["api_key"])

    assert (accepted.status, refused.status) == (202, 403)
