"""Meters over the wire of OpenMeter v3 and Kong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

Call = Callable[..., tuple[int, Any]]

TOKENS = {
    "key": "tokens_total",
    "name": "Tokens",
    "description": "all of them",
    "labels": {"team": "ai"},
    "aggregation": "sum",
    "event_type": "completion",
    "events_from": "2026-01-01T00:00:00Z",
    "value_property": "$.tokens",
    "dimensions": {"model": "$.model"},
}
RUNS = {"key": "agent_runs", "name": "Runs", "aggregation": "count", "event_type": "agent_run"}
NO_SUCH_ID = "01KFHZ0J4VPJ4P5D0M3Q1N8R7S"


class Door:
    """One of the two addresses of the same API."""

    def __init__(self, call: Call, base: str) -> None:
        self._call = call
        self._base = base

    def create(self, body: Any) -> tuple[int, Any]:
        return self._call(f"POST {self._base}", body=body)

    def list(self, *query: tuple[str, str]) -> tuple[int, Any]:
        return self._call(f"GET {self._base}", query=list(query))

    def one(self, method: str, identity: str, **sent: Any) -> tuple[int, Any]:
        return self._call(f"{method} {self._base}/{{meterId}}", path={"meterId": identity}, **sent)

    def keys(self, *query: tuple[str, str]) -> Sequence[str]:
        return [one["key"] for one in self.list(*query)[1]["data"]]


@pytest.fixture(params=["/api/v3/openmeter/meters", "/v3/openmeter/meters"])
def door(request: pytest.FixtureRequest, call: Call) -> Door:
    return Door(call, request.param)


@pytest.fixture
def three(door: Door) -> Door:
    for key, name in (("b", "Alpha one"), ("a", "Beta"), ("c", "alpha two")):
        door.create(RUNS | {"key": key, "name": name})
    return door


def test_a_created_meter_is_shown_in_full(door: Door) -> None:
    status, meter = door.create(TOKENS)
    assert status == 201
    assert len(meter.pop("id")) == 26
    assert meter.pop("created_at") == meter.pop("updated_at")
    assert meter == TOKENS


def test_what_is_not_set_is_left_out_but_labels_are_an_object(door: Door) -> None:
    meter = door.create(RUNS)[1]
    for name in ("id", "created_at", "updated_at"):
        meter.pop(name)
    assert meter == RUNS | {"labels": {}}


def test_a_key_in_use_is_a_conflict_in_v1s_shape(door: Door) -> None:
    door.create(RUNS)
    status, problem = door.create(RUNS)
    assert (status, problem["type"]) == (409, "about:blank")
    assert problem["detail"] == "meter with the same slug already exists"


@pytest.mark.parametrize(
    ("changed", "field", "rule"),
    [
        ({"surprise": 1}, "surprise", "unknown"),
        ({"slug": "x"}, "slug", "unknown"),
        ({"key": "No"}, "key", "pattern"),
        ({"name": ""}, "name", "min_length"),
        ({"aggregation": "SUM"}, "aggregation", "enum"),
        ({"events_from": "x"}, "events_from", "format"),
        ({"value_property": "x"}, "value_property", "format"),
        ({"dimensions": {"subject": "$.s"}}, "dimensions.subject", "reserved_dimension"),
        ({"dimensions": {"customer_id": "$.s"}}, "dimensions.customer_id", "reserved_dimension"),
        ({"dimensions": {"a": "$.tokens"}}, "dimensions.a", "not_allowed"),
        ({"labels": {"a": ""}}, "labels.a", "pattern"),
        ({"labels": {"a": "-"}}, "labels.a", "pattern"),
        ({"labels": {"a": "v" * 64}}, "labels.a", "pattern"),
        ({"labels": {"a b": "v"}}, "labels.a b", "pattern"),
        ({"labels": {"kong-team": "v"}}, "labels.kong-team", "reserved"),
        ({"labels": {f"k{number}": "v" for number in range(51)}}, "labels", "max_items"),
    ],
)
def test_a_wrong_field_is_refused_by_its_own_name(door: Door, changed: dict[str, Any], field: str, rule: str) -> None:
    status, problem = door.create(TOKENS | changed)
    assert (status, problem["type"]) == (400, "https://kongapi.info/konnect/bad-request")
    found = [(one["field"], one["rule"], one["source"]) for one in problem["invalid_parameters"]]
    assert found == [(field, rule, "body")]


def test_the_choices_of_an_enum_are_told(door: Door) -> None:
    problem = door.create(TOKENS | {"aggregation": "total"})[1]
    choices = problem["invalid_parameters"][0]["choices"]
    assert choices == ["sum", "count", "unique_count", "avg", "min", "max", "latest"]


@pytest.mark.parametrize("missing", ["name", "key", "aggregation", "event_type"])
def test_a_missing_field_is_named(door: Door, missing: str) -> None:
    status, problem = door.create({name: value for name, value in TOKENS.items() if name != missing})
    assert (status, problem["invalid_parameters"][0]["reason"]) == (400, f"{missing} is required")


def test_a_meter_is_got_by_its_id_in_either_case(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    assert door.one("GET", meter["id"]) == (200, meter)
    assert door.one("GET", meter["id"].lower()) == (200, meter)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_path_that_is_no_ulid_is_no_entity(door: Door, method: str) -> None:
    door.create(TOKENS)
    status, problem = door.one(method, "tokens_total", body={"name": "x"})
    assert (status, problem["detail"]) == (404, "The requested entity was not found")
    assert problem["type"] == "https://kongapi.info/konnect/not-found"


def test_a_slug_of_a_ulids_form_is_no_id(door: Door) -> None:
    door.create(TOKENS | {"key": NO_SUCH_ID.lower()})
    assert door.one("GET", NO_SUCH_ID.lower())[0] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_meter_is_not_found_in_v1s_shape(door: Door, method: str) -> None:
    status, problem = door.one(method, NO_SUCH_ID, body={"name": "x"})
    assert (status, problem["type"]) == (404, "about:blank")
    assert problem["detail"] == f"failed to get meter: meter not found: {NO_SUCH_ID}"


def test_an_update_replaces_what_may_change(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    change = {"name": "T", "description": "d", "labels": {"a": "b"}, "dimensions": {"route": "$.route"}}
    status, updated = door.one("PUT", meter["id"], body=change)
    assert (status, updated) == (200, meter | change | {"updated_at": updated["updated_at"]})


def test_an_update_with_a_name_alone_drops_labels_and_dimensions(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    updated = door.one("PUT", meter["id"], body={"name": "T"})[1]
    assert (updated["description"], updated["labels"]) == ("all of them", {})
    assert "dimensions" not in updated


@pytest.mark.parametrize(
    ("body", "reason"), [({}, "name is required"), ({"name": "x", "key": "y"}, "this field is not allowed")]
)
def test_a_wrong_update_is_refused(door: Door, body: dict[str, Any], reason: str) -> None:
    meter = door.create(TOKENS)[1]
    status, problem = door.one("PUT", meter["id"], body=body)
    assert (status, problem["invalid_parameters"][0]["reason"]) == (400, reason)


def test_deleting_answers_204_however_often(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    assert door.one("DELETE", meter["id"]) == (204, None)
    assert door.one("DELETE", meter["id"]) == (204, None)
    assert door.one("GET", meter["id"])[1]["deleted_at"]
    assert door.list()[1]["data"] == []


def test_a_list_is_a_page_of_the_oldest_first(three: Door) -> None:
    status, body = three.list()
    assert status == 200
    assert [one["key"] for one in body["data"]] == ["b", "a", "c"]
    assert body["meta"] == {"page": {"size": 20, "number": 1, "total": 3}}


def test_a_page_is_answered_with_the_total(three: Door) -> None:
    body = three.list(("page[size]", "2"), ("page[number]", "2"))[1]
    assert [one["key"] for one in body["data"]] == ["c"]
    assert body["meta"] == {"page": {"size": 2, "number": 2, "total": 3}}


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("key", "abc"),
        ("key asc", "abc"),
        ("key desc", "cba"),
        ("name", "bac"),
        ("created_at desc", "cab"),
        ("updated_at", "bac"),
        ("aggregation", "bac"),
    ],
)
def test_a_list_is_sorted_as_asked(three: Door, sort: str, keys: str) -> None:
    assert "".join(three.keys(("sort", sort))) == keys


@pytest.mark.parametrize(
    ("name", "value", "keys"),
    [
        ("filter[key]", "a", "a"),
        ("filter[key][eq]", "a", "a"),
        ("filter[key][neq]", "a", "bc"),
        ("filter[key][oeq]", "a,c", "ac"),
        ("filter[key][gt]", "a", "bc"),
        ("filter[key][gte]", "b", "bc"),
        ("filter[key][lt]", "b", "a"),
        ("filter[key][lte]", "b", "ab"),
        ("filter[name][contains]", "ALPHA", "bc"),
        ("filter[name][ocontains]", "one,two", "bc"),
        ("filter[name][exists]", "true", "abc"),
        ("filter[name][exists]", "false", ""),
        ("filter[key]", "", ""),
    ],
)
def test_a_list_is_filtered(three: Door, name: str, value: str, keys: str) -> None:
    assert "".join(three.keys(("sort", "key"), (name, value))) == keys


def test_filters_are_all_to_be_met(three: Door) -> None:
    assert three.keys(("filter[name][contains]", "alpha"), ("filter[key][gt]", "b")) == ["c"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("filter[event_type]", "x"),
        ("filter[key][like]", "x"),
        ("filter", "x"),
        ("filter[key", "x"),
        ("filter[key][eq][eq]", "x"),
        ("filter[key][exists]", "perhaps"),
        ("filter[key][oeq]", ",".join("x" * 51)),
        ("filter[key]", "x" * 1025),
        ("sort", "slug"),
        ("sort", "key down"),
        ("sort", ""),
        ("page[size]", "0"),
        ("page[size]", "101"),
        ("page[number]", "0"),
        ("page[number]", "1e3"),
    ],
)
def test_a_wrong_parameter_of_a_list_is_refused(door: Door, name: str, value: str) -> None:
    status, problem = door.list((name, value))
    assert status == 400
    assert [(one["field"], one["source"]) for one in problem["invalid_parameters"]] == [(name, "query")]


def test_a_request_of_too_many_filters_is_refused(door: Door) -> None:
    assert door.list(*[("filter[key]", "a")] * 51)[0] == 400
