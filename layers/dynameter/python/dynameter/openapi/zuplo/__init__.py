"""Zuplo's metering API."""

from __future__ import annotations

from dynameter.openapi.openmeter_v1.problems import TYPE
from dynameter.openapi.operation import Dialect, Parameter, Place
from dynameter.openapi.parameters import WORKSPACE_DESCRIPTION
from dynameter.openapi.shapes import Workspace
from dynameter.openapi.zuplo import events, meters
from dynameter.openapi.zuplo.problems import Problem

DIALECT = Dialect(
    name="zuplo",
    title="Dynameter in Zuplo's form",
    description="Zuplo's metering API: OpenMeter v1's bodies under a bucket, which is the workspace.",
    operations=(*events.OPERATIONS, *meters.OPERATIONS),
    path_parameters={
        one.name: one
        for one in (
            Parameter("bucketId", Workspace, WORKSPACE_DESCRIPTION, Place.PATH, required=True),
            Parameter("meterIdOrSlug", str, "The meter's slug, or its id.", Place.PATH, required=True),
            Parameter("groupByKey", str, "A group key of the meter.", Place.PATH, required=True),
        )
    },
    problem_type=TYPE,
    problem=Problem,
)
