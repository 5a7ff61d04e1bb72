"""Errors as Amigo words them."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class Refusal(TypedDict):
    """An error in a sentence."""

    detail: str
    request_id: str
    error_code: str | None


class ValidationError(TypedDict):
    """A field that is wrong, and why, as FastAPI tells it."""

    type: str
    loc: list[str | int]
    msg: str
    input: Any
    ctx: NotRequired[dict[str, Any]]


class HTTPValidationError(TypedDict):
    """Every field that is wrong."""

    detail: list[ValidationError]
