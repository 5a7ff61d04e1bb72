"""Numbers survive from the wire to the answer, digit for digit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.api import Api
from tests.conformance.polling import eventually

BATCH = "application/cloudevents-batch+json"


def sum_meter(api: Api) -> str:
    slug = api.fresh("exact")
    api.post("/api/v1/meters", {"slug": slug, "eventType": slug, "aggregation": "SUM", "valueProperty": "$.v"})
    return slug


def event(slug: str, number: int, value: str) -> str:
    return (
        f'{{"specversion":"1.0","id":"{number}","source":"{slug}","type":"{slug}","subject":"s",'
        f'"time":"2026-01-14T10:00:00Z","data":{{"v":{value}}}}}'
    )


def value_text(api: Api, slug: str) -> str:
    text = api.get(f"/api/v1/meters/{slug}/query").text
    return text.split('"value":')[1].split(",")[0] if '"value":' in text else ""


@pytest.mark.parametrize(
    "number", ["12345678901234567890.123456789", "9007199254740993", "0.000000000000001", '"0.4567890123456789"']
)
def test_a_number_comes_back_with_every_digit(api: Api, number: str) -> None:
    slug = sum_meter(api)

    api.post("/api/v1/events", f"[{event(slug, 0, number)}]".encode(), media_type=BATCH)

    eventually(lambda: value_text(api, slug), number.strip('"'))


def test_ten_thousand_times_a_tenth_is_a_thousand(api: Api) -> None:
    slug = sum_meter(api)

    for start in range(0, 10_000, 1_000):
        body = ",".join(event(slug, number, "0.1") for number in range(start, start + 1_000))
        assert api.post("/api/v1/events", f"[{body}]".encode(), media_type=BATCH).status == 204

    eventually(lambda: value_text(api, slug), "1000", within_s=30)


def test_v3_answers_numbers_as_strings(api: Api) -> None:
    slug = sum_meter(api)
    meter_id = api.get(f"/api/v1/meters/{slug}").json()["id"]
    body = f"[{event(slug, 0, '12345678901234567890.123456789')}]".encode()

    api.post("/api/v1/events", body, media_type=BATCH)

    def values() -> list[Any]:
        return [row["value"] for row in api.post(f"/api/v3/openmeter/meters/{meter_id}/query", {}).json()["data"]]

    eventually(values, ["12345678901234567890.123456789"])
