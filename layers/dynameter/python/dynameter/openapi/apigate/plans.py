"""Plans: what users may use in a month."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

from dynameter.access.principal import METERS_WRITE, USAGE_READ
from dynameter.gateway.plan import UNLIMITED
from dynameter.gateway.rules import MAX_COST, MAX_PRICE, MAX_REQUESTS_PER_MONTH
from dynameter.openapi.apigate.jsonapi import (
    CLOSED,
    ETAG,
    IF_MATCH,
    MADE,
    PAGE,
    Found,
    Page,
    SelfLink,
    Stored,
    answer,
    number,
    sent,
    whole_number,
)
from dynameter.openapi.apigate.routes import ChosenId, Description, Name
from dynameter.openapi.operation import Operation, no_content
from dynameter.openapi.shapes import Instant, Number

MeterType = Literal["requests", "compute_units"]
EnforceMode = Literal["hard", "warn", "soft"]
Requests = Annotated[Any, whole_number(UNLIMITED, MAX_REQUESTS_PER_MONTH)]
Cents = Annotated[Any, whole_number(0, MAX_PRICE)]
CentsExact = Annotated[Any, number(minimum=0, maximum=MAX_PRICE)]
Cost = Annotated[Any, number(exclusiveMinimum=0, maximum=int(MAX_COST))]
Share = Annotated[Any, number(minimum=0, maximum=1)]


class _Settings(TypedDict, total=False):
    id: str
    description: Description
    requests_per_month: Annotated[Requests, Field(description=f"{UNLIMITED} is no limit.")]
    meter_type: MeterType
    estimated_cost_per_req: Annotated[Cost, Field(description="Units that a check counts for one request.")]
    quota_enforce_mode: EnforceMode
    quota_grace_pct: Annotated[Share, Field(description="0.05 is 5 percent.")]
    price_monthly: Annotated[Cents, Field(description="Cents.")]
    overage_price: Annotated[CentsExact, Field(description="Cents.")]
    time_zone: Annotated[str, Field(description="The IANA time zone in which months begin.")]
    enabled: bool
    # What only a proxy or a payment provider needs, and what the service sets itself, is taken and not kept.
    created_at: Any
    lemon_variant_id: Any
    paddle_price_id: Any
    rate_limit_per_minute: Any
    stripe_price_id: Any
    trial_days: Any
    updated_at: Any


@with_config(CLOSED)
class PlanCreate(_Settings):
    """The attributes of a new plan; without an id its name makes one."""

    name: Name


@with_config(CLOSED)
class PlanUpdate(_Settings, total=False):
    """The attributes to set."""

    name: Name


class NewPlan(TypedDict):
    """A new plan."""

    type: NotRequired[Literal["plans"]]
    id: NotRequired[ChosenId | None]
    attributes: PlanCreate


class ChangedPlan(TypedDict):
    """A change of a plan."""

    type: NotRequired[Literal["plans"]]
    id: NotRequired[str | None]
    attributes: NotRequired[PlanUpdate]


class PlanAttributes(TypedDict):
    """What a user may use in a month. A plan that is built in has no times until it is changed."""

    name: str
    description: str
    requests_per_month: int
    meter_type: MeterType
    estimated_cost_per_req: Number
    quota_enforce_mode: EnforceMode
    quota_grace_pct: Number
    price_monthly: int
    overage_price: Number
    time_zone: str
    enabled: bool
    built_in: bool
    created_at: Instant | None
    updated_at: Instant | None


class Plan(TypedDict):
    """A plan."""

    type: Literal["plans"]
    id: str
    attributes: PlanAttributes
    links: SelfLink


BASE = "/admin/plans"
ONE = f"{BASE}/{{id}}"
EXAMPLE = {
    "data": {
        "type": "plans",
        "id": "pro",
        "attributes": {"name": "Pro", "requests_per_month": 100_000, "price_monthly": 4_900},
    }
}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createPlan",
        summary="Create a plan",
        tag="Plans",
        scope=METERS_WRITE,
        body=sent(NewPlan, PlanCreate, EXAMPLE),
        answers=(answer(201, "The plan.", Stored[Plan], MADE),),
        refusals=(400, 409, 413, 422),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listPlans",
        summary="List plans by id, the built-in one among them",
        tag="Plans",
        scope=USAGE_READ,
        parameters=PAGE,
        answers=(answer(200, "The plans.", Page[Plan]),),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getPlan",
        summary="Get a plan",
        tag="Plans",
        scope=USAGE_READ,
        answers=(answer(200, "The plan.", Found[Plan], ETAG),),
        refusals=(404,),
    ),
    Operation(
        route=f"PATCH {ONE}",
        id="updatePlan",
        summary="Set some attributes of a plan, for all of its users at once",
        tag="Plans",
        scope=METERS_WRITE,
        parameters=(IF_MATCH,),
        body=sent(ChangedPlan, PlanUpdate, {"data": {"type": "plans", "attributes": {"requests_per_month": 200_000}}}),
        answers=(answer(200, "The plan.", Stored[Plan], ETAG),),
        refusals=(400, 404, 409, 412, 413, 422),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deletePlan",
        summary="Delete a plan that no user has",
        tag="Plans",
        scope=METERS_WRITE,
        parameters=(IF_MATCH,),
        answers=(no_content("It is deleted."),),
        refusals=(404, 409, 412),
    ),
)
