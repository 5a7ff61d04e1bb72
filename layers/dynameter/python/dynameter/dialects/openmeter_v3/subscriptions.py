"""Subscriptions as OpenMeter v3 and Kong Konnect have them; deleting a scheduled one is this service's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

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
from dynameter.billing.subscriptions.timeline import current_period
from dynameter.clock import Clock, render
from dynameter.dialects.billing_fields import AnyTiming, worded
from dynameter.dialects.bodies import Instant, read_body, refuse
from dynameter.dialects.openmeter_v3.filters import StringFilter, read_filters
from dynameter.dialects.openmeter_v3.labels import read_labels
from dynameter.dialects.openmeter_v3.lists import page_response, read_page, read_sort
from dynameter.dialects.openmeter_v3.meters import read_id
from dynameter.dialects.openmeter_v3.rate_cards import render_rate_card
from dynameter.dialects.openmeter_v3.texts import Labels
from dynameter.errors import FieldError, NotFound
from dynameter.filters import only_values
from dynameter.http.message import Request, Response, json_response
from dynameter.meters.rules import is_id

_INVALID = "invalid subscription"
_NAMES = {"metadata": "labels"}
_CUSTOMER = "customer_id"
_FILTERS = ("id", _CUSTOMER, "status", "plan_id", "plan_key")
_PRO_RATING_MODES = {True: "prorate_prices", False: "no_proration"}
_NEVER_US = 1 << 62
_ORDERS: dict[str, Callable[[Subscription], tuple[int | str, str]]] = {
    "id": lambda one: (one.id, one.id),
    "active_from": lambda one: (one.active_from_us, one.id),
    "active_to": lambda one: (_NEVER_US if one.active_to_us is None else one.active_to_us, one.id),
}


class _Body(BaseModel):
    """Keys that are not here are refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class CustomerReference(_Body):
    """A customer; the id wins."""

    id: str | None = None
    key: str | None = None


class PlanReferenceBody(_Body):
    """A plan by id, or by key; without a version the active one. The id wins."""

    id: str | None = None
    key: str | None = None
    version: int | None = None


class SubscriptionBody(_Body):
    """What a new subscription is like, begun or changed to."""

    customer: CustomerReference | None = None
    plan: PlanReferenceBody | None = None
    custom_plan: dict[str, Any] | None = None
    labels: Labels | None = None
    starting_phase: str | None = None
    billing_anchor: Instant | None = None
    settlement_mode: Literal["credit_then_invoice", "credit_only"] | None = None
    cost_basis_mode: Literal["dynamic"] = "dynamic"

    def draft(self, timing: Timing | int) -> SubscriptionDraft:
        """The draft that the body asks for. Raises InvalidInput for one without a plan, or with a plan of its own."""
        if self.custom_plan is not None:
            message = "custom plans are not supported; create a plan and publish it"
            raise refuse(_INVALID, [FieldError(("body", "custom_plan"), "not_supported", message)])
        if self.plan is None or (self.plan.id is None and self.plan.key is None):
            raise refuse(_INVALID, [FieldError(("body", "plan"), "required", "plan with id or key is required")])
        return SubscriptionDraft(
            plan=PlanReference(self.plan.id, self.plan.key, self.plan.version),
            timing=timing,
            billing_anchor_us=self.billing_anchor,
            starting_phase=self.starting_phase,
            metadata=read_labels(self.labels, _INVALID),
            settlement_mode=None if self.settlement_mode is None else SettlementMode(self.settlement_mode),
        )

    def customer_reference(self) -> str | None:
        """The customer's id or key."""
        return None if self.customer is None else self.customer.id or self.customer.key


class SubscriptionCreate(SubscriptionBody):
    """The body of a creation."""

    timing: AnyTiming = Timing.IMMEDIATE


class SubscriptionChange(SubscriptionBody):
    """The body of a change."""

    timing: AnyTiming


class SubscriptionCancel(_Body):
    """The body of a cancelation."""

    timing: AnyTiming = Timing.IMMEDIATE


