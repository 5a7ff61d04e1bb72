"""Listed events and the customers they belong to."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.billing.customers.customer import CustomerDraft
from dynameter.billing.customers.service import CustomerService
from tests.unit.listing.conftest import Desk

V1, V2, V3 = "GET /api/v1/events", "GET /api/v2/events", "GET /v3/openmeter/events"


@pytest.fixture
def customers(desk: Desk) -> CustomerService:
    found: CustomerService = desk.function.customers()
    return found


@pytest.fixture
def acme(desk: Desk, customers: CustomerService) -> str:
    """A customer with two subjects, beside events of one, of the other and of nobody."""
    desk.meter("tokens")
    desk.add("a", subject="acme")
    desk.add("b", subject="acme-bot", at=1)
    desk.add("c", subject="nobody", at=2)
    return customers.create(desk.workspace, CustomerDraft("Acme", "acme", ("acme-bot",))).id


def v1(desk: Desk, *query: tuple[str, str]) -> Any:
    status, body, _ = desk.send(V1, *query)
    assert status == 200, body
    return body


def ids(items: Any) -> list[str]:
    return sorted(one["event"]["id"] for one in items)


def test_an_event_names_its_customer(desk: Desk, acme: str) -> None:
    named = {one["event"]["id"]: one.get("customerId") for one in v1(desk)}

    assert named == {"a": acme, "b": acme, "c": None}


def test_an_event_of_nobody_is_told_of_where_there_are_customers(desk: Desk, acme: str) -> None:
    errors = {one["event"]["id"]: one.get("validationError") for one in v1(desk)}

    assert errors == {"a": None, "b": None, "c": "no customer found for event subject: nobody"}


def test_where_there_are_no_customers_nobody_is_missed(desk: Desk) -> None:
    desk.meter("tokens")
    desk.add("a")

    assert "validationError" not in v1(desk)[0]


def test_what_meters_say_comes_first(desk: Desk, acme: str) -> None:
    desk.add("d", subject="nobody", type="unknown")

    said = next(one["validationError"] for one in v1(desk) if one["event"]["id"] == "d")
    assert said == "no meter found for event type: unknown\nno customer found for event subject: nobody"


def test_v3_names_the_customer_in_its_own_way(desk: Desk, acme: str) -> None:
    data = {one["event"]["id"]: one for one in desk.send(V3)[1]["data"]}

    assert data["a"]["customer"] == {"id": acme}
    assert "customer" not in data["c"]
    assert data["c"]["validation_errors"][0]["message"] == "no customer found for event subject: nobody"


def test_v1_lists_a_customers_events(desk: Desk, acme: str) -> None:
    assert ids(v1(desk, ("customerId", acme))) == ["a", "b"]
    assert ids(v1(desk, ("customerId[]", acme), ("subject", "acme-bot"))) == ["b"]
    assert ids(v1(desk, ("customerId", acme), ("subject", "nobody"))) == []


@pytest.mark.parametrize("condition", ['{"$eq":"ID"}', '{"$in":["ID"]}'])
def test_v2_lists_a_customers_events(desk: Desk, acme: str, condition: str) -> None:
    sent = f'{{"customerId":{condition.replace("ID", acme)}}}'

    assert ids(desk.send(V2, ("filter", sent))[1]["items"]) == ["a", "b"]


@pytest.mark.parametrize("name", ["filter[customer_id]", "filter[customer_id][eq]", "filter[customer_id][oeq]"])
def test_v3_lists_a_customers_events(desk: Desk, acme: str, name: str) -> None:
    assert ids(desk.send(V3, (name, acme))[1]["data"]) == ["a", "b"]


def test_v3_filters_by_customers_hold_together(desk: Desk, acme: str, customers: CustomerService) -> None:
    other = customers.create(desk.workspace, CustomerDraft("Other", "nobody")).id

    both = desk.send(V3, ("filter[customer_id][oeq]", f"{acme},{other}"))[1]["data"]
    neither = desk.send(V3, ("filter[customer_id]", acme), ("filter[customer_id]", other))[1]["data"]

    assert (ids(both), ids(neither)) == (["a", "b", "c"], [])


def test_a_deleted_customers_events_are_nobodys(desk: Desk, acme: str, customers: CustomerService) -> None:
    customers.delete(desk.workspace, acme)

    assert "customerId" not in v1(desk)[0]
    assert desk.send(V1, ("customerId", acme))[0] == 400


def test_too_many_customers_are_refused(desk: Desk) -> None:
    status, body, _ = desk.send(V1, *(("customerId", f"c{number}") for number in range(101)))

    assert status == 400
    assert body["extensions"]["validationErrors"][0]["field"] == "customerId"
