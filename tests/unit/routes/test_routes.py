"""/admin/routes."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.gateway import store
from tests.unit.routes.conftest import Call

CREATE, LIST = "POST /admin/routes", "GET /admin/routes"
GET, UPDATE, DELETE = "GET /admin/routes/{id}", "PATCH /admin/routes/{id}", "DELETE /admin/routes/{id}"
MINIMAL = {"name": "api", "path_pattern": "/api/*"}


def document(attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"data": {"type": "routes", "attributes": attributes, **members}}


# ---- creating


def test_a_route_is_created_from_a_document(call: Call) -> None:
    answer = call(CREATE, body=document({**MINIMAL, "methods": ["GET"], "priority": 5}))

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/vnd.api+json"
    assert answer.body["data"]["type"] == "routes"
    assert answer.headers["location"] == f"/admin/routes/{answer.body['data']['id']}"
    assert (answer.attributes["methods"], answer.attributes["priority"]) == (["GET"], 5)


def test_a_route_is_created_from_bare_attributes_with_the_defaults_of_the_peer(call: Call) -> None:
    answer = call(CREATE, body=MINIMAL)

    assert answer.status == 201
    assert {name: answer.attributes[name] for name in answer.attributes if not name.endswith("_at")} == {
        "name": "api",
        "description": "",
        "path_pattern": "/api/*",
        "match_type": "prefix",
        "methods": [],
        "priority": 0,
        "enabled": True,
        "metering_mode": "request",
        "metering_expr": "1",
        "metering_unit": "requests",
        "protocol": "http",
    }


def test_a_body_may_be_sent_as_json_api(call: Call) -> None:
    answer = call(CREATE, body=document(MINIMAL), headers={"content-type": "application/vnd.api+json"})

    assert answer.status == 201


def test_a_route_that_counts_bytes_has_no_expression_of_its_own_accord(call: Call) -> None:
    answer = call(CREATE, body={**MINIMAL, "metering_mode": "bytes"})

    assert answer.attributes["metering_expr"] == ""


@pytest.mark.parametrize("body", [document(MINIMAL, id="mine"), {**MINIMAL, "id": "mine"}])
def test_a_maker_may_choose_the_id(call: Call, body: Any) -> None:
    assert call(CREATE, body=body).body["data"]["id"] == "mine"


def test_an_id_is_taken_once(call: Call) -> None:
    call(CREATE, body={**MINIMAL, "id": "mine"})

    answer = call(CREATE, body={**MINIMAL, "id": "mine"})

    assert (answer.status, answer.error["code"]) == (409, "route_exists")


def test_attributes_that_only_a_proxy_needs_are_told_as_ignored(call: Call) -> None:
    answer = call(CREATE, body={**MINIMAL, "upstream_id": "u1", "auth_required": False, "path_rewrite": "/$1"})

    assert answer.status == 201
    assert answer.body["meta"] == {"ignored": ["auth_required", "path_rewrite", "upstream_id"]}


@pytest.mark.parametrize("name", ["host_pattern", "headers", "metering_expression"])
def test_attributes_that_would_change_what_matches_and_unknown_ones_are_refused(call: Call, name: str) -> None:
    answer = call(CREATE, body=document({**MINIMAL, name: "x"}))

    assert answer.status == 422
    assert answer.pointers == [f"/data/attributes/{name}"]


def test_every_wrong_attribute_is_told_in_one_answer(call: Call) -> None:
    wrong = {
        "name": 5,
        "path_pattern": "no-slash",
        "methods": ["GET", "FETCH"],
        "priority": "high",
        "enabled": "yes",
        "metering_mode": "tokens",
        "metering_expr": "1 +",
        "colour": "red",
    }

    answer = call(CREATE, body=document(wrong))

    assert answer.status == 422
    expected = [*wrong, "methods/1"]
    expected.remove("methods")
    assert sorted(answer.pointers) == sorted(f"/data/attributes/{name}" for name in expected)
    assert {one["status"] for one in answer.body["errors"]} == {"422"}


def test_the_pointer_of_a_bare_attribute_is_its_place_in_the_body(call: Call) -> None:
    assert call(CREATE, body={**MINIMAL, "match_type": "glob"}).pointers == ["/match_type"]


def test_a_choice_says_what_may_be_chosen(call: Call) -> None:
    error = call(CREATE, body={**MINIMAL, "match_type": "glob"}).error

    assert error["code"] == "validation_error"
    assert error["detail"] == "match_type: must be one of exact, prefix, regex"
    assert error["meta"]["choices"] == ["exact", "prefix", "regex"]


def test_name_and_pattern_are_required(call: Call) -> None:
    assert call(CREATE, body=document({})).pointers == ["/data/attributes/name", "/data/attributes/path_pattern"]


@pytest.mark.parametrize("body", ["{", "", "\x00", '{"name": NaN}', "1e999999999999999999999"])
def test_a_body_that_is_no_json_is_a_bad_request(call: Call, body: str) -> None:
    answer = call(CREATE, body=body)

    assert (answer.status, answer.error["code"]) == (400, "invalid_json")


@pytest.mark.parametrize(
    "body",
    [[], 1, None, {"data": []}, {"data": {"type": "plans"}}, {"data": {"attributes": []}}, {"data": {"id": 5}}],
)
def test_a_body_of_another_shape_is_refused(call: Call, body: Any) -> None:
    assert call(CREATE, body="null" if body is None else body).status == 422


def test_a_body_has_a_limit(call: Call) -> None:
    answer = call(CREATE, body={**MINIMAL, "description": "x" * 70_000})

    assert (answer.status, answer.error["code"]) == (413, "too_large")


def test_a_workspace_holds_only_so_many_routes(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_ROUTES", 2)
    for name in ("a", "b"):
        call(CREATE, body={**MINIMAL, "id": name})

    answer = call(CREATE, body={**MINIMAL, "id": "c"})

    assert (answer.status, answer.error["code"]) == (409, "route_limit_exceeded")


def test_a_deleted_route_makes_room(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_ROUTES", 1)
    call(CREATE, body={**MINIMAL, "id": "a"})
    call(DELETE, "a")

    assert call(CREATE, body={**MINIMAL, "id": "b"}).status == 201


# ---- expressions


def test_a_wrong_expression_says_where_it_is_wrong(call: Call, route: str) -> None:
    answer = call(UPDATE, route, body=document({"metering_mode": "custom", "metering_expr": "status >\n nonsense"}))

    assert answer.status == 422
    assert answer.error["source"] == {"pointer": "/data/attributes/metering_expr"}
    assert (answer.error["meta"]["line"], answer.error["meta"]["column"]) == (2, 2)
    assert "line 2, column 2" in answer.error["detail"]


def test_a_wrong_expression_changes_nothing(call: Call, route: str) -> None:
    call(UPDATE, route, body={"name": "other", "metering_mode": "custom", "metering_expr": "("})

    assert call(GET, route).attributes["name"] == "api"


def test_an_expression_is_held_against_the_protocol_that_it_will_run_with(call: Call, route: str) -> None:
    streamed = {"metering_mode": "custom", "metering_expr": "sseEvents + 1", "protocol": "sse"}

    assert call(UPDATE, route, body=streamed).status == 200
    assert call(UPDATE, route, body={"protocol": "http"}).pointers == ["/metering_expr"]


def test_other_attributes_can_be_changed_whatever_the_expression(call: Call, route: str) -> None:
    call(UPDATE, route, body={"metering_mode": "custom", "metering_expr": "status"})

    assert call(UPDATE, route, body={"priority": 3}).attributes["metering_expr"] == "status"


def test_a_bare_path_is_right_in_mode_response_field_only(call: Call, route: str) -> None:
    path = {"metering_mode": "response_field", "metering_expr": "usage.total_tokens"}

    assert call(UPDATE, route, body=path).status == 200
    assert call(UPDATE, route, body={"metering_mode": "custom"}).pointers == ["/metering_expr"]


def test_going_back_to_counting_requests_works_with_any_expression_kept(call: Call, route: str) -> None:
    call(UPDATE, route, body={"metering_mode": "response_field", "metering_expr": "usage.total_tokens"})

    assert call(UPDATE, route, body={"metering_mode": "request"}).status == 200


def test_counting_bytes_drops_the_default_expression_and_no_other(call: Call, route: str) -> None:
    assert call(UPDATE, route, body={"metering_mode": "bytes"}).attributes["metering_expr"] == ""

    call(UPDATE, route, body={"metering_mode": "custom", "metering_expr": "2"})

    assert call(UPDATE, route, body={"metering_mode": "bytes"}).attributes["metering_expr"] == "2"


# ---- reading, changing, deleting


def test_a_change_sets_what_it_names_and_leaves_the_rest(call: Call, route: str) -> None:
    before = call(GET, route).attributes

    answer = call(UPDATE, route, body=document({"enabled": False}, id=route))

    assert answer.status == 200
    changed = {name for name in before if before[name] != answer.attributes[name]}
    assert changed - {"updated_at"} == {"enabled"}
    assert call(GET, route).body["data"] == answer.body["data"]


def test_methods_are_told_in_capitals_and_once(call: Call, route: str) -> None:
    assert call(UPDATE, route, body={"methods": ["get", "POST", "GET"]}).attributes["methods"] == ["GET", "POST"]


def test_what_was_read_can_be_sent_back(call: Call, route: str) -> None:
    answer = call(UPDATE, route, body={"data": call(GET, route).body["data"]})

    assert answer.status == 200
    assert answer.body["meta"] == {"ignored": ["created_at", "updated_at"]}


def test_a_document_about_another_route_is_refused(call: Call, route: str) -> None:
    assert call(UPDATE, route, body=document({"enabled": False}, id="other")).pointers == ["/data/id"]


def test_a_change_can_depend_on_the_version(call: Call, route: str) -> None:
    tag = call(GET, route).headers["etag"]

    first = call(UPDATE, route, body={"priority": 1}, headers={"if-match": tag})
    second = call(UPDATE, route, body={"priority": 2}, headers={"if-match": tag})

    assert (first.status, second.status) == (200, 412)
    assert second.error["code"] == "precondition_failed"
    assert call(DELETE, route, headers={"if-match": tag}).status == 412


@pytest.mark.parametrize("tag", ['"x"', "nonsense", '"99999999999999999999"'])
def test_a_tag_that_was_never_given_matches_nothing(call: Call, route: str, tag: str) -> None:
    assert call(UPDATE, route, body={"priority": 1}, headers={"if-match": tag}).status == 412


def test_a_deleted_route_is_gone(call: Call, route: str) -> None:
    assert call(DELETE, route).status == 204

    for known in (GET, DELETE):
        answer = call(known, route)
        assert (answer.status, answer.error["code"]) == (404, "route_not_found")


@pytest.mark.parametrize("id_", ["nothing", "", "x" * 3_000, "a/b", "\x00", "é", "\ud800"])
def test_what_can_be_no_route_is_not_found(call: Call, id_: str) -> None:
    assert call(GET, id_).status == 404


def test_routes_are_of_one_workspace(call: Call, route: str) -> None:
    other = "00000000-0000-4000-8000-00000000000f"

    assert call(GET, route, workspace=other).status == 404
    assert call(LIST, workspace=other).body["data"] == []


# ---- lists


def test_a_list_has_pages_with_links(call: Call) -> None:
    for name in "abcde":
        call(CREATE, body={**MINIMAL, "id": name})

    answer = call(LIST, query=[("page[number]", "2"), ("page[size]", "2")])

    assert [one["id"] for one in answer.body["data"]] == ["c", "d"]
    assert answer.body["meta"] == {"total": 5, "page": 2, "per_page": 2, "pages": 3}
    assert answer.body["links"] == {
        "self": "/admin/routes?page[number]=2&page[size]=2",
        "first": "/admin/routes?page[number]=1&page[size]=2",
        "prev": "/admin/routes?page[number]=1&page[size]=2",
        "next": "/admin/routes?page[number]=3&page[size]=2",
        "last": "/admin/routes?page[number]=3&page[size]=2",
    }


def test_a_page_past_the_end_is_empty(call: Call, route: str) -> None:
    answer = call(LIST, query=[("page[number]", "7")])

    assert (answer.status, answer.body["data"]) == (200, [])
    assert answer.body["links"].keys() == {"self", "first", "last"}


def test_an_empty_list_links_to_itself_only(call: Call) -> None:
    answer = call(LIST)

    assert answer.body["meta"] == {"total": 0, "page": 1, "per_page": 20, "pages": 0}
    assert answer.body["links"] == {"self": "/admin/routes?page[number]=1&page[size]=20"}


@pytest.mark.parametrize(
    ("name", "value"), [("page[number]", "0"), ("page[size]", "0"), ("page[size]", "1001"), ("page[size]", "many")]
)
def test_a_page_that_cannot_be_is_a_bad_request_that_names_the_parameter(call: Call, name: str, value: str) -> None:
    answer = call(LIST, query=[(name, value)])

    assert answer.status == 400
    assert answer.error["source"] == {"parameter": name}


def test_a_list_that_has_not_changed_is_not_sent_again(call: Call, route: str) -> None:
    tag = call(LIST).headers["etag"]

    answer = call(LIST, headers={"if-none-match": tag})

    assert (answer.status, answer.body, answer.headers["etag"]) == (304, None, tag)


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_every_change_of_a_route_changes_the_tag_of_the_list(call: Call, route: str, change: str) -> None:
    tag = call(LIST).headers["etag"]
    if change == "create":
        call(CREATE, body=MINIMAL)
    elif change == "update":
        call(UPDATE, route, body={"priority": 1})
    else:
        call(DELETE, route)

    assert call(LIST, headers={"if-none-match": tag}).status == 200


def test_an_answer_that_would_be_too_large_asks_for_a_smaller_page(
    call: Call, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dynameter.dialects.answer_size.MAX_ANSWER_BYTES", 100)

    answer = call(LIST)

    assert answer.status == 413
    assert "page[size]" in answer.error["detail"]


# ---- access


@pytest.mark.parametrize(("known", "id_"), [(CREATE, None), (UPDATE, "x"), (DELETE, "x")])
def test_changing_routes_needs_the_scope_that_defines_meters(call: Call, known: str, id_: str | None) -> None:
    answer = call(known, id_, body=MINIMAL, scopes="usage:read events:write")

    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")


def test_reading_routes_needs_the_scope_that_reads_usage(call: Call, route: str) -> None:
    assert call(LIST, scopes="usage:read").status == 200
    assert call(LIST, scopes="events:write").status == 403


def test_without_a_key_nothing_is_answered(call: Call) -> None:
    answer = call(LIST, workspace=None)

    assert (answer.status, answer.error["code"]) == (401, "unauthorized")
