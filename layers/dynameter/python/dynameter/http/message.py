"""Requests and responses, free of any framework: what a dialect reads and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dynameter import codec
from dynameter.access.principal import Principal


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request after API Gateway and the access check.

    ``route`` is API Gateway's route key (``POST /api/v1/events``), ``path`` its decoded path parameters, ``query``
    the decoded pairs in the order sent, ``headers`` have lower-case names, ``body`` is never base64.
    ``deadline_us`` is the instant by which an answer must have been given.
    """

    route: str
    path: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    id: str
    principal: Principal
    deadline_us: int

    def media_type(self) -> str:
        """The content type without its parameters, lower-case; empty where none was sent."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()

    def query_values(self, name: str) -> list[str]:
        """Every value of a repeated query parameter."""
        return [value for key, value in self.query if key == name]

    def preferences(self) -> dict[str, str]:
        """The ``Prefer`` header (RFC 7240) as lower-case name and value; the first of a repeated name wins."""
        found: dict[str, str] = {}
        for part in self.headers.get("prefer", "").split(","):
            name, _, value = part.split(";", 1)[0].partition("=")
            if name.strip():
                found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; ``body`` is text already encoded."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(
    status: int, value: Any, *, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    """Answer compact JSON."""
    body = codec.encode(value).decode()
    return Response(status, body, {"content-type": media_type, **(headers or {})})
