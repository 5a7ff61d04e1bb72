"""Meters over the wire of OpenMeter v1 and of Zuplo."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dynameter.dialects import answer_size
from tests.conftest import OTHER_WORKSPACE

Call = Callable[..., tuple[int, Any]]

ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
TOKENS = {
    "slug": "tokens_total",
    "name": "Tokens",
    "description": "all of them",
    "metadata": {"team": "ai"},
    "aggregation": "SUM",
    "eventType": "completion",
    "eventFrom": "2026-01-01T01:00:00+01:00",
    "valueProperty": "$.tokens",
    "groupBy": {"model": "$.model"},
}
RUNS = {"slug": "agent_runs", "aggregation": "COUNT", "eventType": "agent_run"}


class Door:
    """One of the two addresses of the same API."""

    def __init__(self, call: Call, base: str, path: dict[str, str]) -> None:
        self._call = call
        self._base = base
        self._path = path

    def create(self, body: Any, **sent: Any) -> tuple[int, Any]:
        return self._call(f"POST {self._base}", path=self._path, body=body, **sent)

    def list(self, *query: tuple[str, str]) -> tuple[int, Any]:
        return self._call(f"GET {self._base}", path=self._path, query=list(query))

    def one(self, method: str, reference: str, **sent: Any) -> tuple[int, Any]:
        path = {**self._path, "meterIdOrSlug": reference}
        return self._call(f"{method} {self._base}/{{meterIdOrSlug}}", path=path, **sent)


@pytest.fixture(params=["v1", "zuplo"])
def door(request: pytest.FixtureRequest, call: Call, workspace: str) -> Door:
    return Door(call, "/api/v1/meters", {}) if request.param == "v1" else bucket(call, workspace)


def bucket(call: Call, workspace: str) -> Door:
    return Door(call, "/v3/metering/{bucketId}/meters", {"bucketId": workspace})


def test_a_created_meter_is_shown_in_full(door: Door) -> None:
    status, meter = door.create(TOKENS)
    assert status == 201
    assert ULID.fullmatch(meter.pop("id"))
    assert INSTANT.fullmatch(created := meter.pop("createdAt"))
    assert meter.pop("updatedAt") == created
    assert meter == TOKENS | {"annotations": None, "eventFrom": "2026-01-01T00:00:00Z"}


def test_what_is_not_set_is_null_or_left_out(door: Door) -> None:
    status, meter = door.create(RUNS)
    assert status == 201
    for name in ("id", "createdAt", "updatedAt"):
        meter.pop(name)
    assert meter == RUNS | {"name": "agent_runs", "metadata": None, "annotations": None}


def test_null_is_the_same_as_missing(door: Door) -> None:
    body = RUNS | dict.fromkeys(("name", "description", "metadata", "eventFrom", "valueProperty", "groupBy"))
    assert door.create(body)[0] == 201


def test_unknown_keys_of_a_body_are_ignored(door: Door) -> None:
    status, meter = door.create(RUNS | {"windowSize": "MINUTE"})
    assert (status, "windowSize" in meter) == (201, False)


@pytest.mark.parametrize("aggregation", ["SUM", "UNIQUE_COUNT", "AVG", "MIN", "MAX", "LATEST"])
def test_every_aggregation_is_accepted(door: Door, aggregation: str) -> None:
    assert door.create(TOKENS | {"aggregation": aggregation})[1]["aggregation"] == aggregation


def test_a_slug_in_use_is_a_conflict(door: Door) -> None:
    door.create(RUNS)
    status, problem = door.create(RUNS)
    assert status == 409
    assert problem["type"] == "about:blank"
    assert problem["detail"] == "meter with the same slug already exists"


@pytest.mark.parametrize(
    ("changed", "field", "rule"),
    [
        ({"slug": "No"}, "slug", "pattern"),
        ({"slug": 5}, "slug", "type"),
        ({"slug": None}, "slug", "type"),
        ({"name": ""}, "name", "min_length"),
        ({"description": ""}, "description", "min_length"),
        ({"aggregation": "sum"}, "aggregation", "enum"),
        ({"aggregation": ["SUM"]}, "aggregation", "enum"),
        ({"eventType": ""}, "eventType", "min_length"),
        ({"eventFrom": "yesterday"}, "eventFrom", "format"),
        ({"eventFrom": 5.5}, "eventFrom", "type"),
        ({"eventFrom": 5}, "eventFrom", "type"),
        ({"valueProperty": None}, "valueProperty", "required"),
        ({"valueProperty": "tokens"}, "valueProperty", "format"),
        ({"aggregation": "COUNT"}, "valueProperty", "not_allowed"),
        ({"groupBy": {"model": "$.tokens"}}, "groupBy.model", "not_allowed"),
        ({"groupBy": {"subject": "$.s"}}, "groupBy.subject", "reserved_dimension"),
        ({"groupBy": {"model": 5}}, "groupBy.model", "type"),
        ({"groupBy": ["$.model"]}, "groupBy", "type"),
        ({"metadata": {"k": None}}, "metadata.k", "type"),
    ],
)
def test_a_wrong_field_is_refused_by_its_own_name(door: Door, changed: dict[str, Any], field: str, rule: str) -> None:
    status, problem = door.create(TOKENS | changed)
    assert status == 400
    errors = problem["extensions"]["validationErrors"]
    assert [(one["field"], one["code"]) for one in errors] == [(field, rule)]
    assert errors[0]["message"] in problem["detail"]


@pytest.mark.parametrize("missing", ["slug", "aggregation", "eventType"])
def test_a_missing_field_is_named(door: Door, missing: str) -> None:
    status, problem = door.create({name: value for name, value in TOKENS.items() if name != missing})
    assert (status, problem["detail"]) == (400, f"invalid request: {missing} is required")


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{",
        "[]",
        "null",
        "1",
        '"slug"',
        '{"slug":NaN}',
        b"\xff\xfe",
        "[" * 100_000,
        '{"slug":1e99999999999999999999}',
        '{"slug":"\\ud800"}',
        '{"slug":' + "1" * 5_000 + "}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(door: Door, body: str | bytes) -> None:
    headers = {"content-type": "application/octet-stream"} if isinstance(body, bytes) else {}
    status, problem = door.create(body, headers=headers)
    assert (status, problem["title"]) == (400, "Bad Request")


def test_many_wrong_fields_do_not_make_a_huge_answer(door: Door) -> None:
    status, problem = door.create(RUNS | {"metadata": {f"k{number}": 1 for number in range(5_000)}})
    assert (status, len(problem["extensions"]["validationErrors"])) == (400, 50)


def test_a_meter_is_got_by_slug_and_by_id(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    for reference in (meter["slug"], meter["id"]):
        assert door.one("GET", reference) == (200, meter)


def test_an_unknown_meter_is_not_found(door: Door) -> None:
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        status, problem = door.one(method, "nothing", body=body)
        assert (status, problem["detail"]) == (404, "failed to get meter: meter not found: nothing")


@pytest.mark.parametrize("reference", ["No", "a-b", "a" * 65, "_", "é"])
def test_a_reference_that_is_neither_slug_nor_id_is_refused(door: Door, reference: str) -> None:
    status, problem = door.one("GET", reference)
    assert (status, problem["extensions"]["validationErrors"][0]["field"]) == (400, "meterIdOrSlug")


def test_an_update_replaces_what_may_change(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    change = {"name": "T", "description": "d", "metadata": {"a": "b"}, "groupBy": {"route": "$.route"}}
    status, updated = door.one("PUT", "tokens_total", body=change)
    assert status == 200
    assert updated == meter | change | {"updatedAt": updated["updatedAt"]}
    assert door.one("GET", "tokens_total") == (200, updated)


def test_an_update_without_fields_resets_all_but_the_description(door: Door) -> None:
    door.create(TOKENS)
    updated = door.one("PUT", "tokens_total", body={})[1]
    assert (updated["name"], updated["description"], updated["metadata"]) == ("tokens_total", "all of them", None)
    assert "groupBy" not in updated


def test_what_is_fixed_stays_whatever_an_update_says(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    body = {"slug": "other", "aggregation": "COUNT", "eventType": "other", "valueProperty": "$.x", "eventFrom": "x"}
    updated = door.one("PUT", "tokens_total", body=body)[1]
    for name in body:
        assert updated[name] == meter[name]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"description": ""}, "description"),
        ({"groupBy": {"a": "$.tokens"}}, "groupBy.a"),
        ({"groupBy": {"a": "x"}}, "groupBy.a"),
        ({"name": 1}, "name"),
    ],
)
def test_a_wrong_update_is_refused(door: Door, body: dict[str, Any], field: str) -> None:
    door.create(TOKENS)
    status, problem = door.one("PUT", "tokens_total", body=body)
    assert (status, problem["extensions"]["validationErrors"][0]["field"]) == (400, field)


def test_a_deleted_meter_is_still_there_by_its_id(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    assert door.one("DELETE", "tokens_total") == (204, None)
    status, gone = door.one("GET", meter["id"])
    assert (status, INSTANT.fullmatch(gone["deletedAt"]) is not None) == (200, True)
    assert door.one("GET", "tokens_total")[0] == 404


def test_deleting_again_is_404_by_slug_and_204_by_id(door: Door) -> None:
    meter = door.create(TOKENS)[1]
    door.one("DELETE", "tokens_total")
    assert door.one("DELETE", "tokens_total")[0] == 404
    assert door.one("DELETE", meter["id"])[0] == 204


def test_a_slug_can_be_used_again_after_deletion(door: Door) -> None:
    door.create(TOKENS)
    door.one("DELETE", "tokens_total")
    assert door.create(TOKENS)[0] == 201


def test_a_list_is_a_bare_array_in_order_of_slugs(door: Door) -> None:
    assert door.list() == (200, [])
    for slug in ("b", "a", "c"):
        door.create(RUNS | {"slug": slug})
    assert [one["slug"] for one in door.list()[1]] == ["a", "b", "c"]


def test_a_list_follows_order_and_order_by(door: Door) -> None:
    for slug, name in (("b", "1"), ("a", "3"), ("c", "2")):
        door.create(RUNS | {"slug": slug, "name": name})
    orders = {
        ("DESC", "key"): "cba",
        ("ASC", "name"): "bca",
        ("ASC", "createdAt"): "bac",
        ("DESC", "updatedAt"): "cab",
    }
    for (order, order_by), slugs in orders.items():
        found = door.list(("order", order), ("orderBy", order_by))[1]
        assert "".join(one["slug"] for one in found) == slugs


def test_a_list_shows_deleted_meters_when_asked_to(door: Door) -> None:
    door.create(RUNS)
    door.one("DELETE", "agent_runs")
    assert door.list()[1] == []
    assert [one["slug"] for one in door.list(("includeDeleted", "true"))[1]] == ["agent_runs"]


@pytest.mark.parametrize(("name", "value"), [("order", "asc"), ("orderBy", "slug"), ("includeDeleted", "1")])
def test_a_wrong_parameter_of_a_list_is_refused(door: Door, name: str, value: str) -> None:
    status, problem = door.list((name, value))
    assert (status, problem["extensions"]["validationErrors"][0]["field"]) == (400, name)


def test_v1_ignores_the_page_as_openmeter_does(call: Call) -> None:
    call("POST /api/v1/meters", body=RUNS)
    assert len(call("GET /api/v1/meters", query=[("page", "2"), ("pageSize", "x")])[1]) == 1


def test_zuplo_answers_the_page_that_was_asked_for(call: Call, workspace: str) -> None:
    door = bucket(call, workspace)
    for slug in ("a", "b", "c"):
        door.create(RUNS | {"slug": slug})
    pages = [[one["slug"] for one in door.list(("page", str(page)), ("pageSize", "2"))[1]] for page in (1, 2, 3)]
    assert pages == [["a", "b"], ["c"], []]


@pytest.mark.parametrize(
    ("name", "value"),
    [("page", "0"), ("page", "x"), ("page", "-1"), ("page", "٣"), ("page", "9" * 30), ("pageSize", "1001")],
)
def test_zuplo_refuses_a_page_that_cannot_be(call: Call, workspace: str, name: str, value: str) -> None:
    status, problem = bucket(call, workspace).list((name, value))
    assert (status, problem["extensions"]["validationErrors"][0]["field"]) == (400, name)


def test_a_list_too_large_for_lambda_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.create(RUNS)
    monkeypatch.setattr(answer_size, "MAX_ANSWER_BYTES", 100)

    assert door.list()[0] == 413


def test_zuplo_problems_carry_a_trace(call: Call, workspace: str) -> None:
    _, problem = bucket(call, workspace).one("GET", "nothing")
    assert problem["trace"]["requestId"]


def test_the_bucket_of_another_workspace_is_forbidden(call: Call) -> None:
    door = bucket(call, OTHER_WORKSPACE)
    assert door.create(RUNS)[0] == 403
    assert door.list()[0] == 403


def test_workspaces_do_not_see_each_others_meters(call: Call) -> None:
    meter = call("POST /api/v1/meters", body=RUNS)[1]
    assert call("GET /api/v1/meters", workspace=OTHER_WORKSPACE) == (200, [])
    for reference in (meter["slug"], meter["id"]):
        path = {"meterIdOrSlug": reference}
        assert call("GET /api/v1/meters/{meterIdOrSlug}", path=path, workspace=OTHER_WORKSPACE)[0] == 404
        assert call("DELETE /api/v1/meters/{meterIdOrSlug}", path=path, workspace=OTHER_WORKSPACE)[0] == 404
    assert len(call("GET /api/v1/meters")[1]) == 1
