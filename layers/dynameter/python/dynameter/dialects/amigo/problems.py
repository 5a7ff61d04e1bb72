"""Amigo's errors: FastAPI's ``detail``, a list of validation errors for 422 and a sentence for the rest."""

from __future__ import annotations

from typing import Any

from dynameter.dialects.statuses import retry_headers, status_of
from dynameter.errors import DynameterError, FieldError, InvalidInput
from dynameter.http.message import Response, json_response


def problem(error: DynameterError, request_id: str) -> Response:
    """Word the error as Amigo does; input that breaks a rule is 422."""
    status = 422 if isinstance(error, InvalidInput) else int(status_of(error))
    if status == 422:
        fields = error.fields or (FieldError(("body",), "value_error", error.message),)
        return json_response(status, {"detail": [_validation_error(one) for one in fields]})
    detail = "Internal Server Error" if status == 500 else error.message
    body = {"detail": detail, "request_id": request_id, "error_code": error.code or None}
    return json_response(status, body, headers=retry_headers(error))


def _validation_error(one: FieldError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": one.rule,
        "loc": list(one.location),
        "msg": one.message,
        "input": one.input,
    }
    if one.context:
        found["ctx"] = one.context
    return found
