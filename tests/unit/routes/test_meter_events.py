"""The external metering API keeps what its documentation promises."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from dynameter import codec
from dynameter.clock import render
from dynameter.events.history import EventHistory
from dynameter.runtime.settings import Settings
from tests.conftest import ManualClock
from tests.unit.routes.conftest import Answer, Call

POST, GET = "POST /api/v1/meter", "GET /api/v1/meter"
EVENT = {"id": "e-1", "user_id": "user-1", "event_type": "api.request"}
NOW_US = ManualClock().now_us()
MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US


def document(*events: Any) -> Any:
    return {"data": [{"type": "usage_events", "attributes": one} for one in events]}


@pytest.fixture
def send(call: Call) -> Any:
    call("PUT /admin/users/{id}/plan", "user-1", body={"plan_id": "free"})

    def post(*events: Any, key: str | None = None, **given: Any) -> Answer:
        return call(POST, body=document(*events), headers={} if key is None else {"idempotency-key": key}, **given)

    return post


@pytest.fixture
def stored(engine: Settings, client: Any, workspace: str) -> Any:
    def read(id_: str) -> Any:
        event = EventHistory(client, engine).get(workspace, "meter:test", id_)
        return None if event is None else codec.decode(event.data or "null")

    return read


def codes(answer: Answer) -> list[tuple[int, str]]:
    return [(one["index"], one["code"]) for one in answer.body["meta"]["errors"]]


# ---- taking


def test_an_event_is_accepted(send: Any) -> None:
    answer = send(EVENT)

    assert (answer.status, answer.body) == (202, {"meta": {"accepted": 1, "rejected": 0, "errors": []}})


@pytest.mark.parametrize(
    ("event_type", "units"),
    [
        ("api.request", "12.5"),
        ("compute.minutes", "1.25"),
        ("storage.gb_hours", "0.125"),
        ("bandwidth.gb", "12.5"),
        ("deployment.created", "12.5"),
        ("custom.gpu_seconds", "12.5"),
    ],
)
def test_a_type_counts_by_its_multiplier(send: Any, stored: Any, event_type: str, units: str) -> None:
    send({**EVENT, "event_type": event_type, "quantity": 12.5})

    data = stored("e-1")
    assert (data["quantity"], data["requests"], data["units"]) == ("12.5", units, units)


def test_an_event_holds_its_resource_and_metadata(send: Any, stored: Any) -> None:
    send({**EVENT, "resource_id": "r", "resource_type": "vm", "metadata": {"a": [1]}})

    assert stored("e-1") == {
        "event_type": "api.request",
        "quantity": "1",
        "requests": "1",
        "units": "1",
        "resource_id": "r",
        "resource_type": "vm",
        "metadata": {"a": [1]},
        "service_key": "test",
    }


def test_the_same_id_again_is_ignored(send: Any, stored: Any) -> None:
    send(EVENT)

    answer = send({**EVENT, "quantity": 5})

    assert (answer.status, codes(answer)) == (202, [(0, "duplicate_event")])
    assert stored("e-1")["quantity"] == "1"


def test_an_id_twice_in_a_batch_counts_once(send: Any) -> None:
    answer = send(EVENT, EVENT)

    assert (answer.body["meta"]["accepted"], codes(answer)) == (1, [(1, "duplicate_event")])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"event_type": "api.reqest"}, "invalid_event_type"),
        ({"event_type": "custom."}, "invalid_event_type"),
        ({"user_id": "stranger"}, "user_not_found"),
        ({"quantity": 0}, "invalid_quantity"),
        ({"quantity": -1}, "invalid_quantity"),
        ({"quantity": "many"}, "invalid_quantity"),
        ({"event_type": "storage.gb_hours", "quantity": "0.00000000000000001"}, "invalid_quantity"),
        ({"timestamp": render(NOW_US - 7 * DAY_US - 1)}, "invalid_timestamp"),
        ({"timestamp": render(NOW_US + 3 * DAY_US)}, "invalid_timestamp"),
        ({"timestamp": "now"}, "invalid_timestamp"),
        ({"id": None}, "validation_error"),
        ({"id": "x" * 513}, "validation_error"),
        ({"metadata": []}, "validation_error"),
        ({"metadata": {"a": "x" * 16_384}}, "validation_error"),
        ({"resource_id": "x" * 257}, "validation_error"),
        ({"colour": "red"}, "validation_error"),
    ],
)
def test_a_bad_event_is_told_beside_the_good(send: Any, change: Any, code: str) -> None:
    answer = send({**EVENT, **change}, {**EVENT, "id": "good"})

    assert (answer.status, answer.body["meta"]["accepted"], codes(answer)) == (202, 1, [(0, code)])


@pytest.mark.parametrize("offset_us", [-7 * DAY_US + MINUTE_US, 0])
def test_an_event_of_the_last_seven_days_is_taken(send: Any, function: Any, offset_us: int) -> None:
    now_us = function._clock.now_us()

    assert send({**EVENT, "timestamp": render(now_us + offset_us)}).body["meta"]["accepted"] == 1


def test_a_batch_of_bad_events_is_refused(send: Any) -> None:
    answer = send({**EVENT, "quantity": 0})

    assert (answer.status, answer.error["code"], answer.error["source"]["pointer"]) == (
        422,
        "invalid_quantity",
        "/data/0/attributes",
    )
    assert answer.body["meta"]["rejected"] == 1


@pytest.mark.parametrize("body", [{}, [], {"data": []}, {"data": 1}])
def test_a_body_without_events_is_refused(call: Call, body: Any) -> None:
    assert call(POST, body=body).status == 422


def test_too_many_events_are_refused(send: Any) -> None:
    assert send(*[EVENT] * 1_001).status == 413


def test_a_missing_scope_is_told(send: Any) -> None:
    answer = send(EVENT, scopes="usage:read")

    assert (answer.status, answer.error["code"]) == (403, "insufficient_scope")


# ---- Idempotency-Key


def test_a_batch_with_a_key_has_the_same_result_again(send: Any) -> None:
    send({**EVENT, "id": "before"})
    batch = [{**EVENT, "id": "before"}, EVENT, {**EVENT, "id": "e-2"}]

    first, second = send(*batch, key="k"), send(*batch, key="k")

    assert first.body["meta"]["accepted"] == 2
    assert (second.status, second.body) == (first.status, first.body)


def test_a_batch_with_a_key_is_whole_or_not_at_all(send: Any, stored: Any) -> None:
    answer = send(EVENT, {**EVENT, "id": "bad", "quantity": 0}, key="k")

    assert (answer.status, codes(answer)) == (422, [(0, "batch_rejected"), (1, "invalid_quantity")])
    assert stored("e-1") is None


def test_a_refused_batch_may_be_mended_under_its_key(send: Any) -> None:
    send({**EVENT, "quantity": 0}, key="k")

    assert send(EVENT, key="k").body["meta"]["accepted"] == 1


def test_a_batch_killed_before_its_result_was_kept_has_it_when_sent_again(
    send: Any, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = function.external()._receipts
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "put", lambda *_: 1 / 0)
        assert send(EVENT, key="k").status == 500

    assert send(EVENT, key="k").body["meta"] == {"accepted": 1, "rejected": 0, "errors": []}


def test_another_body_under_a_used_key_is_refused(send: Any) -> None:
    send(EVENT, key="k")

    answer = send({**EVENT, "id": "e-2"}, key="k")

    assert (answer.status, answer.error["code"]) == (422, "idempotency_key_reused")


def test_a_result_is_kept_for_a_day(send: Any, function: Any) -> None:
    send(EVENT, key="k")
    function._clock.advance(86_401)

    assert send({**EVENT, "id": "e-2"}, key="k").body["meta"]["accepted"] == 1


# ---- listing


@pytest.fixture
def listed(send: Any, call: Call, function: Any) -> Any:
    """Seven events, a second apart, and one exchange that is none of them."""
    call("PUT /admin/users/{id}/plan", "user-2", body={"plan_id": "free"})
    now_us = function._clock.now_us()
    send(
        *(
            {
                "id": f"e-{number}",
                "user_id": "user-2" if number == 6 else "user-1",
                "event_type": "compute.minutes" if number % 2 else "api.request",
                "resource_type": "vm" if number < 3 else "disk",
                "quantity": number + 1,
                "timestamp": render(now_us - (7 - number) * 1_000_000),
            }
            for number in range(7)
        )
    )

    def get(**query: str) -> Answer:
        return call(GET, query=[(name.replace("__", "[") + "]" * ("__" in name), one) for name, one in query.items()])

    return get


def ids(answer: Answer) -> list[str]:
    return [one["id"] for one in answer.body["data"]]


def test_events_are_listed_newest_first(listed: Any) -> None:
    answer = listed()

    assert ids(answer) == [f"e-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
    assert answer.body["data"][0]["type"] == "usage_events"
    assert answer.body["data"][0]["attributes"]["quantity"] == 7


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"user_id": "user-2"}, ["e-6"]),
        ({"event_type": "compute.minutes"}, ["e-5", "e-3", "e-1"]),
        ({"resource_type": "vm"}, ["e-2", "e-1", "e-0"]),
        ({"filter__user_id": "user-2"}, ["e-6"]),
        ({"start_date": "2030-01-01"}, []),
        ({"end_date": "2020-01-01"}, []),
    ],
)
def test_events_are_filtered(listed: Any, query: dict[str, str], found: list[str]) -> None:
    assert ids(listed(**query)) == found


def test_a_page_tells_where_it_is(listed: Any) -> None:
    answer = listed(page__number="2", page__size="3", user_id="user-1")

    assert ids(answer) == ["e-2", "e-1", "e-0"]
    assert answer.body["meta"] == {"total_count": 6, "page_count": 2, "page": 2, "per_page": 3}
    assert answer.body["links"] == {"self": "/api/v1/meter?page[size]=3&user_id=user-1&page[number]=2"}


def test_a_page_leads_to_the_next(listed: Any) -> None:
    assert listed(page__size="5").body["links"]["next"] == "/api/v1/meter?page[size]=5&page[number]=2"


@pytest.mark.parametrize("query", [{"page__size": "101"}, {"page__number": "0"}, {"start_date": "14.1.2026"}])
def test_a_wrong_parameter_is_named(listed: Any, query: dict[str, str]) -> None:
    answer = listed(**query)

    assert answer.status == 400
    assert "parameter" in answer.error["source"]


def test_more_events_than_can_be_counted_are_refused(listed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.gateway.external_history.MAX_COUNTED", 6)

    answer = listed()

    assert (answer.status, answer.error["code"]) == (422, "too_many_events")


def test_exchanges_are_not_listed(listed: Any, call: Call, workspace: str) -> None:
    body = {"id": str(uuid.uuid4()), "path": "/x", "status": 200}
    call("POST /v1/{workspace_id}/exchanges", path={"workspace_id": workspace}, body=body)

    assert len(ids(listed())) == 7


def test_what_is_told_of_a_batch_of_odd_names_can_be_carried(call: Call) -> None:
    odd = {"\1" * 63 + chr(97 + place): 1 for place in range(10)}
    body = document(*({**odd, "id": f"{place:04}" + '"' * 508} for place in range(900)))

    answer = call(POST, body=body)

    assert answer.status == 422
    assert len(json.dumps(codec.encode(answer.body).decode())) < 5_500_000
