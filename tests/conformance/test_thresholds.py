"""A threshold on the local server: usage crosses it, and the event is shown, by the API and in the log."""

from __future__ import annotations

from typing import Any

from tests.conformance.api import Api
from tests.conformance.polling import eventually
from tests.running_server import Server

NOTIFICATION = "/api/v1/notification"


def create(api: Api, path: str, body: Any) -> Any:
    answer = api.call("POST", path, body)
    assert answer.status == 201, answer.text
    return answer.json()


def test_usage_that_crosses_a_threshold_is_told_of_once(api: Api, server: Server) -> None:
    name = api.fresh("threshold")
    create(api, "/api/v1/meters", {"slug": name, "eventType": name, "aggregation": "COUNT"})
    create(api, "/api/v1/customers", {"name": "One", "key": name})
    create(api, "/api/v1/features", {"name": "F", "key": name, "meterSlug": name})
    rule = {
        "type": "entitlements.balance.threshold",
        "name": "R",
        "thresholds": [{"type": "usage_value", "value": 3}, {"type": "usage_value", "value": 4}],
        "channels": [],
        "features": [name],
    }
    made = create(api, f"{NOTIFICATION}/rules", rule)

    def told() -> list[tuple[int, bool]]:
        found = api.call("GET", f"{NOTIFICATION}/events?rule={made['id']}").json()["items"]
        return [(one["payload"]["data"]["threshold"]["value"], "sentAt" in one) for one in found]

    for number in (1, 2, 2, 3, 3, 1):
        body = {"specversion": "1.0", "id": str(number), "source": name, "type": name, "subject": name}
        sent = api.call("POST", "/api/v1/events", body, media_type="application/cloudevents+json")
        assert sent.status == 204, sent.text

    eventually(told, [(3, True)])
    assert server.log.read_text().count(f'"key":"{name}"') == 2, "one line, which names customer and feature"
