"""What can be done with subscriptions: start, find, cancel, continue, change, migrate, delete.

A customer has one subscription at a time. A change is decided on all of a customer's subscriptions and written in one
transaction, and only then are the entitlements told (see ``dynameter.billing.subscriptions.settling``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.plans.plan import Phase, Plan
from dynameter.billing.subscriptions.rules import (
    MAX_DELETED,
    check_alone,
    check_anchor,
    check_draft,
    check_parties,
    check_room,
    end_of,
    phases_from,
    refuse,
    require_running,
    start_of,
)
from dynameter.billing.subscriptions.settling import EntitlementHooks, NoEntitlements, Settler, entitling_items
from dynameter.billing.subscriptions.subscription import (
    PlanReference,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
    Timing,
)
from dynameter.billing.subscriptions.timeline import current_phase, end_at, lay_out
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, DynameterError, InvalidInput, NotFound, Unavailable, VersionConflict
from dynameter.meters.rules import is_id

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class SubscriptionStore(Protocol):
    """Where subscriptions are kept; reads see every change that was answered before."""

    def get(self, workspace: str, subscription_id: str) -> Subscription | None:
        """The subscription of that id; None for a deleted one that is settled."""

    def head(self, workspace: str, customer_id: str) -> int:
        """A number that is another after every change of the customer's subscriptions; 0 where there never was one."""

    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        """Every subscription of the customer, by id; deleted ones only where they are not settled."""

    def list(self, workspace: str) -> tuple[Subscription, ...]:
        """Every subscription of the workspace, deleted ones only where they are not settled; TooLarge."""

    def change(
        self,
        customer: tuple[str, str],
        head: int,
        *,
        added: Subscription | None = None,
        changed: Sequence[Subscription] = (),
    ) -> None:
        """Write all of it in one transaction; NotFound (the customer), VersionConflict."""

    def settle(self, subscription: Subscription) -> None:
        """Mark this version as settled, a deleted one by moving it aside; VersionConflict."""


