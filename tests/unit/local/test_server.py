"""The local server behaves towards clients and functions as API Gateway's HTTP API does."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.local.conftest import Api


def test_health_answers_without_a_key(api: Api) -> None:
    answer = api.call("GET", "/healthz", headers={"authorization": ""})

    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_a_function_sees_payload_two(api: Api) -> None:
    answer = api.call("GET", "/echo/one?a=1&b=%20x&a=2&c", headers={"X-Custom": "Yes", "Cookie": "p=1; q=2"})

    event = answer.json()["event"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /echo/{name}"
    assert event["rawPath"] == "/echo/one"
    assert event["rawQueryString"] == "a=1&b=%20x&a=2&c"
    assert event["queryStringParameters"] == {"a": "1,2", "b": " x", "c": ""}
    assert event["pathParameters"] == {"name": "one"}
    assert event["headers"]["x-custom"] == "Yes"
    assert event["cookies"] == ["p=1", "q=2"]
    assert event["isBase64Encoded"] is False
    assert "body" not in event


def test_the_request_context_names_the_request_and_the_grant(api: Api) -> None:
    answer = api.call("GET", "/echo/one", headers={"User-Agent": "me/1"})

    context = answer.json()["event"]["requestContext"]
    assert context["http"] == {
        "method": "GET",
        "path": "/echo/one",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "me/1",
    }
    assert context["routeKey"] == "GET /echo/{name}"
    assert context["stage"] == "$default"
    assert context["timeEpoch"] == pytest.approx(time.time() * 1000, abs=60_000)
    assert context["authorizer"]["lambda"]["workspace"] == "w"
    assert answer.headers["apigw-requestid"] == context["requestId"]


def test_the_context_counts_down_from_the_functions_timeout(api: Api) -> None:
    seen = api.call("GET", "/echo/one").json()

    assert seen["name"] == "Echo"
    assert 0 < seen["left"] <= 7_000


def test_the_authorizer_sees_payload_two(api: Api) -> None:
    answer = api.call("GET", "/echo/one?x=y")

    seen = answer.json()["event"]["requestContext"]["authorizer"]["lambda"]["seen"]
    assert (seen["version"], seen["type"]) == ("2.0", "REQUEST")
    assert seen["identitySource"] == ["let me in"]
    assert seen["routeArn"].endswith("/$default/GET/echo/one")
    assert seen["routeKey"] == "GET /echo/{name}"
    assert seen["pathParameters"] == {"name": "one"}
    assert seen["headers"]["authorization"] == "let me in"


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", "application/xml", "TEXT/CSV"])
def test_text_arrives_as_text(api: Api, kind: str) -> None:
    answer = api.call("POST", "/echo", '{"é":1}'.encode(), {"content-type": kind})

    event = answer.json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"é":1}', False)


@pytest.mark.parametrize("kind", ["application/cloudevents+json", "application/octet-stream", "image/png", None])
def test_any_other_body_arrives_base64(api: Api, kind: str | None) -> None:
    answer = api.call("POST", "/echo", b'{"a":1}', {"content-type": kind} if kind else {})

    event = answer.json()["event"]
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b'{"a":1}', True)


def test_repeated_headers_are_joined_by_commas(api: Api) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(b"GET /open HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n")
        reply = b"".join(iter(lambda: raw.recv(65536), b""))

    event = json.loads(reply.split(b"\r\n\r\n", 1)[1])["event"]
    assert event["headers"]["x-a"] == "1,2"


def test_a_chunked_body_arrives_whole(api: Api) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nAuthorization: let me in\r\nContent-Type: text/plain\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"
        )
        reply = b"".join(iter(lambda: raw.recv(65536), b""))

    assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["event"]["body"] == "{} "


@pytest.mark.parametrize(
    ("target", "path", "name"),
    [
        ("/echo/a%2Fb%20c", "/echo/a/b c", "a/b c"),
        ("/echo/caf%C3%A9", "/echo/café", "café"),
        ("/echo/a+b", "/echo/a+b", "a+b"),
    ],
)
def test_path_parameters_are_decoded(api: Api, target: str, path: str, name: str) -> None:
    event = api.call("GET", target).json()["event"]

    assert (event["rawPath"], event["pathParameters"]) == (path, {"name": name})


def test_a_literal_segment_wins_over_a_parameter(api: Api) -> None:
    assert api.call("GET", "/echo/literal").json()["event"]["routeKey"] == "GET /echo/literal"


def test_a_greedy_parameter_takes_the_rest(api: Api) -> None:
    event = api.call("GET", "/rest/a/b").json()["event"]

    assert (event["routeKey"], event["pathParameters"]) == ("GET /rest/{proxy+}", {"proxy": "a/b"})


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nowhere"),
        ("DELETE", "/echo"),
        ("GET", "/echo/one/"),
        ("HEAD", "/echo/one"),
        ("GET", "/rest/"),
        ("POST", "/healthz"),
    ],
)
def test_what_the_template_lacks_is_not_found(api: Api, method: str, target: str) -> None:
    answer = api.call(method, target)

    assert answer.status == 404
    assert answer.body == b"" if method == "HEAD" else answer.json() == {"message": "Not Found"}


@pytest.mark.parametrize(
    ("word", "status", "message"),
    [
        ("", 401, "Unauthorized"),
        ("wrong", 403, "Forbidden"),
        ("crash", 500, "Internal Server Error"),
        ("nonsense", 500, "Internal Server Error"),
    ],
)
def test_the_authorizer_stops_a_request(api: Api, word: str, status: int, message: str) -> None:
    answer = api.call("GET", "/echo/one", headers={"authorization": word})

    assert (answer.status, answer.json()) == (status, {"message": message})


def test_a_route_without_an_authorizer_is_open(api: Api) -> None:
    answer = api.call("GET", "/open", headers={"authorization": ""})

    assert answer.status == 200
    assert "authorizer" not in answer.json()["event"]["requestContext"]


def test_a_handler_that_raises_is_answered_500(api: Api) -> None:
    answer = api.call("POST", "/echo", {"raise": 1})

    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize(
    "broken",
    [
        {"statusCode": "many"},
        {"statusCode": 42},
        {"statusCode": True},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": "1\r\nb: 2"}},
        {"statusCode": 200, "cookies": "a=1"},
    ],
)
def test_an_answer_that_is_none_becomes_500(api: Api, broken: dict[str, Any]) -> None:
    answer = api.call("POST", "/echo", {"answer": broken})

    assert (answer.status, answer.json()) == (500, {"message": "Internal Server Error"})


def test_an_answer_carries_status_headers_cookies_and_binary(api: Api) -> None:
    command = {
        "statusCode": "201",
        "headers": {"X-A": 1, "Content-Type": "image/png"},
        "cookies": ["a=1", "b=2; Secure"],
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }

    answer = api.call("POST", "/echo", {"answer": command})

    assert (answer.status, answer.body) == (201, b"\x00\xff")
    assert (answer.headers["x-a"], answer.headers["content-type"]) == ("1", "image/png")
    assert answer.cookies == ["a=1", "b=2; Secure"]


def test_a_result_without_a_status_is_json_with_200(api: Api) -> None:
    answer = api.call("POST", "/echo", {"answer": {"hello": ["world"]}})

    assert (answer.status, answer.json()) == (200, {"hello": ["world"]})
    assert answer.headers["content-type"] == "application/json"


def test_no_content_has_no_body(api: Api) -> None:
    answer = api.call("POST", "/echo", {"answer": {"statusCode": 204, "body": ""}})

    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("size", "kind"), [(10 * 1024 * 1024 + 1, "text/plain"), (6 * 1024 * 1024, "text/plain"), (4_800_000, "image/png")]
)
def test_too_large_a_request_is_413(api: Api, size: int, kind: str) -> None:
    answer = api.call("POST", "/echo", b"x" * size, {"content-type": kind})

    assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})


def test_too_large_an_answer_is_500(api: Api) -> None:
    assert api.call("POST", "/echo", {"fill": 6 * 1024 * 1024}).status == 500


def test_what_a_request_writes_reaches_the_stream_function(api: Api) -> None:
    for name in ("one", "two"):
        assert api.call("POST", f"/write/{name}", b"").status == 204

    delivered = api.deliveries(records=2)
    records = [record for event in delivered for record in event["Records"]]
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in records] == ["/write/one", "/write/two"]
    assert records[0]["eventName"] == "INSERT"
    assert records[0]["dynamodb"]["NewImage"]["v"] == {"B": "MDE="}
    assert isinstance(records[0]["dynamodb"]["ApproximateCreationDateTime"], int)
    assert ":table/dynameter-local-EventsTable/stream/" in records[0]["eventSourceARN"]
    assert delivered[0]["shardId"].startswith("shardId-")
