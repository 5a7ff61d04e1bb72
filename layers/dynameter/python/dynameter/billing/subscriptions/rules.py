"""The rules of a subscription's start and end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dynameter.billing.customers.customer import Customer
from dynameter.billing.period import Cadence, period_at, read_cadence
from dynameter.billing.plans.plan import Phase, Plan, PlanStatus
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionDraft, SubscriptionStatus, Timing
from dynameter.billing.subscriptions.timeline import cycle_at, overlap
from dynameter.billing.texts import check_texts
from dynameter.clock import render
from dynameter.errors import AlreadyExists, FieldError, InvalidInput

MAX_SUBSCRIPTIONS = 500
"""Of one customer, ended ones counted."""
MAX_DELETED = 15
"""Scheduled subscriptions that one restoring deletes: a transaction of DynamoDB has 4 MB, one of them 0.2."""
MAX_YEARS_AHEAD = 10
"""How far ahead something can be scheduled."""
MAX_ANCHOR_YEARS = 100
"""How far the billing anchor may lie from the start."""

_MAX_AHEAD_US = Cadence(years=MAX_YEARS_AHEAD).about_us
_MAX_ANCHOR_US = Cadence(years=MAX_ANCHOR_YEARS).about_us


def start_of(draft: SubscriptionDraft, plan: Plan, customer: Customer, now_us: int) -> int:
    """The instant at which a new subscription starts. Raises InvalidInput for one that cannot be."""
    if isinstance(draft.timing, int):
        start_us = draft.timing
    elif draft.timing is Timing.IMMEDIATE:
        start_us = now_us
    elif draft.billing_anchor_us is None:
        raise refuse("timing", "billing_anchor_required", "next_billing_cycle needs a billing anchor to count from")
    else:
        _refuse(check_anchor(draft.billing_anchor_us, now_us))
        cadence = read_cadence(plan.cadence)
        start_us = period_at(draft.billing_anchor_us, cadence, customer.time_zone, now_us)[1].end_us
    if plan.effective_from_us is not None and start_us < plan.effective_from_us:
        message = f"must not lie before the plan's version became active, {render(plan.effective_from_us)}"
        raise refuse("timing", "range", message)
    _refuse(check_ahead(start_us, now_us))
    return start_us


def end_of(subscription: Subscription, timing: Timing | int, now_us: int) -> int:
    """The instant at which a running subscription ends, not after its plan does.

    Raises InvalidInput for an instant that cannot be.
    """
    if isinstance(timing, int):
        if timing < now_us:
            raise refuse("timing", "range", "must not lie in the past")
        _refuse(check_ahead(timing, now_us))
        end_us = timing
    else:
        end_us = now_us if timing is Timing.IMMEDIATE else cycle_at(subscription, now_us).end_us
    planned_us = subscription.planned_to_us
    return end_us if planned_us is None else min(end_us, planned_us)


def check_draft(draft: SubscriptionDraft, name: str) -> Iterator[FieldError]:
    """What is wrong with the texts of the draft, named so."""
    yield from check_texts(name, draft.description, draft.metadata)


def check_parties(plan: Plan, customer: Customer, now_us: int) -> None:
    """Raise AlreadyExists or InvalidInput where the customer cannot subscribe to the plan."""
    if customer.deleted_at_us is not None:
        raise AlreadyExists(f"customer {customer.id} is deleted", code="customer_deleted")
    status = plan.status(now_us)
    if status is not PlanStatus.ACTIVE or plan.deleted_at_us is not None:
        message = (
            f"plan {plan.key} version {plan.plan_version} is {status.value}, only active ones can be subscribed to"
        )
        raise refuse("plan", "plan_not_active", message)
    if customer.currency is not None and customer.currency != plan.currency:
        message = f"the plan is in {plan.currency}, the customer pays in {customer.currency}"
        raise refuse("plan", "currency_mismatch", message)


def phases_from(phases: tuple[Phase, ...], starting_phase: str | None) -> tuple[Phase, ...]:
    """The phases from the one of that key on. Raises InvalidInput where there is none."""
    if starting_phase is None:
        return phases
    for index, phase in enumerate(phases):
        if phase.key == starting_phase:
            return phases[index:]
    known = tuple(phase.key for phase in phases)
    raise refuse("starting_phase", "enum", f"must be one of {', '.join(known)}", known)


def check_anchor(anchor_us: int, start_us: int) -> Iterator[FieldError]:
    """What is wrong with the anchor of a subscription that starts then."""
    if abs(anchor_us - start_us) > _MAX_ANCHOR_US:
        message = f"must lie within {MAX_ANCHOR_YEARS} years of the start"
        yield FieldError(("body", "billing_anchor"), "range", message)


def check_ahead(instant_us: int, now_us: int) -> Iterator[FieldError]:
    """What is wrong with an instant as a timing."""
    if instant_us > now_us + _MAX_AHEAD_US:
        yield FieldError(("body", "timing"), "range", f"must lie at most {MAX_YEARS_AHEAD} years ahead")


def check_alone(subscription: Subscription, others: Iterable[Subscription]) -> None:
    """Raise AlreadyExists where it overlaps another of the customer's: a customer has one at a time."""
    for other in others:
        if other.id != subscription.id and overlap(subscription, other):
            until = "" if other.active_to_us is None else f" to {render(other.active_to_us)}"
            message = (
                f"customer {other.customer_id} has subscription {other.id} to plan {other.plan_key} from "
                f"{render(other.active_from_us)}{until}; a customer has one subscription at a time"
            )
            raise AlreadyExists(message, code="only_single_subscription_allowed_per_customer_at_a_time")


def require_running(subscription: Subscription, now_us: int, done: str) -> None:
    """Raise AlreadyExists where it has not begun or has ended; ``done`` is what cannot be done then."""
    status = subscription.status(now_us)
    if status is SubscriptionStatus.SCHEDULED:
        message = f"subscription {subscription.id} has not begun; it can be deleted, not {done}"
        raise AlreadyExists(message, code="subscription_status")
    if status is SubscriptionStatus.INACTIVE:
        message = f"subscription {subscription.id} has ended, so it cannot be {done}"
        raise AlreadyExists(message, code="subscription_status")


def check_room(existing: Sequence[Subscription]) -> None:
    """Raise AlreadyExists where the customer cannot have one more."""
    if len(existing) >= MAX_SUBSCRIPTIONS:
        message = f"a customer has at most {MAX_SUBSCRIPTIONS} subscriptions, ended ones counted"
        raise AlreadyExists(message, code="subscription_limit_exceeded")


def refuse(field: str, rule: str, message: str, choices: tuple[str, ...] = ()) -> InvalidInput:
    """The error for one wrong field."""
    error = FieldError(("body", field), rule, message, choices=choices)
    return InvalidInput(f"invalid subscription: {field}: {message}", code=rule, fields=(error,))


def _refuse(errors: Iterator[FieldError]) -> None:
    for one in errors:
        raise InvalidInput(f"invalid subscription: {one.location[-1]}: {one.message}", code=one.rule, fields=(one,))
