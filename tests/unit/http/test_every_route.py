"""Every route of template.yaml: who is let in, who is refused and how, and what other workspaces see of a tenant.

The tenant has one of everything (see ``tenant``), every route has a request that it answers well (see ``requests``).
That request is then sent with other keys: whatever they may, they are shown nothing of the tenant and change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from dynameter.workspaces import workspace_key
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.simulation.world import Answer
from tests.unit.http.conftest import Settled
from tests.unit.http.house import (
    KEYS,
    WORKSPACE_PARAMETERS,
    Ask,
    dialect_of,
    other_scopes,
    parameters_of,
    refusal,
    scope_of,
)
from tests.unit.http.tenant import Tenant, values_of

WITH_WORKSPACE = [key for key in KEYS if set(parameters_of(key)) & set(WORKSPACE_PARAMETERS)]
SPELLINGS = [WORKSPACE, WORKSPACE.replace("-", ""), "{" + WORKSPACE + "}", f"urn:uuid:{WORKSPACE}"]
ABOUT_NOBODY = {"GET /v1/{workspace_id}/api-keys/permission-catalog", "GET /v1/{workspace_id}/meters/{slug}/state"}
"""Routes whose answer has nothing that is a tenant's own."""
FREELY_NAMED = {
    "GET /api/v1/subjects/{subjectIdOrKey}/entitlements": 200,  # a subject need not be known: it has none
    "GET /admin/users/{id}/plan": 200,  # a user who was given none is on the built-in one
    "PUT /admin/users/{id}/plan": 422,  # the plan of the body is not there
    "PUT /api/v3/openmeter/plans/{planId}": 400,  # the feature of the body is not there
    "PUT /v3/openmeter/plans/{planId}": 400,
}
"""What is answered where a path's name is nobody's, unless that is 404."""
_STAND_IN = "nobod"


def send(settled: Settled, route: str, ask: Ask, workspace: str | None, scopes: str = "*", **values: str) -> Answer:
    """A request of the tenant's for its own things, with this key."""
    path = settled.tenant.path(route, **{**ask.path, **values})
    return settled.house.send(route, ask, workspace, path, scopes=scopes)


def betrayed(tenant: Tenant, answer: Answer, sent: object) -> set[str]:
    """What an answer shows of the tenant beyond what was sent."""
    shown, known = f"{answer.text} {dict(answer.headers)}", str(sent)
    marks = {mark for mark in tenant.marks if mark in shown and mark not in known}
    return marks | (tenant.named(shown) - tenant.named(known))


def test_every_parameter_of_a_path_has_values_of_the_tenants(settled: Settled) -> None:
    known = {name: values for name, values in settled.tenant.parameters().items() if all(values)}

    assert sorted({name for key in KEYS for name in parameters_of(key)} - set(known)) == []


@pytest.mark.parametrize("route", KEYS)
def test_a_key_with_the_routes_one_scope_is_let_in(route: str, untouched: Settled) -> None:
    ask = untouched.asks[route]
    for step, first in ask.before:
        assert send(untouched, step, first, WORKSPACE).status < 300

    answer = send(untouched, route, ask, WORKSPACE, scope_of(route))

    assert 200 <= answer.status < 300, answer.text
    if route.startswith("GET ") and route not in ABOUT_NOBODY:
        assert betrayed(untouched.tenant, answer, (ask.query, untouched.tenant.path(route))), "it shows what is there"


@pytest.mark.parametrize("route", KEYS)
def test_a_key_with_every_scope_but_the_routes_is_refused(route: str, untouched: Settled) -> None:
    answer = send(untouched, route, untouched.asks[route], WORKSPACE, other_scopes(route))

    status, code, reason = refusal(route, answer)
    assert (answer.status, status) == (403, 403)
    assert code in ("insufficient_scope", None)
    assert reason == f"Insufficient permissions: the key lacks the scope {scope_of(route)}."
    assert (untouched.lost(), untouched.added()) == ([], {})


@pytest.mark.parametrize("route", KEYS)
def test_a_key_without_scopes_is_refused(route: str, untouched: Settled) -> None:
    assert send(untouched, route, untouched.asks[route], WORKSPACE, "").status == 403


