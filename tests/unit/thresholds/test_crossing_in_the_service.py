"""From events to the event bus, through the real functions: balances, periods, faults."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.billing.metering import BillingUsage, NotCountedYet
from dynameter.errors import DynameterError, TooLarge
from tests.simulation.test_thresholds import Bus, event
from tests.simulation.world import World

RULES = "/api/v1/notification/rules"
EVENTS = "GET /api/v1/notification/events"
ENTITLEMENTS = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements"
RESET = "POST /api/v1/subjects/{subjectIdOrKey}/entitlements/{entitlementIdOrFeatureKey}/reset"
DAY_S = 86_400


def use(running: World, *numbers: int, at: str | None = None, subject: str | None = None) -> None:
    """Send that many events, now unless said otherwise, and let everything come to rest."""
    bodies = []
    for number in numbers:
        body = event(number)
        body.pop("time")
        bodies.append(body | ({"time": at} if at else {}) | ({"subject": subject} if subject else {}))
    answer = running.emit(bodies)
    assert answer is not None
    assert answer.status < 300
    running.settle()


def change_rule(running: World, **fields: Any) -> None:
    """Replace the one rule."""
    (old,) = running.ask("billing", f"GET {RULES}").json()["items"]
    body = {"type": old["type"], "name": "R", "channels": [], "features": ["tokens"], **fields}
    answer = running.ask("billing", f"PUT {RULES}/{{ruleId}}", path={"ruleId": old["id"]}, body=body)
    assert answer.status == 200, answer.text


def entitle(running: World, **fields: Any) -> str:
    body = {"type": "metered", "featureKey": "tokens", "usagePeriod": {"interval": "MONTH"}, **fields}
    answer = running.ask("billing", ENTITLEMENTS, path={"subjectIdOrKey": "s1"}, body=body)
    assert answer.status == 201, answer.text
    # The first minute of a period is counted from the events' index, which lags in this world.
    running.clock.sleep(120)
    return str(answer.json()["id"])


def test_an_event_says_who_crossed_what_and_when(running: World, bus: Bus) -> None:
    use(running, *range(10))

    (told,) = bus.taken
    listed = running.ask("billing", EVENTS).json()
    (shown,) = listed["items"]
    assert told == {"workspace": told["workspace"], **shown["payload"]}
    assert told["type"] == "entitlements.balance.threshold"
    assert told["data"]["customer"] == {"id": told["data"]["customer"]["id"], "name": "One", "key": "s1"}
    assert told["data"]["feature"]["key"] == "tokens"
    assert told["data"]["threshold"] == {"value": 10, "type": "usage_value"}
    assert told["data"]["value"] == {"usage": 10}
    assert told["data"]["period"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    one = running.ask("billing", f"{EVENTS}/{{eventId}}", path={"eventId": told["id"]})
    assert one.json() == shown


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (("feature", "tokens"), 1),
        (("feature", "other"), 0),
        (("customer", "s1"), 1),
        (("rule", "01KEXZZZZZZZZZZZZZZZZZZZZZ"), 0),
        (("from", "2026-01-14T00:00:00Z"), 1),
        (("to", "2026-01-14T00:00:00Z"), 0),
        (("channel", "01KEXZZZZZZZZZZZZZZZZZZZZZ"), 0),
    ],
)
def test_events_are_listed_by_what_is_asked_for(running: World, query: tuple[str, str], count: int) -> None:
    use(running, *range(10))

    assert running.ask("billing", EVENTS, query=[query]).json()["totalCount"] == count


def test_usage_below_a_threshold_tells_nothing(running: World, bus: Bus) -> None:
    use(running, *range(9))

    assert bus.taken == []


def test_usage_of_nobodys_subject_tells_nothing(running: World, bus: Bus) -> None:
    use(running, *range(12), subject="stranger")

    assert bus.taken == []


def test_a_rule_for_another_customer_or_disabled_tells_nothing(running: World, bus: Bus) -> None:
    body = {"name": "Two", "key": "two"}
    assert running.ask("billing", "POST /api/v1/customers", body=body).status == 201
    thresholds = [{"type": "usage_value", "value": 1}]
    change_rule(running, thresholds=thresholds, customers=["two"])
    use(running, 1)
    change_rule(running, thresholds=thresholds, disabled=True)

    use(running, 2)

    assert bus.taken == []


def test_a_rule_of_every_feature_has_those_that_come_later(running: World, bus: Bus) -> None:
    change_rule(running, thresholds=[{"type": "usage_value", "value": 1}], features=[])
    later = {"key": "later", "name": "L", "meterSlug": "tokens"}
    assert running.ask("billing", "POST /api/v1/features", body=later).status == 201

    use(running, 1)

    assert sorted(one["data"]["feature"]["key"] for one in bus.taken) == ["later", "tokens"]


def test_the_next_month_can_cross_again(running: World, bus: Bus) -> None:
    use(running, *range(10))
    running.clock.sleep(30 * DAY_S)

    use(running, *range(100, 110))

    assert [one["data"]["period"]["from"][:7] for one in bus.taken] == ["2026-01", "2026-02"]


@pytest.mark.parametrize(("days", "told"), [(17.9, 1), (20, 0)])
def test_what_comes_late_crosses_in_its_own_month_for_a_day(running: World, bus: Bus, days: float, told: int) -> None:
    running.clock.sleep(days * DAY_S)

    use(running, *range(10), at="2026-01-31T23:59:59Z")

    assert [one["data"]["period"]["from"][:7] for one in bus.taken] == ["2026-01"] * told


def test_a_balance_and_a_percentage_are_those_of_the_entitlement(running: World, bus: Bus) -> None:
    entitle(running, issueAfterReset=8)
    change_rule(running, thresholds=[{"type": "balance_value", "value": 2}, {"type": "usage_percentage", "value": 50}])
    use(running, 1, 2, 3, 4)
    first = [one["data"]["threshold"]["type"] for one in bus.taken]

    use(running, 5, 6)

    assert first == ["usage_percentage"]
    assert bus.taken[-1]["data"]["threshold"] == {"value": 2, "type": "balance_value"}
    assert bus.taken[-1]["data"]["value"] == {
        "usage": 6,
        "hasAccess": True,
        "balance": 2,
        "overage": 0,
        "totalAvailableGrantAmount": 8,
    }
    assert bus.taken[-1]["data"]["entitlement"]["id"]


def test_usage_counts_in_one_period_where_an_entitlement_begins_inside_another(running: World, bus: Bus) -> None:
    entitle(running)
    use(running, *range(10))

    assert [one["data"]["threshold"]["value"] for one in bus.taken] == [10]


def test_a_reset_makes_it_possible_to_cross_again(running: World, bus: Bus) -> None:
    entitlement = entitle(running, issueAfterReset=4)
    change_rule(running, thresholds=[{"type": "balance_value", "value": 0}])
    use(running, 1, 2, 3, 4)
    use(running, 5)
    assert len(bus.taken) == 1
    running.clock.sleep(120)
    path = {"subjectIdOrKey": "s1", "entitlementIdOrFeatureKey": entitlement}
    assert running.ask("billing", RESET, path=path, body={}).status == 204
    running.clock.sleep(120)

    use(running, 6, 7, 8, 9)

    assert len(bus.taken) == 2
    assert len({one["data"]["period"]["from"] for one in bus.taken}) == 2


@pytest.mark.parametrize("fault", [TooLarge("too much"), NotCountedYet("the meter is being rebuilt")])
def test_usage_that_cannot_be_read_stops_nobody_else(
    running: World, bus: Bus, monkeypatch: pytest.MonkeyPatch, fault: DynameterError
) -> None:
    body = {"name": "Two", "key": "two"}
    assert running.ask("billing", "POST /api/v1/customers", body=body).status == 201
    usage_of = BillingUsage.of

    def unreadable(self: Any, workspace: str, feature: Any, customer: Any, *ends: int) -> Any:
        if customer.key == "s1":
            raise fault
        return usage_of(self, workspace, feature, customer, *ends)

    monkeypatch.setattr(BillingUsage, "of", unreadable)
    use(running, *range(20, 30), subject="s1")

    use(running, *range(10), subject="two")

    assert [one["data"]["customer"]["key"] for one in bus.taken] == ["two"]
