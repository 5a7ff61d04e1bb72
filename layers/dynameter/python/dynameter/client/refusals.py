"""The service's error bodies as sentences: each dialect words errors its own way, people read one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

MAX_FIELDS_TOLD = 20
"""Wrong fields told of one refusal; the rest is counted."""
MAX_TEXT_CHARACTERS = 500
"""Told of a body that is no error of ours, such as a proxy's page."""

_GATEWAYS_OWN = frozenset({401, 403})


def explain(status: int, body: Any) -> str:
    """What was refused and why, each wrong field by its name.

    Knows problem+json (OpenMeter v1, v3, Zuplo), JSON:API (APIGate), FastAPI's ``detail`` (Amigo) and API Gateway's
    ``message``.
    """
    if status in _GATEWAYS_OWN and body in ({"message": "Forbidden"}, {"message": "Unauthorized"}):
        return "the API key is not accepted: it is unknown, expired or revoked"
    headline = _headline(body) or _phrase(status)
    told = [line for line in _fields(body) if line not in headline]
    if len(told) == 1 and not _headline(body):
        return told[0]
    if len(told) > MAX_FIELDS_TOLD:
        told[MAX_FIELDS_TOLD:] = [f"and {len(told) - MAX_FIELDS_TOLD} more"]
    return "\n".join([headline, *(f"  {line}" for line in told)])


def _headline(body: Any) -> str:
    if isinstance(body, str):
        return body.strip()[:MAX_TEXT_CHARACTERS]
    if not isinstance(body, dict):
        return ""
    named = (body.get(name) for name in ("detail", "message", "title"))
    return next((one for one in named if isinstance(one, str) and one), "")


def _fields(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        return
    extensions = body.get("extensions")
    if isinstance(extensions, dict):
        for one in _objects(extensions.get("validationErrors")):
            yield _line(one.get("field"), one.get("message"))
    for one in _objects(body.get("invalid_parameters")):
        yield _line(one.get("field"), one.get("reason"))
    for one in _objects(body.get("errors")):
        yield _line(_place(one.get("source")), one.get("detail") or one.get("title"))
    for one in _objects(body.get("detail")):
        steps = one.get("loc")
        yield _line(".".join(map(str, steps)) if isinstance(steps, list) else None, one.get("msg"))


def _place(source: Any) -> Any:
    """Where a JSON:API error points: a pointer into the body, a query parameter or a header."""
    if not isinstance(source, dict):
        return None
    return next((source[name] for name in ("pointer", "parameter", "header") if source.get(name)), None)


def _line(field: Any, reason: Any) -> str:
    return f"{field}: {reason}" if field else f"{reason}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"
