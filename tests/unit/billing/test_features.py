"""Features over the wire of OpenMeter v1 and v3, and what they keep a meter from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., tuple[int, Any]]

V1, V3 = "/api/v1/features", "/v3/openmeter/features"
ONE_V1, ONE_V3 = V1 + "/{featureIdOrKey}", V3 + "/{featureId}"
METER = "/api/v1/meters/{meterIdOrSlug}"
RUNS = {
    "slug": "agent_runs_total",
    "aggregation": "COUNT",
    "eventType": "agent_run",
    "groupBy": {"agent_name": "$.agent_name", "model": "$.model"},
}
SOLD = {"key": "agent_runs", "name": "Agent Runs", "meterSlug": "agent_runs_total"}


@pytest.fixture
def meter(call: Call) -> Any:
    status, body = call("POST /api/v1/meters", body=RUNS)
    assert status == 201
    return body


def create(call: Call, **changed: Any) -> Any:
    status, body = call(f"POST {V1}", body=SOLD | changed)
    assert status == 201, body
    return body


def at_v1(reference: str) -> dict[str, str]:
    return {"featureIdOrKey": reference}


def at_v3(feature: Any) -> dict[str, str]:
    return {"featureId": feature["id"]}


def of_meter(meter: Any) -> dict[str, str]:
    return {"meterIdOrSlug": meter["slug"]}


def test_a_feature_is_created_and_read_by_id_and_key(call: Call, meter: Any) -> None:
    created = create(call, metadata={"team": "ai"})

    assert {"key", "name", "meterSlug", "metadata"} <= {*created}
    assert call(f"GET {ONE_V1}", path=at_v1("agent_runs")) == (200, created)
    assert call(f"GET {ONE_V1}", path=at_v1(created["id"])) == (200, created)


def test_filters_of_equality_are_shown_in_both_forms(call: Call, meter: Any) -> None:
    created = create(call, meterGroupByFilters={"model": "gpt-4"})

    assert created["meterGroupByFilters"] == {"model": "gpt-4"}
    assert created["advancedMeterGroupByFilters"] == {"model": {"$eq": "gpt-4"}}


def test_other_filters_are_shown_in_the_form_that_can_say_them(call: Call, meter: Any) -> None:
    advanced = {"model": {"$or": [{"$like": "gpt%"}, {"$in": ["a", "b"]}]}}

    created = create(call, advancedMeterGroupByFilters=advanced)

    assert created["advancedMeterGroupByFilters"] == advanced
    assert "meterGroupByFilters" not in created


def test_an_answer_can_be_sent_back(call: Call, meter: Any) -> None:
    created = create(call, meterGroupByFilters={"model": "gpt-4"})

    again = create(call, **(created | {"key": "again"}))

    assert again["meterGroupByFilters"] == {"model": "gpt-4"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": "Agent-Runs"}, "key"),
        ({"key": "01kex4mp1e0000000000000000"}, "key"),
        ({"name": ""}, "name"),
        ({"meterGroupByFilters": {"colour": "red"}}, "meterGroupByFilters.colour"),
        ({"advancedMeterGroupByFilters": {"model": {"$is": "x"}}}, "advancedMeterGroupByFilters.model.$is"),
        ({"advancedMeterGroupByFilters": {"model": {"$in": ["x" * 1_000] * 50}}}, "advancedMeterGroupByFilters"),
        ({"meterSlug": None, "meterGroupByFilters": {"model": "x"}}, "meterGroupByFilters"),
        ({"unitCost": {"type": "manual", "amount": "1"}}, "unitCost"),
    ],
)
def test_a_wrong_field_is_named(call: Call, meter: Any, change: dict[str, Any], field: str) -> None:
    status, body = call(f"POST {V1}", body=SOLD | change)

    assert status == 400
    assert field in [one["field"] for one in body["extensions"]["validationErrors"]]


def test_a_feature_of_an_unknown_meter_is_refused(call: Call) -> None:
    assert call(f"POST {V1}", body=SOLD)[0] == 404


def test_a_mean_is_no_quantity_to_sell(call: Call) -> None:
    mean = {"slug": "latency", "aggregation": "AVG", "eventType": "call", "valueProperty": "$.ms"}
    call("POST /api/v1/meters", body=mean)

    status, body = call(f"POST {V1}", body=SOLD | {"meterSlug": "latency"})

    assert status == 400
    assert "AVG" in body["detail"]


def test_a_key_belongs_to_one_live_feature(call: Call, meter: Any) -> None:
    create(call)

    assert call(f"POST {V1}", body=SOLD)[0] == 409
    assert call(f"DELETE {ONE_V1}", path=at_v1("agent_runs")) == (204, None)
    create(call)


def test_an_archived_feature_is_known_by_its_id_alone(call: Call, meter: Any) -> None:
    created = create(call)

    assert [call(f"DELETE {ONE_V1}", path=at_v1(created["id"]))[0] for _ in range(2)] == [204, 204]

    assert call(f"GET {ONE_V1}", path=at_v1("agent_runs"))[0] == 404
    assert "archivedAt" in call(f"GET {ONE_V1}", path=at_v1(created["id"]))[1]
    assert call(f"GET {V1}")[1] == []
    assert [one["id"] for one in call(f"GET {V1}", ("includeArchived", "true"))[1]] == [created["id"]]


def test_a_list_is_an_array_unless_a_page_is_asked_for(call: Call) -> None:
    for key in "bca":
        create(call, key=key, meterSlug=None)

    assert [one["key"] for one in call(f"GET {V1}", ("offset", "1"), ("limit", "1"))[1]] == ["b"]
    paged = call(f"GET {V1}", ("page", "2"), ("pageSize", "2"), ("order", "DESC"))[1]
    assert (paged["totalCount"], [one["key"] for one in paged["items"]]) == (3, ["a"])


def test_a_list_is_filtered_by_meters(call: Call, meter: Any) -> None:
    create(call)
    create(call, key="support", meterSlug=None)

    assert [one["key"] for one in call(f"GET {V1}", ("meterSlug", "agent_runs_total"))[1]] == ["agent_runs"]


def test_v3_has_the_same_features_in_its_own_words(call: Call, meter: Any) -> None:
    filters = {"agent_name": {"neq": "x"}, "model": {"or": [{"contains": "gpt"}, {"exists": False}]}}
    sold = {"key": "runs", "name": "Runs", "description": "d", "labels": {"a": "b"}}

    status, created = call(f"POST {V3}", body=sold | {"meter": {"id": meter["id"], "filters": filters}})

    assert status == 201
    assert created["meter"] == {"id": meter["id"], "filters": filters}
    assert {name: created[name] for name in sold} == sold
    assert call(f"GET {ONE_V3}", path=at_v3(created)) == (200, created)
    in_v1 = call(f"GET {ONE_V1}", path=at_v1("runs"))[1]["advancedMeterGroupByFilters"]
    assert in_v1 == {"agent_name": {"$ne": "x"}, "model": {"$or": [{"$contains": "gpt"}, {"$exists": False}]}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"unit_cost": {}}, "unit_cost"),
        ({"meter": {"id": "ID", "filters": {"model": {"like": "x"}}}}, "meter.filters.model.like"),
        ({"meter": {"id": "ID", "filters": {"colour": {"eq": "x"}}}}, "meter.filters.colour"),
    ],
)
def test_v3_names_a_wrong_field(call: Call, meter: Any, change: dict[str, Any], field: str) -> None:
    if "meter" in change:
        change = {"meter": change["meter"] | {"id": meter["id"]}}

    status, body = call(f"POST {V3}", body={"key": "runs", "name": "Runs"} | change)

    assert status == 400
    assert [one["field"] for one in body["invalid_parameters"]] == [field]


def test_v3_lists_pages_by_filters(call: Call, meter: Any) -> None:
    create(call)
    create(call, key="support", name="Support", meterSlug=None)

    found = call(f"GET {V3}", ("filter[meter_id]", meter["id"]))[1]

    assert found["meta"] == {"page": {"size": 20, "number": 1, "total": 1}}
    assert [one["key"] for one in found["data"]] == ["agent_runs"]
    assert [one["key"] for one in call(f"GET {V3}", ("sort", "key desc"))[1]["data"]] == ["support", "agent_runs"]


def test_v3_archives_by_id(call: Call) -> None:
    created = create(call, meterSlug=None)

    assert [call(f"DELETE {ONE_V3}", path=at_v3(created))[0] for _ in range(2)] == [204, 204]
    assert "deleted_at" in call(f"GET {ONE_V3}", path=at_v3(created))[1]
    assert call(f"GET {ONE_V3}", path={"featureId": "agent_runs"})[0] == 404


def test_a_meter_with_features_is_not_deleted(call: Call, meter: Any) -> None:
    create(call)

    status, body = call(f"DELETE {METER}", path=of_meter(meter))

    assert status == 409
    assert body["detail"] == "meter has active features and cannot be deleted"


def test_a_meter_whose_features_are_archived_is_deleted(call: Call, meter: Any) -> None:
    create(call)
    call(f"DELETE {ONE_V1}", path=at_v1("agent_runs"))

    assert call(f"DELETE {METER}", path=of_meter(meter))[0] == 204


def test_a_group_by_key_that_a_feature_filters_by_is_not_dropped(call: Call, meter: Any) -> None:
    create(call, meterGroupByFilters={"model": "gpt-4"})

    status, body = call(f"PUT {METER}", path=of_meter(meter), body={"groupBy": {"agent_name": "$.agent_name"}})

    assert status == 409
    assert [one["field"] for one in body["extensions"]["validationErrors"]] == ["groupBy.model"]


def test_another_group_by_key_of_a_sold_meter_is_dropped(call: Call, meter: Any) -> None:
    create(call, meterGroupByFilters={"model": "gpt-4"})

    assert call(f"PUT {METER}", path=of_meter(meter), body={"groupBy": {"model": "$.model"}})[0] == 200
