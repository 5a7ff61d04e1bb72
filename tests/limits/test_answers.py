"""Answers and refusals have their own limits: whatever is sent, Lambda can give back what is answered."""

from __future__ import annotations

import json

import pytest

from dynameter.access.key import KEY_CHARS_MAX, parse
from dynameter.dialects import usage_answers
from dynameter.dialects.apigate import problems
from dynameter.dialects.bodies import MAX_REPORTED_FIELDS
from dynameter.dialects.openmeter_v1 import meters as meters_v1
from dynameter.dialects.openmeter_v3 import query as query_v3
from dynameter.errors import MAX_FIELD_CHARACTERS, MAX_MESSAGE_CHARACTERS
from dynameter.events.listing import MAX_CURSOR_CHARACTERS
from dynameter.events.rules import MAX_BODY_BYTES
from dynameter.meters.rules import MAX_METERS
from dynameter.usage.windows import MAX_ZONE_CHARACTERS
from tests.documented import operations
from tests.limits.edges import letters, send, wrong_fields
from tests.unit.http.conftest import Settled
from tests.unit.http.house import KEYS, Ask

LAMBDA_BYTES = 6 * 1024 * 1024
WITH_BODIES = [key for key in KEYS if "requestBody" in operations()[key]]
QUERY_V3 = "POST /api/v3/openmeter/meters/{meterId}/query"
PAGES = ["GET /api/v1/customers", "GET /api/v3/openmeter/plans", "GET /admin/routes", "GET /api/v1/meter"]


@pytest.mark.parametrize(
    "route", ["GET /api/v1/customers", "GET /api/v3/openmeter/plans", "GET /admin/routes", "GET /api/v1/meter"]
)
def test_an_answer_has_at_most_its_limit(route: str, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(send(settled, route, Ask()).answer.text))

    found = []
    for most in (size, size - 1):
        monkeypatch.setattr(usage_answers, "MAX_ANSWER_BYTES", most)
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


def test_a_long_name_is_cut_in_the_refusal(untouched: Settled) -> None:
    route = "POST /api/v3/openmeter/customers"
    sent = {**untouched.asks[route].body, letters(2 * MAX_MESSAGE_CHARACTERS): 1}

    answer = send(untouched, route, Ask(sent)).answer

    assert wrong_fields(route, answer) == [letters(MAX_FIELD_CHARACTERS - 1) + "…"]


def test_so_many_wrong_fields_are_named(untouched: Settled) -> None:
    sent = [{"key": ""}] * (MAX_REPORTED_FIELDS + 1)

    answer = send(untouched, "POST /api/v1/subjects", Ask(sent)).answer

    assert len(wrong_fields("POST /api/v1/subjects", answer)) == MAX_REPORTED_FIELDS


def test_so_many_wrong_fields_are_named_by_apigate(untouched: Settled) -> None:
    route = "POST /v1/{workspace_id}/exchanges"

    answer = send(untouched, route, Ask([{}] * (problems.MAX_REPORTED_ERRORS + 1))).answer

    assert len(answer.json()["errors"]) == problems.MAX_REPORTED_ERRORS


def test_a_cursor_that_is_longer_than_any_is_refused(untouched: Settled) -> None:
    route = "GET /api/v1/events"

    answer = send(untouched, route, Ask(query=(("cursor", letters(MAX_CURSOR_CHARACTERS + 1)),))).answer

    assert (answer.status, wrong_fields(route, answer)) == (400, ["cursor"])


def test_a_time_zone_that_is_longer_than_any_is_refused(untouched: Settled) -> None:
    route = "GET /api/v1/meters/{meterIdOrSlug}/query"

    answer = send(untouched, route, Ask(query=(("windowTimeZone", letters(MAX_ZONE_CHARACTERS + 1)),))).answer

    assert (answer.status, wrong_fields(route, answer)) == (400, ["windowTimeZone"])


@pytest.mark.parametrize("past", [0, 1])
def test_v3_filters_by_so_many_dimensions(past: int, untouched: Settled) -> None:
    names = {f"d{number}": {"eq": "v"} for number in range(query_v3.MAX_FILTERS + past)}

    answer = send(untouched, QUERY_V3, Ask({"filters": {"dimensions": names}})).answer

    # the meter has none of these dimensions, which is said once there are not too many
    assert answer.status == 400
    assert ("filters.dimensions" in wrong_fields(QUERY_V3, answer)) == bool(past)


def test_v1_lists_every_meter_that_there_can_be() -> None:
    assert meters_v1.MAX_LISTED == MAX_METERS


def test_a_text_that_is_longer_than_any_key_is_none() -> None:
    beginning = "dm_abcdefghijkl_"

    assert parse(beginning.ljust(KEY_CHARS_MAX + 1, "a")) is None
