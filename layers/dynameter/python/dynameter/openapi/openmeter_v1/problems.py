"""Errors as OpenMeter v1 words them."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

TYPE = "application/problem+json"


class ValidationError(TypedDict):
    """A field that is wrong, and why."""

    code: str
    message: str
    severity: Literal["critical"]
    field: str
    index: NotRequired[int]


class Extensions(TypedDict):
    """What more there is to say."""

    validationErrors: list[ValidationError]


class Problem(TypedDict):
    """RFC 7807."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: NotRequired[str]
    instance: str
    extensions: NotRequired[Extensions]
