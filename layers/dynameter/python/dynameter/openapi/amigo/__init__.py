"""Amigo's platform API."""

from __future__ import annotations

from dynameter.openapi.amigo import keys, metering
from dynameter.openapi.amigo.problems import HTTPValidationError, Refusal
from dynameter.openapi.operation import JSON, Dialect, Parameter, Place
from dynameter.openapi.parameters import WORKSPACE_DESCRIPTION
from dynameter.openapi.shapes import Workspace

DIALECT = Dialect(
    name="amigo",
    title="Dynameter in Amigo's form",
    description="Amigo's platform API: emitting metering events and managing API keys.",
    operations=(*metering.OPERATIONS, *keys.OPERATIONS),
    path_parameters={
        one.name: one
        for one in (
            Parameter("workspace_id", Workspace, WORKSPACE_DESCRIPTION, Place.PATH, required=True),
            Parameter("key_id", str, "The key's id: the second part of its text.", Place.PATH, required=True),
        )
    },
    problem_type=JSON,
    problem=Refusal,
    problems={422: HTTPValidationError},
)
