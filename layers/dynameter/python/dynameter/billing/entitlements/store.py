"""Where entitlements, grants and resets are kept: the catalog table, under the workspace's partition.

    sk                                      item
    be.c.<customer>.<feature>.<id>          an entitlement of a customer, ended ones too
    be.s.<length>.<subject>.<feature>.<id>  an entitlement of a subject that belongs to nobody
    be.i.<id>                               the sort key of the entitlement
    be.h.<owner>.<feature>                  a version that everything about the owner's right to the feature adds to
    bg.<entitlement>.g.<id>                 a grant
    bg.<entitlement>.r.<instant>            a reset that somebody asked for (20 digits)
    bg.<entitlement>.s                      the seal: what the periods before an instant left (see ``standing``)
    bg.<entitlement>.n                      how many grants (g) and resets (r) there are
    bg.i.<id>                               the entitlement of a grant

A change reads the head (``be.h``), then the entitlements, and is written under the condition that the head has not
moved: so an owner never has two entitlements to one feature at one time. A subject is written with its length before
it, so that no subject's items begin like another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dynameter.billing.entitlements.balance import Opening
from dynameter.billing.entitlements.entitlement import Entitlement, Grant, Owner, UsageReset
from dynameter.billing.entitlements.records import (
    entitlement_attributes,
    grant_attributes,
    read_entitlement,
    read_grant,
    read_opening,
    read_reset,
    reset_attributes,
    seal_attributes,
)
from dynameter.billing.entitlements.rules import MAX_GRANTS, MAX_OWNED, MAX_RESETS
from dynameter.billing.entitlements.standing import Book, Seal
from dynameter.errors import AlreadyExists, DynameterError, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

_FREE, _UNCHANGED = "attribute_not_exists(pk)", "version = :before"
_STILL, _STILL_NEW = "version = :most", "attribute_not_exists(version)"
_NEWER = "attribute_not_exists(pk) OR at_us < :at"


class EntitlementStore:
    """Entitlements in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    # ---- reads

    def get(self, workspace: str, entitlement_id: str) -> Entitlement | None:
        """The entitlement of that id, ended or not."""
        pointer = self._catalog.get(workspace, f"be.i.{entitlement_id}")
        item = self._catalog.get(workspace, text(pointer, "at")) if pointer else None
        return read_entitlement(workspace, item) if item else None

    def of_owner(self, owner: Owner, feature_key: str | None = None) -> tuple[Entitlement, ...]:
        """The owner's entitlements, to all features or one, ended ones too, by feature and age. Raises TooLarge."""
        prefix = f"be.{_name(owner)}." if feature_key is None else f"be.{_name(owner)}.{feature_key}."
        return tuple(self._list(owner.workspace, prefix, MAX_OWNED))

    def all(self, workspace: str, most: int) -> tuple[Entitlement, ...]:
        """The entitlements of a workspace, ended ones too. Raises TooLarge where there are more than ``most``."""
        return (*self._list(workspace, "be.c.", most), *self._list(workspace, "be.s.", most))

    def head(self, owner: Owner, feature_key: str) -> int:
        """A number that is another after every change of the owner's right to the feature; 0 where there was none."""
        item = self._catalog.get(owner.workspace, f"be.h.{_name(owner)}.{feature_key}")
        return whole(item, "version") if item else 0

    def book(self, workspace: str, entitlement_id: str) -> Book:
        """The entitlement's grants, resets and seal, read by one Query."""
        prefix = f"bg.{entitlement_id}."
        grants: list[Grant] = []
        resets: list[UsageReset] = []
        seal: Seal | None = None
        for item in self._catalog.query(workspace, prefix):
            kind = text(item, "sk").removeprefix(prefix)[:1]
            if kind == "g":
                grants.append(read_grant(workspace, item))
            elif kind == "r":
                resets.append(read_reset(item))
            elif kind == "s":
                seal = Seal(whole(item, "at_us"), read_opening(item))
        return Book(tuple(grants), tuple(resets), seal)

    def grant(self, workspace: str, grant_id: str) -> Grant | None:
        """The grant of that id."""
        pointer = self._catalog.get(workspace, f"bg.i.{grant_id}")
        item = self._catalog.get(workspace, _grant_key(text(pointer, "entitlement"), grant_id)) if pointer else None
        return read_grant(workspace, item) if item else None

    # ---- changes

    def insert(
        self,
        entitlement: Entitlement,
        grants: Sequence[Grant],
        head: int,
        ended: Sequence[tuple[Entitlement, Entitlement]] = (),
    ) -> None:
        """Add an entitlement with its first grants; ``ended`` are others as they become and as they were.

        Raises VersionConflict where the head has moved since it was read, or one that ends was changed.
        """
        moved = VersionConflict("the owner's entitlements were changed by another request")
        workspace = entitlement.workspace
        place = _place(entitlement)
        pointer = {**key(workspace, f"be.i.{entitlement.id}"), "at": {"S": place}}
        exists = AlreadyExists(f"entitlement {entitlement.id} exists already")
        actions = [
            self._move_head(entitlement, head),
            self._catalog.put({**key(workspace, place), **entitlement_attributes(entitlement)}, _FREE),
            self._catalog.put(pointer, _FREE),
        ]
        refusals: list[DynameterError] = [moved, exists, exists]
        for after, before in ended:
            actions.append(self._replacement(after, before))
            refusals.append(moved)
        for one in grants:
            actions += self._grant_actions(one)
            refusals += [exists, exists]
        if grants:
            actions.append(self._catalog.add(key(workspace, f"bg.{entitlement.id}.n"), {"g": len(grants)}))
        self._catalog.transact(actions, refusals)

    def replace(self, entitlement: Entitlement, before: Entitlement, head: int) -> None:
        """Write over what was read before. Raises VersionConflict like ``insert``."""
        moved = VersionConflict("the owner's entitlements were changed by another request")
        actions = [
            self._move_head(entitlement, head),
            self._replacement(entitlement, before),
        ]
        self._catalog.transact(actions, [moved, moved])

    def insert_grant(self, grant: Grant) -> None:
        """Add a grant. Raises AlreadyExists where the entitlement has too many."""
        counter = key(grant.workspace, f"bg.{grant.entitlement_id}.n")
        room = self._catalog.add(counter, {"g": 1}, "attribute_not_exists(g) OR g < :most", MAX_GRANTS)
        full = AlreadyExists(f"an entitlement has at most {MAX_GRANTS} grants", code="grant_limit_exceeded")
        exists = AlreadyExists(f"grant {grant.id} exists already")
        self._catalog.transact([*self._grant_actions(grant), room], [exists, exists, full])

    def replace_grant(self, grant: Grant) -> None:
        """Write over a grant: only its void changes, and to void it again is no error."""
        item = {**key(grant.workspace, _grant_key(grant.entitlement_id, grant.id)), **grant_attributes(grant)}
        condition = "attribute_exists(pk) AND attribute_not_exists(voided_at_us)"
        self._catalog.transact([self._catalog.put(item, condition)], [VersionConflict("the grant is void already")])

    def insert_reset(self, entitlement: Entitlement, before: Entitlement, reset: UsageReset) -> None:
        """Add a reset and write the entitlement over what was read before.

        Raises VersionConflict where that was changed, AlreadyExists where there are too many resets.
        """
        workspace = entitlement.workspace
        item = {**key(workspace, f"bg.{entitlement.id}.r.{reset.at_us:020d}"), **reset_attributes(reset)}
        counter = key(workspace, f"bg.{entitlement.id}.n")
        actions = [
            self._replacement(entitlement, before),
            self._catalog.put(item, _FREE),
            self._catalog.add(counter, {"r": 1}, "attribute_not_exists(r) OR r < :most", MAX_RESETS),
        ]
        moved = VersionConflict("the entitlement was changed by another request")
        full = AlreadyExists(f"an entitlement has at most {MAX_RESETS} resets", code="reset_limit_exceeded")
        self._catalog.transact(actions, [moved, moved, full])

    def seal(self, entitlement: Entitlement, at_us: int, opening: Opening) -> None:
        """Keep what the periods before the reset left, unless a later seal is there."""
        item = {**key(entitlement.workspace, f"bg.{entitlement.id}.s"), **seal_attributes(at_us, opening)}
        action = self._catalog.put(item, _NEWER, {":at": number(at_us)})
        try:
            self._catalog.transact([action], [VersionConflict("a later seal is there")])
        except VersionConflict:
            return

    def _list(self, workspace: str, prefix: str, most: int) -> Iterator[Entitlement]:
        for count, item in enumerate(self._catalog.query(workspace, prefix), 1):
            if count > most:
                raise TooLarge(f"there are more than {most} entitlements to look through", code="too_many_entitlements")
            yield read_entitlement(workspace, item)

    def _move_head(self, entitlement: Entitlement, head: int) -> Item:
        target = key(entitlement.workspace, f"be.h.{_owner_of(entitlement)}.{entitlement.feature_key}")
        if head:
            return self._catalog.add(target, {"version": 1}, _STILL, head)
        return self._catalog.add(target, {"version": 1}, _STILL_NEW)

    def _replacement(self, after: Entitlement, before: Entitlement) -> Item:
        item = {**key(after.workspace, _place(after)), **entitlement_attributes(after)}
        return self._catalog.put(item, _UNCHANGED, {":before": number(before.version)})

    def _grant_actions(self, grant: Grant) -> list[Item]:
        place = _grant_key(grant.entitlement_id, grant.id)
        pointer = {**key(grant.workspace, f"bg.i.{grant.id}"), "entitlement": {"S": grant.entitlement_id}}
        return [
            self._catalog.put({**key(grant.workspace, place), **grant_attributes(grant)}, _FREE),
            self._catalog.put(pointer, _FREE),
        ]


def _name(owner: Owner) -> str:
    return _owner_name(owner.customer.id if owner.customer else None, owner.subject)


def _owner_of(entitlement: Entitlement) -> str:
    return _owner_name(entitlement.customer_id, entitlement.subject_key)


def _owner_name(customer_id: str | None, subject: str | None) -> str:
    return f"c.{customer_id}" if customer_id is not None else f"s.{len(subject or '')}.{subject}"


def _place(entitlement: Entitlement) -> str:
    return f"be.{_owner_of(entitlement)}.{entitlement.feature_key}.{entitlement.id}"


def _grant_key(entitlement_id: str, grant_id: str) -> str:
    return f"bg.{entitlement_id}.g.{grant_id}"
