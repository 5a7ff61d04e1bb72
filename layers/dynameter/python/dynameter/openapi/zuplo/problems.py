"""Errors as Zuplo words them."""

from __future__ import annotations

from typing_extensions import TypedDict

from dynameter.openapi.openmeter_v1 import problems


class Trace(TypedDict):
    """The request, to be named to whoever runs the service."""

    requestId: str


class Problem(problems.Problem):
    """OpenMeter v1's problem with a trace."""

    trace: Trace
