"""What can be done with entitlements: create, find, override, delete; and what they let their owner do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from dynameter.billing.customers.customer import Customer
from dynameter.billing.entitlements.drafting import draft_entitlement, issued_grant, refuse
from dynameter.billing.entitlements.entitlement import (
    Access,
    Entitlement,
    EntitlementDraft,
    Grant,
    Owner,
)
from dynameter.billing.entitlements.grants import make_grant
from dynameter.billing.entitlements.rules import (
    MAX_AHEAD_US,
    MAX_ENTITLEMENTS,
    MAX_KEPT,
    check_draft,
    check_feature,
)
from dynameter.billing.entitlements.segment_usage import SegmentUsage
from dynameter.billing.entitlements.standing import Standings, UsageBetween
from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import EntitlementType
from dynameter.clock import Clock
from dynameter.deadline import carry
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.meters.rules import is_id, is_slug

MAX_LISTED = 10_000
"""Entitlements that a list of a workspace looks through."""
WORKERS = 8

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class EntitlementStore(Protocol):
    """Where entitlements are kept; reads see every change that was answered before."""

    def get(self, workspace: str, entitlement_id: str) -> Entitlement | None:
        """The entitlement of that id, ended or not."""

    def of_owner(self, owner: Owner, feature_key: str | None = None) -> tuple[Entitlement, ...]:
        """The owner's entitlements, to all features or one, ended ones too."""

    def all(self, workspace: str, most: int) -> tuple[Entitlement, ...]:
        """The entitlements of a workspace, ended ones too; TooLarge."""

    def head(self, owner: Owner, feature_key: str) -> int:
        """A number that is another after every change of the owner's right to the feature."""

    def insert(
        self,
        entitlement: Entitlement,
        grants: Sequence[Grant],
        head: int,
        ended: Sequence[tuple[Entitlement, Entitlement]] = (),
    ) -> None:
        """Add an entitlement with its first grants; VersionConflict."""

    def replace(self, entitlement: Entitlement, before: Entitlement, head: int) -> None:
        """Write over what was read before; VersionConflict."""


class Customers(Protocol):
    """What is needed of ``dynameter.billing.customers.service.CustomerService``."""

    def get(self, workspace: str, customer_id: str) -> Customer:
        """The customer of that id, deleted or not; NotFound."""

    def find(self, workspace: str, id_or_key: str) -> Customer:
        """The customer of that id, deleted or not, or the live one of that key; NotFound."""

    def of_subject(self, workspace: str, subject: str) -> Customer | None:
        """The live customer that the subject belongs to."""


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def get(self, workspace: str, feature_id: str) -> Feature:
        """The feature of that id, archived or not; NotFound."""

    def find(self, workspace: str, id_or_key: str) -> Feature:
        """The feature of that id, or the live one of that key; NotFound."""


