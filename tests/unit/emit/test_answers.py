"""What every door has in common: counts, preferences, duplicates, access, faults."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from dynameter.runtime import observability
from tests.conftest import OTHER_WORKSPACE
from tests.unit.emit.conftest import (
    AMIGO,
    BATCH,
    KONNECT,
    SINGLE,
    V1,
    V3,
    ZUPLO,
    EngineDoors,
    MemoryDoors,
    cloudevent,
    emission,
)

REPRESENT = {"prefer": "return=representation"}
LENIENT = {"prefer": "handling=lenient"}
EVERY_DOOR: list[tuple[str, Any]] = [
    (V1, cloudevent()),
    (V3, cloudevent()),
    (KONNECT, cloudevent()),
    (ZUPLO, cloudevent()),
    (AMIGO, emission(event_id="b3f1c5de-9a77-4c8e-8f53-6f2a4f0f3b11")),
]
every_door = pytest.mark.parametrize(("route", "body"), EVERY_DOOR)


class FailingClient:
    """The engine's client, with a fault in every write as long as there is one."""

    def __init__(self, client: Any, fault: Exception | None) -> None:
        self._client = client
        self.fault = fault

    def put_item(self, **arguments: Any) -> Any:
        if self.fault is not None:
            raise self.fault
        return self._client.put_item(**arguments)


@every_door
def test_sending_again_changes_nothing(emit: EngineDoors, route: str, body: Any) -> None:
    first = emit.send(route, body)
    before = emit.stored()

    again = emit.send(route, body)

    assert (first.counts, again.counts) == ((1, 0, 0), (0, 1, 0))
    assert again.status == first.status
    assert emit.stored() == before


@every_door
def test_a_representation_says_what_became_of_the_event(door: MemoryDoors, route: str, body: Any) -> None:
    answer = door.send(route, body, headers=REPRESENT)

    assert answer.status == 200
    assert answer.headers["preference-applied"] == "return=representation"
    (result,) = answer.json["results"]
    assert (result["index"], result["status"]) == (0, "accepted")
    assert result["id"] == door.stored()[0].id
    assert result["source"] == door.stored()[0].source


def test_a_representation_is_in_the_order_of_the_request(door: MemoryDoors) -> None:
    door.send(V1, cloudevent(id="old"))
    batch = [
        cloudevent(id="new"),
        cloudevent(id="old"),
        cloudevent(id="old", subject="other"),
        cloudevent(id="new"),
        cloudevent(id="new", data={"count": 2}),
    ]

    answer = door.send(V1, batch, content_type=BATCH, headers=REPRESENT)

    statuses = [result["status"] for result in answer.json["results"]]
    assert statuses == ["accepted", "duplicate", "conflict", "duplicate", "conflict"]
    assert answer.counts == (1, 2, 2)


def test_one_bad_event_refuses_the_whole_batch(door: MemoryDoors) -> None:
    answer = door.send(V1, [cloudevent(id="1"), cloudevent(id="2", time="x")], content_type=BATCH, headers=REPRESENT)

    assert answer.status == 400
    assert door.stored() == []


@pytest.mark.parametrize("route", [V1, V3, ZUPLO])
def test_lenient_handling_stores_the_good_and_reports_the_bad(door: MemoryDoors, route: str) -> None:
    batch = [cloudevent(id="1"), cloudevent(id="2", time="x"), cloudevent(id="3")]

    answer = door.send(route, batch, content_type=BATCH, headers=LENIENT)

    assert answer.status == 200
    assert answer.counts == (2, 0, 0)
    assert answer.headers["dynameter-rejected"] == "1"
    assert answer.headers["preference-applied"] == "handling=lenient"
    bad = answer.json["results"][1]
    assert (bad["index"], bad["source"], bad["id"], bad["status"]) == (1, "shop", "2", "invalid")
    assert [(one["field"], one["rule"]) for one in bad["errors"]] == [("time", "format")]
    assert [event.id for event in door.stored()] == ["1", "3"]


def test_lenient_handling_of_good_events_gets_the_doors_own_answer(door: MemoryDoors) -> None:
    answer = door.send(V1, cloudevent(), headers=LENIENT)

    assert (answer.status, answer.text, answer.headers["dynameter-rejected"]) == (204, "", "0")


