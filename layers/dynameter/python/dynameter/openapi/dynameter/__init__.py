"""What this service has beside its peers' forms."""

from __future__ import annotations

from dynameter.openapi.dynameter import events, invoices, meters, voids
from dynameter.openapi.openmeter_v1.problems import TYPE, Problem
from dynameter.openapi.operation import Dialect, Parameter, Place
from dynameter.openapi.parameters import WORKSPACE_DESCRIPTION
from dynameter.openapi.shapes import Workspace

DIALECT = Dialect(
    name="dynameter",
    title="Dynameter's own routes",
    description="Events explained, taken back and counted again; invoices to read. Errors are OpenMeter v1's.",
    operations=(*events.OPERATIONS, *meters.OPERATIONS, *voids.OPERATIONS, *invoices.OPERATIONS),
    path_parameters={
        one.name: one
        for one in (
            Parameter("workspace_id", Workspace, WORKSPACE_DESCRIPTION, Place.PATH, required=True),
            Parameter("slug", str, "The meter's slug, or its id.", Place.PATH, required=True),
            Parameter("void_id", str, "The void's id.", Place.PATH, required=True),
            Parameter("invoice", str, "The invoice's id and .html or .csv.", Place.PATH, required=True),
        )
    },
    problem_type=TYPE,
    problem=Problem,
)
