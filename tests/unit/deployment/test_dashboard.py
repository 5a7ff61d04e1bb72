"""The dashboard shows metrics that are published, of resources that are there."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dynameter.rebuild.worker import Result
from local.template import ROOT, Template

TEMPLATE = Template.load()
RESOURCES: Any = TEMPLATE.document["Resources"]
FUNCTIONS = {one.name for one in TEMPLATE.functions()}
_BODY: str = RESOURCES["Overview"]["Properties"]["DashboardBody"]["Sub"]
WIDGETS: list[dict[str, Any]] = json.loads(_BODY)["widgets"]

AWS_METRICS = {
    ("AWS/Lambda", "FunctionName"): {
        "AsyncEventAge",
        "AsyncEventsDropped",
        "ConcurrentExecutions",
        "Duration",
        "Errors",
        "IteratorAge",
        "Throttles",
    },
    ("AWS/DynamoDB", "TableName"): {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"},
    ("AWS/ApiGateway", "ApiId"): {"4xx", "5xx", "Count"},
}
"""Names as AWS publishes them, by namespace and first dimension."""
KINDS = {
    "FunctionName": "AWS::Serverless::Function",
    "TableName": "AWS::DynamoDB::Table",
    "ApiId": "AWS::ApiGatewayV2::Api",
}


def metrics() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of everything shown."""
    for widget in WIDGETS:
        for row in widget["properties"].get("metrics", ()):
            namespace, name, *rest = [one for one in row if isinstance(one, str)]
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


SHOWN = list(metrics())


def published() -> set[str]:
    """The texts in the modules that publish metrics, and the names made from results of jobs."""
    library = ROOT / "layers" / "dynameter" / "python" / "dynameter"
    modules = [
        *(ROOT / "functions").glob("*/app.py"),
        library / "http/lambda_proxy.py",
        library / "admission/limiter.py",
    ]
    return {f"jobs_{one.value}" for one in Result} | {text for module in modules for text in texts(module)}


def texts(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named(reference: str) -> str:
    found = re.fullmatch(r"\$\{(\w+)\}", reference)
    assert found is not None, reference
    return found[1]


def test_every_metric_of_ours_is_published_by_the_code() -> None:
    assert {name for namespace, name, _ in SHOWN if namespace == "Dynameter"} - published() == set()


def test_our_metrics_are_those_of_this_stack() -> None:
    own = [dimensions for namespace, _, dimensions in SHOWN if namespace == "Dynameter"]

    assert own
    assert all(one == {"service": "${AWS::StackName}"} for one in own)


@pytest.mark.parametrize(("namespace", "name", "dimensions"), [one for one in SHOWN if one[0] != "Dynameter"])
def test_a_metric_of_awss_is_that_of_a_resource_of_the_stack(
    namespace: str, name: str, dimensions: dict[str, str]
) -> None:
    dimension, reference = next(iter(dimensions.items()))

    assert name in AWS_METRICS[namespace, dimension]
    assert RESOURCES[named(reference)]["Type"] == KINDS[dimension]


def test_an_index_that_is_shown_is_one_of_its_table() -> None:
    for _, _, dimensions in SHOWN:
        if "GlobalSecondaryIndexName" in dimensions:
            indexes = RESOURCES[named(dimensions["TableName"])]["Properties"]["GlobalSecondaryIndexes"]
            assert dimensions["GlobalSecondaryIndexName"] in {one["IndexName"] for one in indexes}


@pytest.mark.parametrize("metric", ["Duration", "Errors", "Throttles", "ConcurrentExecutions"])
def test_every_function_is_shown(metric: str) -> None:
    assert {named(one["FunctionName"]) for _, name, one in SHOWN if name == metric} == FUNCTIONS


def test_every_stream_and_every_table_is_shown() -> None:
    streamed = {mapping.function for mapping in TEMPLATE.stream_mappings()}
    tables = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::DynamoDB::Table"}

    assert {named(one["FunctionName"]) for _, name, one in SHOWN if name == "IteratorAge"} == streamed
    assert {named(one["TableName"]) for namespace, _, one in SHOWN if namespace == "AWS/DynamoDB"} == tables


def test_the_state_of_every_alarm_is_shown() -> None:
    (widget,) = [one for one in WIDGETS if one["type"] == "alarm"]
    alarms = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}

    assert {named(arn.replace(".Arn}", "}")) for arn in widget["properties"]["alarms"]} == alarms


def test_requests_are_shown_by_their_median_and_the_slowest_of_a_hundred() -> None:
    shown = [
        one["properties"]["stat"]
        for one in WIDGETS
        if any("Duration" in row for row in one["properties"].get("metrics", ()))
    ]

    assert {"p50", "p99"} <= set(shown)


def test_widgets_lie_side_by_side_and_not_on_each_other() -> None:
    places = [
        (x, y)
        for one in WIDGETS
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_a_stack_may_do_without() -> None:
    assert RESOURCES["Overview"]["Condition"] == "HasDashboard"
    assert TEMPLATE.document["Conditions"]["HasDashboard"] == {"Equals": [{"Ref": "Dashboard"}, "true"]}


def test_no_other_resource_needs_the_dashboard() -> None:
    others = {name: one for name, one in RESOURCES.items() if name != "Overview"}

    assert "Overview" not in json.dumps(others)
