"""Amigo's API key calls, through the access function's handler: the wire on a store in memory, the whole on Moto."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.access.service import AccessService
from dynameter.access.store import KeyStore
from dynameter.clock import SystemClock
from dynameter.dialects.amigo import keys
from dynameter.runtime.settings import Settings
from local.template import ROOT, Template
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, LambdaContext, http_event, load_function
from tests.unit.access.memory import SECRET, CountedRandom, MemoryKeys, api_key

KEYS = "/v1/{workspace_id}/api-keys"
CREATE, LIST, CATALOG = f"POST {KEYS}", f"GET {KEYS}", f"GET {KEYS}/permission-catalog"
ROTATE, DELETE = f"POST {KEYS}/{{key_id}}/rotate", f"DELETE {KEYS}/{{key_id}}"


@pytest.fixture
def memory() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
def function(memory: MemoryKeys, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The function on a store in memory."""
    app = load_function("access")
    monkeypatch.setattr(app, "access", lambda: AccessService(memory, SystemClock(), CountedRandom()))
    return app


@pytest.fixture
def store(dynamodb: Any, settings: Settings) -> KeyStore:
    return KeyStore(dynamodb, settings.catalog_table, SystemClock())


@pytest.fixture
def deployed(store: KeyStore) -> ModuleType:
    """The function as it is, on Moto."""
    return load_function("access")


def call(function: ModuleType, route: str, *, key_id: str | None = None, **options: Any) -> tuple[int, Any]:
    path = {"workspace_id": WORKSPACE, **({"key_id": key_id} if key_id is not None else {})}
    answer = function.handler(http_event(route, path=path, **options), LambdaContext())
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / f"access-{name}.json").read_text())


def test_every_route_of_the_template_is_answered(function: ModuleType) -> None:
    declared = {route.key for route in Template.load().routes() if route.function == "AccessFunction"}

    assert set(function.ROUTES) == declared


def test_a_new_key_is_answered_with_its_text(function: ModuleType) -> None:
    status, key = call(function, CREATE, body={"duration_days": 30, "name": "ci"})

    assert status == 201
    assert key == {
        "key_id": key["api_key"].split("_")[1],
        "api_key": key["api_key"],
        "name": "ci",
        "role": "member",
        "permissions": ["events:write", "usage:read", "meters:write", "billing:read"],
        "expires_at": key["expires_at"],
        "created_by_entity_id": None,
        "created_by_credential_id": keys.credential_id("test"),
    }


def test_a_new_key_opens_the_authorizer(deployed: ModuleType) -> None:
    _, key = call(deployed, CREATE, body={"duration_days": 30, "permissions": ["usage:read", "keys:*"]})
    request = {"identitySource": [f"Bearer {key['api_key']}"]}

    answer = load_function("authorize").handler(request, LambdaContext())

    assert answer["context"] == {"workspace": WORKSPACE, "scopes": "keys:* usage:read", "key_id": key["key_id"]}


def test_a_number_may_be_written_as_text_or_with_a_zero_fraction(function: ModuleType) -> None:
    for body in ('{"duration_days":"30"}', '{"duration_days":30.0}'):
        assert call(function, CREATE, body=body)[0] == 201


def test_unknown_fields_are_passed_over(function: ModuleType) -> None:
    assert call(function, CREATE, body={"duration_days": 1, "colour": "red"})[0] == 201


