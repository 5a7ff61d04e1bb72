"""What voids and recounts refuse, and how they say so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import OTHER_WORKSPACE
from tests.unit.corrections.desk import EVERYTHING, RECOUNT, VOIDS, Customer

NAMED = {"source": "test", "id": "1"}
UNKNOWN_ID = "01KEYZ8Q4V3N5T7W9Y1B3D5F7H"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"events": [NAMED], "filter": {"subject": "a"}}, ""),
        ({"events": []}, "events"),
        ({"events": [NAMED] * 1001}, "events"),
        ({"events": [{"source": "test"}]}, "events[0].id"),
        ({"events": [{"source": "test", "id": 1}]}, "events[0].id"),
        ({"events": [NAMED, {"source": "", "id": "1"}]}, "events[1].source"),
        ({"events": [{"source": "test", "id": "x" * 513}]}, "events[0].id"),
        ({"events": [{"source": "s" * 1025, "id": "1"}]}, "events[0].source"),
        ({"events": [{"source": "test", "id": "\ud800"}]}, ""),
        ({"events": [{"source": "s" * 1000, "id": f"{number:0300}"} for number in range(300)]}, "events"),
        ({"events": [NAMED], "reason": "x" * 1025}, "reason"),
        ({"events": [NAMED], "dry_run": "yes"}, "dry_run"),
        ({"events": [NAMED], "dryrun": True}, "dryrun"),
        ({"events": NAMED}, "events"),
        ({"filter": {}}, "filter"),
        ({"filter": {"subjects": "a"}}, "filter.subjects"),
        ({"filter": {"subject": ""}}, "filter.subject"),
        ({"filter": {"type": "x" * 257}}, "filter.type"),
        ({"filter": {"from": "yesterday"}}, "filter.from"),
        ({"filter": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}}, "filter.from"),
        ([], ""),
        ("nonsense", ""),
    ],
)
def test_a_void_that_is_wrong_is_refused_with_the_field_and_why(customer: Customer, body: Any, field: str) -> None:
    status, answer = customer.call(f"POST {VOIDS}", body=body)

    assert (status, answer["status"]) == (400, 400)
    named = [one["field"] for one in answer.get("extensions", {}).get("validationErrors", [])]
    assert field in named or not field
    assert answer["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "2026-01-02T00:00:00Z"}, "to"),
        ({"to": "2026-01-02T00:00:00Z"}, "from"),
        ({**EVERYTHING, "to": EVERYTHING["from"]}, "to"),
        ({**EVERYTHING, "from": "2026-01-02"}, "from"),
        ({**EVERYTHING, "subject": ""}, "subject"),
        ({**EVERYTHING, "subject": "x" * 513}, "subject"),
        ({**EVERYTHING, "repair": "true"}, "repair"),
        ({**EVERYTHING, "window": "DAY"}, "window"),
    ],
)
def test_a_recount_that_is_wrong_is_refused_with_the_field_and_why(customer: Customer, body: Any, field: str) -> None:
    customer.live_meter("sum", "SUM")

    status, answer = customer.call(f"POST {RECOUNT}", path={"slug": "sum"}, body=body)

    assert status == 400
    assert field in [one["field"] for one in answer["extensions"]["validationErrors"]]


def test_a_recount_of_an_unknown_meter_is_not_found(customer: Customer) -> None:
    assert customer.recount("nothing")[0] == 404
    assert customer.recount("no meter's name")[0] == 404


@pytest.mark.parametrize("void_id", [UNKNOWN_ID, "nonsense", "~" * 26, "é" * 26])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_void_is_not_found(customer: Customer, method: str, void_id: str) -> None:
    assert customer.call(f"{method} {VOIDS}/{{void_id}}", path={"void_id": void_id})[0] == 404


@pytest.mark.parametrize("query", [("limit", "0"), ("limit", "101"), ("limit", "x"), ("cursor", "x"), ("cursor", "")])
def test_a_list_with_a_wrong_parameter_is_refused(customer: Customer, query: tuple[str, str]) -> None:
    status, answer = customer.call(f"GET {VOIDS}", query=[query])

    assert status == 400
    assert [one["field"] for one in answer["extensions"]["validationErrors"]] == [query[0]]


@pytest.mark.parametrize(
    ("route", "scope"),
    [
        (f"POST {VOIDS}", "usage:read"),
        (f"GET {VOIDS}", "meters:write"),
        (f"GET {VOIDS}/{{void_id}}", "meters:write"),
        (f"DELETE {VOIDS}/{{void_id}}", "usage:read"),
        (f"POST {RECOUNT}", "usage:read"),
    ],
)
def test_a_key_without_the_scope_or_of_another_workspace_is_refused(customer: Customer, route: str, scope: str) -> None:
    path = {"void_id": UNKNOWN_ID, "slug": "sum"}

    assert customer.call(route, path=path, body={}, scopes=scope)[0] == 403
    assert customer.call(route, path=path, body={}, workspace=OTHER_WORKSPACE)[0] == 403
    assert customer.call(route, path=path, body={}, workspace=None)[0] == 401
