"""Subscriptions as OpenMeter v1 has them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dynameter.billing.customers.service import CustomerService
from dynameter.billing.plans.plan import SettlementMode
from dynameter.billing.subscriptions.service import SubscriptionService
from dynameter.billing.subscriptions.subscription import (
    PlanReference,
    Subscription,
    SubscriptionDraft,
    SubscriptionItem,
    SubscriptionPhase,
    Timing,
)
from dynameter.billing.subscriptions.timeline import current_period, cycle_at
from dynameter.clock import Clock, render
from dynameter.dialects.billing_fields import AnyTiming, worded
from dynameter.dialects.bodies import Instant, read_body, refuse
from dynameter.dialects.openmeter_v1.lists import page_response, read_page
from dynameter.dialects.openmeter_v1.plans import PRO_RATING_MODE
from dynameter.dialects.openmeter_v1.rate_cards import render_discounts, render_price
from dynameter.dialects.texts import Description, Metadata, Name, Slug
from dynameter.errors import FieldError
from dynameter.http.message import Request, Response, json_response

_INVALID = "invalid subscription"
_NAMES = {"billing_anchor": "billingAnchor", "starting_phase": "startingPhase", "target_version": "targetVersion"}


class _Body(BaseModel):
    """OpenMeter ignores keys it does not know."""

    model_config = ConfigDict(strict=True, frozen=True)


class PlanReferenceBody(_Body):
    """A plan by its key; without a version the active one."""

    key: Slug
    version: int | None = None


class SubscriptionBody(_Body):
    """What a new subscription is like, begun or changed to."""

    plan: PlanReferenceBody | None = None
    custom_plan: dict[str, Any] | None = Field(default=None, alias="customPlan")
    name: Name | None = None
    description: Description | None = None
    metadata: Metadata | None = None
    starting_phase: Slug | None = Field(default=None, alias="startingPhase")
    billing_anchor: Instant | None = Field(default=None, alias="billingAnchor")
    settlement_mode: Literal["credit_then_invoice", "credit_only"] | None = Field(default=None, alias="settlementMode")

    def draft(self, timing: Timing | int) -> SubscriptionDraft:
        """The draft that the body asks for. Raises InvalidInput for one without a plan, or with a plan of its own."""
        if self.custom_plan is not None:
            message = "custom plans are not supported; create a plan and publish it"
            raise refuse(_INVALID, [FieldError(("body", "customPlan"), "not_supported", message)])
        if self.plan is None:
            raise refuse(_INVALID, [FieldError(("body", "plan"), "required", "plan is required")])
        return SubscriptionDraft(
            plan=PlanReference(key=self.plan.key, version=self.plan.version),
            timing=timing,
            billing_anchor_us=self.billing_anchor,
            starting_phase=self.starting_phase,
            name=self.name,
            description=self.description,
            metadata=self.metadata or {},
            settlement_mode=None if self.settlement_mode is None else SettlementMode(self.settlement_mode),
        )


class SubscriptionCreate(SubscriptionBody):
    """The body of a creation."""

    timing: AnyTiming = Timing.IMMEDIATE
    customer_id: str | None = Field(default=None, alias="customerId")
    customer_key: str | None = Field(default=None, alias="customerKey")


class SubscriptionChange(SubscriptionBody):
    """The body of a change."""

    timing: AnyTiming


class SubscriptionCancel(_Body):
    """The body of a cancelation."""

    timing: AnyTiming = Timing.IMMEDIATE


class SubscriptionMigrate(SubscriptionCancel):
    """The body of a migration to a later version of the plan."""

    target_version: int | None = Field(default=None, alias="targetVersion")
    starting_phase: Slug | None = Field(default=None, alias="startingPhase")
    billing_anchor: Instant | None = Field(default=None, alias="billingAnchor")


class SubscriptionEndpoints:
    """The endpoints of subscriptions; the clock tells their status."""

    def __init__(self, subscriptions: SubscriptionService, customers: CustomerService, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._customers = customers
        self._clock = clock

    def create(self, request: Request) -> Response:
        """POST subscriptions: 201."""
        body = read_body(request, SubscriptionCreate)
        customer = body.customer_id or body.customer_key
        if customer is None:
            message = "customerId or customerKey is required"
            raise refuse(_INVALID, [FieldError(("body", "customerId"), "required", message)])
        with worded(_INVALID, _NAMES):
            made = self._subscriptions.create(request.principal.workspace, customer, body.draft(body.timing))
        return json_response(201, self.render(made))

    def list(self, request: Request) -> Response:
        """GET a customer's subscriptions: a page, the one that starts last first."""
        page = read_page(request)
        workspace = request.principal.workspace
        customer = self._customers.find(workspace, request.path["customerIdOrKey"])
        return page_response(page, self._subscriptions.of_customer(workspace, customer.id), self.render)

    def get(self, request: Request) -> Response:
        """GET a subscription with its phases."""
        found = self._subscriptions.get(request.principal.workspace, _identity(request))
        return json_response(200, self.render(found))

    def delete(self, request: Request) -> Response:
        """DELETE a scheduled subscription: 204."""
        self._subscriptions.delete(request.principal.workspace, _identity(request))
        return Response(204)

    def cancel(self, request: Request) -> Response:
        """POST cancel: the subscription ends now, with its billing period, or then."""
        body = read_body(request, SubscriptionCancel) if request.body.strip() else SubscriptionCancel()
        with worded(_INVALID, _NAMES):
            found = self._subscriptions.cancel(request.principal.workspace, _identity(request), body.timing)
        return json_response(200, self.render(found))

    def unschedule_cancelation(self, request: Request) -> Response:
        """POST unschedule-cancelation: a canceled subscription that still runs goes on."""
        found = self._subscriptions.unschedule_cancelation(request.principal.workspace, _identity(request))
        return json_response(200, self.render(found))

    def restore(self, request: Request) -> Response:
        """POST restore: the same, and what is scheduled for later is deleted."""
        found = self._subscriptions.restore(request.principal.workspace, _identity(request))
        return json_response(200, self.render(found))

    def change(self, request: Request) -> Response:
        """POST change: the subscription ends, and one to another plan starts there; both are answered."""
        body = read_body(request, SubscriptionChange)
        with worded(_INVALID, _NAMES):
            both = self._subscriptions.change(request.principal.workspace, _identity(request), body.draft(body.timing))
        return json_response(200, {"current": self.render(both[0]), "next": self.render(both[1])})

    def migrate(self, request: Request) -> Response:
        """POST migrate: a change to a later version of the same plan."""
        body = read_body(request, SubscriptionMigrate) if request.body.strip() else SubscriptionMigrate()
        draft = SubscriptionDraft(
            plan=PlanReference(version=body.target_version),
            timing=body.timing,
            billing_anchor_us=body.billing_anchor,
            starting_phase=body.starting_phase,
        )
        with worded(_INVALID, _NAMES):
            both = self._subscriptions.migrate(request.principal.workspace, _identity(request), draft)
        return json_response(200, {"current": self.render(both[0]), "next": self.render(both[1])})

    def render(self, one: Subscription) -> dict[str, Any]:
        """The subscription as v1 shows it, with its phases; the billing anchor is the last one before its start."""
        now_us = self._clock.now_us()
        period = current_period(one, now_us)
        alignment: dict[str, Any] = {"billablesMustAlign": True}
        if period is not None:
            alignment["currentAlignedBillingPeriod"] = {"from": render(period.start_us), "to": render(period.end_us)}
        return {
            "id": one.id,
            "createdAt": render(one.created_at_us),
            "updatedAt": render(one.updated_at_us),
            "name": one.name,
            **({} if one.description is None else {"description": one.description}),
            "metadata": dict(one.metadata) or None,
            "activeFrom": render(one.active_from_us),
            **_until(one.active_to_us),
            "status": one.status(now_us).value,
            "customerId": one.customer_id,
            "plan": {"id": one.plan_id, "key": one.plan_key, "version": one.plan_version},
            "currency": one.currency,
            "billingCadence": one.cadence,
            "proRatingConfig": {"enabled": one.pro_rating, "mode": PRO_RATING_MODE},
            "billingAnchor": render(cycle_at(one, one.active_from_us).start_us),
            "settlementMode": one.settlement_mode,
            "alignment": alignment,
            "phases": [_render_phase(one, phase) for phase in one.phases],
        }