@pytest.mark.parametrize(
    ("body", "location", "rule"),
    [
        ({}, ["body", "duration_days"], "missing"),
        ({"duration_days": None}, ["body", "duration_days"], "int_type"),
        ({"duration_days": 0}, ["body", "duration_days"], "greater_than_equal"),
        ({"duration_days": 91}, ["body", "duration_days"], "less_than_equal"),
        ({"duration_days": "soon"}, ["body", "duration_days"], "int_parsing"),
        ('{"duration_days":1.5}', ["body", "duration_days"], "int_from_float"),
        ('{"duration_days":1e999}', ["body", "duration_days"], "int_parsing_size"),
        ('{"duration_days":1e-999}', ["body", "duration_days"], "int_parsing_size"),
        ({"duration_days": 1, "name": ""}, ["body", "name"], "string_too_short"),
        ({"duration_days": 1, "name": "n" * 257}, ["body", "name"], "string_too_long"),
        ({"duration_days": 1, "name": 7}, ["body", "name"], "string_type"),
        ({"duration_days": 1, "role": "r" * 65}, ["body", "role"], "string_too_long"),
        ({"duration_days": 1, "role": None}, ["body", "role"], "string_type"),
        ({"duration_days": 1, "role": "root"}, ["body", "role"], "enum"),
        ({"duration_days": 1, "permissions": "usage:read"}, ["body", "permissions"], "list_type"),
        ({"duration_days": 1, "permissions": ["usage:read"] * 129}, ["body", "permissions"], "too_long"),
        ({"duration_days": 1, "permissions": ["p" * 129]}, ["body", "permissions", 0], "string_too_long"),
        ({"duration_days": 1, "permissions": ["usage:read", 7]}, ["body", "permissions", 1], "string_type"),
        ({"duration_days": 1, "permissions": ["usage:read", "fly"]}, ["body", "permissions", 1], "enum"),
        ("", ["body"], "missing"),
        ("{not json", ["body"], "json_invalid"),
        ('{"duration_days":1e99999999999999999999}', ["body"], "json_invalid"),
        (b"\xff\xfe", ["body"], "json_invalid"),
        ("[1]", ["body"], "model_attributes_type"),
        ("7", ["body"], "model_attributes_type"),
        ("null", ["body"], "model_attributes_type"),
        ('"text"', ["body"], "model_attributes_type"),
    ],
)
def test_a_wrong_body_is_answered_as_fastapi_does(
    function: ModuleType, body: Any, location: list[Any], rule: str
) -> None:
    headers = {"content-type": "application/octet-stream"} if isinstance(body, bytes) else {}

    status, answer = call(function, CREATE, body=body, headers=headers)

    assert status == 422
    assert [(one["loc"], one["type"]) for one in answer["detail"]] == [(location, rule)]


def test_a_refused_number_is_echoed_with_its_bound(function: ModuleType) -> None:
    _, answer = call(function, CREATE, body={"duration_days": 91})

    assert answer == {
        "detail": [
            {
                "type": "less_than_equal",
                "loc": ["body", "duration_days"],
                "msg": "Input should be less than or equal to 90",
                "input": 91,
                "ctx": {"le": 90},
            }
        ]
    }


def test_every_wrong_field_is_named_at_once(function: ModuleType) -> None:
    _, answer = call(function, CREATE, body={"duration_days": 0, "name": "", "role": 7, "permissions": 7})

    assert [one["loc"][1] for one in answer["detail"]] == ["duration_days", "name", "role", "permissions"]


def test_a_huge_body_is_refused(function: ModuleType) -> None:
    status, answer = call(function, CREATE, body={"duration_days": 1, "name": "n" * 65_536})

    assert (status, answer["error_code"]) == (413, "too_large")


def test_nobody_makes_a_key_that_may_more(function: ModuleType, memory: MemoryKeys) -> None:
    status, answer = call(function, CREATE, body={"duration_days": 1, "role": "admin"}, scopes="keys:write")

    assert status == 403
    assert answer["detail"].startswith("Insufficient permissions")
    assert answer["request_id"]
    assert memory.entries(WORKSPACE) == []


