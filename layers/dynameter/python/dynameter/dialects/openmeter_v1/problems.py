"""OpenMeter v1's errors: RFC 7807 problems of type ``about:blank``."""

from __future__ import annotations

from typing import Any

from dynameter.dialects.statuses import field_path, retry_headers, status_of
from dynameter.errors import DynameterError
from dynameter.http.message import Response, json_response


def problem(error: DynameterError, request_id: str) -> Response:
    """Word the error as OpenMeter v1 does; every wrong field stands in ``extensions.validationErrors``."""
    status = status_of(error)
    body: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": int(status)}
    if status < 500 or status in (501, 503):
        body["detail"] = error.message
    body["instance"] = f"urn:request:{request_id}"
    if error.fields:
        body["extensions"] = {"validationErrors": validation_errors(error)}
    return json_response(int(status), body, headers=retry_headers(error), media_type="application/problem+json")


def validation_errors(error: DynameterError) -> list[dict[str, Any]]:
    """OpenMeter's list of domain validation errors, one for each wrong field."""
    found = []
    for one in error.fields:
        entry: dict[str, Any] = {
            "code": one.rule,
            "message": one.message,
            "severity": "critical",
            "field": field_path(one.location),
        }
        if len(one.location) > 1 and isinstance(one.location[1], int):
            entry["index"] = one.location[1]
        found.append(entry)
    return found
