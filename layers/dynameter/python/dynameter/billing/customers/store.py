"""Where customers are kept: the catalog table, under the workspace's partition.

    sk               item
    bc.i.<id>        a live customer
    bc.d.<id>        a deleted customer, moved aside so that listing the live ones costs nothing for it
    bc.s.<subject>   the id of the live customer that a subject belongs to; the customer's key is such a subject
    bc.any           there since the workspace's first customer

A customer is written with its subjects in one transaction, so a subject never has two owners. The key needs no item
of its own: it is one of the subjects.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dynameter import codec
from dynameter.billing.customers.customer import Customer
from dynameter.deadline import carry
from dynameter.errors import AlreadyExists, DynameterError, FieldError, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

MAX_LISTED = 20_000
"""Customers that one list looks through."""
MAX_LISTED_BYTES = 32_000_000
"""What they may come to, about."""
WORKERS = 16

_LIVE, _DELETED, _SUBJECT, _ANY = "bc.i.", "bc.d.", "bc.s.", "bc.any"
_FREE, _THERE, _UNCHANGED, _OWNED = "attribute_not_exists(pk)", "attribute_exists(pk)", "version = :before", "id = :id"
_TEXTS = ("key", "description", "currency", "primary_email")
_SHOWN_CHARACTERS = 64


class CustomerStore:
    """Customers in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog, workers: int = WORKERS) -> None:
        self._catalog = catalog
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="customers")

    # ---- reads

    def get(self, workspace: str, customer_id: str) -> Customer | None:
        """The customer of that id, deleted ones too."""
        item = self._catalog.get(workspace, _LIVE + customer_id) or self._catalog.get(workspace, _DELETED + customer_id)
        return _from_item(workspace, item) if item else None

    def get_many(self, workspace: str, ids: Iterable[str]) -> dict[str, Customer]:
        """The customers among these ids, deleted ones too, by id."""
        wanted = sorted(set(ids))
        found = self._pool.map(carry(lambda one: self.get(workspace, one)), wanted)
        return {customer.id: customer for customer in found if customer is not None}

    def owner(self, workspace: str, subject: str) -> str | None:
        """The id of the live customer that the subject belongs to."""
        item = self._catalog.get(workspace, _SUBJECT + subject)
        return text(item, "id") if item else None

    def owners(self, workspace: str, subjects: Iterable[str]) -> dict[str, str]:
        """The owners' ids of those of the subjects that belong to somebody."""
        wanted = sorted(set(subjects))
        found = self._pool.map(carry(lambda one: self.owner(workspace, one)), wanted)
        return {subject: owner for subject, owner in zip(wanted, found, strict=True) if owner is not None}

    def is_used(self, workspace: str) -> bool:
        """Whether the workspace has ever had a customer."""
        return self._catalog.get(workspace, _ANY) is not None

    def list(self, workspace: str, *, deleted: bool = False) -> tuple[Customer, ...]:
        """Every live customer, or every deleted one, by id. Raises TooLarge past ``MAX_LISTED``."""
        found: list[Customer] = []
        room = MAX_LISTED_BYTES
        for item in self._catalog.query(workspace, _DELETED if deleted else _LIVE):
            found.append(_from_item(workspace, item))
            room -= len(codec.encode(item))
            if len(found) > MAX_LISTED or room < 0:
                raise TooLarge(
                    f"the workspace has more than {MAX_LISTED} customers or very large ones; ask for them by key",
                    code="too_many_customers",
                )
        return tuple(found)

    # ---- changes

    def insert(self, customer: Customer) -> None:
        """Add a customer. Raises AlreadyExists where a subject belongs to another."""
        if not self.is_used(customer.workspace):
            self._catalog.transact([self._catalog.put(key(customer.workspace, _ANY), "")], [])
        actions = [self._catalog.put(_to_item(customer), _FREE)]
        refusals: list[DynameterError] = [AlreadyExists(f"customer {customer.id} exists already")]
        for subject in customer.subjects:
            actions.append(self._catalog.put(_pointer(customer, subject), _FREE))
            refusals.append(_taken(customer, subject))
        self._catalog.transact(actions, refusals)

    def replace(self, customer: Customer, before: Customer) -> None:
        """Write a live customer over what was read before, with at most 98 subjects that differ.

        Raises AlreadyExists where a subject belongs to another, VersionConflict where another version is stored.
        """
        values = {":before": number(before.version)}
        actions = [self._catalog.put(_to_item(customer), _UNCHANGED, values)]
        refusals: list[DynameterError] = [_changed(customer)]
        for subject in sorted({*customer.subjects} - {*before.subjects}):
            actions.append(self._catalog.put(_pointer(customer, subject), _FREE))
            refusals.append(_taken(customer, subject))
        for subject in sorted({*before.subjects} - {*customer.subjects}):
            actions.append(self._release(customer, subject))
            refusals.append(_changed(customer))
        self._catalog.transact(actions, refusals)

    def move_deleted(self, customer: Customer, before: Customer) -> None:
        """Keep a customer as deleted and free its subjects. Raises VersionConflict like ``replace``."""
        values = {":before": number(before.version)}
        actions = [
            self._catalog.delete(key(customer.workspace, _LIVE + customer.id), _UNCHANGED, values),
            self._catalog.put(_to_item(customer), _FREE),
            *(self._release(customer, subject) for subject in before.subjects),
        ]
        self._catalog.transact(actions, [_changed(customer)] * len(actions))

    def hold(self, workspace: str, customer_id: str) -> Item:
        """An action for another store's transaction: it fails where the customer is not live.

        It also makes a deletion that has been decided already read again, so what is written in that transaction
        is never missed by a deletion that asks whether it is there.
        """
        return self._catalog.add(key(workspace, _LIVE + customer_id), {"version": 1}, _THERE)

    def _release(self, customer: Customer, subject: str) -> Item:
        item_key = key(customer.workspace, _SUBJECT + subject)
        return self._catalog.delete(item_key, _OWNED, {":id": {"S": customer.id}})