@pytest.mark.parametrize("route", KEYS)
def test_a_request_that_no_authorizer_has_seen_is_refused(route: str, untouched: Settled) -> None:
    answer = send(untouched, route, untouched.asks[route], None)

    assert (answer.status, refusal(route, answer)[0]) == (401, 401)
    assert betrayed(untouched.tenant, answer, "") == set()
    assert (untouched.lost(), untouched.added()) == ([], {})


@pytest.mark.parametrize("authorizer", [{}, {"lambda": None}, {"lambda": {"workspace": WORKSPACE, "scopes": "*"}}])
def test_half_an_authorizer_is_none(authorizer: Mapping[str, object], untouched: Settled) -> None:
    event = {
        "routeKey": "GET /api/v1/meters",
        "requestContext": {"requestId": "r", "authorizer": authorizer},
        "headers": {"authorization": "Bearer dm_local_admin"},
    }

    assert untouched.house.handle("meters", event).status == 401


@pytest.mark.parametrize("route", WITH_WORKSPACE)
def test_a_path_with_anothers_workspace_is_refused_however_it_is_spelt(route: str, untouched: Settled) -> None:
    for spelling in SPELLINGS:
        workspaces = {name: spelling for name in parameters_of(route) if name in WORKSPACE_PARAMETERS}
        answer = send(untouched, route, untouched.asks[route], OTHER_WORKSPACE, **workspaces)

        assert (answer.status, refusal(route, answer)[0]) == (403, 403)
        assert betrayed(untouched.tenant, answer, untouched.tenant.path(route)) == set()
    assert (untouched.lost(), untouched.added()) == ([], {})


@pytest.mark.parametrize("route", KEYS)
def test_another_workspace_neither_sees_nor_changes_anything(route: str, untouched: Settled) -> None:
    ask, tenant = untouched.asks[route], untouched.tenant
    names_something = set(parameters_of(route)) - set(WORKSPACE_PARAMETERS)
    for values in values_of(tenant, route):
        path = {name: values.get(name, OTHER_WORKSPACE) for name in parameters_of(route)}

        answer = untouched.house.send(route, ask, OTHER_WORKSPACE, path)

        assert answer.status < 500
        if names_something:
            assert answer.status in (404, FREELY_NAMED.get(route)), (values, answer.text)
        assert betrayed(tenant, answer, (path, ask.body, ask.query)) == set()
        assert untouched.lost() == []
        assert workspace_key(WORKSPACE) not in str(untouched.added())


@pytest.mark.parametrize("route", KEYS)
def test_what_is_anothers_is_answered_as_what_is_nobodys(route: str, untouched: Settled) -> None:
    ask, tenant = untouched.asks[route], untouched.tenant
    for values in values_of(tenant, route):
        path = {name: values.get(name, OTHER_WORKSPACE) for name in parameters_of(route)}
        foreign = untouched.house.send(route, ask, OTHER_WORKSPACE, path)
        untouched.house.put_back(untouched.kept)
        nobodys = untouched.house.send(
            route,
            Ask(strange(ask.body, tenant), strange(ask.query, tenant)),
            OTHER_WORKSPACE,
            strange(path, tenant),
        )
        untouched.house.put_back(untouched.kept)

        assert (nobodys.status, plain(nobodys.text, tenant)) == (foreign.status, plain(foreign.text, tenant))


def strange(sent: Any, tenant: Tenant) -> Any:
    """The same with every id and name replaced by one that nobody has."""
    if isinstance(sent, dict):
        return {key: strange(value, tenant) for key, value in sent.items()}
    if isinstance(sent, list | tuple):
        return type(sent)(strange(one, tenant) for one in sent)
    if not isinstance(sent, str):
        return sent
    text = sent.replace(tenant.name, _STAND_IN).replace(tenant.name.upper(), _STAND_IN.upper())
    for mark in tenant.marks:
        text = text.replace(mark, mark[:-3] + ("000" if mark[-3:] != "000" else "111"))
    return text


def plain(text: str, tenant: Tenant) -> str:
    """An answer without what differs from request to request."""
    text = text.replace(tenant.name, _STAND_IN).replace(tenant.name.upper(), _STAND_IN.upper())
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    return re.sub(r"\bqr_[\w-]+|\bdm_\w+|\b[a-z0-9]{12}\b", "ID", text)


def test_every_dialect_is_walked() -> None:
    assert {dialect_of(key) for key in KEYS} == {"openmeter_v1", "openmeter_v3", "zuplo", "amigo", "apigate"}