@pytest.mark.parametrize("route", [CREATE, LIST, CATALOG, ROTATE, DELETE])
def test_every_call_needs_its_scope(function: ModuleType, route: str) -> None:
    status, answer = call(function, route, key_id="k7q2m5x3h4bn", scopes="events:write usage:read billing:*")

    assert (status, answer["error_code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("route", [CREATE, ROTATE, DELETE])
def test_reading_keys_is_not_writing_them(function: ModuleType, route: str) -> None:
    assert call(function, route, key_id="k7q2m5x3h4bn", scopes="keys:read")[0] == 403


@pytest.mark.parametrize("route", [CREATE, LIST, CATALOG, ROTATE, DELETE])
def test_a_key_of_another_workspace_opens_nothing(function: ModuleType, route: str) -> None:
    assert call(function, route, key_id="k7q2m5x3h4bn", workspace=OTHER_WORKSPACE)[0] == 403


@pytest.mark.parametrize("route", [CREATE, LIST, CATALOG, ROTATE, DELETE])
def test_no_key_opens_nothing(function: ModuleType, route: str) -> None:
    status, answer = call(function, route, key_id="k7q2m5x3h4bn", workspace=None)

    assert (status, answer["detail"]) == (401, "Missing or invalid API key.")


def test_a_list_shows_keys_without_their_secrets(function: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key(expires_at_us=1_768_384_800_000_000))

    status, answer = call(function, LIST)

    assert status == 200
    assert answer == {
        "items": [
            {
                "id": keys.credential_id("k7q2m5x3h4bn"),
                "workspace_id": WORKSPACE,
                "created_by_entity_id": None,
                "created_by_credential_id": None,
                "key_id": "k7q2m5x3h4bn",
                "name": "a name",
                "role": "admin",
                "permissions": ["*"],
                "expires_at": "2026-01-14T10:00:00Z",
                "last_used_at": None,
                "created_at": "1970-01-01T00:00:01Z",
                "updated_at": "1970-01-01T00:00:01Z",
            }
        ],
        "has_more": False,
        "continuation_token": None,
        "total": 1,
    }


def test_a_key_that_never_expires_says_a_far_date(function: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key())

    assert call(function, LIST)[1]["items"][0]["expires_at"] == "9999-12-31T23:59:59Z"


def test_a_list_is_ten_keys_a_page_and_goes_on_by_its_token(deployed: ModuleType, store: KeyStore) -> None:
    ids = [f"key{index:09}" for index in range(12)]
    for index, key_id in enumerate(ids):
        store.insert(api_key(key_id, created_at_us=index))

    _, first = call(deployed, LIST)
    _, second = call(deployed, LIST, query=[("continuation_token", str(first["continuation_token"]))])

    assert [item["key_id"] for item in first["items"] + second["items"]] == ids
    assert (first["has_more"], first["total"], second["has_more"]) == (True, 12, False)


def test_mine_only_shows_what_the_calling_key_made(deployed: ModuleType, store: KeyStore) -> None:
    store.insert(api_key())
    _, made = call(deployed, CREATE, body={"duration_days": 1})

    _, answer = call(deployed, LIST, query=[("mine_only", "true")])

    assert [item["key_id"] for item in answer["items"]] == [made["key_id"]]


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        (("limit", "0"), "greater_than"),
        (("limit", "101"), "less_than_equal"),
        (("limit", "ten"), "int_parsing"),
        (("limit", "9" * 5_000), "int_parsing_size"),
        (("mine_only", "perhaps"), "bool_parsing"),
        (("continuation_token", "-1"), "greater_than_equal"),
        (("continuation_token", ""), "int_parsing"),
    ],
)
def test_a_wrong_query_is_answered_as_fastapi_does(function: ModuleType, query: tuple[str, str], rule: str) -> None:
    status, answer = call(function, LIST, query=[query])

    assert status == 422
    assert [(one["loc"], one["type"]) for one in answer["detail"]] == [(["query", query[0]], rule)]


def test_a_token_past_the_end_finds_nothing(function: ModuleType) -> None:
    status, answer = call(function, LIST, query=[("continuation_token", "9" * 30)])

    assert (status, answer["items"], answer["has_more"]) == (200, [], False)


def test_the_catalog_names_roles_and_permissions(function: ModuleType) -> None:
    status, answer = call(function, CATALOG)

    assert status == 200
    assert [role["name"] for role in answer["roles"]] == ["admin", "member", "viewer"]
    assert answer["roles"][2] == {
        "name": "viewer",
        "priority": 10,
        "description": "Reads usage and bills.",
        "permission_names": ["usage:read", "billing:read"],
    }
    assert {"name": "usage:read", "namespace": "usage", "action": "read"} in answer["permissions"]
    assert {"name": "*", "namespace": "*", "action": "*"} in answer["permissions"]


