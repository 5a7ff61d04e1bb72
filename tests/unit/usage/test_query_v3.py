"""The usage queries of OpenMeter v3 and Kong Konnect, as clients send them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.usage.query_api import KONNECT, V3, Api


@pytest.mark.parametrize("route", [V3, KONNECT])
def test_v3_answers_values_as_text_with_dimensions(filled: Api, route: str) -> None:
    status, answer = filled.v3(
        {
            "from": "2026-01-14T00:00:00Z",
            "to": "2026-01-15T00:00:00Z",
            "granularity": "PT1H",
            "time_zone": "Asia/Kathmandu",
            "group_by_dimensions": ["subject", "model"],
            "filters": {"dimensions": {"model": {"in": ["claude", ""]}, "subject": {"eq": "b"}}},
        },
        route=route,
    )

    assert (status, answer) == (
        200,
        {
            "from": "2026-01-14T00:00:00Z",
            "to": "2026-01-15T00:00:00Z",
            "data": [
                {
                    "value": "0.5",
                    "from": "2026-01-14T17:00:00+05:45",
                    "to": "2026-01-14T18:00:00+05:45",
                    "dimensions": {"subject": "b", "model": ""},
                }
            ],
        },
    )


def test_v3_an_empty_question_is_the_whole_usage(filled: Api) -> None:
    assert filled.v3({})[1]["data"] == [
        {"value": "7.5", "from": "2026-01-14T10:05:00Z", "to": "2026-01-14T11:31:00Z", "dimensions": {}}
    ]


@pytest.mark.parametrize("granularity", ["PT1M", "PT1H", "P1D", "P1M"])
def test_v3_every_granularity_adds_up_to_the_whole(filled: Api, granularity: str) -> None:
    rows = filled.v3({"granularity": granularity})[1]["data"]

    assert sum(Decimal(row["value"]) for row in rows) == Decimal("7.5")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ("", "", "required"),
        ({"window_size": "DAY"}, "window_size", "unknown"),
        ({"granularity": "DAY"}, "granularity", "enum"),
        ({"granularity": "PT1S"}, "granularity", "enum"),
        ({"time_zone": "Mars"}, "time_zone", "invalid_time_zone"),
        ({"from": "2026-01-14"}, "from", "format"),
        ({"from": "2026-01-14T10:00:00Z", "to": "2026-01-14T09:00:00Z"}, "to", "range"),
        ({"group_by_dimensions": ["nope"]}, "group_by_dimensions[0]", "invalid_group_by"),
        ({"filters": {"dimensions": {"nope": {"eq": "x"}}}}, "filters.dimensions.nope", "invalid_dimension_filter"),
        ({"filters": {"dims": {}}}, "filters.dims", "unknown"),
        (
            {"filters": {"dimensions": {"model": {"neq": "x"}}}},
            "filters.dimensions.model",
            "unsupported_filter_operator",
        ),
        ({"filters": {"dimensions": {"model": {}}}}, "filters.dimensions.model", "unsupported_filter_operator"),
        ({"filters": {"dimensions": {"model": {"eq": 1}}}}, "filters.dimensions.model", "unsupported_filter_operator"),
        ({"filters": {"dimensions": {"model": {"in": []}}}}, "filters.dimensions.model", "unsupported_filter_operator"),
        ({"filters": {"dimensions": {f"k{n}": {"eq": "x"} for n in range(11)}}}, "filters.dimensions", "max_items"),
    ],
)
def test_v3_refuses_what_cannot_be_asked_and_names_the_field(filled: Api, body: Any, field: str, rule: str) -> None:
    status, answer = filled.v3(body)

    assert status == 400
    assert [(one["field"], one["rule"]) for one in answer["invalid_parameters"]] == [(field, rule)]


def test_v3_knows_no_customers_yet(filled: Api) -> None:
    assert filled.v3({"filters": {"dimensions": {"customer_id": {"eq": "x"}}}})[0] == 404


@pytest.mark.parametrize("meter_id", ["requests", "01KEYZ8Q4V000000000000000I", "01KEYZ8Q4V0000000000000009"])
def test_v3_what_is_no_meters_id_is_404(filled: Api, meter_id: str) -> None:
    assert filled.v3({}, meter_id)[0] == 404
