"""Customers over the wire of OpenMeter v1."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dynameter.billing.customers.rules import MAX_SUBJECT_KEYS
from tests.conftest import OTHER_WORKSPACE, ManualClock

Call = Callable[..., tuple[int, Any]]

BASE = "/api/v1/customers"
ONE = BASE + "/{customerIdOrKey}"
ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
ACME = {
    "name": "Acme Inc",
    "key": "acme-inc",
    "description": "the first",
    "metadata": {"tier": "gold"},
    "usageAttribution": {"subjectKeys": ["acme-bot", "acme-web"]},
    "primaryEmail": "billing@acme.example",
    "currency": "USD",
    "billingAddress": {"country": "US", "postalCode": "94105", "line1": "1 Main St", "phoneNumber": "+1 555"},
    "timeZone": "America/Los_Angeles",
}


def create(call: Call, **changed: Any) -> Any:
    status, body = call(f"POST {BASE}", body={"name": "Acme Inc", "key": "acme-inc"} | changed)
    assert status == 201, body
    return body


def at(reference: str) -> dict[str, str]:
    return {"customerIdOrKey": reference}


def fields(body: Any) -> list[str]:
    return [one["field"] for one in body["extensions"]["validationErrors"]]


def test_a_customer_is_created_with_everything_it_was_given(call: Call) -> None:
    status, body = call(f"POST {BASE}", body=ACME)

    assert status == 201
    assert ULID.fullmatch(body.pop("id"))
    assert body.pop("createdAt") == body.pop("updatedAt")
    assert body == ACME


def test_a_customer_is_read_as_it_was_answered(call: Call) -> None:
    created = call(f"POST {BASE}", body=ACME)[1]

    assert call(f"GET {ONE}", path=at(created["id"])) == (200, created)
    assert call(f"GET {ONE}", path=at("acme-inc")) == (200, created)


def test_a_subject_alone_is_no_key(call: Call) -> None:
    create(call, usageAttribution={"subjectKeys": ["acme-bot"]})

    assert call(f"GET {ONE}", path=at("acme-bot"))[0] == 404


def test_a_customer_may_have_subjects_and_no_key(call: Call) -> None:
    status, body = call(f"POST {BASE}", body={"name": "Acme", "usageAttribution": {"subjectKeys": ["a", "a", "b"]}})

    assert status == 201
    assert "key" not in body
    assert body["usageAttribution"] == {"subjectKeys": ["a", "b"]}


def test_a_customer_without_key_and_subjects_is_refused(call: Call) -> None:
    status, body = call(f"POST {BASE}", body={"name": "Acme"})

    assert status == 400
    assert "either key or usageAttribution.subjectKeys must be provided" in body["detail"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"key": ""}, "key"),
        ({"key": "x" * 257}, "key"),
        ({"key": "é" * 257}, "key"),
        ({"key": "a\0b"}, "key"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XAU"}, "currency"),
        ({"primaryEmail": ""}, "primaryEmail"),
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"billingAddress": {"country": "USA"}}, "billingAddress.country"),
        ({"billingAddress": {"postalCode": "9" * 257}}, "billingAddress.postalCode"),
        ({"usageAttribution": {"subjectKeys": [""]}}, "usageAttribution.subjectKeys[0]"),
        ({"usageAttribution": {"subjectKeys": ["x" * 513]}}, "usageAttribution.subjectKeys[0]"),
        ({"usageAttribution": {"subjectKeys": [f"s{n}" for n in range(91)]}}, "usageAttribution.subjectKeys"),
        ({"metadata": {str(n): "" for n in range(51)}}, "metadata"),
        ({"metadata": {str(n): "x" * 1_024 for n in range(20)}}, "metadata"),
    ],
)
def test_a_wrong_field_is_named(call: Call, change: dict[str, Any], field: str) -> None:
    status, body = call(f"POST {BASE}", body={"name": "Acme", "key": "acme"} | change)

    assert status == 400
    assert field in fields(body)


def test_a_key_belongs_to_one_live_customer(call: Call) -> None:
    create(call)

    status, body = call(f"POST {BASE}", body={"name": "Other", "key": "acme-inc"})

    assert status == 409
    assert fields(body) == ["key"]


def test_a_subject_belongs_to_one_live_customer(call: Call) -> None:
    create(call, usageAttribution={"subjectKeys": ["bot"]})

    status, body = call(
        f"POST {BASE}", body={"name": "Other", "key": "other", "usageAttribution": {"subjectKeys": ["web", "bot"]}}
    )

    assert status == 409
    assert fields(body) == ["usageAttribution.subjectKeys[1]"]
    assert call(f"GET {ONE}", path=at("other"))[0] == 404


def test_a_key_cannot_be_another_customers_subject(call: Call) -> None:
    create(call, usageAttribution={"subjectKeys": ["bot"]})

    assert call(f"POST {BASE}", body={"name": "Bot", "key": "bot"})[0] == 409


def test_another_workspace_has_keys_of_its_own(call: Call) -> None:
    create(call)

    assert call(f"GET {ONE}", path=at("acme-inc"), workspace=OTHER_WORKSPACE)[0] == 404


def test_an_update_replaces_everything(call: Call, moving: ManualClock) -> None:
    created = call(f"POST {BASE}", body=ACME)[1]
    moving.advance(5)

    status, body = call(f"PUT {ONE}", path=at("acme-inc"), body={"name": "Acme", "key": "acme"})

    assert status == 200
    assert body == {
        "id": created["id"],
        "createdAt": created["createdAt"],
        "updatedAt": body["updatedAt"],
        "name": "Acme",
        "key": "acme",
        "metadata": None,
    }
    assert body["updatedAt"] > created["updatedAt"]
    assert call(f"GET {ONE}", path=at(created["id"])) == (200, body)


def test_subjects_that_an_update_drops_are_free(call: Call) -> None:
    create(call, usageAttribution={"subjectKeys": ["bot", "web"]})

    call(
        f"PUT {ONE}",
        path=at("acme-inc"),
        body={"name": "Acme", "key": "a", "usageAttribution": {"subjectKeys": ["web"]}},
    )

    create(call, key="acme-inc", usageAttribution={"subjectKeys": ["bot"]})
    assert call(f"POST {BASE}", body={"name": "Web", "key": "web"})[0] == 409


def test_an_update_cannot_take_anothers_subject(call: Call) -> None:
    create(call)
    create(call, key="other")

    status, _ = call(f"PUT {ONE}", path=at("other"), body={"name": "Other", "key": "acme-inc"})

    assert status == 409
    assert call(f"GET {ONE}", path=at("other"))[0] == 200


def test_an_update_of_too_many_subjects_at_once_is_refused(call: Call) -> None:
    many = {"subjectKeys": [f"a{n}" for n in range(MAX_SUBJECT_KEYS)]}
    create(call, usageAttribution=many)
    others = {"subjectKeys": [f"b{n}" for n in range(MAX_SUBJECT_KEYS)]}

    status, body = call(
        f"PUT {ONE}", path=at("acme-inc"), body={"name": "A", "key": "acme-inc", "usageAttribution": others}
    )

    assert status == 400
    assert fields(body) == ["usageAttribution.subjectKeys"]


def test_a_deleted_customer_is_known_by_its_id_alone(call: Call) -> None:
    created = create(call)

    assert call(f"DELETE {ONE}", path=at("acme-inc")) == (204, None)

    assert call(f"GET {ONE}", path=at("acme-inc"))[0] == 404
    status, body = call(f"GET {ONE}", path=at(created["id"]))
    assert (status, body["key"]) == (200, "acme-inc")
    assert body["deletedAt"] == body["updatedAt"]


def test_a_customer_with_every_subject_it_may_have_can_be_deleted(call: Call) -> None:
    create(call, usageAttribution={"subjectKeys": [f"a{n}" for n in range(MAX_SUBJECT_KEYS)]})

    assert call(f"DELETE {ONE}", path=at("acme-inc"))[0] == 204
    create(call, key="a1")


def test_a_customer_is_deleted_by_its_id_however_often(call: Call) -> None:
    created = create(call)

    assert [call(f"DELETE {ONE}", path=at(created["id"]))[0] for _ in range(2)] == [204, 204]
    assert call(f"DELETE {ONE}", path=at("acme-inc"))[0] == 404


def test_a_deleted_customer_is_not_updated(call: Call) -> None:
    created = create(call)
    call(f"DELETE {ONE}", path=at("acme-inc"))

    assert call(f"PUT {ONE}", path=at(created["id"]), body={"name": "Acme", "key": "acme-inc"})[0] == 409


def test_the_key_of_a_deleted_customer_is_free(call: Call) -> None:
    first = create(call)
    call(f"DELETE {ONE}", path=at("acme-inc"))

    assert create(call)["id"] != first["id"]


def names(body: Any) -> list[str]:
    return [one["name"] for one in body["items"]]


def test_a_list_is_paged_in_the_order_of_names(call: Call) -> None:
    for name in ("Charlie", "Alice", "Bob"):
        create(call, name=name, key=name.lower())

    status, body = call(f"GET {BASE}", ("page", "2"), ("pageSize", "2"))

    assert status == 200
    assert (body["totalCount"], body["page"], body["pageSize"]) == (3, 2, 2)
    assert names(body) == ["Charlie"]


def test_a_list_can_be_turned_round(call: Call) -> None:
    for name in ("Charlie", "Alice", "Bob"):
        create(call, name=name, key=name.lower())

    body = call(f"GET {BASE}", ("orderBy", "createdAt"), ("order", "DESC"))[1]

    assert [body["page"], body["pageSize"]] == [1, 100]
    assert sorted(names(body)) == ["Alice", "Bob", "Charlie"]


@pytest.mark.parametrize(
    ("name", "part"), [("key", "ME-I"), ("name", "ACME"), ("primaryEmail", "@acme"), ("subject", "BOT")]
)
def test_a_list_is_filtered_by_parts_of_texts_in_either_case(call: Call, name: str, part: str) -> None:
    call(f"POST {BASE}", body=ACME)
    create(call, name="Other", key="other", primaryEmail="x@other.example")

    assert names(call(f"GET {BASE}", (name, part))[1]) == ["Acme Inc"]


def test_deleted_customers_are_listed_when_they_are_asked_for(call: Call) -> None:
    create(call)
    call(f"DELETE {ONE}", path=at("acme-inc"))

    assert names(call(f"GET {BASE}")[1]) == []
    assert names(call(f"GET {BASE}", ("includeDeleted", "true"))[1]) == ["Acme Inc"]


def test_a_list_by_plan_is_refused_rather_than_unfiltered(call: Call) -> None:
    assert call(f"GET {BASE}", ("planKey", "pro"))[0] == 400


def test_a_key_that_only_reads_writes_no_customer(call: Call) -> None:
    status, _ = call(f"POST {BASE}", body=ACME, scopes="billing:read usage:read meters:write")

    assert status == 403
