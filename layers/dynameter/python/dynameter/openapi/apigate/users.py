"""The plans of users, who are the subjects of their events."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.openapi.apigate.jsonapi import CLOSED, Found, SelfLink, Stored, answer, sent
from dynameter.openapi.operation import Operation
from dynameter.openapi.shapes import Instant


@with_config(CLOSED)
class PlanChoice(TypedDict):
    """The plan that a user is given."""

    plan_id: str
    # What the service sets itself is taken and not kept.
    assigned: NotRequired[Any]
    created_at: NotRequired[Any]
    updated_at: NotRequired[Any]


class ChangedUser(TypedDict):
    """A user's new plan."""

    type: NotRequired[Literal["users"]]
    id: NotRequired[str | None]
    attributes: PlanChoice


class UserAttributes(TypedDict):
    """A user's plan; of a user who was given none it is free, assigned false, and there are no times."""

    plan_id: str
    assigned: bool
    created_at: Instant | None
    updated_at: Instant | None


class PlanReference(TypedDict):
    """Names a plan."""

    type: Literal["plans"]
    id: str


class PlanRelationship(TypedDict):
    """The plan that holds."""

    data: PlanReference


class Relationships(TypedDict):
    """What a user belongs to."""

    plan: PlanRelationship


class User(TypedDict):
    """A user."""

    type: Literal["users"]
    id: str
    attributes: UserAttributes
    relationships: Relationships
    links: SelfLink


ROUTE = "/admin/users/{id}/plan"

OPERATIONS = (
    Operation(
        route=f"PUT {ROUTE}",
        id="setUserPlan",
        summary="Give a user a plan; the month's usage stays",
        tag="Users",
        scope=METERS_WRITE,
        body=sent(ChangedUser, PlanChoice, {"plan_id": "pro"}),
        answers=(answer(200, "The user.", Stored[User]),),
        refusals=(400, 409, 413, 422),
    ),
    Operation(
        route=f"GET {ROUTE}",
        id="getUserPlan",
        summary="The plan of a user",
        tag="Users",
        scope=USAGE_READ,
        answers=(answer(200, "The user.", Found[User]),),
        refusals=(400,),
    ),
)
