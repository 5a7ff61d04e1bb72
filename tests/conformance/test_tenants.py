"""Two workspaces on one local server, through the real authorizer: what their keys open, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dynameter.access.known_key import ensure_key
from dynameter.access.store import KeyStore
from dynameter.clock import SystemClock
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import Settings
from local.engine import choose
from local.service import running
from local.template import Template
from tests.conformance.api import Api
from tests.conformance.polling import eventually
from tests.conftest import OTHER_WORKSPACE, WORKSPACE

KEYS = {WORKSPACE: "dm_firsttenant0_" + "a" * 40, OTHER_WORKSPACE: "dm_othertenant0_" + "b" * 40}
READER = "dm_onlyreading0_" + "c" * 40
METER = {"slug": "tokens", "eventType": "completion", "aggregation": "SUM", "valueProperty": "$.tokens"}


def _install_keys(settings: Settings) -> None:
    clock = SystemClock()
    store = KeyStore(create_client(settings), settings.catalog_table, clock)
    for workspace, key in KEYS.items():
        ensure_key(store, clock, workspace, key, ("*",))
    ensure_key(store, clock, WORKSPACE, READER, ("usage:read",))


@pytest.fixture(scope="module")
def tenants() -> Iterator[tuple[Api, Api]]:
    """A client of each workspace."""
    with running(Template.load(), choose(""), host="127.0.0.1", port=0, install_key=_install_keys) as service:
        first, other = (Api(service.url, key, workspace) for workspace, key in KEYS.items())
        yield first, other


def used(api: Api) -> Any:
    rows = api.get("/api/v1/meters/tokens/query").json()["data"]
    return rows[0]["value"] if rows else 0


def test_the_same_names_and_event_ids_are_counted_apart(tenants: tuple[Api, Api]) -> None:
    for api, tokens in zip(tenants, (3, 4), strict=True):
        assert api.post("/api/v1/meters", METER).status == 201
        event = {"specversion": "1.0", "id": "1", "source": "app", "type": "completion", "subject": "s"}
        answer = api.post("/api/v1/events", event | {"data": {"tokens": tokens}})
        assert (answer.status, answer.headers["dynameter-accepted"]) == (204, "1")

    eventually(lambda: [used(api) for api in tenants], [3, 4])


def test_an_id_of_another_workspace_is_not_found(tenants: tuple[Api, Api]) -> None:
    first, other = tenants
    made = first.post("/api/v1/meters", METER | {"slug": "mine"}).json()

    for method in ("GET", "DELETE"):
        assert other.call(method, f"/api/v1/meters/{made['id']}").status == 404
        assert other.call(method, f"/api/v3/openmeter/meters/{made['id']}").status == 404
    assert first.get("/api/v1/meters/mine").json() == made


@pytest.mark.parametrize("path", ["/v1/{}/api-keys", "/v1/{}/voids", "/v3/metering/{}/meters"])
def test_a_path_opens_to_its_own_workspaces_key_alone(path: str, tenants: tuple[Api, Api]) -> None:
    first, other = tenants

    assert first.get(path.format(WORKSPACE)).status == 200
    assert other.get(path.format(WORKSPACE)).status == 403


def test_a_key_of_another_workspace_cannot_be_listed_rotated_or_deleted(tenants: tuple[Api, Api]) -> None:
    _, other = tenants
    base = f"/v1/{OTHER_WORKSPACE}/api-keys"

    listed = other.get(base).text
    rotated = other.post(f"{base}/firsttenant0/rotate", {"duration_days": 30})
    deleted = other.delete(f"{base}/firsttenant0")

    assert "firsttenant0" not in listed
    assert (rotated.status, deleted.status) == (404, 404)
    assert tenants[0].get("/api/v1/meters").status == 200


def test_a_key_opens_what_its_scope_is_for_and_nothing_else(tenants: tuple[Api, Api]) -> None:
    first, _ = tenants

    assert first.get("/api/v1/meters", key=READER).status == 200
    refused = [
        first.post("/api/v1/meters", METER, key=READER),
        first.post("/api/v1/events", {}, key=READER),
        first.get("/api/v1/customers", key=READER),
        first.post("/api/v1/customers", {}, key=READER),
        first.get(f"/v1/{WORKSPACE}/api-keys", key=READER),
        first.post(f"/v1/{WORKSPACE}/api-keys", {}, key=READER),
    ]

    assert [one.status for one in refused] == [403] * len(refused)


@pytest.mark.parametrize("key", ["", KEYS[WORKSPACE][:-1] + "b", "dm_firsttenant0_" + "b" * 40, "dm_local_admin"])
def test_without_a_key_that_is_good_nothing_opens(key: str, tenants: tuple[Api, Api]) -> None:
    first, _ = tenants

    assert first.get("/api/v1/meters", key=key).status == (403 if key else 401)


def test_a_deleted_key_opens_nothing(tenants: tuple[Api, Api]) -> None:
    first, _ = tenants
    body = {"duration_days": 1, "name": "short", "permissions": ["usage:read"]}
    made = first.post(f"/v1/{WORKSPACE}/api-keys", body).json()
    assert first.get("/api/v1/meters", key=made["api_key"]).status == 200

    assert first.delete(f"/v1/{WORKSPACE}/api-keys/{made['key_id']}").status in (200, 204)

    eventually(lambda: first.get("/api/v1/meters", key=made["api_key"]).status, 403)