def test_every_permission_of_the_catalog_can_be_given(function: ModuleType) -> None:
    names = [one["name"] for one in call(function, CATALOG)[1]["permissions"]]

    assert call(function, CREATE, body={"duration_days": 1, "permissions": names})[0] == 201


def test_rotation_answers_a_new_text(deployed: ModuleType) -> None:
    _, old = call(deployed, CREATE, body={"duration_days": 1, "name": "ci"})

    status, new = call(deployed, ROTATE, key_id=old["key_id"], body={"duration_days": 90})

    assert status == 200
    assert new["api_key"] != old["api_key"]
    assert {**new, "api_key": "", "expires_at": ""} == {**old, "api_key": "", "expires_at": ""}


@pytest.mark.parametrize("body", [{}, {"duration_days": 0}, {"duration_days": 91}, {"duration_days": []}, "", "7"])
def test_a_wrong_rotation_is_refused(function: ModuleType, memory: MemoryKeys, body: Any) -> None:
    memory.insert(api_key())

    assert call(function, ROTATE, key_id="k7q2m5x3h4bn", body=body)[0] == 422
    assert memory.get("k7q2m5x3h4bn") == api_key()


@pytest.mark.parametrize("key_id", ["aaaaaaaaaaaa", "nope", "%00", "k" * 2_000])
def test_a_key_that_is_not_there_cannot_be_rotated(function: ModuleType, key_id: str) -> None:
    status, answer = call(function, ROTATE, key_id=key_id, body={"duration_days": 1})

    assert (status, answer["detail"]) == (404, "API key not found.")


def test_a_foreign_key_is_as_if_it_were_not_there(function: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key(workspace=OTHER_WORKSPACE))

    rotated = call(function, ROTATE, key_id="k7q2m5x3h4bn", body={"duration_days": 1})
    deleted = call(function, DELETE, key_id="k7q2m5x3h4bn")

    assert (rotated[0], deleted[0]) == (404, 404)
    assert memory.get("k7q2m5x3h4bn") is not None


def test_nobody_gets_the_new_secret_of_a_key_that_may_more(function: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key())

    status, answer = call(function, ROTATE, key_id="k7q2m5x3h4bn", body={"duration_days": 1}, scopes="keys:*")

    assert (status, "api_key" in answer) == (403, False)


def test_deletion_has_no_body_and_happens_once(deployed: ModuleType, store: KeyStore) -> None:
    store.insert(api_key())

    assert call(deployed, DELETE, key_id="k7q2m5x3h4bn") == (204, None)
    assert call(deployed, DELETE, key_id="k7q2m5x3h4bn")[0] == 404


def test_no_answer_but_the_issuing_one_holds_the_secret(function: ModuleType, memory: MemoryKeys) -> None:
    memory.insert(api_key())
    _, issued = call(function, CREATE, body={"duration_days": 1})
    secret = issued["api_key"].split("_")[2]

    rotated = call(function, ROTATE, key_id=issued["key_id"], body={"duration_days": 1})
    told = [call(function, LIST), rotated, call(function, DELETE, key_id=issued["key_id"])]

    assert secret not in repr(told)
    assert SECRET not in repr(told)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("create-key", 201),
        ("list-keys", 200),
        ("permission-catalog", 200),
        ("rotate-key", 200),
        ("delete-key", 204),
    ],
)
def test_the_sample_payload_is_answered(deployed: ModuleType, store: KeyStore, name: str, status: int) -> None:
    store.insert(api_key("t3x6y2v5a7hq"))

    assert deployed.handler(sample(name), LambdaContext())["statusCode"] == status


def test_a_key_made_by_the_sample_payload_is_a_members(deployed: ModuleType) -> None:
    answer = codec.decode(deployed.handler(sample("create-key"), LambdaContext())["body"])

    assert (answer["name"], answer["role"]) == ("ci", "member")
