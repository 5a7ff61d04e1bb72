"""API Gateway's payload 2.0 to a ``Request`` and back, and the one place where access is checked.

API Gateway has matched the route before the function runs, so an application is a table from route keys to
endpoints; tests hold the table against template.yaml.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from dynameter.access.principal import Principal
from dynameter.clock import Clock
from dynameter.deadline import end_of_invocation, within
from dynameter.errors import DynameterError, FieldError, Forbidden, InvalidInput, Unauthenticated, Unavailable
from dynameter.events.rules import check_body
from dynameter.http.message import Request, Response, json_response
from dynameter.runtime.observability import logger, publish_counts

WORKSPACE_PARAMETERS = ("workspace_id", "bucketId")
"""Path parameters that name the workspace."""

ANSWER_RESERVE_US = 3_000_000
"""Time kept back of the function's 29 s: API Gateway's 30 s count a cold start, too, a connection may take 1 s."""

UNAVAILABLE = "unavailable"
"""The metric that counts requests answered 503 because storage did not answer in time."""

_Problem = Callable[[DynameterError, str], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route's scope, what answers it, and how its dialect words an error (given the error and the request id)."""

    scope: str
    answer: Callable[[Request], Response]
    problem: _Problem


class InternalFault(DynameterError):
    """A bug or an unforeseen fault: logged in full, told to nobody."""


def dispatch(event: Mapping[str, Any], context: Any, routes: Mapping[str, Endpoint], clock: Clock) -> dict[str, Any]:
    """Answer one payload 2.0 event; an error of any kind leaves as the dialect's own error body."""
    request_context = event["requestContext"]
    request_id = str(request_context.get("requestId", ""))
    endpoint = routes.get(event["routeKey"])
    if endpoint is None:
        return payload(json_response(404, {"message": "Not Found"}))
    try:
        request = _request(event, context, endpoint.scope, clock)
        with within(request.deadline_us, clock):
            response = endpoint.answer(request)
    except DynameterError as error:
        if isinstance(error, Unavailable):
            logger.warning("storage did not answer in time", extra={"route": event["routeKey"], "fault": error.message})
            publish_counts({UNAVAILABLE: 1})
        response = endpoint.problem(error.shortened(), request_id)
    except Exception:
        logger.exception("unhandled fault", extra={"route": event["routeKey"], "request_id": request_id})
        response = endpoint.problem(InternalFault("internal error"), request_id)
    return payload(response)


def _request(event: Mapping[str, Any], context: Any, scope: str, clock: Clock) -> Request:
    path = event.get("pathParameters") or {}
    principal = _principal(event, path, scope)
    return Request(
        route=event["routeKey"],
        path=path,
        query=tuple(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
        headers=event.get("headers") or {},
        body=_body(event),
        id=str(event["requestContext"].get("requestId", "")),
        principal=principal,
        deadline_us=end_of_invocation(context, clock, ANSWER_RESERVE_US),
    )


def _principal(event: Mapping[str, Any], path: Mapping[str, str], scope: str) -> Principal:
    """The caller, checked against the path's workspace and the endpoint's scope; fails closed."""
    granted = ((event["requestContext"].get("authorizer") or {}).get("lambda")) or {}
    workspace, key_id = granted.get("workspace"), granted.get("key_id")
    if not workspace or not key_id:
        raise Unauthenticated("Missing or invalid API key.")
    principal = Principal(workspace, key_id, frozenset(str(granted.get("scopes", "")).split()))
    for name in WORKSPACE_PARAMETERS:
        if name in path and _canonical(path[name], name) != principal.workspace:
            raise Forbidden("Insufficient permissions: the key belongs to another workspace.")
    if not principal.allows(scope):
        raise Forbidden(f"Insufficient permissions: the key lacks the scope {scope}.", code="insufficient_scope")
    return principal


def _canonical(text: str, name: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        field = FieldError(("path", name), "uuid_parsing", "Input should be a valid UUID", text)
        raise InvalidInput(f"{name} must be a UUID", fields=(field,)) from None


def _body(event: Mapping[str, Any]) -> bytes:
    """The decoded body. Raises TooLarge past what any route takes; some take less."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            decoded = base64.b64decode(body)
        except binascii.Error:
            raise InvalidInput("the body is not valid base64") from None
    else:
        decoded = str(body).encode("utf-8", "surrogatepass")
    check_body(decoded)
    return decoded


def payload(response: Response) -> dict[str, Any]:
    """The response as API Gateway takes it."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body,
        "isBase64Encoded": False,
    }
