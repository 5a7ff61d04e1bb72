"""APIGate's admin and metering API, and what this service measures and limits by it."""

from __future__ import annotations

from dynameter.dialects.apigate.problems import MEDIA_TYPE
from dynameter.openapi.apigate import exchanges, expressions, meter_events, plans, quota, routes, users
from dynameter.openapi.apigate.jsonapi import Errors
from dynameter.openapi.operation import Dialect, Parameter, Place
from dynameter.openapi.parameters import WORKSPACE_DESCRIPTION
from dynameter.openapi.shapes import Workspace

DIALECT = Dialect(
    name="apigate",
    title="Dynameter in APIGate's form",
    description=(
        "Routes, plans, users' plans and external events as APIGate has them; exchanges and quotas in the same form. "
        "Bodies are JSON:API documents or the bare attributes."
    ),
    operations=(
        *routes.OPERATIONS,
        *expressions.OPERATIONS,
        *plans.OPERATIONS,
        *users.OPERATIONS,
        *exchanges.OPERATIONS,
        *meter_events.OPERATIONS,
        *quota.OPERATIONS,
    ),
    path_parameters={
        one.name: one
        for one in (
            Parameter("workspace_id", Workspace, WORKSPACE_DESCRIPTION, Place.PATH, required=True),
            Parameter("id", str, "The id of the route, plan or user.", Place.PATH, required=True),
        )
    },
    problem_type=MEDIA_TYPE,
    problem=Errors,
)
