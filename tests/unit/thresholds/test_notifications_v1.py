"""Rules, channels and events in OpenMeter v1's form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import OTHER_WORKSPACE
from tests.unit.billing.conftest import Call, call, functions, moving

__all__ = ["call", "functions", "moving"]

RULES, RULE = "/api/v1/notification/rules", "/api/v1/notification/rules/{ruleId}"
CHANNELS, CHANNEL = "/api/v1/notification/channels", "/api/v1/notification/channels/{channelId}"
EVENT = "GET /api/v1/notification/events/{eventId}"
NOBODY = "01KEXZZZZZZZZZZZZZZZZZZZZZ"


def rule(**fields: Any) -> dict[str, Any]:
    thresholds = [{"type": "usage_value", "value": 75.5}]
    return {"type": "entitlements.balance.threshold", "name": "R", "thresholds": thresholds, "channels": []} | fields


def channel(**fields: Any) -> dict[str, Any]:
    return {"type": "WEBHOOK", "name": "C", "url": "https://hooks.example.com/x"} | fields


def make(call: Call, route: str, body: Any) -> Any:
    status, answer = call(f"POST {route}", body=body)
    assert status == 201, answer
    return answer


def test_a_rule_is_answered_as_openmeter_has_it(call: Call) -> None:
    feature = make(call, "/api/v1/features", {"key": "tokens", "name": "T"})
    customer = make(call, "/api/v1/customers", {"key": "acme", "name": "A"})
    hook = make(call, CHANNELS, channel())

    made = make(call, RULES, rule(features=["tokens"], customers=["acme"], channels=[hook["id"]], metadata={"a": "b"}))

    assert made == {
        "id": made["id"],
        "type": "entitlements.balance.threshold",
        "name": "R",
        "disabled": False,
        "createdAt": made["createdAt"],
        "updatedAt": made["createdAt"],
        "metadata": {"a": "b"},
        "channels": [{"id": hook["id"], "type": "WEBHOOK"}],
        "thresholds": [{"value": made["thresholds"][0]["value"], "type": "usage_value"}],
        "features": [{"id": feature["id"]}],
        "customers": [{"id": customer["id"]}],
    }
    assert str(made["thresholds"][0]["value"]) == "75.5"
    assert call(f"GET {RULE}", path={"ruleId": made["id"]}) == (200, made)


def test_deprecated_names_of_thresholds_are_taken(call: Call) -> None:
    sent = [{"type": "PERCENT", "value": 75}, {"type": "NUMBER", "value": 9}]

    made = make(call, RULES, rule(thresholds=sent))

    assert [one["type"] for one in made["thresholds"]] == ["usage_percentage", "usage_value"]


def test_a_rule_is_replaced_and_deleted(call: Call, moving: Any) -> None:
    made = make(call, RULES, rule())
    path = {"ruleId": made["id"]}
    moving.advance(5)

    status, changed = call(f"PUT {RULE}", path=path, body=rule(name="S", disabled=True))

    assert (status, changed["name"], changed["disabled"]) == (200, "S", True)
    assert changed["updatedAt"] > changed["createdAt"] == made["createdAt"]
    assert call(f"DELETE {RULE}", path=path) == (204, None)
    assert call(f"GET {RULE}", path=path)[0] == 404
    assert call(f"DELETE {RULE}", path=path)[0] == 404


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"type": "invoice.created"}, "type"),
        ({"name": ""}, "name"),
        ({"thresholds": []}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": 1}] * 11}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": 1}, {"type": "usage_value", "value": 1.0}]}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": 0}]}, "thresholds"),
        ({"thresholds": [{"type": "balance_value", "value": -1}]}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": "10"}]}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": True}]}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": 10**21}]}, "thresholds"),
        ({"thresholds": [{"type": "usage_value", "value": 1e-19}]}, "thresholds"),
        ({"thresholds": [{"type": "level", "value": 1}]}, "thresholds"),
        ({"channels": [NOBODY]}, "channels"),
        ({"channels": ["x"]}, "channels"),
        ({"channels": [NOBODY] * 6}, "channels"),
        ({"features": ["nothing"]}, "features"),
        ({"customers": ["nobody"]}, "customers"),
        ({"customers": ["x" * 70_000]}, "customers"),
        ({"metadata": {"": "b"}}, "metadata"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_and_the_field_named(call: Call, fields: dict[str, Any], place: str) -> None:
    status, answer = call(f"POST {RULES}", body=rule(**fields))

    assert status == 400, answer
    assert place in answer["extensions"]["validationErrors"][0]["field"]


def test_a_secret_is_shown_once(call: Call) -> None:
    made = make(call, CHANNELS, channel(customHeaders={"X-Token": "t"}))
    path = {"channelId": made["id"]}

    status, read = call(f"GET {CHANNEL}", path=path)

    assert status == 200
    assert made == read | {"signingSecret": made["signingSecret"]}
    assert made["signingSecret"].startswith("whsec_")
    assert "signingSecret" not in str(call(f"GET {CHANNELS}")[1])
    assert "signingSecret" not in str(call(f"PUT {CHANNEL}", path=path, body=channel())[1])


def test_a_secret_may_be_ones_own(call: Call) -> None:
    made = make(call, CHANNELS, channel(signingSecret="A" * 32))

    assert made["signingSecret"] == "whsec_" + "A" * 32


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"signingSecret": "short"}, "signingSecret"),
        ({"customHeaders": {"Host": "x"}}, "customHeaders"),
        ({"customHeaders": {"Webhook-Id": "x"}}, "customHeaders"),
        ({"customHeaders": {"a b": "x"}}, "customHeaders"),
        ({"customHeaders": {"a": "x\r\ny: z"}}, "customHeaders"),
        ({"customHeaders": {"a": "1", "A": "2"}}, "customHeaders"),
        ({"customHeaders": {f"h{number}": "" for number in range(11)}}, "customHeaders"),
        ({"type": "EMAIL"}, "type"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_and_the_field_named(
    call: Call, fields: dict[str, Any], place: str
) -> None:
    status, answer = call(f"POST {CHANNELS}", body=channel(**fields))

    assert status == 400, answer
    assert place in answer["extensions"]["validationErrors"][0]["field"]


def test_a_channel_that_a_rule_has_is_not_deleted(call: Call) -> None:
    hook = make(call, CHANNELS, channel())
    made = make(call, RULES, rule(channels=[hook["id"]]))
    path = {"channelId": hook["id"]}

    assert call(f"DELETE {CHANNEL}", path=path)[0] == 409
    assert call(f"DELETE {RULE}", path={"ruleId": made["id"]})[0] == 204
    assert call(f"DELETE {CHANNEL}", path=path) == (204, None)
    assert call(f"GET {CHANNEL}", path=path)[0] == 404


@pytest.mark.parametrize(("route", "body"), [(RULES, rule()), (CHANNELS, channel())])
def test_a_list_comes_in_pages(call: Call, route: str, body: Any) -> None:
    made = [make(call, route, body)["id"] for _ in range(3)]

    status, answer = call(f"GET {route}", ("page", "2"), ("pageSize", "2"))

    assert status == 200
    assert (answer["totalCount"], answer["page"], answer["pageSize"]) == (3, 2, 2)
    assert [one["id"] for one in answer["items"]] == sorted(made)[2:]


@pytest.mark.parametrize("name", ["ruleId", "channelId"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_workspaces_things_are_not_there(call: Call, name: str, method: str) -> None:
    route, one, body = (RULES, RULE, rule()) if name == "ruleId" else (CHANNELS, CHANNEL, channel())
    made = make(call, route, body)

    assert call(f"{method} {one}", path={name: made["id"]}, workspace=OTHER_WORKSPACE)[0] == 404


@pytest.mark.parametrize("id_", [NOBODY, "x", "é" * 5_000])
def test_an_event_that_is_not_there_is_not_found(call: Call, id_: str) -> None:
    assert call(EVENT, path={"eventId": id_})[0] == 404


def test_a_workspace_holds_a_hundred_rules(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.billing.thresholds.store.MAX_RULES", 1)
    make(call, RULES, rule())

    assert call(f"POST {RULES}", body=rule())[0] == 409
