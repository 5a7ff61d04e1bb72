"""Quotas on the local server: exact under 200 parallel reservations, and fed by what is metered."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conformance.api import Answer, Api
from tests.conformance.polling import eventually

PARALLEL = 64


@pytest.fixture
def user(api: Api) -> str:
    """A user on a plan of 100 requests a month, with the grace that plans have by default."""
    plan, user = api.fresh("plan"), api.fresh("user")
    made = api.call("POST", "/admin/plans", {"id": plan, "name": plan, "requests_per_month": 100})
    assert made.status == 201, made.text
    assert api.call("PUT", f"/admin/users/{user}/plan", {"plan_id": plan}).status == 200
    return user


def ask(api: Api, action: str, body: Any) -> Answer:
    return api.call("POST", f"/v1/{api.workspace}/quota/{action}", body)


def test_200_parallel_reserves_of_1_against_a_quota_of_100_grant_exactly_100(api: Api, user: str) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = list(pool.map(lambda _: ask(api, "reserve", {"user_id": user, "units": 1}), range(200)))

    assert Counter(one.status for one in answers) == {201: 100, 402: 100}


def test_committed_reservations_show_in_the_meter_and_count_once(api: Api, user: str) -> None:
    ids = [ask(api, "reserve", {"user_id": user, "units": 1}).json()["data"]["id"] for _ in range(3)]
    for id_ in ids:
        assert ask(api, "commit", {"id": id_}).status == 200
        assert ask(api, "commit", {"id": id_}).status == 200

    def metered() -> Any:
        found = api.call("GET", f"/api/v1/meters/gateway_requests/query?subject={user}").json()
        return [row["value"] for row in found["data"]]

    eventually(metered, [3])
    assert ask(api, "check", {"user_id": user}).json()["data"]["attributes"]["current"] == 3


def test_what_is_reported_counts_towards_the_quota(api: Api, user: str) -> None:
    exchange = {"user_id": user, "method": "GET", "path": "/x", "status": 200}
    assert api.call("POST", f"/v1/{api.workspace}/exchanges", [exchange] * 90).status == 202
    event = {"id": api.fresh("event"), "user_id": user, "event_type": "compute.minutes", "quantity": 150}
    assert api.call("POST", "/api/v1/meter", {"data": [{"type": "usage_events", "attributes": event}]}).status == 202

    eventually(lambda: ask(api, "check", {"user_id": user}).status, 402)

    denied = ask(api, "check", {"user_id": user})
    assert denied.headers["x-quota-used"] == "106"
    assert ask(api, "reserve", {"user_id": user, "units": 1}).status == 402
