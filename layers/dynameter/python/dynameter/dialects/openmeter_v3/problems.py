"""OpenMeter v3's errors: AIP-style problems with ``invalid_parameters``."""

from __future__ import annotations

from typing import Any

from dynameter.dialects.statuses import field_path, retry_headers, status_of
from dynameter.errors import DynameterError, FieldError
from dynameter.http.message import Response, json_response

_TYPE = "https://kongapi.info/konnect/"
_SLUGS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "unauthorized",
    404: "not-found",
    409: "resource-conflict",
    413: "bad-request",
    429: "rate-limited",
    501: "not-implemented",
    503: "unavailable",
}


def problem(error: DynameterError, request_id: str) -> Response:
    """Word the error as OpenMeter v3 does."""
    status = status_of(error)
    body: dict[str, Any] = {
        "type": _TYPE + _SLUGS.get(int(status), "internal"),
        "status": int(status),
        "title": status.phrase,
        "instance": f"urn:request:{request_id}",
        "detail": _detail(error, status.phrase) if status != 500 else status.phrase,
    }
    if error.fields:
        body["invalid_parameters"] = [_parameter(one) for one in error.fields]
    return json_response(int(status), body, headers=retry_headers(error), media_type="application/problem+json")


def _detail(error: DynameterError, title: str) -> str:
    if not error.fields:
        return error.message
    listed = ", ".join(f"{field_path(one.location)} [{one.rule}]: {one.message}" for one in error.fields[:10])
    return f"{title}: {listed}"


def _parameter(one: FieldError) -> dict[str, Any]:
    parameter: dict[str, Any] = {
        "field": field_path(one.location),
        "rule": one.rule,
        "reason": one.message,
        "source": one.location[0] if one.location else "body",
    }
    if one.choices:
        parameter["choices"] = list(one.choices)
    return parameter
