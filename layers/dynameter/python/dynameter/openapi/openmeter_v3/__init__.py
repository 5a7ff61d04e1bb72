"""OpenMeter v3, which Kong Konnect has under a path of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from dynameter.meters.rules import ID_PATTERN
from dynameter.openapi.openmeter_v3 import (
    access,
    charges,
    customers,
    events,
    features,
    meters,
    plans,
    subscriptions,
)
from dynameter.openapi.openmeter_v3.problems import EITHER_PROBLEM, TYPE, AipProblem
from dynameter.openapi.operation import Dialect, Operation, Parameter, Place

_SUBJECTS = (events, meters, customers, features, plans, subscriptions, charges, access)
_Id = Annotated[str, Field(pattern=ID_PATTERN)]


def _operations(prefix: str) -> tuple[Operation, ...]:
    return tuple(one for subject in _SUBJECTS for one in subject.operations(prefix))


DIALECT = Dialect(
    name="openmeter-v3",
    title="Dynameter in OpenMeter v3's form",
    description="The wire form of OpenMeter v3, and of Kong Konnect. The key decides the workspace.",
    operations=(
        *_operations("/api/v3/openmeter"),
        *(replace(one, id=f"{one.id}Kong") for one in _operations("/v3/openmeter")),
    ),
    path_parameters={
        f"{what}Id": Parameter(f"{what}Id", _Id, f"The {what}'s id.", Place.PATH, required=True)
        for what in ("meter", "customer", "feature", "plan", "subscription")
    },
    problem_type=TYPE,
    problem=AipProblem,
    problems=dict.fromkeys((404, 409), EITHER_PROBLEM),
)
