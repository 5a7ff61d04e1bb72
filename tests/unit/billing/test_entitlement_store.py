"""Entitlements where they are kept, and those of subscriptions told again and again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from ulid import ULID

from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.balance import Opening
from dynameter.billing.entitlements.entitlement import Entitlement, Grant, Owner, UsageReset
from dynameter.billing.entitlements.rules import MAX_GRANTS
from dynameter.billing.entitlements.standing import Seal
from dynameter.billing.entitlements.store import EntitlementStore
from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import EntitlementTemplate, EntitlementType, RateCard
from dynameter.billing.subscriptions.entitlements import SubscriptionEntitlements
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem, SubscriptionPhase
from dynameter.errors import AlreadyExists, VersionConflict
from dynameter.runtime.catalog import Catalog, key
from dynameter.runtime.settings import Settings
from tests.conftest import ManualClock

NOW = ManualClock().now


@pytest.fixture
def store(engine: Settings, client: Any) -> EntitlementStore:
    return EntitlementStore(Catalog(client, engine.catalog_table, lambda _: None))


def owner_in(workspace: str, customer_id: str = "C") -> Owner:
    return Owner(workspace, Customer(workspace, customer_id, "acme", "Acme", 0, 0))


def made(workspace: str, **changed: Any) -> Entitlement:
    one = Entitlement(
        workspace,
        str(ULID()),
        EntitlementType.METERED,
        "F",
        "tokens",
        "C",
        None,
        NOW,
        NOW,
        NOW,
        issue_after_reset=Decimal("0.5"),
        usage_period="P1M",
        anchor_us=NOW,
        measure_from_us=NOW,
        metadata={"a": "b"},
    )
    return replace(one, **changed)


def grant_of(entitlement: Entitlement, **changed: Any) -> Grant:
    one = Grant(entitlement.workspace, str(ULID()), entitlement.id, Decimal("12345678901234567890.5"), NOW, NOW, NOW)
    return replace(one, **changed)


def test_what_is_read_is_what_was_written(store: EntitlementStore, workspace: str) -> None:
    one = made(workspace)
    grant = grant_of(one, expires_at_us=NOW + 1, expiration="P1D", recurrence="P1W", recurrence_anchor_us=NOW)

    store.insert(one, [grant], 0)

    assert store.get(workspace, one.id) == one
    assert store.of_owner(owner_in(workspace)) == (one,)
    assert store.book(workspace, one.id).grants == (grant,)
    assert store.grant(workspace, grant.id) == grant


def test_of_two_that_have_read_the_same_head_one_is_written(store: EntitlementStore, workspace: str) -> None:
    head = store.head(owner_in(workspace), "tokens")
    store.insert(made(workspace), [], head)

    with pytest.raises(VersionConflict):
        store.insert(made(workspace), [], head)


def test_a_reset_moves_the_entitlement_with_it_or_is_not_written(store: EntitlementStore, workspace: str) -> None:
    one = made(workspace)
    store.insert(one, [], 0)
    after, reset = replace(one, last_reset_us=NOW + 5, version=2), UsageReset(NOW + 5, retain_anchor=True)
    store.insert_reset(after, one, reset)

    with pytest.raises(VersionConflict):
        store.insert_reset(after, one, UsageReset(NOW + 6))

    assert store.get(workspace, one.id) == after
    assert store.book(workspace, one.id).resets == (reset,)


def test_an_earlier_seal_does_not_replace_a_later_one(store: EntitlementStore, workspace: str) -> None:
    one = made(workspace)
    later = Seal(NOW + 2, Opening({"g": Decimal("1.5")}, Decimal(3)))
    store.seal(one, later.at_us, later.opening)
    store.seal(one, NOW + 1, Opening())

    assert store.book(workspace, one.id).seal == later


def test_an_entitlement_holds_so_many_grants(store: EntitlementStore, client: Any, workspace: str) -> None:
    one = made(workspace)
    counter = key(workspace, f"bg.{one.id}.n")
    client.put_item(TableName="CatalogTable", Item={**counter, "g": {"N": str(MAX_GRANTS)}})

    with pytest.raises(AlreadyExists) as raised:
        store.insert_grant(grant_of(one))

    assert raised.value.code == "grant_limit_exceeded"


class Known:
    """The customer and the feature of a subscription."""

    def __init__(self, workspace: str) -> None:
        self.customer = Customer(workspace, "C", "acme", "Acme", 0, 0)
        self.feature = Feature(workspace, "F", "tokens", "Tokens", 0, 0, meter_id="M")

    def get(self, workspace: str, id_: str) -> Any:
        return self.customer if id_ == "C" else self.feature


def subscription(workspace: str, end_us: int | None = None) -> Subscription:
    template = EntitlementTemplate(EntitlementType.METERED, issue_after_reset=Decimal(5))
    card = RateCard("tokens", "Tokens", "tokens", "P1M", entitlement=template)
    item = SubscriptionItem("01KEYZ8Q4V0000000000000009", card, NOW, end_us, "F")
    phase = SubscriptionPhase("P", "default", "Default", NOW, end_us, (item,))
    return Subscription(
        workspace, "S", "C", "PL", "plan", 1, "Plan", "USD", "P1M", NOW, "UTC", NOW, end_us, (phase,), NOW, NOW
    )


def test_telling_the_same_again_changes_nothing(store: EntitlementStore, workspace: str) -> None:
    known = Known(workspace)
    hooks = SubscriptionEntitlements(store, known, known, ManualClock(), lambda: str(ULID()))
    hooks.provision(subscription(workspace), NOW)
    first = store.of_owner(owner_in(workspace))

    hooks.provision(subscription(workspace), NOW + 1)

    assert store.of_owner(owner_in(workspace)) == first
    assert len(store.book(workspace, first[0].id).grants) == 1


def test_an_end_holds_however_often_it_is_told_and_can_be_taken_back(store: EntitlementStore, workspace: str) -> None:
    known = Known(workspace)
    hooks = SubscriptionEntitlements(store, known, known, ManualClock(), lambda: str(ULID()))
    hooks.provision(subscription(workspace), NOW)
    ids = [one.id for one in subscription(workspace).items]

    for _ in range(2):
        hooks.provision(subscription(workspace, NOW + 9), NOW)
        hooks.end(subscription(workspace, NOW + 9), ids, NOW + 9)
    assert [one.active_to_us for one in store.of_owner(owner_in(workspace))] == [NOW + 9]

    hooks.provision(subscription(workspace), NOW)
    assert [one.active_to_us for one in store.of_owner(owner_in(workspace))] == [None]


def test_what_would_begin_after_the_end_never_does(store: EntitlementStore, workspace: str) -> None:
    known = Known(workspace)
    hooks = SubscriptionEntitlements(store, known, known, ManualClock(), lambda: str(ULID()))
    hooks.provision(subscription(workspace), NOW)

    hooks.end(subscription(workspace), [one.id for one in subscription(workspace).items], NOW - 5)

    (one,) = store.of_owner(owner_in(workspace))
    assert (one.active_to_us, one.deleted_at_us is None) == (NOW, False)