class Plans(Protocol):
    """What is needed of ``dynameter.billing.plans.service.PlanService``."""

    def get(self, workspace: str, plan_id: str) -> Plan:
        """The plan's version of that id; NotFound."""

    def find(self, workspace: str, plan_key: str, plan_version: int | None = None) -> Plan:
        """That version of the plan, or the active one; NotFound."""

    def phases_now(self, plan: Plan) -> tuple[Phase, ...]:
        """The plan's phases with what the features' keys mean now; AlreadyExists."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def find(self, workspace: str, id_or_key: str) -> Customer:
        """The customer of that id, deleted or not, or the live one of that key; NotFound."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """What to write; ``answer`` are those of them that the caller gets."""

    added: Subscription | None = None
    changed: tuple[Subscription, ...] = ()
    answer: tuple[Subscription, ...] = ()


_Decide = Callable[[tuple[Subscription, ...], int], _Decision]


class SubscriptionService:
    """The subscriptions of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(
        self,
        store: SubscriptionStore,
        plans: Plans,
        customers: Customers,
        clock: Clock,
        new_id: Callable[[], str],
        hooks: EntitlementHooks | None = None,
    ) -> None:
        self._store = store
        self._plans = plans
        self._customers = customers
        self._clock = clock
        self._new_id = new_id
        self._settler = Settler(store, hooks or NoEntitlements(), clock)

    # ---- reads

    def get(self, workspace: str, subscription_id: str) -> Subscription:
        """The subscription of that id. Raises NotFound."""
        found = self._store.get(workspace, subscription_id.upper()) if is_id(subscription_id) else None
        if found is not None and not found.settled:
            # All of the customer's in their order: what a change ended must end before what it started.
            settled = self._settler.settle_all(self._store.of_customer(workspace, found.customer_id))
            found = next((one for one in settled if one.id == found.id), None)
        if found is None:
            raise _not_found(subscription_id)
        return found

    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        """Every subscription of the customer, the one that starts last first; there are 500 at most."""
        found = self._settler.settle_all(self._store.of_customer(workspace, customer_id))
        return tuple(sorted(found, key=lambda one: (one.active_from_us, one.id), reverse=True))

    def list(self, workspace: str) -> tuple[Subscription, ...]:
        """Every subscription of the workspace, by id. Raises TooLarge where they are too many to look through."""
        live = (one for one in self._store.list(workspace) if one.deleted_at_us is None)
        return tuple(sorted(live, key=lambda one: one.id))

    def is_subscribed(self, workspace: str, customer_id: str) -> bool:
        """Whether the customer has a subscription that has not ended."""
        now_us = self._clock.now_us()
        return any(
            one.deleted_at_us is None and (one.active_to_us is None or one.active_to_us > now_us)
            for one in self._store.of_customer(workspace, customer_id)
        )

    # ---- changes

    def create(self, workspace: str, id_or_key: str, draft: SubscriptionDraft) -> Subscription:
        """Start a subscription of the customer.

        Raises InvalidInput, NotFound (customer, plan), and AlreadyExists where the customer has another one in that
        time: so a creation that is sent again is refused by what the first one made.
        """
        customer = self._customers.find(workspace, id_or_key)
        plan = self._plan(workspace, draft.plan)

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            check_parties(plan, customer, now_us)
            start_us = start_of(draft, plan, customer, now_us)
            created = self._build(draft, plan, customer, start_us, start_us, now_us)
            check_alone(created, existing)
            check_room(existing)
            return _Decision(added=created, answer=(created,))

        return self._change(workspace, customer.id, decide)[0]

    def cancel(self, workspace: str, subscription_id: str, timing: Timing | int) -> Subscription:
        """End a subscription: now, with its billing period, or at an instant to come; again moves the end.

        Raises InvalidInput, NotFound, AlreadyExists for one that has not begun or has ended, or where a later end
        overlaps another subscription. One that has ended is no error where it shall end now.
        """
        customer_id = self.get(workspace, subscription_id).customer_id

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            before = _pick(existing, subscription_id)
            if before.status(now_us) is SubscriptionStatus.INACTIVE and timing is Timing.IMMEDIATE:
                return _Decision(answer=(before,))
            require_running(before, now_us, "canceled")
            end_us = end_of(before, timing, now_us)
            if end_us == before.active_to_us:
                return _Decision(answer=(before,))
            after = _stamped(end_at(before, end_us), now_us)
            check_alone(after, existing)
            return _Decision(changed=(after,), answer=(after,))

        return self._change(workspace, customer_id, decide)[0]

    def unschedule_cancelation(self, workspace: str, subscription_id: str) -> Subscription:
        """Let a canceled subscription that still runs go on; one that is not canceled is no error.

        Raises NotFound, and AlreadyExists where it has ended, ends by its plan, or overlaps another one then.
        """
        customer_id = self.get(workspace, subscription_id).customer_id

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            before = _pick(existing, subscription_id)
            require_running(before, now_us, "continued")
            if not before.is_cut:
                if before.active_to_us is not None:
                    raise AlreadyExists(
                        f"subscription {before.id} ends with its plan", code="subscription_not_canceled"
                    )
                return _Decision(answer=(before,))
            after = _stamped(end_at(before, None), now_us)
            check_alone(after, existing)
            return _Decision(changed=(after,), answer=(after,))

        return self._change(workspace, customer_id, decide)[0]

    def restore(self, workspace: str, subscription_id: str) -> Subscription:
        """Like ``unschedule_cancelation``, but subscriptions scheduled to start later are deleted for it."""
        customer_id = self.get(workspace, subscription_id).customer_id

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            before = _pick(existing, subscription_id)
            require_running(before, now_us, "restored")
            later = [one for one in existing if one.status(now_us) is SubscriptionStatus.SCHEDULED]
            if len(later) > MAX_DELETED:
                message = f"more than {MAX_DELETED} subscriptions are scheduled; delete some of them"
                raise AlreadyExists(message, code="too_many_scheduled_subscriptions")
            if not before.is_cut and not later:
                return _Decision(answer=(before,))
            after = _stamped(end_at(before, None), now_us)
            return _Decision(changed=(*(_deleted(one, now_us) for one in later), after), answer=(after,))

        return self._change(workspace, customer_id, decide)[0]

    def delete(self, workspace: str, subscription_id: str) -> None:
        """Delete a subscription that has not begun. Raises NotFound, and AlreadyExists for any other."""
        customer_id = self.get(workspace, subscription_id).customer_id

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            before = _pick(existing, subscription_id)
            status = before.status(now_us)
            if status is not SubscriptionStatus.SCHEDULED:
                message = f"subscription {before.id} is {status.value}; only scheduled ones can be deleted"
                raise AlreadyExists(message, code="subscription_status")
            return _Decision(changed=(_deleted(before, now_us),))

        self._change(workspace, customer_id, decide)

    def change(
        self, workspace: str, subscription_id: str, draft: SubscriptionDraft
    ) -> tuple[Subscription, Subscription]:
        """End a running subscription and start another where it ends; answers both.

        Raises InvalidInput, NotFound (subscription, plan), and AlreadyExists.
        """
        plan = self._plan(workspace, draft.plan)
        return self._succeed(workspace, subscription_id, plan, draft)

    def migrate(
        self, workspace: str, subscription_id: str, draft: SubscriptionDraft
    ) -> tuple[Subscription, Subscription]:
        """Change to a later version of the same plan, by default the active one; key and id in ``draft.plan`` are
        ignored. Without a starting phase it is the present one, begun anew, where that version still has it.

        Raises InvalidInput, NotFound, AlreadyExists.
        """
        before = self.get(workspace, subscription_id)
        plan = self._plans.find(workspace, before.plan_key, draft.plan.version)
        if plan.plan_version <= before.plan_version:
            raise refuse("target_version", "range", f"must be later than the present version, {before.plan_version}")
        phase = current_phase(before, self._clock.now_us())
        kept = phase.key if phase and any(one.key == phase.key for one in plan.phases) else None
        named = replace(
            draft,
            starting_phase=kept if draft.starting_phase is None else draft.starting_phase,
            name=before.name,
            description=before.description,
            metadata=before.metadata,
        )
        return self._succeed(workspace, subscription_id, plan, named)

    # ---- inside

    def _succeed(
        self, workspace: str, subscription_id: str, plan: Plan, draft: SubscriptionDraft
    ) -> tuple[Subscription, Subscription]:
        customer = self._customers.find(workspace, self.get(workspace, subscription_id).customer_id)

        def decide(existing: tuple[Subscription, ...], now_us: int) -> _Decision:
            before = _pick(existing, subscription_id)
            require_running(before, now_us, "changed")
            check_parties(plan, customer, now_us)
            at_us = end_of(before, draft.timing, now_us)
            if before.active_to_us is not None and at_us > before.active_to_us:
                raise refuse("timing", "range", "must not lie after the subscription's end")
            ended = _stamped(end_at(before, at_us), now_us)
            added = self._build(draft, plan, customer, at_us, before.anchor_us, now_us)
            check_alone(added, [ended, *(one for one in existing if one.id != ended.id)])
            check_room(existing)
            return _Decision(added=added, changed=(ended,), answer=(ended, added))

        ended, added = self._change(workspace, customer.id, decide)
        return ended, added

    def _plan(self, workspace: str, wanted: PlanReference) -> Plan:
        if wanted.id is not None:
            return self._plans.get(workspace, wanted.id)
        if wanted.key is None:
            raise refuse("plan", "required", "an id or a key of a plan is required")
        return self._plans.find(workspace, wanted.key, wanted.version)

    def _build(
        self, draft: SubscriptionDraft, plan: Plan, customer: Customer, start_us: int, anchor_us: int, now_us: int
    ) -> Subscription:
        """The subscription that starts then; ``anchor_us`` is for a draft without one."""
        name = plan.name if draft.name is None else draft.name
        wanted_us = anchor_us if draft.billing_anchor_us is None else draft.billing_anchor_us
        errors = (*check_draft(draft, name), *check_anchor(wanted_us, start_us))
        if errors:
            listed = "; ".join(f"{one.location[-1]}: {one.message}" for one in errors)
            raise InvalidInput(f"invalid subscription: {listed}", fields=errors)
        phases = phases_from(self._plans.phases_now(plan), draft.starting_phase)
        planned = lay_out(phases, start_us, customer.time_zone, self._new_id)
        mode = draft.settlement_mode or plan.settlement_mode
        return Subscription(
            workspace=customer.workspace,
            id=self._new_id(),
            customer_id=customer.id,
            plan_id=plan.id,
            plan_key=plan.key,
            plan_version=plan.plan_version,
            name=name,
            currency=plan.currency,
            cadence=plan.cadence,
            anchor_us=wanted_us,
            time_zone=customer.time_zone,
            active_from_us=start_us,
            active_to_us=planned[-1].active_to_us,
            phases=planned,
            planned=planned,
            created_at_us=now_us,
            updated_at_us=now_us,
            description=draft.description,
            metadata=dict(draft.metadata),
            settlement_mode=mode.value,
            pro_rating=plan.pro_rating,
            settled=not entitling_items(planned),
        )

    def _change(self, workspace: str, customer_id: str, decide: _Decide) -> tuple[Subscription, ...]:
        """Write what is decided on all subscriptions of the customer, then tell the entitlements."""
        for _ in range(_ATTEMPTS):
            head = self._store.head(workspace, customer_id)
            existing = self._settler.settle_all(self._store.of_customer(workspace, customer_id))
            found = decide(existing, self._clock.now_us())
            if found.added is None and not found.changed:
                return found.answer
            try:
                self._store.change((workspace, customer_id), head, added=found.added, changed=found.changed)
            except VersionConflict:
                continue
            # What ends is told before what begins.
            written = (*found.changed, *([found.added] if found.added is not None else []))
            settled = {one.id: self._settle(one) for one in written}
            return tuple(settled[one.id] for one in found.answer)
        raise VersionConflict(f"the subscriptions of customer {customer_id} are being changed by other requests")

    def _settle(self, subscription: Subscription) -> Subscription:
        """Raises Unavailable where the entitlements could not be told; the next reader will."""
        try:
            return self._settler.settle(subscription)
        except DynameterError as error:
            message = f"subscription {subscription.id} is stored, its entitlements are not yet: {error.message}"
            raise Unavailable(message) from error


def _stamped(subscription: Subscription, now_us: int) -> Subscription:
    settled = not entitling_items(subscription.planned)
    return replace(subscription, updated_at_us=now_us, version=subscription.version + 1, settled=settled)


def _deleted(subscription: Subscription, now_us: int) -> Subscription:
    """A deleted one is settled by moving it aside."""
    return replace(_stamped(subscription, now_us), deleted_at_us=now_us, settled=False)


def _pick(existing: Sequence[Subscription], subscription_id: str) -> Subscription:
    for one in existing:
        if one.id == subscription_id.upper():
            return one
    raise _not_found(subscription_id)


def _not_found(subscription_id: str) -> NotFound:
    return NotFound(f"subscription not found: {subscription_id[:_SHOWN_CHARACTERS]}", code="subscription_not_found")
