"""Answers and refusals have their own limits: whatever is sent, Lambda can give back what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynameter.access import key
from dynameter.dialects import answer_size, cloudevents
from dynameter.dialects.amigo import events as amigo_events
from dynameter.dialects.apigate import problems
from dynameter.dialects.bodies import MAX_REPORTED_FIELDS
from dynameter.dialects.openmeter_v1 import meters as meters_v1
from dynameter.dialects.openmeter_v3 import query as query_v3
from dynameter.errors import MAX_FIELD_CHARACTERS, MAX_MESSAGE_CHARACTERS, FieldError, InvalidInput
from dynameter.events import listing
from dynameter.events.listing import MAX_CURSOR_CHARACTERS
from dynameter.events.rules import MAX_BODY_BYTES
from dynameter.meters.rules import MAX_METERS
from dynameter.usage import windows
from dynameter.usage.queries import query
from dynameter.usage.windows import MAX_ZONE_CHARACTERS
from local.template import ROOT
from tests.documented import operations
from tests.limits.edges import letters, send, wrong_fields
from tests.unit.http.conftest import Settled
from tests.unit.http.house import KEYS, Ask

LAMBDA_BYTES = 6 * 1024 * 1024
WITH_BODIES = [key for key in KEYS if "requestBody" in operations()[key]]
QUERY_V3 = "POST /api/v3/openmeter/meters/{meterId}/query"
PAGES = ["GET /api/v1/customers", "GET /api/v3/openmeter/plans", "GET /admin/routes", "GET /api/v1/meter"]


@pytest.mark.parametrize("route", PAGES)
def test_an_answer_has_at_most_its_limit(route: str, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(send(settled, route, Ask()).answer.text))

    found = []
    for most in (size, size - 1):
        monkeypatch.setattr(answer_size, "MAX_ANSWER_BYTES", most)
        found.append(send(settled, route, Ask()).answer.status)

    assert found == [200, 413]


@pytest.mark.parametrize("route", WITH_BODIES)
def test_a_refusal_of_the_longest_name_can_be_answered(route: str, untouched: Settled) -> None:
    usual = untouched.asks[route]
    name = letters(MAX_BODY_BYTES - 100)

    answer = send(untouched, route, Ask(json.dumps({name: {"$in": 1}}), usual.query, usual.path)).answer

    assert answer.status < 500
    assert len(answer.text.encode()) < 4 * MAX_MESSAGE_CHARACTERS < LAMBDA_BYTES


@pytest.mark.parametrize("route", WITH_BODIES)
def test_a_refusal_of_the_longest_text_can_be_answered(route: str, untouched: Settled) -> None:
    usual = untouched.asks[route]
    body = usual.body[0] if isinstance(usual.body, list) else usual.body or {}
    texts = [name for name, value in body.items() if isinstance(value, str)]
    for name in texts:
        sent = json.dumps({**body, name: letters(MAX_BODY_BYTES - 5_000)})

        answer = send(untouched, route, Ask(sent, usual.query, usual.path)).answer

        assert answer.status < 500
        assert len(answer.text.encode()) < LAMBDA_BYTES


CUSTOMERS_V3, SUBJECTS, EXCHANGES = (
    "POST /api/v3/openmeter/customers",
    "POST /api/v1/subjects",
    "POST /v1/{workspace_id}/exchanges",
)
EVENTS, EMIT = "POST /api/v1/events", "POST /v1/{workspace_id}/metering/emit"
VOIDS = "POST /v1/{workspace_id}/voids"
BATCH = "application/cloudevents-batch+json"


@pytest.mark.parametrize(("past", "shown"), [(0, "a"), (1, "…")])
def test_the_name_of_a_wrong_field_is_cut_at_its_length(past: int, shown: str, untouched: Settled) -> None:
    sent = {**untouched.asks[CUSTOMERS_V3].body, letters(MAX_FIELD_CHARACTERS + past): 1}

    answer = send(untouched, CUSTOMERS_V3, Ask(sent)).answer

    assert wrong_fields(CUSTOMERS_V3, answer) == [letters(MAX_FIELD_CHARACTERS - 1) + shown]


@pytest.mark.parametrize(("past", "shown"), [(0, "w"), (1, "…")])
def test_the_reason_of_a_wrong_field_is_cut_at_its_length(past: int, shown: str) -> None:
    long = FieldError(("body", "a"), "range", "w" * (MAX_FIELD_CHARACTERS + past))

    (field,) = InvalidInput("wrong", fields=(long,)).shortened().fields

    assert field.message == "w" * (MAX_FIELD_CHARACTERS - 1) + shown


@pytest.mark.parametrize(("past", "whole"), [(0, True), (1, False)])
def test_the_message_of_an_error_is_cut_at_its_length(past: int, whole: bool, untouched: Settled) -> None:
    def refusal(name: str) -> str:
        return str(send(untouched, VOIDS, Ask({"reason": "r", name: 1})).answer.json()["detail"])

    around = len(refusal("x")) - 1

    found = refusal("x" * (MAX_MESSAGE_CHARACTERS - around + past))

    assert len(found) == MAX_MESSAGE_CHARACTERS
    assert found.endswith("…") != whole


@pytest.mark.parametrize("past", [0, 1])
def test_so_many_wrong_fields_are_named(past: int, untouched: Settled) -> None:
    sent = [{"key": ""}] * (MAX_REPORTED_FIELDS + past)

    answer = send(untouched, SUBJECTS, Ask(sent)).answer

    assert wrong_fields(SUBJECTS, answer) == [f"[{index}].key" for index in range(MAX_REPORTED_FIELDS)]


@pytest.mark.parametrize("past", [0, 1])
def test_so_many_wrong_fields_are_named_by_apigate(past: int, untouched: Settled) -> None:
    (one,) = untouched.asks[EXCHANGES].body
    sent = [{**one, "status": "ok"}] * (problems.MAX_REPORTED_ERRORS + past)

    answer = send(untouched, EXCHANGES, Ask(sent)).answer

    assert wrong_fields(EXCHANGES, answer) == [f"{index}.status" for index in range(problems.MAX_REPORTED_ERRORS)]


@pytest.mark.parametrize(("past", "more"), [(0, []), (1, ["1 more errors in this event"])])
def test_so_many_wrong_fields_of_one_event_are_named(past: int, more: list[str], untouched: Settled) -> None:
    wrong = {f"A{number}": 1 for number in range(cloudevents.MAX_ERRORS_AN_EVENT + past)}

    answer = send(untouched, EVENTS, Ask({**untouched.asks[EVENTS].body, **wrong})).answer

    named = answer.json()["extensions"]["validationErrors"]
    assert [one["field"] for one in named[: cloudevents.MAX_ERRORS_AN_EVENT]] == [
        f"A{number}" for number in range(cloudevents.MAX_ERRORS_AN_EVENT)
    ]
    assert [one["message"] for one in named[cloudevents.MAX_ERRORS_AN_EVENT :]] == more


@pytest.mark.parametrize(("past", "end"), [(0, ""), (1, " (and 1 more)")])
def test_so_many_wrong_events_are_told_in_the_sentence(past: int, end: str, untouched: Settled) -> None:
    event = {**untouched.asks[EVENTS].body, "id": ""}
    count = cloudevents.MAX_ERRORS_IN_WORDS + past

    answer = send(untouched, EVENTS, Ask([event] * count, media_type=BATCH)).answer

    told = [f"[{index}].id: must not be empty" for index in range(cloudevents.MAX_ERRORS_IN_WORDS)]
    assert answer.json()["detail"] == f"invalid event: {'; '.join(told)}{end}"
    assert len(wrong_fields(EVENTS, answer)) == count


@pytest.mark.parametrize(("past", "end"), [(0, None), (1, "…")])
def test_amigo_shows_so_much_of_wrong_input(past: int, end: str | None, untouched: Settled) -> None:
    sent = letters(amigo_events.MAX_ECHO_BYTES - len('""') + past)

    answer = send(untouched, EMIT, Ask({**untouched.asks[EMIT].body, "metering_metadata": sent})).answer

    (shown,) = (one["input"] for one in answer.json()["detail"])
    assert answer.status == 422
    assert shown == (sent if end is None else f'"{sent}"'[: amigo_events.MAX_ECHO_BYTES] + end)


# ---- texts that are longer than any good one: the limit is lowered to where a good one ends


@pytest.mark.parametrize(("less", "status"), [(0, 200), (1, 400)])
def test_a_cursor_may_be_so_long(less: int, status: int, untouched: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    route = "GET /api/v1/events"
    cursor = send(untouched, route, Ask(query=(("limit", "1"),))).answer.headers["dynameter-next-cursor"]
    monkeypatch.setattr(listing, "MAX_CURSOR_CHARACTERS", len(cursor) - less)

    answer = send(untouched, route, Ask(query=(("cursor", cursor),))).answer

    assert answer.status == status
    assert status == 200 or wrong_fields(route, answer) == ["cursor"]
    assert len(cursor) < MAX_CURSOR_CHARACTERS


@pytest.mark.parametrize(("less", "status"), [(0, 200), (1, 400)])
def test_the_name_of_a_time_zone_may_be_so_long(
    less: int, status: int, untouched: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, zone = "GET /api/v1/meters/{meterIdOrSlug}/query", "America/Argentina/ComodRivadavia"
    monkeypatch.setattr(windows, "MAX_ZONE_CHARACTERS", len(zone) - less)
    monkeypatch.setattr(query, "load_zone", windows.load_zone.__wrapped__)  # names that were seen are kept

    answer = send(untouched, route, Ask(query=(("windowTimeZone", zone),))).answer

    assert answer.status == status
    assert status == 200 or wrong_fields(route, answer) == ["windowTimeZone"]


@pytest.mark.parametrize("longest", [MAX_CURSOR_CHARACTERS, MAX_CURSOR_CHARACTERS + 1])
def test_a_cursor_that_is_longer_than_any_is_refused(longest: int, untouched: Settled) -> None:
    route = "GET /api/v1/events"

    answer = send(untouched, route, Ask(query=(("cursor", letters(longest)),))).answer

    assert (answer.status, wrong_fields(route, answer)) == (400, ["cursor"])


@pytest.mark.parametrize("longest", [MAX_ZONE_CHARACTERS, MAX_ZONE_CHARACTERS + 1])
def test_a_time_zone_that_is_longer_than_any_is_refused(longest: int, untouched: Settled) -> None:
    route = "GET /api/v1/meters/{meterIdOrSlug}/query"

    answer = send(untouched, route, Ask(query=(("windowTimeZone", letters(longest)),))).answer

    assert (answer.status, wrong_fields(route, answer)) == (400, ["windowTimeZone"])


@pytest.mark.parametrize(("less", "let_in"), [(0, True), (1, False)])
def test_a_key_may_be_so_long(less: int, let_in: bool, untouched: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    made = untouched.tenant.ok(
        "POST /v1/{workspace_id}/api-keys", {"duration_days": 30, "name": "k", "permissions": ["keys:write"]}
    )
    secret = next(one for one in made.values() if str(one).startswith("dm_"))
    monkeypatch.setattr(key, "KEY_CHARS_MAX", len(secret) - less)

    assert authorized(untouched, secret) == let_in


@pytest.mark.parametrize("past", [0, 1])
def test_a_text_that_is_longer_than_any_key_is_none(past: int, untouched: Settled) -> None:
    assert not authorized(untouched, "dm_abcdefghijkl_".ljust(key.KEY_CHARS_MAX + past, "a"))


def authorized(settled: Settled, secret: str) -> bool:
    """Whether the authorizer lets a request with that key in."""
    event = json.loads((ROOT / "events" / "authorize-request.json").read_text())
    event["identitySource"] = [f"Bearer {secret}"]
    event["headers"]["authorization"] = f"Bearer {secret}"
    run = settled.house.world.fleet.run("authorize", event, may_stall=False)
    assert run.error is None
    return bool(run.answer["isAuthorized"])


# ---- what is there as often as it may be


@pytest.mark.parametrize(("also", "status"), [({}, 200), ({"subject": {"eq": "v"}}, 400)])
def test_v3_filters_by_so_many_dimensions(also: dict[str, Any], status: int, untouched: Settled) -> None:
    names = [f"d{number}" for number in range(query_v3.MAX_FILTERS)]
    made = {"slug": "wide", "eventType": "wide", "aggregation": "COUNT", "groupBy": {one: f"$.{one}" for one in names}}
    meter = untouched.tenant.ok("POST /api/v1/meters", made)["id"]
    asked = {"filters": {"dimensions": {**{one: {"eq": "v"} for one in names}, **also}}}

    answer = send(untouched, QUERY_V3, Ask(asked, path={"meterId": meter})).answer

    assert answer.status == status, answer.text[:600]
    assert status == 200 or wrong_fields(QUERY_V3, answer) == ["filters.dimensions"]


@pytest.mark.parametrize(("less", "listed"), [(0, 5), (1, 4)])
def test_v1_lists_so_many_meters(less: int, listed: int, untouched: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    for slug in ("one", "two", "three"):
        untouched.tenant.ok("POST /api/v1/meters", {"slug": slug, "eventType": slug, "aggregation": "COUNT"})
    monkeypatch.setattr(meters_v1, "MAX_LISTED", 5 - less)

    assert len(send(untouched, "GET /api/v1/meters", Ask()).answer.json()) == listed


def test_v1_lists_every_meter_that_there_can_be() -> None:
    assert meters_v1.MAX_LISTED == MAX_METERS
