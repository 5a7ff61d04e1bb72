"""template.yaml keeps the promises that only a template can break."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from dynameter.runtime.settings import Settings
from local.functions import merged_environment
from local.shard import Delivery
from local.template import ROOT, Template
from tests.conftest import load_function

TEMPLATE = Template.load()
FUNCTIONS = TEMPLATE.functions()
HTTP_FUNCTIONS = sorted({route.function for route in TEMPLATE.routes()})
_document: Any = TEMPLATE.document
MAX_ALARM_METRICS = 10
"""Of an alarm on metric math, a limit of CloudWatch that cannot be raised."""
BACKGROUND = {"RebuildFunction", "ThresholdsFunction", "WebhooksFunction"}
"""What may wait: nobody's request, and not the usage that requests are answered from."""
TABLES = {name: one for name, one in _document["Resources"].items() if one["Type"] == "AWS::DynamoDB::Table"}


def statements(name: str) -> Iterator[dict[str, Any]]:
    for policy in _document["Resources"][name]["Properties"].get("Policies", ()):
        yield from policy["Statement"]


def allowing(name: str) -> Iterator[dict[str, Any]]:
    return (statement for statement in statements(name) if statement["Effect"] == "Allow")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_every_function_has_its_folder(function: Any) -> None:
    module, _, _ = function.handler.partition(".")

    assert (function.folder / f"{module}.py").is_file()


def test_no_function_folder_is_left_out_of_the_template() -> None:
    folders = {path.parent.name for path in FUNCTIONS[0].folder.parent.glob("*/app.py")}

    assert folders == {function.folder.name for function in FUNCTIONS}


def test_no_route_is_declared_twice() -> None:
    counted = Counter(re.sub(r"\{\w+\}", "{}", route.key) for route in TEMPLATE.routes())

    assert [key for key, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("name", HTTP_FUNCTIONS)
def test_a_function_answers_exactly_the_routes_it_is_given(name: str) -> None:
    folder = next(one.folder.name for one in FUNCTIONS if one.name == name)

    assert set(load_function(folder).ROUTES) == {one.key for one in TEMPLATE.routes() if one.function == name}


def test_one_permission_a_function_lets_the_api_invoke_it() -> None:
    # A permission a route would not fit: Lambda takes 20 KB of them, some 45 routes.
    permissions = [one["Properties"] for one in _document["Resources"].values() if one["Type"].endswith("Permission")]
    invoked = [
        one["FunctionName"]["Ref"].removesuffix(".Alias")
        for one in permissions
        if one["Principal"] == "apigateway.amazonaws.com"
    ]

    assert sorted(invoked) == sorted([*HTTP_FUNCTIONS, TEMPLATE.authorizer()])


def test_the_api_has_fewer_routes_than_it_may_have() -> None:
    assert len(TEMPLATE.routes()) <= 300


def test_every_route_asks_the_authorizer_unless_its_function_may_do_nothing() -> None:
    harmless = {function.name for function in FUNCTIONS if not list(statements(function.name))}

    assert [route.key for route in TEMPLATE.routes() if not route.authorized and route.function not in harmless] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_survives_accidents(name: str) -> None:
    table = TABLES[name]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert TEMPLATE.resolve(table["Properties"]["DeletionProtectionEnabled"]) == "true"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_encrypted_by_a_key_of_the_account_or_one_that_is_named(name: str) -> None:
    named = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}

    assert TABLES[name]["Properties"]["SSESpecification"] == {"If": ["HasOwnKey", named, {"SSEEnabled": True}]}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_costs_nothing_while_idle(name: str) -> None:
    assert TABLES[name]["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize(
    ("days", "allowed"),
    [("0", True), ("35", True), ("40", True), ("100", True), ("9999", True)]
    + [(days, False) for days in ("", "1", "9", "34", "035", "10000", "-40", "35.5")],
)
def test_events_are_kept_for_ever_or_at_least_35_days(days: str, allowed: bool) -> None:
    pattern = _document["Parameters"]["EventRetentionDays"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, days)) is allowed


def mapping_of(function: str) -> Any:
    return next(one.properties for one in TEMPLATE.stream_mappings() if one.function == function)


@pytest.mark.parametrize("mapping", TEMPLATE.stream_mappings(), ids=lambda one: one.function)
def test_a_stream_mapping_loses_nothing(mapping: Any) -> None:
    properties = mapping.properties

    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["DestinationConfig"]["OnFailure"]["Type"] == "S3"
    assert "MaximumRetryAttempts" not in properties
    assert "MaximumRecordAgeInSeconds" not in properties


def test_the_events_stream_carries_shard_ids_in_order() -> None:
    properties = mapping_of("AggregateFunction")

    assert properties["ParallelizationFactor"] == 1
    assert properties["TumblingWindowInSeconds"] > 0
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_only_running_jobs_reach_the_rebuild_and_each_alone() -> None:
    properties = mapping_of("RebuildFunction")
    admits = Delivery.of(properties).filter.admits

    def change(sort_key: str, state: str | None) -> dict[str, Any]:
        image = {} if state is None else {"NewImage": {"state": {"S": state}}}
        return {"dynamodb": {"Keys": {"pk": {"S": "w.x"}, "sk": {"S": sort_key}}, **image}}

    assert properties["BatchSize"] == 1
    assert admits(change("j.rebuild.x.1", "running"))
    assert not admits(change("j.rebuild.x.1", "done"))
    assert not admits(change("j.rebuild.x.1", None))
    assert not admits(change("m.x", "running"))


