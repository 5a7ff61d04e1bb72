"""API Gateway's HTTP API on a small scale: HTTP messages to and from Lambda's payload 2.0.

Wire forms and limits: API Gateway Developer Guide, "AWS Lambda proxy integrations for HTTP APIs" and "Quotas for
HTTP APIs".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from local.template import Route

MAX_BODY_BYTES = 10 * 1024 * 1024
"""What API Gateway takes in one request's body."""
MAX_EVENT_BYTES = 6 * 1024 * 1024
"""What Lambda takes, and gives back, in one synchronous invocation: the whole event as JSON."""

ACCOUNT = "123456789012"
API_ID = "local"
REGION = "us-east-1"

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
_OWN_HEADERS = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_FORBIDDEN_IN_HEADERS = "\r\n\0"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came: ``path`` and ``query`` still percent-encoded, ``headers`` lower-case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer; ``headers`` may repeat a name (``set-cookie``)."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Match:
    """The route that a request takes, with its path parameters decoded."""

    route: Route
    path_parameters: Mapping[str, str]


class InvalidAnswer(Exception):
    """What the function returned is no answer that API Gateway understands."""


def message(status: HTTPStatus, text: str | None = None) -> HttpAnswer:
    """An answer of API Gateway's own, e.g. ``{"message":"Not Found"}``."""
    body = json.dumps({"message": text or status.phrase}, separators=(",", ":")).encode()
    return HttpAnswer(int(status), (("content-type", "application/json"),), body)


class Router:
    """The template's routes; literal segments win over parameters, as at API Gateway."""

    def __init__(self, routes: Sequence[Route]) -> None:
        rules = [
            Rule(_pattern(route.path), endpoint=route, methods=None if route.method == "ANY" else [route.method])
            for route in routes
        ]
        self._urls = Map(rules, strict_slashes=True, merge_slashes=False, redirect_defaults=False).bind("local")

    def match(self, request: HttpRequest) -> Match | None:
        """The route of the request, None where the API has none."""
        try:
            route, parameters = self._urls.match(request.path, request.method)
        except HTTPException:
            return None
        if route.method not in (request.method, "ANY"):  # HEAD, which werkzeug adds to GET
            return None
        return Match(route, {name: unquote(value) for name, value in parameters.items()})


def _pattern(path: str) -> str:
    """``/a/{name}/{rest+}`` in werkzeug's spelling."""
    return re.sub(r"\{(\w+)(\+?)\}", lambda found: f"<{'path:' if found[2] else ''}{found[1]}>", path)


def proxy_event(
    request: HttpRequest,
    match: Match,
    request_id: str,
    moment: datetime,
    granted: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The event of a proxy integration, payload 2.0. ``granted`` is the context that the authorizer gave."""
    event = {"version": "2.0", **_common(request, match, request_id, moment)}
    if granted is not None:
        event["requestContext"]["authorizer"] = {"lambda": dict(granted)}
    if not request.body:
        return {**event, "isBase64Encoded": False}
    if _is_text(request.headers.get("content-type", "")):
        return {**event, "body": request.body.decode("utf-8", "replace"), "isBase64Encoded": False}
    return {**event, "body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def authorizer_event(
    request: HttpRequest, match: Match, request_id: str, moment: datetime, identity: Sequence[str]
) -> dict[str, Any]:
    """The event of a Lambda authorizer, payload 2.0."""
    stage_and_path = f"$default/{request.method}{unquote(request.path)}"
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/{stage_and_path}",
        "identitySource": list(identity),
        **_common(request, match, request_id, moment),
    }


def event_bytes(event: Mapping[str, Any]) -> int:
    """The event's size as Lambda counts it."""
    return len(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def answer_of(result: Any) -> HttpAnswer:
    """What a function returned, as HTTP. Raises ``InvalidAnswer``, which API Gateway answers with 500."""
    if not isinstance(result, dict) or "statusCode" not in result:
        return HttpAnswer(200, (("content-type", "application/json"),), json.dumps(result).encode())
    headers = result.get("headers") or {}
    cookies = result.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise InvalidAnswer("headers must be an object and cookies a list")
    sent = [(str(name).lower(), _header_text(value)) for name, value in headers.items()]
    sent = [(name, value) for name, value in sent if name not in _OWN_HEADERS]
    sent += [("set-cookie", _header_text(cookie)) for cookie in cookies]
    body = _body(result.get("body"), bool(result.get("isBase64Encoded")))
    if body and not any(name == "content-type" for name, _ in sent):
        sent.append(("content-type", "text/plain;charset=UTF-8"))
    return HttpAnswer(_status(result["statusCode"]), sent, body)


def _common(request: HttpRequest, match: Match, request_id: str, moment: datetime) -> dict[str, Any]:
    """What proxy and authorizer events share. API Gateway decodes the path of an HTTP API, rawPath too."""
    path = unquote(request.path)
    headers = dict(request.headers)
    cookies = [one.strip() for one in headers.pop("cookie", "").split(";") if one.strip()]
    host = headers.get("host", "")
    queries: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        queries[name] = f"{queries[name]},{value}" if name in queries else value
    return {
        "routeKey": match.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": queries} if queries else {}),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": host,
            "domainPrefix": host.split(".", 1)[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": match.route.key,
            "stage": "$default",
            "time": moment.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(moment.timestamp() * 1000),
        },
        **({"pathParameters": dict(match.path_parameters)} if match.path_parameters else {}),
    }


def _is_text(content_type: str) -> bool:
    """Whether API Gateway passes a body of this type as text; any other arrives base64."""
    media_type = content_type.split(";", 1)[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def _status(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isdecimal():
        raise InvalidAnswer(f"statusCode must be a whole number, not {value!r}")
    status = int(value)
    if not 200 <= status <= 599:
        raise InvalidAnswer(f"statusCode {status} is no final status of HTTP")
    return status


def _header_text(value: Any) -> str:
    if not isinstance(value, str | int | bool):
        raise InvalidAnswer(f"a header must be text, not {value!r}")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if any(character in text for character in _FORBIDDEN_IN_HEADERS):
        raise InvalidAnswer("a header must be one line")
    return text.encode("latin-1", "replace").decode("latin-1")


def _body(body: Any, is_base64: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        raise InvalidAnswer(f"body must be text, not {type(body).__name__}")
    if not is_base64:
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAnswer("body is not valid base64") from None
