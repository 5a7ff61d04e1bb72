"""The local event bus gives events to the functions whose rules match, and shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local import bus as buses
from local.bus import LocalBus
from local.template import BusRule, Template

ENTRY = {
    "EventBusName": "b",
    "Source": "dynameter",
    "DetailType": "crossed",
    "Time": datetime(2026, 1, 14, 10, tzinfo=UTC),
    "Detail": '{"id":"1"}',
}
RULES = (
    BusRule("Webhooks", {"source": ["dynameter"], "detail-type": ["crossed"]}),
    BusRule("Other", {"source": ["x"]}),
)


def put(invoke: Callable[[str, dict[str, Any]], Any]) -> Any:
    bus = LocalBus(RULES, invoke)
    answer = bus.put_events(Entries=[ENTRY])
    bus._pool.shutdown()
    return answer


def test_an_event_reaches_the_functions_whose_rules_match() -> None:
    seen: list[tuple[str, Any]] = []

    answer = put(lambda name, event: seen.append((name, event)))

    ((name, event),) = seen
    assert name == "Webhooks"
    assert event["detail"] == {"id": "1"}
    assert event["time"] == "2026-01-14T10:00:00Z"
    assert answer == {"FailedEntryCount": 0, "Entries": [{"EventId": event["id"]}]}


def test_an_event_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "local.bus")

    put(lambda *_: None)

    assert 'event crossed: {"id":"1"}' in caplog.text


def test_a_function_that_fails_is_invoked_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buses, "PAUSE_S", 0)
    calls: list[str] = []

    def fail(name: str, _event: dict[str, Any]) -> None:
        calls.append(name)
        raise ValueError

    put(fail)

    assert calls == ["Webhooks"] * 3


def test_the_templates_rule_lets_every_crossing_through() -> None:
    (rule,) = Template.load().bus_rules()

    assert rule.function == "WebhooksFunction"
    assert rule.pattern == {"source": ["dynameter"], "detail-type": ["entitlements.balance.threshold"]}