@pytest.mark.parametrize("mapping", TEMPLATE.stream_mappings(), ids=lambda one: one.function)
def test_the_local_pump_honours_every_setting_of_a_mapping(mapping: Any) -> None:
    delivery = Delivery.of(mapping.properties)

    assert delivery.window_s == mapping.properties.get("TumblingWindowInSeconds", 0)
    assert delivery.lanes == mapping.properties["ParallelizationFactor"]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_a_function_may_touch_named_resources_only(function: Any) -> None:
    for statement in allowing(function.name):
        for resource in as_list(statement["Resource"]):
            text = resource.get("Sub", "") if isinstance(resource, dict) else resource
            assert isinstance(resource, dict), f"{function.name}: {resource} names no resource of the stack"
            assert not text.startswith("*")
            # an index, or the objects of a bucket of the stack's own
            assert re.fullmatch(r"(\$\{\w+\.Arn\}/(index/\w+|\*))?", text), f"{function.name}: {text}"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_a_function_may_do_named_actions_only(function: Any) -> None:
    actions = [action for statement in allowing(function.name) for action in as_list(statement["Action"])]

    assert [action for action in actions if "*" in action] == []
    assert "dynamodb:Scan" not in actions
    assert "dynamodb:DeleteTable" not in actions


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_a_function_has_a_log_group_that_forgets(function: Any) -> None:
    group = _document["Resources"][function.name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]

    assert "RetentionInDays" in _document["Resources"][group]["Properties"]


def test_the_functions_agree_on_one_environment_that_settings_read() -> None:
    settings = Settings.from_env(merged_environment(FUNCTIONS))

    assert {settings.events_table, settings.usage_table, settings.catalog_table} == set(TABLES)
    assert settings.endpoint is None
    assert settings.clock_skew_ms >= 500
    assert settings.settle_ms >= 2 * 29_000, "a request that writes must have ended by then"
    assert settings.event_retention_days == 0


def test_http_functions_answer_before_api_gateway_gives_up() -> None:
    assert all(one.timeout_s < 30 for one in FUNCTIONS if one.name in HTTP_FUNCTIONS)
    assert next(one.timeout_s for one in FUNCTIONS if one.name == TEMPLATE.authorizer()) <= 10


ALARMS = {name for name, one in _document["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}


def test_every_alarm_has_its_row_in_the_operations_page_and_every_row_its_alarm() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("## Alarms\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == ALARMS


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_every_alarm_can_notify_and_is_silent_while_nothing_happens(name: str) -> None:
    properties = _document["Resources"][name]["Properties"]

    assert properties["AlarmActions"] == _document["Resources"]["EmitErrors"]["Properties"]["AlarmActions"]
    assert properties["TreatMissingData"] == "notBreaching"
    assert "docs/operations.md" in properties["AlarmDescription"]


def test_no_alarm_has_more_metrics_than_cloudwatch_takes() -> None:
    alarms = {
        name: [one for one in resource["Properties"]["Metrics"] if "Expression" not in one]
        for name, resource in _document["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    }
    assert alarms
    assert {name: len(metrics) for name, metrics in alarms.items() if len(metrics) > MAX_ALARM_METRICS} == {}


def test_the_alarm_of_throttled_functions_watches_every_function_that_takes_a_key() -> None:
    metrics = _document["Resources"]["FunctionThrottles"]["Properties"]["Metrics"]
    held = [one["If"] for one in metrics if "If" in one]
    watched = {metric_function(one) for one in metrics if "MetricStat" in one}
    watched_while_not_held = {metric_function(unheld) for _, _, unheld in held}

    assert {(condition, instead["Ref"]) for condition, instead, _ in held} == {("HoldsBackground", "AWS::NoValue")}
    assert watched_while_not_held == BACKGROUND
    assert watched | watched_while_not_held == {function.name for function in FUNCTIONS} - {"DescribeFunction"}
    assert watched & watched_while_not_held == set()


def metric_function(metric: dict[str, Any]) -> str:
    name: str = metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"]
    return name


def test_what_a_stream_gives_up_can_be_found() -> None:
    assert "FailedBatches" in _document["Outputs"]


def test_the_edge_throttles_and_the_limit_of_a_workspace_is_a_setting() -> None:
    throttling = _document["Resources"]["ApiStage"]["Properties"]["DefaultRouteSettings"]
    settings = Settings.from_env(merged_environment(FUNCTIONS))

    assert TEMPLATE.resolve(throttling["ThrottlingRateLimit"]) >= 1
    assert TEMPLATE.resolve(throttling["ThrottlingBurstLimit"]) >= 1
    assert settings.events_per_second == 10_000
    assert settings.event_burst >= settings.events_per_second
