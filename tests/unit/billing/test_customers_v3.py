"""Customers over the wire of OpenMeter v3 and Kong Konnect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., tuple[int, Any]]

PREFIXES = ("/api/v3/openmeter/customers", "/v3/openmeter/customers")
BASE = PREFIXES[1]
ONE = BASE + "/{customerId}"
UNKNOWN = {"customerId": "01KEX4MP1E0000000000000000"}
ACME = {
    "name": "Acme Inc",
    "description": "the first",
    "labels": {"tier": "gold"},
    "key": "acme-inc",
    "usage_attribution": {"subject_keys": ["acme-bot"]},
    "primary_email": "billing@acme.example",
    "currency": "USD",
    "billing_address": {"country": "US", "postal_code": "94105"},
    "time_zone": "America/Los_Angeles",
}


def create(call: Call, **changed: Any) -> Any:
    status, body = call(f"POST {BASE}", body={"name": "Acme Inc", "key": "acme-inc"} | changed)
    assert status == 201, body
    return body


def at(customer: Any) -> dict[str, str]:
    return {"customerId": customer["id"]}


@pytest.mark.parametrize("base", PREFIXES)
def test_a_customer_is_created_and_read_with_everything_it_was_given(call: Call, base: str) -> None:
    status, created = call(f"POST {base}", body=ACME)

    assert status == 201
    assert call(f"GET {base}/{{customerId}}", path=at(created)) == (200, created)
    times_and_id = ("id", "created_at", "updated_at")
    assert {name: value for name, value in created.items() if name not in times_and_id} == ACME


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"key": None}, "key"),
        ({"labels": {"kong-x": "1"}}, "labels.kong-x"),
        ({"currency": "EURO"}, "currency"),
        ({"usage_attribution": {"subject_keys": [""]}}, "usage_attribution.subject_keys[0]"),
        ({"billing_address": {"postcode": "1"}}, "billing_address.postcode"),
        ({"time_zone": "Mars"}, "time_zone"),
    ],
)
def test_a_wrong_field_is_named(call: Call, change: dict[str, Any], field: str) -> None:
    status, body = call(f"POST {BASE}", body=ACME | change)

    assert status == 400
    assert field in [one["field"] for one in body["invalid_parameters"]]


def test_a_key_that_is_taken_is_a_conflict(call: Call) -> None:
    create(call)

    assert call(f"POST {BASE}", body={"name": "Other", "key": "acme-inc"})[0] == 409


def test_an_update_leaves_the_key_and_clears_what_is_missing(call: Call) -> None:
    created = call(f"POST {BASE}", body=ACME)[1]

    status, body = call(f"PUT {ONE}", path=at(created), body={"name": "Acme"})

    assert status == 200
    assert {*body} == {"id", "name", "labels", "created_at", "updated_at", "key"}
    assert (body["name"], body["key"], body["labels"]) == ("Acme", "acme-inc", {})


def test_an_update_cannot_name_a_key(call: Call) -> None:
    created = create(call)

    assert call(f"PUT {ONE}", path=at(created), body={"name": "Acme", "key": "other"})[0] == 400


def test_a_deleted_customer_is_still_read(call: Call) -> None:
    created = create(call)

    assert [call(f"DELETE {ONE}", path=at(created))[0] for _ in range(2)] == [204, 204]

    assert "deleted_at" in call(f"GET {ONE}", path=at(created))[1]
    assert call(f"PUT {ONE}", path=at(created), body={"name": "Acme"})[0] == 409


@pytest.mark.parametrize("path", [UNKNOWN, {"customerId": "acme-inc"}])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PUT", {"name": "A"}), ("DELETE", None)])
def test_an_unknown_customer_is_not_found(call: Call, path: dict[str, str], method: str, body: Any) -> None:
    create(call)

    assert call(f"{method} {ONE}", path=path, body=body)[0] == 404


def keys(body: Any) -> list[str]:
    return [one["key"] for one in body["data"]]


def three(call: Call) -> None:
    for name in ("charlie", "alice", "bob"):
        subjects = {"subject_keys": [f"{name}-1", f"{name}-2"]}
        create(call, name=name, key=name, usage_attribution=subjects, primary_email=f"{name}@example.org")


def test_a_list_is_paged_in_the_order_of_names(call: Call) -> None:
    three(call)

    status, body = call(f"GET {BASE}", ("page[size]", "2"), ("page[number]", "2"))

    assert status == 200
    assert body["meta"] == {"page": {"size": 2, "number": 2, "total": 3}}
    assert keys(body) == ["charlie"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (("filter[key]", "bob"), ["bob"]),
        (("filter[key][oeq]", "bob,alice,nobody"), ["alice", "bob"]),
        (("filter[key][neq]", "bob"), ["alice", "charlie"]),
        (("filter[key][oeq]", "bob-1"), []),
        (("filter[name][contains]", "L"), ["alice", "charlie"]),
        (("filter[primary_email]", "bob@example.org"), ["bob"]),
        (("filter[usage_attribution_subject_key]", "bob-2"), ["bob"]),
        (("filter[usage_attribution_subject_key][contains]", "-2"), ["alice", "bob", "charlie"]),
    ],
)
def test_a_list_is_filtered(call: Call, query: tuple[str, str], expected: list[str]) -> None:
    three(call)

    assert keys(call(f"GET {BASE}", query)[1]) == expected


def test_a_list_can_be_sorted(call: Call) -> None:
    three(call)

    assert keys(call(f"GET {BASE}", ("sort", "name desc"))[1]) == ["charlie", "bob", "alice"]
    assert call(f"GET {BASE}", ("sort", "colour"))[0] == 400
