"""A workspace over its limit gets 429 at every door, in the door's own words, and nothing of the request is stored."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, load_function
from tests.unit.emit.conftest import AMIGO, BATCH, KONNECT, SINGLE, V1, V3, ZUPLO, EngineDoors, cloudevent, emission

DOORS = [(V1, SINGLE), (V3, SINGLE), (KONNECT, SINGLE), (ZUPLO, SINGLE), (AMIGO, None)]


@pytest.fixture
def limited(settings: Settings, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> EngineDoors:
    monkeypatch.setenv("EVENTS_PER_SECOND", "1")
    monkeypatch.setenv("EVENT_BURST", "2")
    return EngineDoors(load_function("emit"), client=dynamodb, table=settings.events_table)


def exhaust(doors: EngineDoors) -> None:
    batch = [cloudevent(id=f"first-{number}") for number in range(100)]
    assert doors.send(V1, batch, content_type=BATCH).status == 204


@pytest.mark.parametrize(("route", "content_type"), DOORS)
def test_every_door_answers_429_with_retry_after_and_stores_nothing(
    limited: EngineDoors, route: str, content_type: str | None
) -> None:
    exhaust(limited)

    answer = limited.send(route, emission() if route == AMIGO else cloudevent(), content_type=content_type)

    assert answer.status == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 100
    assert len(limited.stored()) == 100


def test_openmeter_v1_words_it_as_a_problem(limited: EngineDoors) -> None:
    exhaust(limited)

    answer = limited.send(V1, cloudevent(), content_type=SINGLE)

    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json["type"], answer.json["title"], answer.json["status"]) == (
        "about:blank",
        "Too Many Requests",
        429,
    )
    assert "more than 1 events a second" in answer.json["detail"]


def test_openmeter_v3_words_it_as_rate_limited(limited: EngineDoors) -> None:
    exhaust(limited)

    answer = limited.send(V3, cloudevent(), content_type=SINGLE)

    assert answer.json["type"] == "https://kongapi.info/konnect/rate-limited"


def test_zuplo_words_it_with_a_trace(limited: EngineDoors) -> None:
    exhaust(limited)

    assert "requestId" in limited.send(ZUPLO, cloudevent(), content_type=SINGLE).json["trace"]


def test_amigo_words_it_as_a_detail(limited: EngineDoors) -> None:
    exhaust(limited)

    answer = limited.send(AMIGO, emission())

    assert "events a second" in answer.json["detail"]
    assert answer.json["error_code"] == "rate_limited"


def test_refused_events_are_counted(limited: EngineDoors, capsys: pytest.CaptureFixture[str]) -> None:
    exhaust(limited)
    capsys.readouterr()

    limited.send(V1, [cloudevent(id=str(number)) for number in range(7)], content_type=BATCH)

    assert '"limited":[7.0]' in capsys.readouterr().out


def test_another_workspace_goes_on(limited: EngineDoors) -> None:
    exhaust(limited)

    assert limited.send(V1, cloudevent(), content_type=SINGLE, workspace=OTHER_WORKSPACE).status == 204


def test_events_that_are_refused_anyway_do_not_count_towards_the_limit(limited: EngineDoors) -> None:
    for _ in range(20):
        assert limited.send(V1, cloudevent(type=None), content_type=SINGLE).status == 400

    assert limited.send(V1, cloudevent(), content_type=SINGLE).status == 204


def test_a_limit_that_cannot_be_asked_loses_no_event(
    limited: EngineDoors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("USAGE_TABLE", "not-there")

    answers = [limited.send(V1, cloudevent(id=str(number)), content_type=SINGLE).status for number in range(10)]

    assert answers == [204] * 10
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert sum(line.get("limiter_failed", [0])[0] for line in told) >= 1


def test_without_a_limit_there_is_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTS_PER_SECOND", "0")

    app = load_function("emit")

    assert app.limiter(Settings.from_env(os.environ), None) is None
