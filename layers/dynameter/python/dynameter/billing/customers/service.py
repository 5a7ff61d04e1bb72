"""What can be done with customers: create, list, find, replace, delete; and whose a subject is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from enum import Enum
from typing import Protocol

from dynameter.billing.customers.customer import Customer, CustomerDraft
from dynameter.billing.customers.rules import MAX_SUBJECTS_CHANGED, check_draft
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.meters.rules import is_id

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class CustomerStore(Protocol):
    """Where customers are kept; reads see every change that was answered before."""

    def get(self, workspace: str, customer_id: str) -> Customer | None:
        """The customer of that id, deleted ones too."""

    def get_many(self, workspace: str, ids: Iterable[str]) -> dict[str, Customer]:
        """The customers among these ids, deleted ones too, by id."""

    def owner(self, workspace: str, subject: str) -> str | None:
        """The id of the live customer that the subject belongs to."""

    def owners(self, workspace: str, subjects: Iterable[str]) -> dict[str, str]:
        """The owners' ids of those of the subjects that belong to somebody."""

    def is_used(self, workspace: str) -> bool:
        """Whether the workspace has ever had a customer."""

    def list(self, workspace: str, *, deleted: bool = False) -> tuple[Customer, ...]:
        """Every live customer, or every deleted one; TooLarge where there are too many."""

    def insert(self, customer: Customer) -> None:
        """Add a customer; AlreadyExists where a subject belongs to another."""

    def replace(self, customer: Customer, before: Customer) -> None:
        """Write over what was read before; AlreadyExists, VersionConflict."""

    def move_deleted(self, customer: Customer, before: Customer) -> None:
        """Keep as deleted and free the subjects; VersionConflict."""


class CustomerOrder(Enum):
    """What a list of customers is ordered by; equal ones are ordered by id."""

    ID = "id"
    NAME = "name"
    CREATED_AT = "created_at"


_SORT_KEYS: dict[CustomerOrder, Callable[[Customer], tuple[str | int, str]]] = {
    CustomerOrder.ID: lambda one: (one.id, one.id),
    CustomerOrder.NAME: lambda one: (one.name, one.id),
    CustomerOrder.CREATED_AT: lambda one: (one.created_at_us, one.id),
}


