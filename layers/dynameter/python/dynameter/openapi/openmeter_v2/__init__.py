"""OpenMeter v2: what it has otherwise than v1."""

from __future__ import annotations

from dynameter.openapi.openmeter_v1.problems import TYPE, Problem
from dynameter.openapi.openmeter_v2 import entitlements, events
from dynameter.openapi.operation import Dialect, Parameter, Place


def _in_path(name: str, description: str) -> Parameter:
    return Parameter(name, str, description, Place.PATH, required=True)


DIALECT = Dialect(
    name="openmeter-v2",
    title="Dynameter in OpenMeter v2's form",
    description="The routes of OpenMeter v2, beside those of v1. The key decides the workspace.",
    operations=(*events.OPERATIONS, *entitlements.OPERATIONS),
    path_parameters={
        one.name: one
        for one in (
            _in_path("customerIdOrKey", "The customer's key, or its id."),
            _in_path("entitlementIdOrFeatureKey", "The key of the entitlement's feature, or the entitlement's id."),
        )
    },
    problem_type=TYPE,
    problem=Problem,
)