class EntitlementService:
    """The entitlements of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(
        self,
        store: EntitlementStore,
        customers: Customers,
        features: Features,
        standings: Standings,
        usage: SegmentUsage,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._customers = customers
        self._features = features
        self._standings = standings
        self._usage = usage
        self._clock = clock
        self._new_id = new_id
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="entitlements")

    # ---- owners

    def owner_of_subject(self, workspace: str, subject: str) -> Owner:
        """Whose the subject's entitlements are: its customer's, or its own. Raises InvalidInput for no subject."""
        if not _is_subject(subject):
            message = f"must have 1 to {MAX_SUBJECT_BYTES} bytes of UTF-8"
            field = FieldError(("path", "subjectIdOrKey"), "length", message)
            raise InvalidInput(f"invalid subject: {message}", fields=(field,))
        return Owner(workspace, self._customers.of_subject(workspace, subject), subject)

    def owner_of_customer(self, workspace: str, id_or_key: str) -> Owner:
        """The owner that a live customer is. Raises NotFound."""
        customer = self._customers.find(workspace, id_or_key)
        if customer.deleted_at_us is not None:
            raise NotFound(f"customer not found: {id_or_key[:_SHOWN_CHARACTERS]}", code="customer_not_found")
        return Owner(workspace, customer)

    # ---- entitlements

    def create(self, owner: Owner, draft: EntitlementDraft) -> Entitlement:
        """Create an entitlement, in force from now.

        Raises InvalidInput, NotFound for the feature, AlreadyExists where one to the feature is in force or will be.
        """
        return self._create(owner, draft, None)

    def override(self, owner: Owner, reference: str, draft: EntitlementDraft) -> Entitlement:
        """End an entitlement now and put another to the same feature in its place, in one step.

        Raises what ``create`` and ``delete`` raise.
        """
        return self._create(owner, draft, reference)

    def find(self, owner: Owner, reference: str, at_us: int | None = None) -> Entitlement:
        """The owner's entitlement of that id, or the one to the feature of that key in force then. Raises NotFound."""
        if is_id(reference):
            found = self._store.get(owner.workspace, reference.upper())
            if found is not None and _is_of(found, owner):
                return found
        elif is_slug(reference):
            wanted_us = self._clock.now_us() if at_us is None else at_us
            # A subject's own from before it belonged to the customer comes after the customer's.
            for holder in (owner, replace(owner, customer=None)) if owner.customer and owner.subject else (owner,):
                for one in self._store.of_owner(holder, reference):
                    if one.is_active(wanted_us):
                        return one
        raise _not_found(reference)

    def get(self, workspace: str, entitlement_id: str) -> Entitlement:
        """The entitlement of that id, ended or not. Raises NotFound."""
        found = self._store.get(workspace, entitlement_id.upper()) if is_id(entitlement_id) else None
        if found is None:
            raise _not_found(entitlement_id)
        return found

    def list(self, owner: Owner, *, include_deleted: bool = False) -> tuple[Entitlement, ...]:
        """The owner's entitlements that have not ended, by feature and age; ended ones too where asked for."""
        return self._shown(self._store.of_owner(owner), include_deleted)

    def list_all(self, workspace: str, *, include_deleted: bool = False) -> tuple[Entitlement, ...]:
        """The workspace's entitlements likewise. Raises TooLarge."""
        return self._shown(self._store.all(workspace, MAX_LISTED), include_deleted)

    def delete(self, owner: Owner, reference: str) -> None:
        """End an entitlement now; an ended one by its id is no error.

        Raises NotFound, AlreadyExists for one that a subscription brought, VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            before = self.find(owner, reference)
            if before.deleted_at_us is not None:
                return
            _refuse_managed(before)
            # A subject's own stays its own, whoever the subject belongs to by now.
            holder = owner if before.customer_id is not None else replace(owner, customer=None)
            head = self._store.head(holder, before.feature_key)
            try:
                self._store.replace(_ended(before, self._clock.now_us()), before, head)
            except VersionConflict:
                continue
            return
        raise _busy()

    # ---- what they let their owner do

    def value(self, entitlement: Entitlement, owner: Owner, at_us: int | None = None) -> Access:
        """What the entitlement lets its owner do at the instant, now where none is named.

        Raises InvalidInput for an instant in the future, TooLarge where there is too much to read.
        """
        now_us = self._clock.now_us()
        at_us = now_us if at_us is None else at_us
        if at_us > now_us + MAX_AHEAD_US:
            field = FieldError(("query", "time"), "range", "must not be in the future")
            raise InvalidInput("time must not be in the future", fields=(field,))
        if not entitlement.is_active(at_us) or at_us < entitlement.measure_from_us:
            return Access(entitlement, False)
        if entitlement.type is not EntitlementType.METERED:
            return Access(entitlement, True, config=entitlement.config)
        balance = self._standings.at(entitlement, at_us, self.usage_between(entitlement, owner))
        return Access(entitlement, balance.has_access, balance)

    def access(self, owner: Owner, at_us: int | None = None) -> tuple[Access, ...]:
        """What each entitlement in force lets the owner do, by feature."""
        wanted_us = self._clock.now_us() if at_us is None else at_us
        active = [one for one in self._store.of_owner(owner) if one.is_active(wanted_us)]
        return tuple(self._pool.map(carry(lambda one: self.value(one, owner, wanted_us)), active))

    def usage_between(self, entitlement: Entitlement, owner: Owner) -> UsageBetween:
        """How the entitlement's usage is read."""
        feature = self._features.get(entitlement.workspace, entitlement.feature_id)
        subjects = owner.subjects if entitlement.customer_id is not None else (entitlement.subject_key or "",)

        def between(points: Sequence[int], starts: Sequence[int]) -> Sequence[Decimal]:
            return self._usage.between(feature, subjects, points, starts)

        return between

    def _create(self, owner: Owner, draft: EntitlementDraft, replaced: str | None) -> Entitlement:
        refuse([*check_draft(draft)])
        feature = self._features.find(owner.workspace, draft.feature)
        refuse([*check_feature(draft, feature)])
        for _ in range(_ATTEMPTS):
            now_us = self._clock.now_us()
            head = self._store.head(owner, feature.key)
            ended = self._ended_by(owner, replaced, feature, now_us)
            entitlement = draft_entitlement(owner, draft, feature, self._new_id(), now_us)
            self._refuse_second(owner, entitlement, {before.id for _, before in ended})
            grants = self._first_grants(entitlement, draft, now_us)
            try:
                self._store.insert(entitlement, grants, head, ended)
            except VersionConflict:
                continue
            return entitlement
        raise _busy()

    def _ended_by(
        self, owner: Owner, replaced: str | None, feature: Feature, now_us: int
    ) -> tuple[tuple[Entitlement, Entitlement], ...]:
        if replaced is None:
            return ()
        before = self.find(owner, replaced)
        if before.feature_id != feature.id:
            field = FieldError(("body", "feature"), "feature", f"must be {before.feature_key}, which is overridden")
            refuse([field])
        _refuse_managed(before)
        if not before.is_active(now_us):
            raise AlreadyExists(f"entitlement {before.id} has ended", code="entitlement_ended")
        return ((_ended(before, now_us), before),)

    def _refuse_second(self, owner: Owner, entitlement: Entitlement, ended: set[str]) -> None:
        owned = self._store.of_owner(owner)
        if len(owned) >= MAX_KEPT:
            message = f"at most {MAX_KEPT} entitlements are kept, ended ones counted"
            raise AlreadyExists(message, code="entitlement_limit_exceeded")
        kept = [one for one in owned if one.id not in ended]
        for one in kept:
            if one.feature_key == entitlement.feature_key and one.overlaps(entitlement):
                raise AlreadyExists(
                    f"entitlement with id {one.id} already exists for feature {one.feature_key}",
                    code="entitlement_exists",
                )
        if sum(not _has_ended(one, entitlement.created_at_us) for one in kept) >= MAX_ENTITLEMENTS:
            message = f"at most {MAX_ENTITLEMENTS} entitlements can be in force"
            raise AlreadyExists(message, code="entitlement_limit_exceeded")

    def _first_grants(self, entitlement: Entitlement, draft: EntitlementDraft, now_us: int) -> tuple[Grant, ...]:
        sent = tuple(make_grant(entitlement, self._new_id(), one, now_us) for one in draft.grants)
        return sent if draft.issue_after_reset is None else (issued_grant(entitlement, self._new_id()), *sent)

    def _shown(self, found: Sequence[Entitlement], include_deleted: bool) -> tuple[Entitlement, ...]:
        now_us = self._clock.now_us()
        return tuple(one for one in found if include_deleted or not _has_ended(one, now_us))