@pytest.mark.parametrize(("route", "status"), [(V1, 400), (V3, 400), (ZUPLO, 400)])
def test_lenient_handling_of_bad_events_alone_is_an_error(door: MemoryDoors, route: str, status: int) -> None:
    answer = door.send(route, [cloudevent(time="x"), 5], content_type=BATCH, headers=LENIENT)

    assert answer.status == status


def test_a_lenient_bad_emission_is_an_error(door: MemoryDoors) -> None:
    assert door.send(AMIGO, emission(metering_quantity=-1), headers=LENIENT).status == 422


CARRIED_BYTES = 5_500_000
"""Of a body, escaped, inside the 6 MB that Lambda answers with at most."""


@pytest.mark.parametrize("route", [V1, V3])
def test_a_refusal_of_many_errors_with_odd_names_can_be_carried(door: MemoryDoors, route: str) -> None:
    odd: dict[str, Any] = {"\1" * 63 + chr(97 + place): {} for place in range(11)}
    batch = [{**cloudevent(), **odd}] * 1_000

    answer = door.send(route, json.dumps(batch).encode(), content_type=BATCH)

    assert answer.status == 400
    assert len(json.dumps(answer.text)) < CARRIED_BYTES


def test_results_that_could_not_be_carried_have_no_names_and_one_error_each(door: MemoryDoors) -> None:
    odd: dict[str, Any] = {"\1" * 60 + str(place): {} for place in range(3)}
    odd |= {f"A{place}": {} for place in range(8)}
    batch = [cloudevent(id=f"{place:03}" + '"' * 500, source='"' * 1_000) | odd for place in range(999)]

    answer = door.send(V1, json.dumps([*batch, cloudevent()]).encode(), content_type=BATCH, headers=LENIENT)

    assert (answer.status, answer.counts) == (200, (1, 0, 0))
    assert len(json.dumps(answer.text)) < CARRIED_BYTES
    bad, good = answer.json["results"][998:]
    assert good == {"index": 999, "source": None, "id": None, "status": "accepted"}
    assert (bad["index"], bad["source"], bad["id"], bad["status"]) == (998, None, None, "invalid")
    assert len(bad["errors"]) == 1


def test_both_preferences_are_confirmed(door: MemoryDoors) -> None:
    answer = door.send(V1, cloudevent(), headers={"prefer": "return=representation, handling=lenient"})

    assert answer.headers["preference-applied"] == "handling=lenient, return=representation"


def test_of_ten_simultaneous_requests_with_the_same_event_one_is_accepted(emit: EngineDoors) -> None:
    emit.app.desk()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: emit.send(V1, cloudevent()), range(10)))

    assert [answer.status for answer in answers] == [204] * 10
    assert sorted(answer.counts for answer in answers) == [(0, 1, 0)] * 9 + [(1, 0, 0)]
    assert len(emit.stored()) == 1


def test_joining_source_and_id_is_not_ambiguous(emit: EngineDoors) -> None:
    batch = [cloudevent(source="a-b", id="c"), cloudevent(source="a", id="b-c"), cloudevent(source="a-", id="bc")]

    answer = emit.send(V1, batch, content_type=BATCH)

    assert answer.counts == (3, 0, 0)
    assert sorted((event.source, event.id) for event in emit.stored()) == [("a", "b-c"), ("a-", "bc"), ("a-b", "c")]


def test_a_resend_without_time_is_a_duplicate_though_time_has_passed(emit: EngineDoors) -> None:
    emit.send(V1, cloudevent(time=None))

    assert emit.send(V1, cloudevent(time=None)).counts == (0, 1, 0)


def test_the_order_of_keys_does_not_make_another_payload(door: MemoryDoors) -> None:
    door.send(V1, cloudevent(data={"a": 1, "b": {"c": 2, "d": 3}}))

    assert door.send(V1, cloudevent(data={"b": {"d": 3, "c": 2}, "a": 1})).counts == (0, 1, 0)


@pytest.mark.parametrize(
    "change",
    [{"type": "x"}, {"subject": "x"}, {"time": None}, {"data": {"count": 2}}, {"data": None}, {"extra": "x"}],
)
def test_any_other_payload_is_a_conflict(door: MemoryDoors, change: dict[str, Any]) -> None:
    door.send(V1, cloudevent())

    assert door.send(V1, cloudevent(**change)).counts == (0, 0, 1)


