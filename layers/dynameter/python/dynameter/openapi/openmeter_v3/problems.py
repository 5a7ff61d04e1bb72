"""Errors as OpenMeter v3 and Kong Konnect word them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from dynameter.openapi.openmeter_v1.problems import TYPE as TYPE
from dynameter.openapi.openmeter_v1.problems import Problem


class InvalidParameter(TypedDict):
    """A field that is wrong, and why."""

    field: str
    rule: str
    reason: str
    source: Literal["body", "query", "path", "header"]
    choices: NotRequired[list[str]]


class AipProblem(TypedDict):
    """RFC 7807, as AIP-193 has it at Kong."""

    type: Annotated[str, WithJsonSchema({"type": "string", "format": "uri"})]
    status: int
    title: str
    instance: str
    detail: str
    invalid_parameters: NotRequired[list[InvalidParameter]]


EITHER_PROBLEM = AipProblem | Problem
"""OpenMeter's v3 words 404 and 409 of meters as v1 does."""
