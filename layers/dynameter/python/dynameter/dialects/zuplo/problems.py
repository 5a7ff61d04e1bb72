"""Zuplo's errors: OpenMeter v1's problems with a ``trace``."""

from __future__ import annotations

from typing import Any

from dynameter import codec
from dynameter.dialects.openmeter_v1 import problems
from dynameter.errors import DynameterError
from dynameter.http.message import Response


def problem(error: DynameterError, request_id: str) -> Response:
    """Word the error as Zuplo does."""
    worded = problems.problem(error, request_id)
    body: dict[str, Any] = codec.decode(worded.body)
    body["trace"] = {"requestId": request_id}
    return Response(worded.status, codec.encode(body).decode(), worded.headers)
