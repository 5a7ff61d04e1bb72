"""Walkthrough 4: Zuplo meters by slug, event type and JSONPath."""

from __future__ import annotations

from typing import Any

from tests.conformance.api import Api
from tests.conformance.polling import eventually


def metering(api: Api) -> str:
    return f"/v3/metering/{api.workspace}"


def meter(slug: str, value_property: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": "API Requests",
        "eventType": slug,
        "aggregation": "SUM",
        "valueProperty": value_property,
    }


def test_short_events_are_summed_by_customer_and_window(api: Api) -> None:
    requests, tokens = api.fresh("api_requests"), api.fresh("tokens_total")
    for slug, path in ((requests, "$.count"), (tokens, "$.tokens")):
        assert api.post(f"{metering(api)}/meters", meter(slug, path)).status == 201

    statuses = [
        api.post(f"{metering(api)}/events", body).status
        for body in (
            {"type": requests, "subject": "customer-123", "data": {"count": 1, "method": "GET"}},
            [
                {"type": requests, "subject": "customer-123", "data": {"count": 2, "method": "GET"}},
                {"type": tokens, "subject": "customer-123", "data": {"tokens": 1250, "model": "gpt-4"}},
            ],
        )
    ]
    assert statuses == [202, 202]

    def usage(slug: str) -> list[tuple[str, int]]:
        path = f"{metering(api)}/meters/{slug}/query?subject=customer-123&windowSize=MONTH"
        return [(row["subject"], row["value"]) for row in api.get(path).json()["data"]]

    eventually(lambda: (usage(requests), usage(tokens)), ([("customer-123", 3)], [("customer-123", 1250)]))


def test_a_meter_is_listed_read_updated_and_deleted(api: Api) -> None:
    slug = api.fresh("data_transfer")
    base = f"{metering(api)}/meters"
    api.post(base, meter(slug, "$.bytes"))

    listed = slug in {one["slug"] for one in api.get(base).json()}
    updated = api.put(f"{base}/{slug}", {"name": "Bytes out"})
    read = api.get(f"{base}/{slug}")
    deleted = api.delete(f"{base}/{slug}")
    gone = api.get(f"{base}/{slug}")

    assert listed
    assert (updated.status, read.json()["name"]) == (200, "Bytes out")
    assert (deleted.status, gone.status) == (204, 404)


def test_a_bucket_of_another_workspace_is_closed(api: Api) -> None:
    other = "00000000-0000-4000-8000-000000000002"

    answer = api.post(f"/v3/metering/{other}/events", {"type": "t", "subject": "s"})

    assert answer.status == 403
