"""What entitlements are told of subscriptions, and that a crash or a race does not lose it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynameter.billing.customers.customer import Customer
from dynameter.billing.plans.plan import EntitlementTemplate, EntitlementType, Phase, Plan, RateCard
from dynameter.billing.subscriptions.service import SubscriptionService
from dynameter.billing.subscriptions.store import SubscriptionStore
from dynameter.billing.subscriptions.subscription import (
    PlanReference,
    Subscription,
    SubscriptionDraft,
    SubscriptionStatus,
    Timing,
)
from dynameter.billing.subscriptions.timeline import overlap
from dynameter.errors import DynameterError, NotFound, Unavailable, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key
from dynameter.runtime.settings import Settings
from tests.conftest import ManualClock

CUSTOMER = "01KFHZ0J4VPJ4P5D0M3Q1N8R7S"
DRAFT = SubscriptionDraft(PlanReference(key="plan"))


def card(name: str) -> RateCard:
    return RateCard(name, name, name, "P1M", entitlement=EntitlementTemplate(EntitlementType.BOOLEAN), feature_id=name)


@dataclass
class Catalogue:
    """Two plans: ``plan`` with two phases of an entitlement each, and ``bare`` with none."""

    workspace: str

    def find(self, workspace: str, plan_key: str, plan_version: int | None = None) -> Plan:
        phases = {
            "plan": (Phase("trial", "Trial", "P1M", (card("a"),)), Phase("full", "Full", None, (card("a"), card("b")))),
            "bare": (Phase("only", "Only", None, (RateCard("base", "Base", cadence="P1M"),)),),
        }[plan_key]
        return Plan(workspace, "P" * 26, plan_key, 1, "Plan", "USD", "P1M", phases, 0, 0, effective_from_us=0)

    def get(self, workspace: str, plan_id: str) -> Plan:
        raise NotFound(plan_id)

    def phases_now(self, plan: Plan) -> tuple[Phase, ...]:
        return plan.phases


class People:
    """One customer."""

    def find(self, workspace: str, id_or_key: str) -> Customer:
        return Customer(workspace, CUSTOMER, "acme", "Acme", 0, 0)


@dataclass
class Rights:
    """Entitlements by item: from and to. ``faults`` calls fail before they do anything."""

    held: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    faults: int = 0
    calls: int = 0

    def provision(self, subscription: Subscription, now_us: int) -> None:
        self._meet()
        for item in subscription.items:
            if item.rate_card.entitlement is not None:
                self.held[item.id] = (item.active_from_us, item.active_to_us)

    def end(self, subscription: Subscription, item_ids: Sequence[str], at_us: int) -> None:
        self._meet()
        for one in item_ids:
            from_us = self.held.get(one, (at_us, None))[0]
            if from_us >= at_us:
                self.held.pop(one, None)
            else:
                self.held[one] = (from_us, at_us)

    def _meet(self) -> None:
        self.calls += 1
        if self.faults:
            self.faults -= 1
            raise Unavailable("entitlements do not answer")


@dataclass
class World:
    workspace: str
    clock: ManualClock
    rights: Rights
    store: SubscriptionStore
    service: SubscriptionService

    def create(self, plan: str = "plan", timing: Timing | int = Timing.IMMEDIATE) -> Subscription:
        draft = replace(DRAFT, plan=PlanReference(key=plan), timing=timing)
        return self.service.create(self.workspace, CUSTOMER, draft)

    def all(self) -> tuple[Subscription, ...]:
        return self.service.of_customer(self.workspace, CUSTOMER)

    def due(self) -> dict[str, tuple[int, int | None]]:
        """What should be held."""
        return {
            item.id: (item.active_from_us, item.active_to_us)
            for one in self.all()
            for item in one.items
            if item.rate_card.entitlement is not None
        }


def make_world(client: Any, settings: Settings) -> World:
    workspace, clock, rights, ids = str(uuid.uuid4()), ManualClock(), Rights(), count()
    catalog = Catalog(client, settings.catalog_table, lambda attempt: None)

    def hold(workspace: str, customer_id: str) -> Item:
        return catalog.add(key(workspace, f"bc.i.{customer_id}"), {"version": 1})

    def new_id() -> str:
        return f"01KFHZ0J4VPJ4P5D0M3Q{next(ids):06d}"

    store = SubscriptionStore(catalog, hold)
    service = SubscriptionService(store, Catalogue(workspace), People(), clock, new_id, rights)
    return World(workspace, clock, rights, store, service)


@pytest.fixture
def world(client: Any, engine: Settings) -> World:
    return make_world(client, engine)


def test_each_item_with_an_entitlement_is_provisioned_for_its_time(world: World) -> None:
    made = world.create()

    assert made.settled
    assert len(world.rights.held) == 3
    assert world.rights.held == world.due()


def test_a_plan_without_entitlements_calls_nobody(world: World) -> None:
    made = world.create("bare")
    world.service.cancel(world.workspace, made.id, Timing.IMMEDIATE)

    assert world.rights.calls == 0


def test_canceling_ends_what_is_held_and_what_was_to_come(world: World) -> None:
    made = world.create()

    canceled = world.service.cancel(world.workspace, made.id, Timing.NEXT_BILLING_CYCLE)

    (held,) = world.rights.held.values()
    assert held == (made.active_from_us, canceled.active_to_us)


def test_taking_the_cancelation_back_provisions_again(world: World) -> None:
    made = world.create()
    before = dict(world.rights.held)
    world.service.cancel(world.workspace, made.id, Timing.NEXT_BILLING_CYCLE)

    world.service.unschedule_cancelation(world.workspace, made.id)

    assert world.rights.held == before


def test_a_deleted_subscription_leaves_nothing(world: World) -> None:
    made = world.create(timing=world.clock.now + 1)

    world.service.delete(world.workspace, made.id)

    assert world.rights.held == {}
    assert world.store.get(world.workspace, made.id) is None


def test_a_process_that_dies_before_it_tells_is_made_good_by_the_next_reader(world: World) -> None:
    world.rights.faults = 1
    with pytest.raises(Unavailable, match="is stored, its entitlements are not yet"):
        world.create()
    assert world.rights.held == {}

    (made,) = world.all()

    assert made.settled
    assert world.rights.held == world.due()
    calls = world.rights.calls
    world.service.get(world.workspace, made.id)
    assert world.rights.calls == calls


def test_a_reader_is_answered_while_the_entitlements_do_not(world: World) -> None:
    world.rights.faults = 3
    with pytest.raises(Unavailable):
        world.create()

    (made,) = world.all()

    assert not made.settled


def test_a_deletion_that_dies_half_way_is_finished_by_the_next_reader(world: World) -> None:
    made = world.create(timing=world.clock.now + 1)
    world.rights.faults = 1
    with pytest.raises(Unavailable):
        world.service.delete(world.workspace, made.id)

    with pytest.raises(NotFound):
        world.service.get(world.workspace, made.id)

    assert world.rights.held == {}
    assert world.create().settled


def test_a_change_that_dies_ends_the_old_before_it_provisions_the_new(world: World) -> None:
    made = world.create()
    world.clock.advance(3_600)
    world.rights.faults = 1
    with pytest.raises(Unavailable):
        world.service.change(world.workspace, made.id, DRAFT)
    (new,) = (one for one in world.all() if one.id != made.id)

    assert world.service.get(world.workspace, new.id).settled
    assert world.rights.held == world.due()


def test_two_changes_decided_on_the_same_state_do_not_both_happen(world: World) -> None:
    made = world.create()
    head = world.store.head(world.workspace, CUSTOMER)
    world.service.cancel(world.workspace, made.id, Timing.NEXT_BILLING_CYCLE)

    with pytest.raises(VersionConflict):
        world.store.change((world.workspace, CUSTOMER), head, changed=[replace(made, version=made.version + 1)])


def test_a_creation_that_meets_another_one_sees_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = world.store.head
    rival: list[Subscription] = []

    def head(workspace: str, customer_id: str) -> int:
        found = real(workspace, customer_id)
        if not rival:
            monkeypatch.setattr(world.store, "head", real)
            rival.append(world.create())
        return found

    monkeypatch.setattr(world.store, "head", head)
    with pytest.raises(DynameterError, match="one subscription at a time"):
        world.create()

    assert world.all() == tuple(rival)


def test_a_cancelation_that_is_overtaken_is_told_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.create()
    real = world.rights.end

    def end(subscription: Subscription, item_ids: Sequence[str], at_us: int) -> None:
        monkeypatch.setattr(world.rights, "end", real)
        world.service.unschedule_cancelation(world.workspace, made.id)
        real(subscription, item_ids, at_us)

    monkeypatch.setattr(world.rights, "end", end)
    world.service.cancel(world.workspace, made.id, Timing.NEXT_BILLING_CYCLE)

    assert world.rights.held == world.due()
    assert world.service.get(world.workspace, made.id).active_to_us is None


STEPS = ("create", "plan later", "cancel", "cancel later", "unschedule", "restore", "change", "change later", "delete")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 40), st.booleans()), max_size=8))
def test_whatever_is_done_subscriptions_never_overlap_and_entitlements_agree(
    client: Any, engine: Settings, steps: list[tuple[str, int, bool]]
) -> None:
    world = make_world(client, engine)
    for step, days, dies in steps:
        world.clock.advance(days * 86_400 + 1)
        world.rights.faults = int(dies)
        with suppress(DynameterError):
            take(world, step)
        world.rights.faults = 0

        found = world.all()
        assert not any(overlap(one, other) for one in found for other in found if one.id < other.id)
        assert world.rights.held == world.due()


def take(world: World, step: str) -> None:
    now_us, workspace, service = world.clock.now, world.workspace, world.service
    later_us = now_us + 10 * 86_400_000_000
    if step == "create":
        world.create()
    elif step == "plan later":
        world.create(timing=later_us)
    found = world.all()
    running = [one for one in found if one.status(now_us) in (SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED)]
    if step == "delete" and found:
        service.delete(workspace, found[0].id)
    if not running:
        return
    one = running[0].id
    if step == "cancel":
        service.cancel(workspace, one, Timing.IMMEDIATE)
    elif step == "cancel later":
        service.cancel(workspace, one, Timing.NEXT_BILLING_CYCLE)
    elif step == "unschedule":
        service.unschedule_cancelation(workspace, one)
    elif step == "restore":
        service.restore(workspace, one)
    elif step == "change":
        service.change(workspace, one, DRAFT)
    elif step == "change later":
        service.change(workspace, one, replace(DRAFT, timing=later_us))
