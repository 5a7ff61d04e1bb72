"""Plans in OpenMeter v1's form."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.plans import PlanCreate, PlanUpdate
from dynameter.openapi.openmeter_v1.lists import INCLUDE_DELETED, PAGE
from dynameter.openapi.openmeter_v1.rate_cards import ProRating, RateCard, SettlementMode
from dynameter.openapi.operation import Operation, Parameter, json_answer, json_body, no_content
from dynameter.openapi.parameters import ORDER, flag
from dynameter.openapi.shapes import Instant, Page, Ulid

PlanStatus = Literal["draft", "scheduled", "active", "archived"]
PlanOrder = Literal["id", "key", "version", "created_at", "updated_at", "createdAt", "updatedAt"]


class PlanPhase(TypedDict):
    """Rate cards for a time (ISO 8601); the last phase has no end."""

    key: str
    name: str
    description: NotRequired[str]
    metadata: dict[str, str] | None
    duration: str | None
    rateCards: list[RateCard]


class PlanProblem(TypedDict):
    """What keeps a draft from being published."""

    field: str
    code: str
    message: str


class Plan(TypedDict):
    """A version of a plan; a published one never changes."""

    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    deletedAt: NotRequired[Instant]
    key: str
    name: str
    description: NotRequired[str]
    metadata: dict[str, str] | None
    version: int
    currency: str
    billingCadence: str
    proRatingConfig: ProRating
    effectiveFrom: NotRequired[Instant]
    effectiveTo: NotRequired[Instant]
    status: PlanStatus
    settlementMode: SettlementMode
    phases: list[PlanPhase]
    validationErrors: list[PlanProblem] | None


BASE = "/api/v1/plans"
ONE = f"{BASE}/{{planId}}"
EXAMPLE_UPDATE = {
    "name": "Pro",
    "billingCadence": "P1M",
    "phases": [
        {
            "key": "default",
            "name": "Default",
            "duration": None,
            "rateCards": [
                {
                    "type": "flat_fee",
                    "key": "platform_fee",
                    "name": "Platform fee",
                    "billingCadence": "P1M",
                    "price": {"type": "flat", "amount": "49", "paymentTerm": "in_advance"},
                },
                {
                    "type": "usage_based",
                    "key": "gpt_4_tokens",
                    "name": "GPT-4 tokens",
                    "featureKey": "gpt_4_tokens",
                    "billingCadence": "P1M",
                    "price": {"type": "unit", "amount": "0.00003"},
                    "discounts": {"usage": {"quantity": "100000"}},
                    "entitlementTemplate": {"type": "metered", "isSoftLimit": True, "issueAfterReset": 1000000},
                },
            ],
        }
    ],
}
EXAMPLE = {"key": "pro", "currency": "USD", **EXAMPLE_UPDATE}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createPlan",
        summary="Create a plan, or its next version, as a draft",
        tag="Plans",
        scope=BILLING_WRITE,
        description="What a draft still lacks stands in validationErrors and keeps it from being published.",
        body=json_body(PlanCreate, EXAMPLE),
        answers=(json_answer(201, "The draft.", Plan),),
        refusals=(400, 409),
    ),
    Operation(
        route=f"GET {BASE}",
        id="listPlans",
        summary="List the versions of all plans",
        tag="Plans",
        scope=BILLING_READ,
        parameters=(
            *PAGE,
            ORDER,
            Parameter("orderBy", PlanOrder, "What to sort by; created_at by default."),
            INCLUDE_DELETED,
            Parameter("id", list[str], "The ids of versions."),
            Parameter("key", list[str], "The keys of plans."),
            Parameter("keyVersion", dict[str, str], "The version that is listed of a key.", deep=True),
            Parameter("status", list[PlanStatus], "The statuses of versions."),
            Parameter("currency", list[str], "The currencies of plans."),
        ),
        answers=(json_answer(200, "A page of versions.", Page[Plan]),),
        refusals=(400, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getPlan",
        summary="Get a plan",
        tag="Plans",
        scope=BILLING_READ,
        parameters=(flag("includeLatest", "Whether a key means the latest version, not the active one."),),
        answers=(json_answer(200, "The version.", Plan),),
        refusals=(400, 404),
    ),
    Operation(
        route=f"PUT {ONE}",
        id="updatePlan",
        summary="Replace what a draft has",
        tag="Plans",
        scope=BILLING_WRITE,
        description="What is left out is reset; key and currency stay.",
        body=json_body(PlanUpdate, EXAMPLE_UPDATE),
        answers=(json_answer(200, "The draft.", Plan),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deletePlan",
        summary="Delete a draft or an archived version",
        tag="Plans",
        scope=BILLING_WRITE,
        answers=(no_content("It is deleted."),),
        refusals=(404, 409),
    ),
    Operation(
        route=f"POST {ONE}/publish",
        id="publishPlan",
        summary="Publish a draft; the version before is archived",
        tag="Plans",
        scope=BILLING_WRITE,
        answers=(json_answer(200, "The active version.", Plan),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"POST {ONE}/archive",
        id="archivePlan",
        summary="Archive a version; subscriptions to it go on",
        tag="Plans",
        scope=BILLING_WRITE,
        answers=(json_answer(200, "The archived version.", Plan),),
        refusals=(404, 409),
    ),
    Operation(
        route=f"POST {ONE}/next",
        id="nextPlan",
        summary="Create the next version as a copy of the latest",
        tag="Plans",
        scope=BILLING_WRITE,
        answers=(json_answer(201, "The draft.", Plan),),
        refusals=(404, 409),
    ),
)
