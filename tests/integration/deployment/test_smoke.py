"""A deployed stack from its first key to an exact figure, through its own API and functions. Run by ``make smoke``."""

from __future__ import annotations

import json

import pytest

from tests.conformance.polling import eventually
from tests.conformance.test_walkthrough_billing import Walk, now
from tests.integration.deployment.deployed import SAMS_OWN, Deployment, OwnDeployment
from tests.integration.deployment.metered import SUM, Metered

COLD_START_S = 60.0
REBUILT_S = 150.0
"""A rebuild begins a minute after the last write that it might miss, and needs functions that have not run yet."""


@pytest.fixture(scope="module", autouse=True)
def begun(made_after_its_events: Metered) -> None:
    """First of all, for it waits."""


def test_without_a_key_the_api_answers_401(deployment: Deployment) -> None:
    assert deployment.api.get("/api/v1/meters", key="").status == 401


def test_a_key_that_nobody_made_is_refused(deployment: Deployment) -> None:
    assert deployment.api.get("/api/v1/meters", key="dm_local_admin").status == 403


def test_a_key_opens_no_other_workspace(deployment: Deployment) -> None:
    answer = deployment.api.get("/v1/00000000-0000-4000-8000-000000000009/api-keys")

    assert answer.status == 403


def test_events_that_are_sent_twice_count_once_to_the_last_digit(deployment: Deployment) -> None:
    metered = Metered(deployment.api, deployment.api.fresh("tokens"))
    metered.define()

    sent = [metered.send(), metered.send()]

    assert sent == [("3", "0"), ("0", "3")]
    eventually(metered.usage, [SUM], within_s=COLD_START_S)


def test_a_deleted_meter_is_gone(deployment: Deployment) -> None:
    metered = Metered(deployment.api, deployment.api.fresh("gone"))
    metered.define()

    assert deployment.api.delete(f"/api/v1/meters/{metered.name}").status == 204

    assert deployment.api.get(f"/api/v1/meters/{metered.name}").status == 404


def test_usage_becomes_a_line_of_the_customers_invoice(deployment: Deployment) -> None:
    walk = Walk(deployment.api)
    customer = walk.subscribe_v1()

    walk.run_agents("/api/v1", now())

    eventually(lambda: walk.previewed(customer), [(walk.feature, "3", "3", "3", "USD")], within_s=COLD_START_S)


def test_a_meter_made_after_its_events_counts_them(made_after_its_events: Metered) -> None:
    eventually(made_after_its_events.usage, [SUM], within_s=REBUILT_S)


def test_the_dashboard_shows_alarms_that_exist(deployment: Deployment) -> None:
    cloudwatch = deployment.client("cloudwatch")
    name = deployment.resources().get("Overview")
    if name is None:
        pytest.skip("the stack has no dashboard: Dashboard=false")

    widgets = json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["widgets"]

    shown = {alarm for one in widgets for alarm in one["properties"].get("alarms", [])}
    pages = cloudwatch.get_paginator("describe_alarms").paginate()
    assert shown
    assert shown <= {alarm["AlarmArn"] for page in pages for alarm in page["MetricAlarms"]}


def test_a_removed_stack_leaves_nothing(ours: OwnDeployment) -> None:
    """The last test, for nothing answers after it."""
    ours.make("remove", CONFIRM=ours.stack, DATA="delete")

    buckets = [one["Name"] for one in ours.client("s3").list_buckets()["Buckets"]]
    assert ours.client("dynamodb").list_tables()["TableNames"] == []
    assert ours.client("lambda").list_functions()["Functions"] == []
    assert [one for one in buckets if not one.startswith(SAMS_OWN)] == []
