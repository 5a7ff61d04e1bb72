"""APIGate's errors: JSON:API ``{"errors":[{"id","status","code","title","detail","source"?}]}``.

Codes are those of APIGate's page on error codes. A wrong attribute is 422 with a JSON pointer into the body that was
sent, a wrong parameter 400 with its name, a body that is no JSON 400.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dynameter.dialects.statuses import retry_headers, status_of
from dynameter.errors import DynameterError, FieldError, InvalidInput, RateLimited, Unavailable, VersionConflict
from dynameter.http.message import Response, json_response

MEDIA_TYPE = "application/vnd.api+json"
MAX_REPORTED_ERRORS = 50
"""Wrong fields that one answer names."""
NOT_JSON = "json"
"""The rule of a body that could not be read at all."""

_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    412: "precondition_failed",
    413: "too_large",
    422: "validation_error",
    429: "rate_limit_exceeded",
    501: "not_implemented",
    503: "service_unavailable",
}
_PRECONDITION = _CODES[412]
_PARTS = {"query": "parameter", "path": "parameter", "header": "header"}


def problem(error: DynameterError, request_id: str) -> Response:
    """Word the error as APIGate does."""
    if isinstance(error, InvalidInput) and error.fields:
        return _invalid(error.fields, request_id)
    status = int(status_of(error))
    if isinstance(error, InvalidInput):
        status = 422
    elif isinstance(error, VersionConflict) and error.code == _PRECONDITION:
        status = 412
    code = "" if isinstance(error, Unavailable | RateLimited) else error.code
    detail = error.message if status != 500 else "An internal error occurred."
    told = error_object(status, code or _CODES.get(status, "internal_error"), detail, request_id)
    return error_response(status, [told], retry_headers(error))


def error_object(status: int, code: str, detail: str, request_id: str = "") -> dict[str, Any]:
    """One entry of ``errors``; ``id`` is the request's."""
    identity = {"id": request_id} if request_id else {}
    title = code.replace("_", " ").title().replace("Json", "JSON").replace("Api", "API")
    return {**identity, "status": str(status), "code": code, "title": title, "detail": detail}


def error_response(status: int, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> Response:
    """The answer with these errors."""
    return json_response(status, {"errors": errors}, headers=headers, media_type=MEDIA_TYPE)


def field_errors(fields: Sequence[FieldError], status: int, request_id: str) -> list[dict[str, Any]]:
    """The entries of ``errors`` for wrong fields, the first of them where there are many."""
    return [_field(one, status, request_id) for one in fields[:MAX_REPORTED_ERRORS]]


def pointer(location: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a field, e.g. ``/data/attributes/methods/0``."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in location[1:])
    return "".join(f"/{step}" for step in steps)


def _invalid(fields: tuple[FieldError, ...], request_id: str) -> Response:
    unreadable = any(one.rule == NOT_JSON or one.location[0] != "body" for one in fields)
    status = 400 if unreadable else 422
    return error_response(status, field_errors(fields, status, request_id))


def _field(one: FieldError, status: int, request_id: str) -> dict[str, Any]:
    name = ".".join(map(str, one.location[1:]))
    detail = one.message if one.rule == NOT_JSON or not name else f"{_attribute(one.location)}: {one.message}"
    code = "invalid_json" if one.rule == NOT_JSON else _CODES[422]
    told = error_object(status, code, detail, request_id)
    part = _PARTS.get(str(one.location[0]))
    told["source"] = {part: name} if part else {"pointer": pointer(one.location)}
    meta: dict[str, Any] = {"rule": one.rule}
    if one.choices:
        meta["choices"] = list(one.choices)
    return {**told, "meta": {**meta, **(one.context or {})}}


def _attribute(location: tuple[str | int, ...]) -> str:
    """The field as people name it: what the JSON:API envelope adds goes without saying."""
    steps = location[1:]
    if steps[:2] == ("data", "attributes"):
        steps = steps[2:]
    return ".".join(map(str, steps))
