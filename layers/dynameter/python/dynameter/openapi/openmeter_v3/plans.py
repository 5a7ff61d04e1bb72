"""Plans in OpenMeter v3's form."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.billing.plans.service import PlanOrder
from dynameter.dialects.openmeter_v3.plans import CreatePlanRequest, UpdatePlanRequest
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer, sort
from dynameter.openapi.openmeter_v3.rate_cards import RateCard
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Ulid


class Phase(TypedDict):
    """A phase of a plan; the last one goes on where it has no duration."""

    key: str
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    duration: NotRequired[str]
    rate_cards: list[RateCard]


class PlanProblem(TypedDict):
    """What keeps a draft from being published."""

    field: str
    code: str
    message: str


class Plan(TypedDict):
    """A version of a plan."""

    id: Ulid
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    deleted_at: NotRequired[Instant]
    key: str
    version: int
    currency: str
    billing_cadence: str
    pro_rating_enabled: bool
    effective_from: NotRequired[Instant]
    effective_to: NotRequired[Instant]
    status: Literal["draft", "scheduled", "active", "archived"]
    phases: list[Phase]
    validation_errors: NotRequired[list[PlanProblem]]


_PHASES: list[dict[str, Any]] = [
    {
        "key": "default",
        "name": "Default",
        "rate_cards": [
            {
                "key": "base_fee",
                "name": "Base fee",
                "billing_cadence": "P1M",
                "price": {"type": "flat", "amount": "29"},
                "payment_term": "in_advance",
            }
        ],
    }
]
EXAMPLE = {"key": "pro", "name": "Pro", "currency": "USD", "billing_cadence": "P1M", "phases": _PHASES}


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on plans."""
    return (*_management(f"{prefix}/plans"), *_lifecycle(f"{prefix}/plans/{{planId}}"))


def _management(base: str) -> tuple[Operation, ...]:
    return (
        Operation(
            route=f"POST {base}",
            id="createPlan",
            summary="Create a draft of a plan, of the next version where the key has one",
            tag="Plans",
            scope=BILLING_WRITE,
            body=json_body(CreatePlanRequest, EXAMPLE),
            answers=(json_answer(201, "The draft.", Plan),),
            refusals=(400, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listPlans",
            summary="List the versions of all plans",
            tag="Plans",
            scope=BILLING_READ,
            parameters=(
                *PAGE,
                sort((order.value for order in PlanOrder), "created_at"),
                *filters("key", "name", "status", "currency"),
            ),
            answers=(page_answer("A page of versions.", Plan),),
            refusals=(400, 413),
        ),
    )


def _lifecycle(one: str) -> tuple[Operation, ...]:
    return (
        Operation(
            route=f"GET {one}",
            id="getPlan",
            summary="Get a version of a plan, deleted ones too",
            tag="Plans",
            scope=BILLING_READ,
            answers=(json_answer(200, "The version.", Plan),),
            refusals=(404,),
        ),
        Operation(
            route=f"PUT {one}",
            id="updatePlan",
            summary="Change a draft",
            tag="Plans",
            scope=BILLING_WRITE,
            description="Key, currency and billing cadence stay; labels and a description that are left out go.",
            body=json_body(UpdatePlanRequest, {"name": "Pro", "phases": _PHASES}),
            answers=(json_answer(200, "The draft.", Plan),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deletePlan",
            summary="Delete a draft or an archived version",
            tag="Plans",
            scope=BILLING_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(404, 409),
        ),
        Operation(
            route=f"POST {one}/publish",
            id="publishPlan",
            summary="Make a draft the active version",
            tag="Plans",
            scope=BILLING_WRITE,
            description="The version that was active until then is archived.",
            answers=(json_answer(200, "The version.", Plan),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"POST {one}/archive",
            id="archivePlan",
            summary="Archive a version: nobody can subscribe to it any more",
            tag="Plans",
            scope=BILLING_WRITE,
            answers=(json_answer(200, "The version.", Plan),),
            refusals=(404, 409),
        ),
    )