def test_the_same_id_in_another_workspace_is_another_event(emit: EngineDoors) -> None:
    emit.send(V1, cloudevent())

    assert emit.send(V1, cloudevent(), workspace=OTHER_WORKSPACE).counts == (1, 0, 0)


@every_door
def test_nobody_gets_in_without_a_principal(door: MemoryDoors, route: str, body: Any) -> None:
    assert door.send(route, body, workspace=None).status == 401
    assert door.stored() == []


@every_door
@pytest.mark.parametrize("scopes", ["", "usage:read meters:write"])
def test_nobody_gets_in_without_the_scope(door: MemoryDoors, route: str, body: Any, scopes: str) -> None:
    assert door.send(route, body, scopes=scopes).status == 403
    assert door.stored() == []


@every_door
@pytest.mark.parametrize("scopes", ["events:write", "events:*", "usage:read events:write"])
def test_the_scope_opens_every_door(door: MemoryDoors, route: str, body: Any, scopes: str) -> None:
    assert door.send(route, body, scopes=scopes).status in (202, 204)


@pytest.mark.parametrize(("route", "body"), [(ZUPLO, cloudevent()), (AMIGO, emission())])
def test_a_foreign_workspace_is_forbidden(door: MemoryDoors, route: str, body: Any) -> None:
    assert door.send(route, body, at=OTHER_WORKSPACE).status == 403
    assert door.stored() == []


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "PutItem")
UNREACHABLE = ConnectTimeoutError(endpoint_url="http://nowhere")


@pytest.mark.parametrize(
    ("route", "body", "fault"),
    [*((route, body, THROTTLED) for route, body in EVERY_DOOR), (V1, cloudevent(), UNREACHABLE)],
)
def test_a_storage_that_throttles_is_503_and_the_retry_is_counted_once(
    emit: EngineDoors, monkeypatch: pytest.MonkeyPatch, route: str, body: Any, fault: Exception
) -> None:
    client = FailingClient(emit.client, fault)
    monkeypatch.setattr(emit.app, "create_client", lambda settings: client)

    refused = emit.send(route, body)

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) >= 1
    client.fault = None
    assert emit.send(route, body).counts == (1, 0, 0)


@every_door
def test_a_bug_is_a_500_that_tells_nothing(
    door: MemoryDoors, monkeypatch: pytest.MonkeyPatch, route: str, body: Any
) -> None:
    def fail(events: Any, deadline_us: int) -> Any:
        raise RuntimeError("secret-arn")

    monkeypatch.setattr(door.store, "put_all", fail)

    answer = door.send(route, body)

    assert answer.status == 500
    assert "secret-arn" not in answer.text


def test_a_request_whose_time_is_over_stores_nothing(emit: EngineDoors) -> None:
    emit.context.remaining_ms = 500

    answer = emit.send(V1, [cloudevent(id="1"), cloudevent(id="2")], content_type=BATCH)

    assert answer.status == 503
    assert emit.stored() == []


def test_the_counts_are_published_once(door: MemoryDoors, capsys: pytest.CaptureFixture[str]) -> None:
    door.send(V1, [cloudevent(id="1"), cloudevent(id="1"), cloudevent(id="1", type="x")], content_type=BATCH)

    (line,) = capsys.readouterr().out.splitlines()
    published = json.loads(line)
    assert (published["accepted"], published["duplicate"], published["conflict"]) == ([1.0], [1.0], [1.0])
    assert "rejected" not in published


def test_refused_events_are_counted_as_rejected(door: MemoryDoors, capsys: pytest.CaptureFixture[str]) -> None:
    door.send(V1, [cloudevent(), cloudevent(id="2", time="x")], content_type=BATCH)

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["rejected"] == [1.0]


def test_broken_metrics_do_not_change_the_answer(door: MemoryDoors, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("no metrics today")

    monkeypatch.setattr(observability.metrics, "flush_metrics", fail)

    assert door.send(V1, cloudevent(), content_type=SINGLE).status == 204
    observability.metrics.clear_metrics()
