"""Customers in the catalog table: what several requests at once may leave there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dynameter.billing.customers import store as customer_store
from dynameter.billing.customers.customer import Customer, CustomerDraft
from dynameter.billing.customers.service import CustomerService
from dynameter.billing.customers.store import CustomerStore
from dynameter.errors import AlreadyExists, NotFound, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog
from dynameter.runtime.settings import Settings
from tests.conftest import OTHER_WORKSPACE, WORKSPACE, ManualClock


def customer(number: int, **changed: Any) -> Customer:
    made = Customer(WORKSPACE, f"01KEX4MP1E00000000000000{number:02}", f"key-{number}", "A", 1, 1)
    return replace(made, **changed)


@pytest.fixture
def catalog(dynamodb: Any, settings: Settings) -> Catalog:
    return Catalog(dynamodb, settings.catalog_table, lambda attempt: None)


@pytest.fixture
def store(catalog: Catalog) -> CustomerStore:
    return CustomerStore(catalog)


@pytest.fixture
def service(store: CustomerStore, clock: ManualClock) -> CustomerService:
    ids = iter(range(10, 100))
    return CustomerService(store, clock, lambda: customer(next(ids)).id)


def test_a_customer_comes_back_as_it_was_kept(store: CustomerStore) -> None:
    kept = customer(
        1,
        subject_keys=("b", "a"),
        description="d",
        currency="EUR",
        primary_email="x@y",
        billing_address={"country": "DE"},
        metadata={"k": "v"},
        time_zone="Europe/Berlin",
    )

    store.insert(kept)

    assert store.get(WORKSPACE, kept.id) == kept
    assert store.get(OTHER_WORKSPACE, kept.id) is None


def test_an_insert_that_is_refused_leaves_nothing(store: CustomerStore) -> None:
    store.insert(customer(1, subject_keys=("a",)))

    with pytest.raises(AlreadyExists):
        store.insert(customer(2, subject_keys=("b", "a")))

    assert store.owners(WORKSPACE, ["a", "b", "key-2"]) == {"a": customer(1).id}


def test_of_two_updates_of_one_version_one_is_refused(store: CustomerStore) -> None:
    first = customer(1)
    store.insert(first)
    store.replace(replace(first, name="B", version=2), first)

    with pytest.raises(VersionConflict):
        store.replace(replace(first, name="C", subject_keys=("c",), version=2), first)

    assert store.owner(WORKSPACE, "c") is None


def test_a_deletion_does_not_miss_what_holds_the_customer(store: CustomerStore, catalog: Catalog) -> None:
    read = customer(1)
    store.insert(read)

    catalog.transact([store.hold(WORKSPACE, read.id)], [])

    with pytest.raises(VersionConflict):
        store.move_deleted(replace(read, deleted_at_us=2, version=2), read)


def test_a_deleted_customer_cannot_be_held(store: CustomerStore, catalog: Catalog) -> None:
    read = customer(1)
    store.insert(read)
    store.move_deleted(replace(read, deleted_at_us=2, version=2), read)

    with pytest.raises(NotFound):
        catalog.transact([store.hold(WORKSPACE, read.id)], [NotFound("gone")])


def test_a_customer_with_a_subscription_is_not_deleted(store: CustomerStore, clock: ManualClock) -> None:
    service = CustomerService(store, clock, lambda: customer(1).id, lambda workspace, customer_id: True)
    made = service.create(WORKSPACE, CustomerDraft("A", "a"))

    with pytest.raises(AlreadyExists, match="active subscriptions"):
        service.delete(WORKSPACE, made.id)

    assert service.get(WORKSPACE, made.id).deleted_at_us is None


def test_a_subject_is_its_live_customers(service: CustomerService) -> None:
    made = service.create(WORKSPACE, CustomerDraft("A", "a", ("bot",)))

    assert service.of_subject(WORKSPACE, "bot") == made
    assert service.of_subject(WORKSPACE, "a") == made
    assert service.of_subject(WORKSPACE, "x") is None
    service.delete(WORKSPACE, made.id)
    assert service.of_subject(WORKSPACE, "bot") is None


def test_no_text_is_too_odd_to_be_looked_up(service: CustomerService) -> None:
    for odd in ("", "x" * 2_000, "\ud800"):
        assert service.of_subject(WORKSPACE, odd) is None
        assert service.owners(WORKSPACE, [odd]) == {}


def test_a_workspace_is_used_from_its_first_customer_on(service: CustomerService) -> None:
    assert not service.is_used(WORKSPACE)

    service.create(WORKSPACE, CustomerDraft("A", "a"))

    assert service.is_used(WORKSPACE)
    assert not service.is_used(OTHER_WORKSPACE)


def test_named_customers_are_found_deleted_or_not(service: CustomerService) -> None:
    made = [service.create(WORKSPACE, CustomerDraft("A", key)) for key in "ab"]
    service.delete(WORKSPACE, made[0].id)

    found = service.named(WORKSPACE, [made[1].id, made[0].id.lower(), made[1].id])

    assert [one.id for one in found] == [one.id for one in made]


def test_a_named_customer_that_is_unknown_is_not_found(service: CustomerService) -> None:
    with pytest.raises(NotFound):
        service.named(WORKSPACE, ["acme"])


def test_a_list_of_too_many_customers_is_refused(service: CustomerService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_store, "MAX_LISTED", 2)
    for key in "abc":
        service.create(WORKSPACE, CustomerDraft("A", key))

    with pytest.raises(TooLarge):
        service.list(WORKSPACE)
