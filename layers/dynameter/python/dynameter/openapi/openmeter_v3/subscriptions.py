"""Subscriptions in OpenMeter v3's form."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from dynameter.access.principal import BILLING_READ, BILLING_WRITE
from dynameter.dialects.openmeter_v3.subscriptions import SubscriptionCancel, SubscriptionChange, SubscriptionCreate
from dynameter.openapi.openmeter_v3.lists import PAGE, filters, page_answer, sort
from dynameter.openapi.openmeter_v3.rate_cards import RateCard
from dynameter.openapi.operation import Operation, json_answer, json_body, no_content
from dynameter.openapi.shapes import Instant, Ulid

# "from" is no name of Python's.
_Period = TypedDict("_Period", {"from": Instant, "to": Instant})


class Period(_Period):
    """From an instant up to another."""


class SubscribedPlan(TypedDict):
    """The version of the plan that is subscribed to."""

    id: Ulid
    key: str
    version: int


class ProRating(TypedDict):
    """Whether parts of billing periods cost parts of their prices."""

    enabled: bool
    mode: Literal["prorate_prices", "no_proration"]


class SubscriptionItem(TypedDict):
    """A rate card in force."""

    id: Ulid
    active_from: Instant
    active_to: NotRequired[Instant]
    rate_card: RateCard


class SubscriptionPhase(TypedDict):
    """A phase of a subscription."""

    id: Ulid
    key: str
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    active_from: Instant
    active_to: NotRequired[Instant]
    items: list[SubscriptionItem]


class Subscription(TypedDict):
    """A customer on a plan, for a time."""

    id: Ulid
    name: str
    description: NotRequired[str]
    labels: dict[str, str]
    created_at: Instant
    updated_at: Instant
    active_from: Instant
    active_to: NotRequired[Instant]
    customer_id: Ulid
    plan_id: Ulid
    plan: SubscribedPlan
    invoice_currency: str
    billing_cadence: str
    pro_rating_config: ProRating
    billing_anchor: Instant
    status: Literal["scheduled", "active", "canceled", "inactive"]
    settlement_mode: Literal["credit_then_invoice", "credit_only"]
    current_period: NotRequired[Period]
    phases: list[SubscriptionPhase]


class ChangedSubscription(TypedDict):
    """The subscription that ends and the one that starts there."""

    current: Subscription
    next: Subscription


EXAMPLE = {"customer": {"key": "acme"}, "plan": {"key": "pro"}, "labels": {"channel": "web"}}
EXAMPLE_CHANGE = {"plan": {"key": "enterprise"}, "timing": "next_billing_cycle"}

_SUBSCRIPTION = json_answer(200, "The subscription.", Subscription)


def operations(prefix: str) -> tuple[Operation, ...]:
    """The operations on subscriptions."""
    base = f"{prefix}/subscriptions"
    return (*_management(base, f"{base}/{{subscriptionId}}"), *_lifecycle(f"{base}/{{subscriptionId}}"))


def _management(base: str, one: str) -> tuple[Operation, ...]:
    return (
        Operation(
            route=f"POST {base}",
            id="createSubscription",
            summary="Start a customer's subscription of a plan",
            tag="Subscriptions",
            scope=BILLING_WRITE,
            description="A customer has one at a time. Plans are named by id, or by key with a version or without.",
            body=json_body(SubscriptionCreate, EXAMPLE),
            answers=(json_answer(201, "The subscription.", Subscription),),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"GET {base}",
            id="listSubscriptions",
            summary="List subscriptions",
            tag="Subscriptions",
            scope=BILLING_READ,
            parameters=(
                *PAGE,
                sort(("id", "active_from", "active_to"), "active_from"),
                *filters("id", "customer_id", "status", "plan_id", "plan_key"),
            ),
            answers=(page_answer("A page of subscriptions.", Subscription),),
            refusals=(400, 413),
        ),
        Operation(
            route=f"GET {one}",
            id="getSubscription",
            summary="Get a subscription",
            tag="Subscriptions",
            scope=BILLING_READ,
            answers=(_SUBSCRIPTION,),
            refusals=(404,),
        ),
        Operation(
            route=f"DELETE {one}",
            id="deleteSubscription",
            summary="Delete a subscription that has not begun",
            tag="Subscriptions",
            scope=BILLING_WRITE,
            answers=(no_content("It is deleted."),),
            refusals=(404, 409),
        ),
    )


def _lifecycle(one: str) -> tuple[Operation, ...]:
    return (
        Operation(
            route=f"POST {one}/cancel",
            id="cancelSubscription",
            summary="End a subscription: now, with its billing period, or at an instant",
            tag="Subscriptions",
            scope=BILLING_WRITE,
            body=json_body(SubscriptionCancel, {"timing": "next_billing_cycle"}, required=False),
            answers=(_SUBSCRIPTION,),
            refusals=(400, 404, 409),
        ),
        Operation(
            route=f"POST {one}/unschedule-cancelation",
            id="unscheduleCancelation",
            summary="Let a canceled subscription that still runs go on",
            tag="Subscriptions",
            scope=BILLING_WRITE,
            answers=(_SUBSCRIPTION,),
            refusals=(404, 409),
        ),
        Operation(
            route=f"POST {one}/change",
            id="changeSubscription",
            summary="End a subscription and start one to another plan there",
            tag="Subscriptions",
            scope=BILLING_WRITE,
            body=json_body(SubscriptionChange, EXAMPLE_CHANGE),
            answers=(json_answer(200, "Both subscriptions.", ChangedSubscription),),
            refusals=(400, 404, 409),
        ),
    )