def _identity(request: Request) -> str:
    return request.path["subscriptionId"]


def _until(instant_us: int | None) -> dict[str, str]:
    return {} if instant_us is None else {"activeTo": render(instant_us)}


def _render_phase(one: Subscription, phase: SubscriptionPhase) -> dict[str, Any]:
    items = [_render_item(one, item) for item in phase.items]
    return {
        "id": phase.id,
        "createdAt": render(one.created_at_us),
        "updatedAt": render(one.updated_at_us),
        "key": phase.key,
        "name": phase.name,
        **({} if phase.description is None else {"description": phase.description}),
        "metadata": dict(phase.metadata) or None,
        "activeFrom": render(phase.active_from_us),
        **_until(phase.active_to_us),
        "items": items,
        "itemTimelines": {item["key"]: [item] for item in items},
    }


def _render_item(one: Subscription, item: SubscriptionItem) -> dict[str, Any]:
    card = item.rate_card
    discounts = render_discounts(card.discounts)
    return {
        "id": item.id,
        "createdAt": render(one.created_at_us),
        "updatedAt": render(one.updated_at_us),
        "key": card.key,
        "name": card.name,
        **({} if card.description is None else {"description": card.description}),
        "metadata": dict(card.metadata) or None,
        "activeFrom": render(item.active_from_us),
        **_until(item.active_to_us),
        **({} if card.feature_key is None else {"featureKey": card.feature_key}),
        "billingCadence": card.cadence,
        "price": render_price(card.price, card.payment_term, card.commitments),
        **({} if discounts is None else {"discounts": discounts}),
    }
