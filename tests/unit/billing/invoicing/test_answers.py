"""Invoices and charges as OpenMeter v1 and v3, the page and the table show them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.pricing.price import Tier, TieredPrice, TierMode
from dynameter.dialects.dynameter import invoice_pages
from dynameter.dialects.openmeter_v1 import invoices as v1
from dynameter.dialects.openmeter_v1.problems import problem as v1_problem
from dynameter.dialects.openmeter_v3 import charges as v3
from dynameter.dialects.openmeter_v3.meters import problem as v3_problem
from dynameter.http.lambda_proxy import Endpoint, dispatch
from tests.conftest import WORKSPACE, LambdaContext, http_event
from tests.unit.billing.invoicing.world import World, metered

D = Decimal
INVOICES = "/api/v1/billing/invoices"
CHARGES = "GET /api/v3/openmeter/customers/{customerId}/charges"
PAGE = "GET /v1/{workspace_id}/invoices/{invoice}"


class Door:
    """The world's invoices over HTTP."""

    def __init__(self, world: World) -> None:
        def endpoint(scope: str, answer: Any, problem: Any = v1_problem) -> Endpoint:
            return Endpoint(scope, lambda request: answer(request, world.service), problem)

        self.routes = {
            f"GET {INVOICES}": endpoint(BILLING_READ, v1.list_invoices),
            f"POST {INVOICES}/invoice": endpoint(BILLING_WRITE, v1.issue_invoices),
            f"GET {INVOICES}/{{invoiceId}}": endpoint(BILLING_READ, v1.get_invoice),
            f"POST {INVOICES}/{{invoiceId}}/void": endpoint(BILLING_WRITE, v1.void_invoice),
            CHARGES: endpoint(BILLING_READ, v3.list_charges, v3_problem),
            PAGE: endpoint(BILLING_READ, invoice_pages.get_page),
        }
        self.world = world

    def __call__(self, route: str, query: list[tuple[str, str]] | None = None, body: Any = None, **path: str) -> Any:
        event = http_event(route, path=path, query=query, body=body)
        answer = dispatch(event, LambdaContext(), self.routes, self.world.clock)
        is_json = answer["headers"]["content-type"].startswith("application/")
        return answer["statusCode"], json.loads(answer["body"]) if is_json else answer


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def door(world: World) -> Door:
    return Door(world)


def three_runs(world: World) -> str:
    """A customer with three runs; its id."""
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-14T10:00:00", "3")
    return customer.id


def an_issued(world: World) -> Any:
    customer_id = three_runs(world)
    world.it_is("2026-02-01T00:00:00")
    return world.service.issue(WORKSPACE, customer_id)[0]


def test_the_gathering_invoice_has_one_line_of_three_units_and_three_dollars(world: World, door: Door) -> None:
    customer_id = three_runs(world)

    status, answer = door(
        f"GET {INVOICES}", [("customers", customer_id), ("statuses", "gathering"), ("expand", "lines")]
    )

    assert (status, answer["totalCount"]) == (200, 1)
    (invoice,) = answer["items"]
    (line,) = invoice["lines"]
    assert (invoice["status"], invoice["currency"], invoice["totals"]["total"]) == ("gathering", "USD", "3")
    shown = {name: line[name] for name in ("type", "featureKey", "quantity", "meteredQuantity", "price")}
    assert shown == {
        "type": "usage_based",
        "featureKey": "agent_runs",
        "quantity": "3",
        "meteredQuantity": "3",
        "price": {"type": "unit", "amount": "1"},
    }
    assert (line["totals"]["amount"], line["totals"]["total"]) == ("3", "3")
    assert [(one["quantity"], one["perUnitAmount"], one["totals"]["total"]) for one in line["children"]] == [
        ("3", "1", "3")
    ]


def test_an_invoice_has_all_that_openmeters_clients_require(world: World, door: Door) -> None:
    issued = an_issued(world)

    status, answer = door(f"GET {INVOICES}/{{invoiceId}}", invoiceId=issued.id)

    assert status == 200
    required = "id createdAt updatedAt type supplier customer number currency totals status statusDetails workflow"
    assert {*required.split(), "lines"} <= set(answer)
    assert answer["statusDetails"]["immutable"] is True