def _changed(customer: Customer) -> VersionConflict:
    return VersionConflict(f"customer {customer.id} was changed by another request")


def _taken(customer: Customer, subject: str) -> AlreadyExists:
    shown = subject[:_SHOWN_CHARACTERS]
    if subject == customer.key:
        message = f'key "{shown}" is already used by another customer, as its key or as one of its subjects'
        place: tuple[str | int, ...] = ("body", "key")
    else:
        message = f"subject {shown} is already associated with a different customer"
        place = ("body", "subject_keys", customer.subject_keys.index(subject))
    return AlreadyExists(message, code="subject_taken", fields=(FieldError(place, "unique", message, shown),))


# ---- mapping


def _pointer(customer: Customer, subject: str) -> Item:
    return {**key(customer.workspace, _SUBJECT + subject), "id": {"S": customer.id}}


def _to_item(customer: Customer) -> Item:
    prefix = _LIVE if customer.deleted_at_us is None else _DELETED
    item = {
        **key(customer.workspace, prefix + customer.id),
        "id": {"S": customer.id},
        "name": {"S": customer.name},
        "subject_keys": {"L": [{"S": one} for one in customer.subject_keys]},
        "metadata": {"S": codec.encode(dict(customer.metadata)).decode()},
        "time_zone": {"S": customer.time_zone},
        "created_us": number(customer.created_at_us),
        "updated_us": number(customer.updated_at_us),
        "version": number(customer.version),
    }
    for name in _TEXTS:
        value = getattr(customer, name)
        if value is not None:
            item[name] = {"S": value}
    if customer.billing_address is not None:
        item["billing_address"] = {"M": {name: {"S": one} for name, one in customer.billing_address.items()}}
    if customer.deleted_at_us is not None:
        item["deleted_us"] = number(customer.deleted_at_us)
    return item


def _from_item(workspace: str, item: Any) -> Customer:
    address = item.get("billing_address")
    return Customer(
        workspace=workspace,
        id=text(item, "id"),
        name=text(item, "name"),
        subject_keys=tuple(one["S"] for one in item["subject_keys"]["L"]),
        billing_address=None if address is None else {name: one["S"] for name, one in address["M"].items()},
        metadata=codec.decode(text(item, "metadata")),
        time_zone=text(item, "time_zone"),
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        deleted_at_us=whole(item, "deleted_us") if "deleted_us" in item else None,
        version=whole(item, "version"),
        **{name: text(item, name) if name in item else None for name in _TEXTS},
    )
