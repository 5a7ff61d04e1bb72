"""The judge of the functions' calls judges as IAM does, and the tests' functions stand before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dynameter.rebuild.store import JobStore
from dynameter.runtime.dynamodb import create_client
from dynameter.runtime.settings import EventWrites, Settings
from local.template import ROOT
from tests import policies
from tests.conftest import WORKSPACE, LambdaContext, ManualClock, load_function
from tests.policies import Call, UnknownCall, acting_as, allowed, calls

W, K, ROW = "w.AAAAAAAAAAAAAAAAAAAAAQ", "k.1a2b", "AAAAAAAAAAAAAAAAAAAAAQ.01H.1=customer"
READ_KEY = Call("dynamodb:GetItem", "CatalogTable", (K,))


def put(table: str, key: str) -> Call:
    return Call("dynamodb:PutItem", table, (key,))


def change(key: str, *attributes: str, returns: str | None = None) -> Call:
    return Call("dynamodb:UpdateItem", "CatalogTable", (key,), ("pk", "sk", *attributes), returns)


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("AuthorizeFunction", READ_KEY),
        ("AuthorizeFunction", change(K, "u")),
        ("AccessFunction", change(K, "h", "m", "e")),
        ("AccessFunction", put("CatalogTable", W)),
        ("EmitFunction", put("EventsTable", ROW)),
        ("EmitFunction", Call("dynamodb:UpdateItem", "UsageTable", ("!limit.AAAA",))),
        ("MetersFunction", Call("dynamodb:Query", "EventsTable/index/by_time")),
        ("RoutesFunction", put("UsageTable", "!batch.AAAA.1")),
        ("AggregateFunction", put("UsageTable", "!quarantine")),
        ("AggregateFunction", put("UsageTable", ROW)),
        ("ThresholdsFunction", Call("events:PutEvents", "EventBus")),
    ],
)
def test_what_a_function_is_for_is_allowed(function: str, call: Call) -> None:
    assert allowed(function, call)


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("AuthorizeFunction", Call("dynamodb:GetItem", "CatalogTable", (W,))),
        ("AuthorizeFunction", change(K, "h")),
        ("AuthorizeFunction", change(K, "u", "p")),
        ("AuthorizeFunction", change(K, "u", returns="ALL_OLD")),
        ("AuthorizeFunction", put("CatalogTable", K)),
        ("AccessFunction", Call("dynamodb:GetItem", "CatalogTable", (W,))),
        ("EmitFunction", READ_KEY),
        ("EmitFunction", Call("dynamodb:UpdateItem", "UsageTable", (ROW,))),
        ("EmitFunction", Call("dynamodb:UpdateItem", "UsageTable", ("!quota.AAAA.1",))),
        ("EmitFunction", Call("dynamodb:DeleteItem", "EventsTable", (ROW,))),
        ("MetersFunction", READ_KEY),
        ("MetersFunction", put("UsageTable", "!quota.AAAA.1")),
        ("RoutesFunction", put("UsageTable", ROW)),
        ("BillingFunction", Call("dynamodb:BatchGetItem", "CatalogTable", (W, K))),
        ("BillingFunction", put("UsageTable", ROW)),
        ("AggregateFunction", put("EventsTable", ROW)),
        ("ThresholdsFunction", Call("events:PutEvents", "default")),
        ("WebhooksFunction", put("CatalogTable", W)),
    ],
)
def test_what_a_function_is_not_for_is_refused(function: str, call: Call) -> None:
    assert not allowed(function, call)


def test_a_call_is_judged_by_every_key_it_names() -> None:
    asked = {"RequestItems": {"CatalogTable": {"Keys": [{"pk": {"S": W}}, {"pk": {"S": K}}]}}}

    (call,) = calls("dynamodb", "BatchGetItem", asked)

    assert call == Call("dynamodb:BatchGetItem", "CatalogTable", (W, K))
    assert not allowed("AggregateFunction", call)


def test_each_action_of_a_transaction_is_judged() -> None:
    item = {"TableName": "CatalogTable", "Item": {"pk": {"S": W}}}
    target = {"TableName": "CatalogTable", "Key": {"pk": {"S": K}}}

    found = list(calls("dynamodb", "TransactWriteItems", {"TransactItems": [{"Put": item}, {"Delete": target}]}))

    assert found == [put("CatalogTable", W), Call("dynamodb:DeleteItem", "CatalogTable", (K,))]


def test_an_update_is_judged_by_every_attribute_it_reads_or_writes() -> None:
    asked = {
        "TableName": "CatalogTable",
        "Key": {"pk": {"S": K}, "sk": {"S": "k"}},
        "UpdateExpression": "SET u = :now, #h = if_not_exists(h2, :old) REMOVE p",
        "ConditionExpression": "attribute_exists(pk) AND (NOT e < :before)",
        "ExpressionAttributeNames": {"#h": "h"},
    }

    (call,) = calls("dynamodb", "UpdateItem", asked)

    assert set(call.attributes) == {"pk", "sk", "u", "h", "h2", "p", "e"}


def test_a_call_that_nobody_has_made_yet_has_to_be_thought_about() -> None:
    with pytest.raises(UnknownCall, match="Scan"):
        list(calls("dynamodb", "Scan", {"TableName": "EventsTable"}))


def test_a_function_that_does_what_it_may_not_is_stopped_and_told_of(settings: Settings) -> None:
    client = create_client(settings)
    key: Any = {"pk": {"S": W}, "sk": {"S": "k"}}

    with pytest.raises(ClientError, match="AccessDenied"):
        acting_as("EmitFunction", client.get_item)(TableName=settings.catalog_table, Key=key)

    assert [one.partition(":")[0] for one in policies.DENIED] == ["EmitFunction"]
    policies.DENIED.clear()


def test_a_handler_under_test_stands_before_the_judge(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "_granted", lambda _: [])

    with pytest.raises(ClientError, match="AccessDenied"):
        load_function("authorize").handler(sample("authorize-request"), LambdaContext())

    assert policies.DENIED
    policies.DENIED.clear()


def test_events_written_by_partiql_are_allowed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_WRITES", EventWrites.PARTIQL.value)
    asked = []

    def answer(client: Any, operation: str, parameters: Any) -> Any:
        asked.append(operation)
        return {"Responses": [{} for _ in parameters["Statements"]]}

    monkeypatch.setattr(policies, "_make_api_call", answer)

    answered = load_function("emit").handler(sample("emit-v1-batch"), LambdaContext())

    assert (answered["statusCode"], asked) == (204, ["BatchExecuteStatement"])


def test_the_fold_may_take_up_a_recompute_that_was_given_up(settings: Settings, clock: ManualClock) -> None:
    jobs = JobStore(create_client(settings), settings.catalog_table, clock, settle_us=0)
    row = (WORKSPACE, "01HZZZZZZZZZZZZZZZZZZZZZZZ", 1, "customer", (), 491_000, clock.now_us())
    jobs.request(*row)
    (job,) = jobs._query(WORKSPACE, "j.")
    jobs.give_up(job, "tried too often")

    acting_as("AggregateFunction", jobs.request)(*row)

    (again,) = jobs._query(WORKSPACE, "j.")
    assert again.state.value == "running"


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())