def test_lines_are_shown_where_they_are_asked_for(world: World, door: Door) -> None:
    an_issued(world)

    without = door(f"GET {INVOICES}")[1]["items"]
    with_lines = door(f"GET {INVOICES}", [("expand", "lines")])[1]["items"]

    assert ["lines" in one for one in (*without, *with_lines)] == [False, True]


def test_a_preview_is_found_by_the_id_it_shows(world: World, door: Door) -> None:
    customer_id = three_runs(world)
    listed = door(f"GET {INVOICES}", [("customers", customer_id)])[1]["items"]

    status, answer = door(f"GET {INVOICES}/{{invoiceId}}", invoiceId=listed[0]["id"])

    assert (status, answer["status"], answer["lines"][0]["quantity"]) == (200, "gathering", "3")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ([], 1),
        ([("statuses", "issued")], 1),
        ([("statuses", "voided")], 0),
        ([("statuses", "gathering,issued")], 2),
        ([("issuedAfter", "2026-02-01T00:00:00Z")], 1),
        ([("issuedAfter", "2026-02-01T00:00:01Z")], 0),
        ([("issuedBefore", "2026-01-31T00:00:00Z")], 0),
        ([("periodStartAfter", "2026-01-01T00:00:00Z"), ("periodStartBefore", "2026-01-01T00:00:00Z")], 1),
        ([("customers", "01KEXAMP1E0000000000000000"), ("statuses", "issued")], 0),
        ([("customers", "x" * 1_100), ("statuses", "gathering,issued")], 0),
        ([("page", "2")], 0),
    ],
)
def test_a_list_has_what_passes_the_filters(world: World, door: Door, query: list[tuple[str, str]], count: int) -> None:
    an_issued(world)

    status, answer = door(f"GET {INVOICES}", query)

    assert (status, len(answer["items"])) == (200, count)


@pytest.mark.parametrize(
    "query",
    [
        [("statuses", "late")],
        [("expand", "everything")],
        [("orderBy", "number")],
        [("issuedAfter", "yesterday")],
        [("pageSize", "0")],
        [("customers", ",".join(f"c{number}" for number in range(101)))],
    ],
)
def test_a_wrong_parameter_is_named(world: World, door: Door, query: list[tuple[str, str]]) -> None:
    status, answer = door(f"GET {INVOICES}", query)

    assert (status, answer["extensions"]["validationErrors"][0]["field"]) == (400, query[0][0])


def test_issuing_answers_the_invoices(world: World, door: Door) -> None:
    customer_id = three_runs(world)
    world.it_is("2026-02-01T00:00:00")

    status, answer = door(f"POST {INVOICES}/invoice", body={"customerId": customer_id})

    assert (status, [(one["number"], one["status"]) for one in answer]) == (201, [("INV-000001", "issued")])


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"customerId": "01KEXAMP1E0000000000000000"}, 404),
        ({"customerId": 7}, 400),
        ({"asOf": "2027-01-01T00:00:00Z"}, 400),
        ({"asOf": "2026-01-02T00:00:00Z"}, 400),
        ({"progressiveBillingOverride": True}, 501),
        ({"filters": {"lineIds": {"in": []}}}, 501),
    ],
)
def test_what_cannot_be_issued_is_refused(world: World, door: Door, fields: dict[str, Any], status: int) -> None:
    customer_id = three_runs(world)
    world.it_is("2026-02-01T00:00:00")

    assert door(f"POST {INVOICES}/invoice", body={"customerId": customer_id, **fields})[0] == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 200),
        ({"reason": "wrong"}, 200),
        ({"action": {"percentage": 100}}, 200),
        ({"action": {"percentage": 50}}, 400),
        ([], 400),
        ({"reason": []}, 400),
    ],
)
def test_an_invoice_is_voided_as_a_whole(world: World, door: Door, body: Any, status: int) -> None:
    issued = an_issued(world)

    found, answer = door(f"POST {INVOICES}/{{invoiceId}}/void", body=body, invoiceId=issued.id)

    assert (found, answer["status"]) == (status, "voided" if status == 200 else 400)