class CustomerService:
    """The customers of all workspaces.

    ``new_id`` makes ULIDs. ``is_subscribed`` says whether a customer has a subscription that has not ended.
    """

    def __init__(
        self,
        store: CustomerStore,
        clock: Clock,
        new_id: Callable[[], str],
        is_subscribed: Callable[[str, str], bool] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._is_subscribed = is_subscribed

    def create(self, workspace: str, draft: CustomerDraft) -> Customer:
        """Create a customer. Raises InvalidInput, and AlreadyExists where a subject belongs to another."""
        draft = _checked(draft)
        now_us = self._clock.now_us()
        customer = _drafted(Customer(workspace, self._new_id(), None, "", now_us, now_us), draft)
        self._store.insert(customer)
        return customer

    def get(self, workspace: str, customer_id: str) -> Customer:
        """The customer of that id, deleted or not. Raises NotFound."""
        customer = self._store.get(workspace, customer_id.upper()) if is_id(customer_id) else None
        if customer is None:
            raise _not_found(customer_id)
        return customer

    def find(self, workspace: str, id_or_key: str) -> Customer:
        """The customer of that id, deleted or not, or the live one of that key. Raises NotFound."""
        if is_id(id_or_key):
            customer = self._store.get(workspace, id_or_key.upper())
            if customer is not None:
                return customer
        customer = self.of_subject(workspace, id_or_key)
        if customer is None or customer.key != id_or_key:
            raise _not_found(id_or_key)
        return customer

    def of_subject(self, workspace: str, subject: str) -> Customer | None:
        """The live customer that the subject belongs to."""
        owner = self._store.owner(workspace, subject) if _is_subject(subject) else None
        customer = self._store.get(workspace, owner) if owner is not None else None
        # It may have been changed between the two reads.
        return customer if customer and customer.deleted_at_us is None and subject in customer.subjects else None

    def owners(self, workspace: str, subjects: Collection[str]) -> dict[str, str]:
        """The ids of the live customers that these subjects belong to, by subject."""
        return self._store.owners(workspace, filter(_is_subject, subjects))

    def of_subjects(
        self,
        workspace: str,
        subjects: Collection[str],
        *,
        order_by: CustomerOrder = CustomerOrder.ID,
        descending: bool = False,
    ) -> tuple[Customer, ...]:
        """The live customers that these subjects belong to, each once, in that order."""
        found = self._store.get_many(workspace, self.owners(workspace, subjects).values()).values()
        live = [one for one in found if one.deleted_at_us is None]
        return tuple(sorted(live, key=_SORT_KEYS[order_by], reverse=descending))

    def named(self, workspace: str, ids: Collection[str]) -> tuple[Customer, ...]:
        """The customers of these ids, deleted or not, each once, by id. Raises NotFound for one that is unknown."""
        found = self._store.get_many(workspace, [one.upper() for one in ids if is_id(one)])
        for one in ids:
            if one.upper() not in found:
                raise NotFound(f"customer not found: {one[:_SHOWN_CHARACTERS]}", code="customer_not_found")
        return tuple(found[one] for one in sorted(found))

    def is_used(self, workspace: str) -> bool:
        """Whether the workspace has ever had a customer."""
        return self._store.is_used(workspace)

    def list(
        self,
        workspace: str,
        *,
        include_deleted: bool = False,
        order_by: CustomerOrder = CustomerOrder.NAME,
        descending: bool = False,
    ) -> tuple[Customer, ...]:
        """Every customer of the workspace in that order. Raises TooLarge where there are too many to look through."""
        found = self._store.list(workspace)
        if include_deleted:
            known = {one.id for one in found}
            found += tuple(one for one in self._store.list(workspace, deleted=True) if one.id not in known)
        return tuple(sorted(found, key=_SORT_KEYS[order_by], reverse=descending))

    def replace(self, workspace: str, id_or_key: str, draft: CustomerDraft, *, keep_key: bool = False) -> Customer:
        """Replace all that may change; ``keep_key`` leaves the key, whatever the draft has.

        Raises InvalidInput, NotFound, AlreadyExists (a subject belongs to another, or the customer is deleted) and
        VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            before = self.find(workspace, id_or_key)
            if before.deleted_at_us is not None:
                raise AlreadyExists(f"customer {before.id} is deleted", code="customer_deleted")
            wanted = _checked(replace(draft, key=before.key) if keep_key else draft)
            customer = replace(_drafted(before, wanted), updated_at_us=self._clock.now_us(), version=before.version + 1)
            _refuse_wide_change(before, customer)
            try:
                self._store.replace(customer, before)
            except VersionConflict:
                continue
            return customer
        raise VersionConflict(f"customer {id_or_key[:_SHOWN_CHARACTERS]} is being changed by other requests")

    def delete(self, workspace: str, id_or_key: str) -> None:
        """Delete a customer: its id stays known, its subjects are free. A deleted one by its id is no error.

        Raises NotFound, AlreadyExists for one that has a subscription, and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            before = self.find(workspace, id_or_key)
            if before.deleted_at_us is not None:
                return
            # Asked after the read: a subscription's creation changes the version (see CustomerStore.hold).
            if self._is_subscribed is not None and self._is_subscribed(workspace, before.id):
                message = f"customer {before.id} has active subscriptions and cannot be deleted"
                raise AlreadyExists(message, code="deleting_customer_with_active_subscriptions")
            now_us = self._clock.now_us()
            gone = replace(before, deleted_at_us=now_us, updated_at_us=now_us, version=before.version + 1)
            try:
                self._store.move_deleted(gone, before)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"customer {id_or_key[:_SHOWN_CHARACTERS]} is being changed by other requests")


def _checked(draft: CustomerDraft) -> CustomerDraft:
    """The draft with each subject once, if it keeps all rules."""
    errors = tuple(check_draft(draft))
    if errors:
        raise _invalid(errors)
    return replace(draft, subject_keys=tuple(dict.fromkeys(draft.subject_keys)))


def _drafted(customer: Customer, draft: CustomerDraft) -> Customer:
    return replace(
        customer,
        key=draft.key,
        name=draft.name,
        subject_keys=draft.subject_keys,
        description=draft.description,
        currency=draft.currency,
        primary_email=draft.primary_email,
        billing_address=None if draft.billing_address is None else dict(draft.billing_address),
        metadata=dict(draft.metadata),
        time_zone=draft.time_zone,
    )


def _refuse_wide_change(before: Customer, after: Customer) -> None:
    if len({*before.subjects} ^ {*after.subjects}) > MAX_SUBJECTS_CHANGED:
        message = f"at most {MAX_SUBJECTS_CHANGED} subjects can be added and removed together; send two requests"
        raise _invalid((FieldError(("body", "subject_keys"), "max_items", message),))


def _invalid(errors: tuple[FieldError, ...]) -> InvalidInput:
    listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
    return InvalidInput(f"invalid customer: {listed}", fields=errors)


def _is_subject(subject: str) -> bool:
    """Whether the text can be looked up: longer ones are nobody's, and DynamoDB knows no empty or endless keys."""
    try:
        return 1 <= len(subject.encode()) <= MAX_SUBJECT_BYTES
    except UnicodeEncodeError:
        return False


def _not_found(id_or_key: str) -> NotFound:
    return NotFound(f"customer not found: {id_or_key[:_SHOWN_CHARACTERS]}", code="customer_not_found")