def _is_subject(text: str) -> bool:
    try:
        return 1 <= len(text.encode()) <= MAX_SUBJECT_BYTES and "\0" not in text
    except UnicodeEncodeError:
        return False


def _is_of(entitlement: Entitlement, owner: Owner) -> bool:
    if entitlement.customer_id is None:
        return owner.subject is not None and entitlement.subject_key == owner.subject
    return owner.customer is not None and entitlement.customer_id == owner.customer.id


def _has_ended(entitlement: Entitlement, now_us: int) -> bool:
    ended = entitlement.active_to_us is not None and entitlement.active_to_us <= now_us
    return ended or entitlement.deleted_at_us is not None


def _ended(entitlement: Entitlement, now_us: int) -> Entitlement:
    end_us = now_us if entitlement.active_to_us is None else min(now_us, entitlement.active_to_us)
    return replace(
        entitlement,
        active_to_us=end_us,
        deleted_at_us=now_us,
        updated_at_us=now_us,
        version=entitlement.version + 1,
    )


def _refuse_managed(entitlement: Entitlement) -> None:
    if entitlement.subscription_id is not None:
        raise AlreadyExists(
            f"entitlement {entitlement.id} is managed by subscription {entitlement.subscription_id}",
            code="entitlement_managed_by_subscription",
        )


def _not_found(reference: str) -> NotFound:
    return NotFound(f"entitlement not found: {reference[:_SHOWN_CHARACTERS]}", code="entitlement_not_found")


def _busy() -> VersionConflict:
    return VersionConflict("the owner's entitlements are being changed by other requests")