@pytest.mark.parametrize("invoice_id", ["nothing", "01KEXAMP1E0000000000000000", "%00", "x" * 300])
def test_an_unknown_invoice_is_not_found(door: Door, invoice_id: str) -> None:
    assert door(f"GET {INVOICES}/{{invoiceId}}", invoiceId=invoice_id)[0] == 404


def test_v3_charges_show_real_time_money(world: World, door: Door) -> None:
    customer_id = three_runs(world)
    query = [("expand", "real_time_usage"), ("filter[status][oeq]", "created,active")]

    status, answer = door(CHARGES, query, customerId=customer_id)

    assert (status, answer["meta"]["page"]["total"]) == (200, 1)
    (charge,) = answer["data"]
    assert (charge["type"], charge["feature_key"], charge["status"]) == ("usage_based", "agent_runs", "active")
    assert charge["price"] == {"type": "unit", "amount": "1"}
    assert (charge["totals"]["booked"]["total"], charge["totals"]["realtime"]["total"]) == ("0", "3")


def test_v3_charges_measure_nothing_unasked(world: World, door: Door) -> None:
    customer_id = three_runs(world)

    (charge,) = door(CHARGES, customerId=customer_id)[1]["data"]

    assert ("realtime" in charge["totals"], world.measured) == (False, 0)


@pytest.mark.parametrize(
    ("customer_id", "query", "status"),
    [
        ("acme-inc", [], 404),
        ("01KEXAMP1E0000000000000000", [], 404),
        (None, [("expand", "all")], 400),
        (None, [("filter[price]", "1")], 400),
    ],
)
def test_v3_charges_refuse_what_they_do_not_know(
    world: World, door: Door, customer_id: str | None, query: list[tuple[str, str]], status: int
) -> None:
    known = three_runs(world)

    assert door(CHARGES, query, customerId=customer_id or known)[0] == status


def test_the_page_escapes_every_text_and_forbids_scripts(world: World, door: Door) -> None:
    evil = "<script>alert('x')</script>"
    customer = world.customer("a&b", name=evil, primary_email=evil, billing_address={"city": evil})
    world.subscribe(customer, replace(metered(), name=evil))
    (preview,) = world.service.previews(WORKSPACE)

    status, answer = door(PAGE, workspace_id=WORKSPACE, invoice=f"{preview.id}.html")

    assert (status, answer["headers"]["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer["headers"]["content-security-policy"]
    assert "<script" not in answer["body"]
    assert answer["body"].count("&lt;script&gt;") == 4


def test_the_page_shows_money_with_the_currencys_digits(world: World, door: Door) -> None:
    issued = an_issued(world)

    _, answer = door(PAGE, workspace_id=WORKSPACE, invoice=f"{issued.id}.html")

    assert "Invoice INV-000001" in answer["body"]
    assert "3.00" in answer["body"]


def test_the_table_has_a_row_a_line(world: World, door: Door) -> None:
    customer = world.customer("acme-inc")
    tiers = (Tier(D(2), unit_amount=D("0.5")), Tier(None, unit_amount=D("0.25")))
    subscription = world.subscribe(customer, metered(TieredPrice(TierMode.GRADUATED, tiers)), currency="JPY")
    world.use(subscription, "2026-01-14T10:00:00", "4")
    (preview,) = world.service.previews(WORKSPACE)

    status, answer = door(PAGE, workspace_id=WORKSPACE, invoice=f"{preview.id}.csv")

    header, row, end = answer["body"].split("\n")
    assert (status, header, end) == (200, ",".join(invoice_pages.COLUMNS), "")
    # 2 x 0.5 = 1 and 2 x 0.25 = 0.5, a half goes up.
    assert row.split(",")[-6:] == ["4", "4", "2", "0", "0", "2"]


@pytest.mark.parametrize("name", ["", ".html", "x.pdf", "x.html", "01KEXAMP1E0000000000000000.csv"])
def test_other_pages_are_not_found(door: Door, name: str) -> None:
    assert door(PAGE, workspace_id=WORKSPACE, invoice=name)[0] == 404