class SubscriptionEndpoints:
    """The endpoints of subscriptions; the clock tells their status."""

    def __init__(self, subscriptions: SubscriptionService, customers: CustomerService, clock: Clock) -> None:
        self._subscriptions = subscriptions
        self._customers = customers
        self._clock = clock

    def create(self, request: Request) -> Response:
        """POST subscriptions: 201."""
        body = read_body(request, SubscriptionCreate)
        customer = body.customer_reference()
        if customer is None:
            message = "customer with id or key is required"
            raise refuse(_INVALID, [FieldError(("body", "customer"), "required", message)])
        with worded(_INVALID, _NAMES):
            made = self._subscriptions.create(request.principal.workspace, customer, body.draft(body.timing))
        return json_response(201, self.render(made))

    def list(self, request: Request) -> Response:
        """GET subscriptions: a page of those that pass the filters; one customer's cost no look at all others."""
        page = read_page(request)
        order, descending = read_sort(request, _ORDERS, _ORDERS["active_from"])
        filters = read_filters(request, _FILTERS)
        found = [one for one in self._candidates(request, filters) if self._passes(one, filters)]
        return page_response(page, sorted(found, key=order, reverse=descending), self.render)

    def get(self, request: Request) -> Response:
        """GET a subscription."""
        return json_response(200, self.render(self._subscriptions.get(request.principal.workspace, _identity(request))))

    def delete(self, request: Request) -> Response:
        """DELETE a scheduled subscription: 204."""
        self._subscriptions.delete(request.principal.workspace, _identity(request))
        return Response(204)

    def cancel(self, request: Request) -> Response:
        """POST cancel: the subscription ends now, with its billing period, or then."""
        identity = _identity(request)
        body = read_body(request, SubscriptionCancel) if request.body.strip() else SubscriptionCancel()
        with worded(_INVALID, _NAMES):
            found = self._subscriptions.cancel(request.principal.workspace, identity, body.timing)
        return json_response(200, self.render(found))

    def unschedule_cancelation(self, request: Request) -> Response:
        """POST unschedule-cancelation: a canceled subscription that still runs goes on."""
        found = self._subscriptions.unschedule_cancelation(request.principal.workspace, _identity(request))
        return json_response(200, self.render(found))

    def change(self, request: Request) -> Response:
        """POST change: the subscription ends, and one to another plan starts there; both are answered."""
        workspace, identity = request.principal.workspace, _identity(request)
        body = read_body(request, SubscriptionChange)
        self._refuse_other_customer(workspace, identity, body.customer_reference())
        with worded(_INVALID, _NAMES):
            both = self._subscriptions.change(workspace, identity, body.draft(body.timing))
        return json_response(200, {"current": self.render(both[0]), "next": self.render(both[1])})

    def render(self, one: Subscription) -> dict[str, Any]:
        """The subscription as v3 shows it: labels are always an object, other unset fields are left out."""
        now_us = self._clock.now_us()
        period = current_period(one, now_us)
        return _present(
            id=one.id,
            name=one.name,
            description=one.description,
            labels=dict(one.metadata),
            created_at=render(one.created_at_us),
            updated_at=render(one.updated_at_us),
            active_from=render(one.active_from_us),
            active_to=_instant(one.active_to_us),
            customer_id=one.customer_id,
            plan_id=one.plan_id,
            plan={"id": one.plan_id, "key": one.plan_key, "version": one.plan_version},
            invoice_currency=one.currency,
            billing_cadence=one.cadence,
            pro_rating_config={
                "enabled": one.pro_rating,
                "mode": "prorate_prices" if one.pro_rating else "no_proration",
            },
            billing_anchor=render(one.anchor_us),
            status=one.status(now_us).value,
            settlement_mode=one.settlement_mode,
            current_period=None if period is None else {"from": render(period.start_us), "to": render(period.end_us)},
            phases=[_render_phase(one, phase) for phase in one.phases],
        )

    def _candidates(self, request: Request, filters: tuple[StringFilter, ...]) -> tuple[Subscription, ...]:
        workspace = request.principal.workspace
        for condition in filters:
            if condition.field == _CUSTOMER:
                wanted = only_values(condition.condition)
                if wanted is not None:
                    ids = sorted(one for one in wanted if is_id(one))
                    found = (self._subscriptions.of_customer(workspace, one) for one in ids)
                    return tuple(subscription for ones in found for subscription in ones)
        return self._subscriptions.list(workspace)

    def _passes(self, one: Subscription, filters: tuple[StringFilter, ...]) -> bool:
        status = one.status(self._clock.now_us()).value
        values = (one.id, one.customer_id, status, one.plan_id, one.plan_key)
        return all(condition.admits(dict(zip(_FILTERS, values, strict=True))) for condition in filters)

    def _refuse_other_customer(self, workspace: str, subscription_id: str, reference: str | None) -> None:
        if reference is None:
            return
        owner = self._subscriptions.get(workspace, subscription_id).customer_id
        try:
            is_owner = self._customers.find(workspace, reference).id == owner
        except NotFound:
            is_owner = False
        if not is_owner:
            message = "a change keeps the customer; leave it out or name the same one"
            raise refuse(_INVALID, [FieldError(("body", "customer"), "not_allowed", message, reference[:64])])


def _identity(request: Request) -> str:
    return read_id(request, "subscriptionId")


def _render_phase(one: Subscription, phase: SubscriptionPhase) -> dict[str, Any]:
    return _present(
        id=phase.id,
        key=phase.key,
        name=phase.name,
        description=phase.description,
        labels=dict(phase.metadata),
        created_at=render(one.created_at_us),
        updated_at=render(one.updated_at_us),
        active_from=render(phase.active_from_us),
        active_to=_instant(phase.active_to_us),
        items=[_render_item(item) for item in phase.items],
    )


def _render_item(item: SubscriptionItem) -> dict[str, Any]:
    return _present(
        id=item.id,
        active_from=render(item.active_from_us),
        active_to=_instant(item.active_to_us),
        rate_card=render_rate_card(item.rate_card),
    )


def _instant(instant_us: int | None) -> str | None:
    return None if instant_us is None else render(instant_us)


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
