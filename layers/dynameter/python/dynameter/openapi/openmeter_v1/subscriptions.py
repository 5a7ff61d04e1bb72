"""Subscriptions in OpenMeter v1's form."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v1.subscriptions import (
    SubscriptionCancel,
    SubscriptionChange,
    SubscriptionCreate,
    SubscriptionMigrate,
)
from dynameter.openapi.openmeter_v1 import customers
from dynameter.openapi.openmeter_v1.lists import PAGE, Period
from dynameter.openapi.openmeter_v1.rate_cards import Discounts, Price, ProRating, SettlementMode
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Page, Ulid


class _Part(TypedDict):
    id: Ulid
    createdAt: Instant
    updatedAt: Instant
    name: str
    description: NotRequired[str]
    metadata: dict[str, str] | None
    activeFrom: Instant
    activeTo: NotRequired[Instant]


class SubscriptionItem(_Part):
    """A rate card in force."""

    key: str
    featureKey: NotRequired[str]
    billingCadence: str | None
    price: Price | None
    discounts: NotRequired[Discounts]


class SubscriptionPhase(_Part):
    """A phase in force."""

    key: str
    items: list[SubscriptionItem]
    itemTimelines: dict[str, list[SubscriptionItem]]


class SubscribedPlan(TypedDict):
    """The version of the plan that the subscription began with."""

    id: Ulid
    key: str
    version: int


class Alignment(TypedDict):
    """The billing period that all rate cards are aligned with, while the subscription runs."""

    billablesMustAlign: Literal[True]
    currentAlignedBillingPeriod: NotRequired[Period]


class Subscription(_Part):
    """A customer on a plan."""

    status: Literal["scheduled", "active", "canceled", "inactive"]
    customerId: Ulid
    plan: SubscribedPlan
    currency: str
    billingCadence: str
    proRatingConfig: ProRating
    billingAnchor: Instant
    settlementMode: SettlementMode
    alignment: Alignment
    phases: list[SubscriptionPhase]


class SubscriptionSuccession(TypedDict):
    """The subscription that ends, and the one that starts there."""

    current: Subscription
    next: Subscription


BASE = "/api/v1/subscriptions"
ONE = f"{BASE}/{{subscriptionId}}"
EXAMPLE = {"plan": {"key": "pro"}, "customerKey": "acme", "timing": "immediate"}
EXAMPLE_CHANGE = {"plan": {"key": "enterprise"}, "timing": "next_billing_cycle"}

OPERATIONS = (
    Operation(
        route=f"POST {BASE}",
        id="createSubscription",
        summary="Subscribe a customer to a plan",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        description="A customer has one subscription at a time.",
        body=json_body(SubscriptionCreate, EXAMPLE),
        answers=(json_answer(201, "The subscription.", Subscription),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"GET {customers.ONE}/subscriptions",
        id="listSubscriptions",
        summary="List a customer's subscriptions, the one that starts last first",
        tag="Subscriptions",
        scope=BILLING_READ,
        parameters=PAGE,
        answers=(json_answer(200, "A page of subscriptions.", Page[Subscription]),),
        refusals=(400, 404, 413),
    ),
    Operation(
        route=f"GET {ONE}",
        id="getSubscription",
        summary="Get a subscription",
        tag="Subscriptions",
        scope=BILLING_READ,
        answers=(json_answer(200, "The subscription.", Subscription),),
        refusals=(404,),
    ),
    Operation(
        route=f"DELETE {ONE}",
        id="deleteSubscription",
        summary="Delete a subscription that has not begun",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        answers=(no_content("It is deleted."),),
        refusals=(404, 409),
    ),
    Operation(
        route=f"POST {ONE}/cancel",
        id="cancelSubscription",
        summary="End a subscription now, with its billing period or at an instant",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        body=json_body(SubscriptionCancel, {"timing": "next_billing_cycle"}, required=False),
        answers=(json_answer(200, "The subscription.", Subscription),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"POST {ONE}/unschedule-cancelation",
        id="unscheduleCancelation",
        summary="Let a canceled subscription that still runs go on",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        answers=(json_answer(200, "The subscription.", Subscription),),
        refusals=(404, 409),
    ),
    Operation(
        route=f"POST {ONE}/restore",
        id="restoreSubscription",
        summary="Let a subscription go on, and delete those scheduled after it",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        answers=(json_answer(200, "The subscription.", Subscription),),
        refusals=(404, 409),
    ),
    Operation(
        route=f"POST {ONE}/change",
        id="changeSubscription",
        summary="Change to another plan",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        body=json_body(SubscriptionChange, EXAMPLE_CHANGE),
        answers=(json_answer(200, "Both subscriptions.", SubscriptionSuccession),),
        refusals=(400, 404, 409),
    ),
    Operation(
        route=f"POST {ONE}/migrate",
        id="migrateSubscription",
        summary="Change to a later version of the same plan",
        tag="Subscriptions",
        scope=BILLING_WRITE,
        body=json_body(SubscriptionMigrate, {"timing": "immediate", "targetVersion": 2}, required=False),
        answers=(json_answer(200, "Both subscriptions.", SubscriptionSuccession),),
        refusals=(400, 404, 409),
    ),
)
