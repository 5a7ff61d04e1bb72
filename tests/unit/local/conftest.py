"""A small API of stand-in functions, run by the real local server."""

from __future__ import annotations

import http.client
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.engine import EMBEDDED
from local.service import running
from local.template import Template

PATIENCE_S = 90

AUTHORIZE = """
    def handler(event, context):
        word = event["identitySource"][0]
        if word == "crash":
            raise RuntimeError("storage is away")
        if word == "nonsense":
            return {"allowed": True}
        return {"isAuthorized": word == "let me in", "context": {"workspace": "w", "seen": event}}
"""
ECHO = """
    import json

    def handler(event, context):
        command = json.loads(event["body"]) if event.get("body") and not event["isBase64Encoded"] else {}
        if "raise" in command:
            raise RuntimeError("a bug")
        if "answer" in command:
            return command["answer"]
        if "fill" in command:
            return {"statusCode": 200, "body": "x" * command["fill"]}
        seen = {"event": event, "name": context.function_name, "left": context.get_remaining_time_in_millis()}
        return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(seen)}
"""
WRITE = """
    import os
    import boto3

    def handler(event, context):
        table = os.environ["EVENTS_TABLE"]
        boto3.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": event["rawPath"]}, "v": {"B": b"01"}})
        return {"statusCode": 204}
"""
COLLECT = """
    from queue import SimpleQueue

    DELIVERED = SimpleQueue()

    def handler(event, context):
        DELIVERED.put(event)
        return {"state": {}, "batchItemFailures": []}
"""

STREAM = {
    "Stream": {"GetAtt": "EventsTable.StreamArn"},
    "StartingPosition": "TRIM_HORIZON",
    "BatchSize": 100,
    "TumblingWindowInSeconds": 900,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Api:
    """A local server that runs the stand-in functions."""

    url: str

    def call(self, method: str, target: str, body: bytes | Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send a request with a good key; a body that is no bytes goes as JSON."""
        sent = {"authorization": "let me in", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, target, body, {name: value for name, value in sent.items() if value})
            got = connection.getresponse()
            cookies = got.headers.get_all("set-cookie") or []
            return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, cookies, got.read())
        finally:
            connection.close()

    def deliveries(self, records: int) -> list[dict[str, Any]]:
        """The next stream events of the collecting function, until they hold so many records."""
        queue = sys.modules["functions_collect_app"].DELIVERED
        found: list[dict[str, Any]] = []
        while sum(len(event["Records"]) for event in found) < records:
            found.append(queue.get(timeout=PATIENCE_S))
        return found


def _function(folder: Path, name: str, code: str, events: dict[str, Any], **properties: Any) -> dict[str, Any]:
    (folder / name).mkdir()
    (folder / name / "app.py").write_text(textwrap.dedent(code))
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": str(folder / name), "Events": events, **properties},
    }


def _integration(function: str) -> dict[str, Any]:
    return {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"IntegrationUri": {"Ref": f"{function}.Alias"}}}


def _route(function: str, key: str, authorization: str = "CUSTOM") -> dict[str, Any]:
    target = {"Sub": f"integrations/${{{function}Integration}}"}
    properties = {"RouteKey": key, "Target": target, "AuthorizationType": authorization}
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _table(*, stream: bool) -> dict[str, Any]:
    key = {"AttributeName": "pk", "KeyType": "HASH"}
    properties: dict[str, Any] = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [key],
    }
    if stream:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    return {"Type": "AWS::DynamoDB::Table", "Properties": properties}


def stand_in_template(folder: Path) -> Template:
    """Routes /echo, /write and a stream from the events table to a collecting function."""
    variables = {
        "EVENTS_TABLE": {"Ref": "EventsTable"},
        "USAGE_TABLE": {"Ref": "UsageTable"},
        "CATALOG_TABLE": {"Ref": "CatalogTable"},
    }
    uri = ["arn:${Function}/invocations", {"Function": {"Ref": "Authorize.Alias"}}]
    resources = {
        "Authorizer": {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {"AuthorizerUri": {"Sub": uri}}},
        "EchoIntegration": _integration("Echo"),
        "WriteIntegration": _integration("Write"),
        "Fixed": _route("Echo", "POST /echo"),
        "Named": _route("Echo", "GET /echo/{name}"),
        "Literal": _route("Echo", "GET /echo/literal"),
        "Deep": _route("Echo", "POST /echo/{name}/deep"),
        "Rest": _route("Echo", "GET /rest/{proxy+}"),
        "Open": _route("Echo", "GET /open", "NONE"),
        "Writing": _route("Write", "POST /write/{name}"),
        "EventsTable": _table(stream=True),
        "UsageTable": _table(stream=False),
        "CatalogTable": _table(stream=False),
        "Authorize": _function(folder, "authorize", AUTHORIZE, {}),
        "Echo": _function(folder, "echo", ECHO, {}, Timeout=7),
        "Write": _function(folder, "write", WRITE, {}),
        "Collect": _function(folder, "collect", COLLECT, {"Stream": {"Type": "DynamoDB", "Properties": STREAM}}),
    }
    shared = {"Handler": "app.handler", "Timeout": 29, "Environment": {"Variables": variables}}
    return Template({"Globals": {"Function": shared}, "Resources": resources})


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The stand-in API, running on the embedded engine."""
    folder = tmp_path_factory.mktemp("functions")
    template = stand_in_template(folder)
    with running(template, EMBEDDED, host="127.0.0.1", port=0, install_key=lambda _: None) as service:
        yield Api(service.url)
