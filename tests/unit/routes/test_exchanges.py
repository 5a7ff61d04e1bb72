"""Exchanges reported by callers: measured by the workspace's routes, stored once each."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter import codec
from dynameter.events.history import EventHistory
from dynameter.gateway.usage import SOURCE
from dynameter.runtime.settings import Settings
from tests.unit.routes.conftest import Answer, Call

EXCHANGES = "POST /v1/{workspace_id}/exchanges"

SEED = {"result": "...", "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}}
REQUEST = {"id": "e-1", "user_id": "user-1", "method": "GET", "path": "/other", "status": 200}


@pytest.fixture
def send(call: Call, workspace: str) -> Any:
    def post(body: Any, **given: Any) -> Answer:
        return call(EXCHANGES, path={"workspace_id": workspace}, body=body, **given)

    return post


@pytest.fixture
def stored(engine: Settings, client: Any, workspace: str) -> Any:
    def read(id_: str, source: str = SOURCE) -> Any:
        event = EventHistory(client, engine).get(workspace, source, id_)
        assert event is not None
        return event, codec.decode(event.data or "null")

    return read


def make_route(call: Call, **attributes: Any) -> str:
    answer = call("POST /admin/routes", body={"name": "r", "path_pattern": "/v1/*", **attributes})
    found: str = answer.body["data"]["id"]
    return found


# ---- measuring


def test_an_exchange_on_no_route_counts_one(send: Any) -> None:
    answer = send(REQUEST)

    assert (answer.status, answer.body) == (
        202,
        {
            "meta": {"accepted": 1, "duplicate": 0, "conflict": 0, "rejected": 0},
            "data": [{"id": "e-1", "units": "1", "metering_error": None, "status": "accepted"}],
        },
    )


@pytest.mark.parametrize(
    ("mode", "expression", "exchange", "units"),
    [
        ("request", None, {"responseBytes": 5}, "1"),
        ("bytes", "responseBytes / 1024", {"responseBytes": 1536}, "1.5"),
        ("bytes", None, {"responseBytes": 1536}, "1536"),
        ("response_field", "respBody.usage.total_tokens", {"respBody": SEED}, "150"),
        ("custom", "status >= 400 ? 0 : 1", {"status": 404}, "0"),
    ],
)
def test_an_exchange_counts_what_its_route_says(
    send: Any, call: Call, mode: str, expression: str | None, exchange: Any, units: str
) -> None:
    expr = {} if expression is None else {"metering_expr": expression}
    make_route(call, metering_mode=mode, **expr)

    answer = send({"path": "/v1/x", "status": 200, **exchange})

    assert answer.body["data"][0]["units"] == units


def test_snake_case_says_the_same(send: Any, call: Call) -> None:
    make_route(call, metering_mode="custom", metering_expr="requestBytes + responseBytes + respBody.n")

    answer = send({"path": "/v1/x", "status": 200, "request_bytes": 1, "response_bytes": 2, "resp_body": {"n": 4}})

    assert answer.body["data"][0]["units"] == "7"


def test_a_stream_is_measured_as_its_route_has_it(send: Any, call: Call) -> None:
    make_route(
        call, metering_mode="custom", metering_expr="json(sseLastData(allData)).usage.tokens ?? 1", protocol="sse"
    )

    answer = send({"path": "/v1/x", "status": 200, "allData": 'data: {"usage":{"tokens":42}}\n\ndata: [DONE]\n\n'})

    assert answer.body["data"][0]["units"] == "42"


def test_a_failed_evaluation_is_told_and_recorded(send: Any, call: Call, stored: Any) -> None:
    make_route(call, metering_mode="response_field", metering_expr="respBody.usage.total_tokens")

    answer = send({"id": "bad", "path": "/v1/x", "status": 200, "respBody": {}})

    (result,) = answer.body["data"]
    assert result["units"] == "1"
    assert result["metering_error"]
    assert stored("bad")[1]["metering_error"] == result["metering_error"]


def test_a_route_may_be_named(send: Any, call: Call) -> None:
    route_id = make_route(call, metering_mode="bytes")

    answer = send({"route_id": route_id, "status": 200, "responseBytes": 77})

    assert answer.body["data"][0]["units"] == "77"


def test_a_route_that_does_not_exist_is_told(send: Any) -> None:
    answer = send({"route_id": "nowhere", "status": 200})

    assert answer.body["data"][0] | {"id": None} == {
        "id": None,
        "units": "1",
        "metering_error": "the route does not exist",
        "status": "accepted",
    }


def test_the_event_holds_what_was_reported(send: Any, call: Call, stored: Any) -> None:
    route_id = make_route(call, metering_mode="bytes", name="files")
    send(
        {
            "id": "e-1",
            "time": "2026-01-14T09:00:00Z",
            "user_id": "user-1",
            "key_id": "k",
            "plan_id": "p",
            "method": "POST",
            "path": "/v1/x",
            "status": 201,
            "requestBytes": 10,
            "responseBytes": 20,
            "latencyMs": 30,
        }
    )

    event, data = stored("e-1")

    assert (event.type, event.subject, event.time_us) == ("api.usage", "user-1", 1_768_381_200_000_000)
    assert data == {
        "event_type": "api.request",
        "requests": 1,
        "units": "20",
        "method": "POST",
        "path": "/v1/x",
        "status": 201,
        "request_bytes": 10,
        "response_bytes": 20,
        "latency_ms": 30,
        "key_id": "k",
        "plan_id": "p",
        "route_id": route_id,
        "route": "files",
        "metering_mode": "bytes",
        "metering_unit": "requests",
        "protocol": "http",
    }


def test_nobody_in_particular_is_anonymous(send: Any, stored: Any) -> None:
    send({"id": "e-1", "path": "/x", "status": 200})

    assert stored("e-1")[0].subject == "anonymous"


# ---- batches and repetitions


@pytest.mark.parametrize("wrap", [lambda found: found, lambda found: {"exchanges": found}], ids=["array", "object"])
def test_a_batch_answers_each_in_order(send: Any, wrap: Any) -> None:
    answer = send(wrap([{**REQUEST, "id": f"e-{number}"} for number in range(3)]))

    assert [one["id"] for one in answer.body["data"]] == ["e-0", "e-1", "e-2"]


def test_an_exchange_sent_again_is_a_duplicate(send: Any) -> None:
    send(REQUEST)

    assert send(REQUEST).body["data"][0]["status"] == "duplicate"


def test_another_exchange_under_a_used_id_is_a_conflict_without_units(send: Any) -> None:
    send(REQUEST)

    (result,) = send({**REQUEST, "status": 500}).body["data"]

    assert (result["status"], result["units"]) == ("conflict", None)


def test_ids_are_those_of_their_source(send: Any, stored: Any) -> None:
    send(REQUEST)

    assert send({**REQUEST, "source": "log-1"}).body["data"][0]["status"] == "accepted"
    assert stored("e-1", "log-1")


def test_an_exchange_without_an_id_is_given_one(send: Any, stored: Any) -> None:
    answer = send({"path": "/x", "status": 200})

    assert stored(answer.body["data"][0]["id"])


def test_an_idempotency_key_makes_one_exchange_repeatable(send: Any) -> None:
    bare = {"path": "/x", "status": 200}
    send(bare, headers={"idempotency-key": "k"})

    assert send(bare, headers={"idempotency-key": "k"}).body["data"][0]["status"] == "duplicate"


# ---- refusals


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({"exchanges": []}, ["/exchanges"]),
        ({"exchanges": 1}, ["/exchanges"]),
        ([1], ["/0"]),
        ({"status": 200}, ["/path"]),
        ({**REQUEST, "status": 1000}, ["/status"]),
        ([REQUEST, {**REQUEST, "request_bytes": -1}], ["/1/request_bytes"]),
        ({"exchanges": [{**REQUEST, "time": "yesterday"}]}, ["/exchanges/0/time"]),
        ({**REQUEST, "path": "/" * 2_049}, ["/path"]),
        ({**REQUEST, "latencyMs": -1}, ["/latencyMs"]),
        ({**REQUEST, "colour": "red"}, ["/colour"]),
        ({**REQUEST, "user_id": "u" * 513}, ["/user_id"]),
        ({**REQUEST, "id": ""}, ["/id"]),
        ({**REQUEST, "id": 7, "status": "x"}, ["/id", "/status"]),
    ],
)
def test_what_is_wrong_is_named(send: Any, body: Any, pointers: list[str]) -> None:
    answer = send(body)

    assert (answer.status, sorted(answer.pointers)) == (422, pointers)


def test_a_body_that_is_no_json_is_refused(send: Any) -> None:
    assert send("{").status == 400


def test_too_many_exchanges_are_refused(send: Any) -> None:
    assert send([REQUEST] * 1_001).status == 413


def test_one_bad_exchange_refuses_its_batch(send: Any) -> None:
    send([{**REQUEST, "id": "good"}, {"id": "bad"}])

    assert send({**REQUEST, "id": "good"}).body["data"][0]["status"] == "accepted"


def test_a_lenient_batch_stores_the_good_and_tells_the_bad(send: Any) -> None:
    answer = send([{**REQUEST, "id": "good"}, {"id": "bad"}], headers={"prefer": "handling=lenient"})

    assert answer.status == 202
    assert [one["status"] for one in answer.body["data"]] == ["accepted", "rejected"]
    assert [one["source"]["pointer"] for one in answer.body["errors"]] == ["/1/path"]
    assert answer.headers["preference-applied"] == "handling=lenient"


def test_the_scope_is_checked(send: Any) -> None:
    answer = send(REQUEST, scopes="usage:read")

    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")


def test_the_workspace_is_checked(call: Call) -> None:
    answer = call(EXCHANGES, path={"workspace_id": "00000000-0000-4000-8000-00000000000f"}, body=REQUEST)

    assert answer.status == 403


def test_a_field_in_two_spellings_with_two_values_is_refused(send: Any) -> None:
    answer = send({**REQUEST, "key_id": "one", "keyId": "two"})

    assert answer.status == 422
    assert [one["source"]["pointer"] for one in answer.body["errors"]] == ["/keyId"]


def test_a_null_does_not_take_away_what_another_spelling_says(send: Any, stored: Any) -> None:
    send({"id": "e-1", "user_id": "user-1", "userId": None, "path": "/x", "status": 200})

    assert stored("e-1")[0].subject == "user-1"
