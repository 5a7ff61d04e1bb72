"""functions/meters: its routes, its scopes and its sample payloads."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from dynameter import codec
from dynameter.access.principal import METERS_WRITE, USAGE_READ
from local.template import ROOT, Template
from tests.conftest import WORKSPACE, LambdaContext, http_event

ANSWERS = {
    "create-v1": 201,
    "create-v3": 201,
    "create-zuplo": 201,
    "list-v1": 200,
    "list-v3": 200,
    "list-zuplo": 200,
    "get-v1": 200,
    "update-v1": 200,
    "delete-v1": 204,
    "query-v1": 200,
    "query-post-v1": 200,
    "query-zuplo": 200,
    "query-csv-v1": 200,
    "used-subjects-v1": 200,
    "group-values-v1": 200,
    "group-values-zuplo": 200,
    # No id can be known before its meter is made: sam local invoke needs one put into this payload.
    "query-v3": 404,
    "list-events-v1": 200,
    "list-events-v2": 200,
    "list-events-v3": 200,
    # No event is stored here.
    "explain-event": 404,
    "upsert-subjects": 200,
    "list-subjects": 200,
    "get-subject": 404,
    "delete-subject": 404,
    "create-void": 201,
    "preview-void": 200,
    "list-voids": 200,
    # No void is known here.
    "get-void": 404,
    "delete-void": 404,
    "recount": 200,
    "rebuild": 202,
    "state": 200,
}


def sample(name: str, workspace: str) -> dict[str, Any]:
    """The payload, its workspace replaced by the test's own."""
    text = (ROOT / "events" / f"meters-{name}.json").read_text()
    found: dict[str, Any] = json.loads(text.replace(WORKSPACE, workspace))
    return found


def test_the_routes_are_those_of_the_template(function: ModuleType) -> None:
    expected = {route.key for route in Template.load().routes() if route.function == "MetersFunction"}
    assert set(function.ROUTES) == expected


def test_changes_need_meters_write_and_everything_else_usage_read(function: ModuleType) -> None:
    for key, endpoint in function.ROUTES.items():
        changes = key.startswith(("PUT", "DELETE")) or (key.startswith("POST") and not key.endswith("/query"))
        assert endpoint.scope == (METERS_WRITE if changes else USAGE_READ), key


@pytest.mark.parametrize(
    ("route", "scopes"), [("POST /api/v1/meters", "usage:read"), ("GET /api/v1/meters", "meters:write events:write")]
)
def test_a_key_without_the_scope_is_forbidden(
    function: ModuleType, context: LambdaContext, route: str, scopes: str
) -> None:
    assert function.handler(http_event(route, body={}, scopes=scopes), context)["statusCode"] == 403


@pytest.mark.parametrize("route", ["POST /api/v1/meters", "GET /api/v1/meters", "GET /v3/openmeter/meters"])
def test_a_request_without_a_verified_key_is_refused(function: ModuleType, context: LambdaContext, route: str) -> None:
    assert function.handler(http_event(route, body={}, workspace=None), context)["statusCode"] == 401


@pytest.mark.parametrize("name", ANSWERS)
def test_a_sample_payload_is_answered(function: ModuleType, context: LambdaContext, workspace: str, name: str) -> None:
    if not name.startswith("create"):
        for created in ("create-v1", "create-zuplo"):
            function.handler(sample(created, workspace), context)
    answer = function.handler(sample(name, workspace), context)
    assert answer["statusCode"] == ANSWERS[name], answer["body"]


def test_the_sample_of_a_v3_query_is_answered_for_the_id_of_a_meter(
    function: ModuleType, context: LambdaContext, workspace: str
) -> None:
    meter = codec.decode(function.handler(sample("create-v3", workspace), context)["body"])
    event = sample("query-v3", workspace)
    event["pathParameters"]["meterId"] = meter["id"]
    assert function.handler(event, context)["statusCode"] == 200


def test_every_sample_payload_is_exercised() -> None:
    assert {path.stem.removeprefix("meters-") for path in (ROOT / "events").glob("meters-*.json")} == set(ANSWERS)
