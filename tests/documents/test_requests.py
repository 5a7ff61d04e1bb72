"""The requests of the pages, sent by curl as they are written, in a reader's order, to a local server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.polling import eventually
from tests.documents.covers import covered_by
from tests.documents.pages import blocks, commands
from tests.documents.shell import Done, Shell, local_variables
from tests.running_server import Server, running_server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the pages' commands need curl")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as found:
        yield found


@pytest.fixture(scope="module")
def reader(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One reader for all pages: what a page makes, those after it use."""
    return Shell(tmp_path_factory.mktemp("reader"), local_variables(server.url))


def test_every_page_with_requests_has_a_test() -> None:
    tested = {"customers", "plans", "billing", "routes", "quotas", "operations"}

    assert {one.page for one in covered_by("tests/documents/test_requests.py")} == {f"docs/{one}.md" for one in tested}


def requests(page: str) -> list[str]:
    """The page's curl commands, one by one."""
    return [one.text for one in commands() if one.page == page and one.key == "curl"]


def shown(page: str, start: str) -> Any:
    """The JSON that a page shows, by what it begins with."""
    (found,) = (block for block in blocks(page, "json") if block.startswith(start))
    return json.loads(found)


def answered(reader: Shell, command: str, status: int) -> Done:
    done = reader.run(command)
    assert (done.code, done.status) == (0, status), f"{command}\n{done.text}{done.err}"
    return done


def meter(reader: Shell, slug: str, event_type: str) -> None:
    body = json.dumps({"slug": slug, "eventType": event_type, "aggregation": "COUNT"})
    command = (
        f"""curl $API/api/v1/meters -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{body}'"""
    )
    assert reader.run(command).status in (200, 201, 409)


def test_a_customer_buys_a_plan_and_gets_an_invoice(reader: Shell) -> None:
    meter(reader, "agent_runs_total", "agent_run")
    customer, feature = requests("docs/customers.md")
    plan, publish, subscribe = requests("docs/plans.md")
    preview, invoice = requests("docs/billing.md")

    reader.variables["CUSTOMER"] = answered(reader, customer, 201).json()["id"]
    assert answered(reader, feature, 201).json()["key"] == "agent_runs"
    reader.variables["PLAN"] = answered(reader, plan, 201).json()["id"]
    assert answered(reader, publish, 200).json()["status"] == "active"
    assert answered(reader, subscribe, 201).json()["plan"]["key"] == "premium_plan"
    (gathering,) = answered(reader, preview, 200).json()["items"]
    assert (gathering["status"], [line["name"] for line in gathering["lines"]]) == ("gathering", ["Agent Runs"])
    # Of the page's date nothing is due: the customer came today. One who pays in advance owes at once.
    assert "nothing is due" in answered(reader, invoice, 400).json()["detail"]
    reader.variables["CUSTOMER"] = pays_in_advance(reader, customer, plan, publish, subscribe)
    issued = answered(reader, invoice.replace(',"asOf":"2026-02-01T00:00:00Z"', ""), 201).json()
    assert [one["totals"]["total"] for one in issued] == ["10"]


def pays_in_advance(reader: Shell, customer: str, plan: str, publish: str, subscribe: str) -> str:
    """A second customer and plan, made as the pages make the first; answers the customer's id."""
    flat = (
        '"type":"flat_fee","key":"base","name":"Base","price":{"type":"flat","amount":"10","paymentTerm":"in_advance"}'
    )
    other = re.sub(r'"type":"usage_based".*"entitlementTemplate":\{.*?\}', flat, plan, flags=re.DOTALL)
    made = answered(reader, customer.replace("acme", "other"), 201).json()["id"]
    bought = answered(reader, other.replace("premium_plan", "base_plan"), 201).json()
    reader.variables["PLAN"] = bought["id"]
    answered(reader, publish, 200)
    answered(reader, subscribe.replace("acme", "other").replace("premium_plan", "base_plan"), 201)
    return str(made)


def test_a_route_measures_the_exchange_of_the_page(reader: Shell) -> None:
    (route,) = requests("docs/routes.md")
    (exchange,) = requests("docs/quotas.md")

    answered(reader, route, 201)
    told = answered(reader, exchange, 202).json()

    assert told == shown("docs/quotas.md", '{"meta"')


def test_a_runbooks_requests_show_what_is_cured(reader: Shell) -> None:
    meter(reader, "tokens", "completion")
    listed, recount = requests("docs/operations.md")

    assert "200" in answered(reader, listed, 200).text.splitlines()[0]
    eventually(lambda: reader.run(recount).json().get("difference"), "0")
