"""template.yaml is deployed without downtime, watched, encrypted, and leaves behind what must not be lost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from local.template import Template

TEMPLATE = Template.load()
RESOURCES: Any = TEMPLATE.document["Resources"]
FUNCTIONS = {one.name: RESOURCES[one.name]["Properties"] for one in TEMPLATE.functions()}
STREAMED = {one.function for one in TEMPLATE.stream_mappings()}
BACKGROUND = {"RebuildFunction", "ThresholdsFunction", "WebhooksFunction"}


def of_type(kind: str) -> dict[str, Any]:
    return {name: one for name, one in RESOURCES.items() if one["Type"] == kind}


BUCKETS = of_type("AWS::S3::Bucket")
ALARMS = {name: one["Properties"] for name, one in of_type("AWS::CloudWatch::Alarm").items()}
LAYERS = of_type("AWS::Serverless::LayerVersion")


def alarms_on(metric: str, function: str) -> list[str]:
    dimensions = [{"Name": "FunctionName", "Value": {"Ref": function}}]
    return [
        name
        for name, alarm in ALARMS.items()
        if alarm.get("MetricName") == metric and alarm.get("Dimensions") == dimensions
    ]


# ---- new code


@pytest.mark.parametrize("name", FUNCTIONS)
def test_new_code_takes_over_as_told_and_goes_back_when_its_own_errors_ring(name: str) -> None:
    preference = FUNCTIONS[name]["DeploymentPreference"]

    assert preference["Type"] == {"Ref": "DeploymentStyle"}
    assert [one["Ref"] for one in preference["Alarms"]] == alarms_on("Errors", name)
    assert len(preference["Alarms"]) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_published_when_anything_of_it_or_the_release_changes(name: str) -> None:
    assert TEMPLATE.document["Globals"]["Function"]["AutoPublishAlias"] == "live"
    assert FUNCTIONS[name]["AutoPublishAliasAllProperties"] is True
    assert FUNCTIONS[name]["AutoPublishCodeSha256"] == {"Ref": "Release"}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_publishes_what_uses_it_and_its_old_versions_stay(name: str) -> None:
    properties = LAYERS[name]["Properties"]

    assert properties["PublishLambdaVersion"] is True
    assert properties["RetentionPolicy"] == "Retain"
    # Two stacks of one account have layers of their own.
    assert properties["LayerName"]["Sub"].startswith("${AWS::StackName}-")


def test_without_a_release_named_code_alone_publishes() -> None:
    release = TEMPLATE.document["Parameters"]["Release"]

    assert release["Default"] == ""
    assert re.fullmatch(release["AllowedPattern"], "0123456789abcdef" * 4)
    assert re.fullmatch(release["AllowedPattern"], "")


# ---- what runs beside what


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_work_that_can_wait_may_be_held_back(name: str) -> None:
    held = {"If": ["HoldsBackground", {"Ref": "BackgroundConcurrency"}, {"Ref": "AWS::NoValue"}]}

    assert FUNCTIONS[name].get("ReservedConcurrentExecutions") == (held if name in BACKGROUND else None)


def test_a_stack_deploys_into_an_account_that_can_set_no_concurrency_apart() -> None:
    assert TEMPLATE.document["Parameters"]["BackgroundConcurrency"]["Default"] == 0
    assert TEMPLATE.document["Conditions"]["HoldsBackground"] == {
        "Not": [{"Equals": [{"Ref": "BackgroundConcurrency"}, 0]}]
    }


# ---- watched


@pytest.mark.parametrize("name", sorted(STREAMED))
def test_a_stream_that_falls_behind_rings(name: str) -> None:
    assert len(alarms_on("IteratorAge", name)) == 1


@pytest.mark.parametrize("name", sorted({one.function for one in TEMPLATE.bus_rules()}))
def test_events_of_a_bus_that_wait_too_long_ring(name: str) -> None:
    assert len(alarms_on("AsyncEventAge", name)) == 1
    assert FUNCTIONS[name]["EventInvokeConfig"]["MaximumRetryAttempts"] > 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_traced(name: str) -> None:
    assert (TEMPLATE.document["Globals"]["Function"] | FUNCTIONS[name])["Tracing"] == "Active"


def test_metrics_carry_the_stacks_name_so_that_two_stacks_do_not_add_up() -> None:
    variables = TEMPLATE.document["Globals"]["Function"]["Environment"]["Variables"]
    own = [alarm["Dimensions"] for alarm in ALARMS.values() if alarm.get("Namespace") == "Dynameter"]

    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    assert own
    assert all(one == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}] for one in own)


@pytest.mark.parametrize("stage", of_type("AWS::ApiGatewayV2::Stage").values())
def test_access_is_logged_a_json_object_a_request_to_a_group_that_forgets(stage: Any) -> None:
    settings = stage["Properties"]["AccessLogSettings"]
    fields = json.loads(settings["Format"])
    group, _, attribute = settings["DestinationArn"]["GetAtt"].partition(".")

    assert {"requestId", "routeKey", "status", "latencyMs", "keyId"} <= fields.keys()
    assert not [value for value in fields.values() if "header" in value.lower()]
    assert attribute == "Arn"
    assert "RetentionInDays" in RESOURCES[group]["Properties"]


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_a_log_group_forgets_when_told(name: str) -> None:
    assert RESOURCES[name]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_functions_log_to_groups_of_their_own() -> None:
    groups = [one["LoggingConfig"]["LogGroup"]["Ref"] for one in FUNCTIONS.values()]

    assert len(set(groups)) == len(FUNCTIONS)


# ---- buckets


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_survives_the_stack_and_its_objects_a_mistake(name: str) -> None:
    bucket = BUCKETS[name]
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]

    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == 90
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_encrypted(name: str) -> None:
    (rule,) = BUCKETS[name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    condition, own, otherwise = rule["If"]

    assert condition == "HasOwnKey"
    assert own["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
    assert otherwise["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_nobody_elses_and_speaks_tls_alone(name: str) -> None:
    properties = BUCKETS[name]["Properties"]
    (policy,) = [
        one for one in of_type("AWS::S3::BucketPolicy").values() if one["Properties"]["Bucket"] == {"Ref": name}
    ]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [{"GetAtt": f"{name}.Arn"}, {"Sub": "${" + name + ".Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert policy["DeletionPolicy"] == policy["UpdateReplacePolicy"] == "Retain"


# ---- streams


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_reads_no_stream_but_its_own(name: str) -> None:
    denied = [
        one for policy in FUNCTIONS[name].get("Policies", ()) for one in policy["Statement"] if one["Effect"] == "Deny"
    ]
    own = [f"{one.table}.StreamArn" for one in TEMPLATE.stream_mappings() if one.function == name]

    if not own:
        assert denied == []
        return
    (statement,) = denied
    assert [one["GetAtt"] for one in statement["NotResource"]] == own
    assert set(statement["Action"]) == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
    }
    assert "Condition" not in statement


def test_kinds_of_resources_that_nobody_has_looked_at_are_not_in_the_template() -> None:
    # Queues, topics, keys and functions' URLs have promises of their own to keep.
    assert {one["Type"] for one in RESOURCES.values()} == {
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::Serverless::Function",
        "AWS::Serverless::LayerVersion",
    }
