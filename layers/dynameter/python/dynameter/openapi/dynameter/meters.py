"""A meter's state, and its usage counted again."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.dialects.dynameter.rebuild import RebuildBody
from dynameter.dialects.dynameter.recount import RecountBody
from dynameter.openapi.operation import Operation, json_answer, json_body
from dynameter.openapi.shapes import DecimalText, Instant, Number

State = Literal["live", "rebuilding"]


class MeterState(TypedDict):
    """Whether a meter's newest generation counts every event yet."""

    generation: int
    state: State
    progress: Annotated[Number, Field(description="From 0 to 1.")]
    live_from: Annotated[Instant, Field(description="Events stored from then on count as they arrive.")]


class Values(TypedDict):
    """Usage and its recount, null where there is none; the difference is the one less the other."""

    aggregate: DecimalText | None
    recount: DecimalText | None
    difference: DecimalText | None


class GroupValues(Values):
    """A group whose usage and recount differ."""

    groups: dict[str, str]


# "from" is no name of Python's.
_Range = TypedDict("_Range", {"from": Instant, "to": Instant})


class Recount(Values, _Range):
    """A meter's usage beside a fresh count of its raw events; groups are there where the meter has any."""

    state: State
    subject: str | None
    groups: NotRequired[list[GroupValues]]
    groups_truncated: NotRequired[bool]
    repairing: NotRequired[Annotated[int, Field(description="Where repair was asked for: rows being recomputed.")]]


ONE = "/v1/{workspace_id}/meters/{slug}"

OPERATIONS = (
    Operation(
        route=f"GET {ONE}/state",
        id="getMeterState",
        summary="Whether a meter counts everything yet",
        tag="Meters",
        scope=USAGE_READ,
        answers=(json_answer(200, "The state.", MeterState),),
        refusals=(400, 404),
    ),
    Operation(
        route=f"POST {ONE}/recount",
        id="recountMeter",
        summary="A meter's usage beside a fresh count of its raw events",
        tag="Meters",
        scope=METERS_WRITE,
        body=json_body(
            RecountBody, {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z", "subject": "customer-1"}
        ),
        answers=(
            json_answer(200, "Both counts; where repair was asked for, nothing is to be repaired.", Recount),
            json_answer(202, "Both counts; the rows that differ are being recomputed.", Recount),
        ),
        refusals=(400, 404, 409, 413),
    ),
    Operation(
        route=f"POST {ONE}/rebuild",
        id="rebuildMeter",
        summary="Count a meter anew from its raw events",
        tag="Meters",
        scope=METERS_WRITE,
        description="Queries answer from the old count until the new one is whole.",
        body=json_body(RebuildBody, {"restart": False, "drop_expired": False}, required=False),
        answers=(json_answer(202, "Events stored from now on count in the new generation, too.", MeterState),),
        refusals=(400, 404, 409),
    ),
)
