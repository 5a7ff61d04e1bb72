"""The usage queries of OpenMeter v3 and Kong Konnect, as clients send them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.meters.meter import Generation
from tests.unit.usage.builders import NOON, make_meter
from tests.unit.usage.query_api import KONNECT, METER, V3, Api


def dimension(name: str, condition: Any) -> dict[str, Any]:
    return {"filters": {"dimensions": {name: condition}}}


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
        ({"granularity": "DAY"}, "granularity", "invalid_window_size"),
        ({"granularity": "PT1S"}, "granularity", "invalid_window_size"),
        ({"time_zone": "Mars"}, "time_zone", "invalid_time_zone"),
        ({"from": "2026-01-14"}, "from", "format"),
        ({"from": "2026-01-14T10:00:00Z", "to": "2026-01-14T09:00:00Z"}, "to", "range"),
        ({"group_by_dimensions": ["nope"]}, "group_by_dimensions[0]", "invalid_group_by"),
        ({"filters": {"dimensions": {"nope": {"eq": "x"}}}}, "filters.dimensions.nope", "invalid_dimension_filter"),
        ({"filters": {"dims": {}}}, "filters.dims", "unknown"),
        (dimension("model", {"like": "x"}), "filters.dimensions.model.like", "unsupported_filter_operator"),
        (dimension("model", {"eq": 1}), "filters.dimensions.model.eq", "invalid_dimension_filter"),
        (dimension("model", {"in": []}), "filters.dimensions.model.in", "invalid_dimension_filter"),
        (dimension("model", {"exists": "yes"}), "filters.dimensions.model.exists", "invalid_dimension_filter"),
        (dimension("model", {"or": [{"eq": "x"}, 1]}), "filters.dimensions.model.or[1]", "invalid_dimension_filter"),
        (dimension("model", "x"), "filters.dimensions.model", "invalid_dimension_filter"),
        (dimension("subject", {"neq": "a"}), "filters.dimensions.subject", "unsupported_filter_operator"),
        (dimension("subject", {"eq": "a", "in": ["a"]}), "filters.dimensions.subject", "unsupported_filter_operator"),
        (dimension("subject", {"in": ["x"] * 101}), "filters.dimensions.subject", "invalid_dimension_filter"),
        (dimension("customer_id", {"exists": True}), "filters.dimensions.customer_id", "unsupported_filter_operator"),
        ({"group_by_dimensions": ["model"] * 101}, "group_by_dimensions", "max_items"),
        ({"filters": {"dimensions": {f"k{n}": {"eq": "x"} for n in range(11)}}}, "filters.dimensions", "max_items"),
    ],
)
def test_v3_refuses_what_cannot_be_asked_and_names_the_field(filled: Api, body: Any, field: str, rule: str) -> None:
    status, answer = filled.v3(body)

    assert status == 400
    assert [(one["field"], one["rule"]) for one in answer["invalid_parameters"]] == [(field, rule)]


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ({"eq": "gpt"}, "3"),
        ({"neq": "gpt"}, "4.5"),
        ({"in": ["gpt", ""]}, "3.5"),
        ({"nin": ["gpt", ""]}, "4"),
        ({"contains": "LAU"}, "4"),
        ({"ncontains": "p"}, "4.5"),
        ({"exists": True}, "7"),
        ({"exists": False}, "0.5"),
        ({"and": [{"exists": True}, {"neq": "gpt"}]}, "4"),
        ({"or": [{"eq": "gpt"}, {"exists": False}]}, "3.5"),
    ],
)
def test_v3_knows_every_operator_of_a_filter(filled: Api, condition: Any, value: str) -> None:
    assert filled.v3(dimension("model", condition))[1]["data"][0]["value"] == value


def test_v3_a_subject_filter_groups_by_subject(filled: Api) -> None:
    rows = filled.v3(dimension("subject", {"in": ["b", "a", "nobody"]}))[1]["data"]

    assert [(row["dimensions"], row["value"]) for row in rows] == [({"subject": "a"}, "5"), ({"subject": "b"}, "2.5")]


def test_v3_says_while_the_meter_is_being_rebuilt(api: Api) -> None:
    api.define(make_meter(generations=(Generation(1, {}, NOON, complete=False),)))

    answer = api.answer(f"POST {V3}", path={"meterId": METER.id}, body={})

    assert answer["headers"]["dynameter-state"] == "rebuilding"


def test_v3_a_customer_that_is_not_there_is_not_found(filled: Api) -> None:
    assert filled.v3({"filters": {"dimensions": {"customer_id": {"eq": "x"}}}})[0] == 404


@pytest.mark.parametrize("meter_id", ["requests", "01KEYZ8Q4V000000000000000I", "01KEYZ8Q4V0000000000000009"])
def test_v3_what_is_no_meters_id_is_404(filled: Api, meter_id: str) -> None:
    assert filled.v3({}, meter_id)[0] == 404
