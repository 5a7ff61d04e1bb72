"""What is deployed to ministack is the template, but for what ministack cannot make."""

from __future__ import annotations

from typing import Any

from local.template import Template
from tests.integration.deployment.ministack_template import for_ministack, with_release, with_settling

TEMPLATE: Any = Template.load().document
DERIVED, CHANGES = for_ministack(TEMPLATE)


def without_changes(template: Any) -> Any:
    resources = {
        name: {
            **resource,
            "Properties": {
                key: value for key, value in resource.get("Properties", {}).items() if (name, key) not in CHANGES
            },
        }
        for name, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def test_nothing_but_what_is_listed_differs() -> None:
    assert without_changes(DERIVED) == without_changes(TEMPLATE)


def test_functions_lose_their_gradual_deployment_and_nothing_else() -> None:
    functions = {name for name, one in TEMPLATE["Resources"].items() if one["Type"] == "AWS::Serverless::Function"}

    assert {changed for name, changed in CHANGES if name in functions} == {"DeploymentPreference"}


def test_of_alarms_only_those_on_metric_math_change() -> None:
    alarms = {name: one for name, one in TEMPLATE["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    computed = {name for name, one in alarms.items() if "Expression" in str(one["Properties"].get("Metrics"))}

    assert {name for name, _ in CHANGES if name in alarms} == computed
    assert {DERIVED["Resources"][name]["Type"] for name, _ in CHANGES} <= {
        "AWS::CloudWatch::Alarm",
        "AWS::Serverless::Function",
    }


def test_the_release_is_told_to_the_transform_and_nothing_else_is() -> None:
    told = with_release(TEMPLATE, "0" * 64)

    assert told["Parameters"].pop("Release") == {**TEMPLATE["Parameters"]["Release"], "Default": "0" * 64}
    assert told == {**TEMPLATE, "Parameters": {k: v for k, v in TEMPLATE["Parameters"].items() if k != "Release"}}


def test_jobs_wait_for_what_settles_sooner_and_nothing_else_differs() -> None:
    derived = with_settling(TEMPLATE, 10)

    variables = derived["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["SETTLE_MS"] == "10000"
    variables["SETTLE_MS"] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["SETTLE_MS"]
    assert derived == TEMPLATE
