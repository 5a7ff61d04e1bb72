"""Where subscriptions are kept: the catalog table, under the workspace's partition.

    sk                     item
    bs.c.<customer>.<id>   a subscription
    bs.d.<customer>.<id>   a deleted one, moved aside once the entitlements know
    bs.i.<id>              the customer of the subscription of that id; there as long as it is not moved aside
    bs.h.<customer>        a version that every change of one of the customer's subscriptions adds to

A change reads the head (``bs.h``), then the customer's subscriptions, and is written under the condition that the head
has not moved: so two subscriptions of a customer never overlap, whatever happens at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dynameter import codec
from dynameter.billing.plans.records import Record, rate_card_record, read_rate_card
from dynameter.billing.subscriptions.subscription import Subscription, SubscriptionItem, SubscriptionPhase
from dynameter.billing.subscriptions.timeline import end_at
from dynameter.errors import DynameterError, NotFound, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

MAX_LISTED_BYTES = 32_000_000
"""What the phases of the subscriptions that one list looks through may come to."""

_LIVE, _DELETED, _POINTER, _HEAD = "bs.c.", "bs.d.", "bs.i.", "bs.h."
_FREE, _THERE, _UNCHANGED = "attribute_not_exists(pk)", "attribute_exists(pk)", "version = :before"

Hold = Callable[[str, str], Item]
"""Makes an action that fails where the customer (workspace, id) is not live."""


class SubscriptionStore:
    """Subscriptions in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog, hold_customer: Hold) -> None:
        self._catalog = catalog
        self._hold_customer = hold_customer

    # ---- reads

    def get(self, workspace: str, subscription_id: str) -> Subscription | None:
        """The subscription of that id; None for a deleted one that is settled."""
        pointer = self._catalog.get(workspace, _POINTER + subscription_id)
        if pointer is None:
            return None
        item = self._catalog.get(workspace, f"{_LIVE}{text(pointer, 'customer')}.{subscription_id}")
        return _from_item(workspace, item) if item else None

    def head(self, workspace: str, customer_id: str) -> int:
        """A number that is another after every change of the customer's subscriptions; 0 where there never was one."""
        item = self._catalog.get(workspace, _HEAD + customer_id)
        return whole(item, "version") if item else 0

    def of_customer(self, workspace: str, customer_id: str) -> tuple[Subscription, ...]:
        """Every subscription of the customer, by id; deleted ones only where they are not settled."""
        found = self._catalog.query(workspace, f"{_LIVE}{customer_id}.")
        return tuple(_from_item(workspace, item) for item in found)

    def list(self, workspace: str) -> tuple[Subscription, ...]:
        """Every subscription of the workspace. Raises TooLarge past ``MAX_LISTED_BYTES``."""
        found: list[Subscription] = []
        room = MAX_LISTED_BYTES
        for item in self._catalog.query(workspace, _LIVE):
            found.append(_from_item(workspace, item))
            room -= len(text(item, "planned"))
            if room < 0:
                message = "the workspace's subscriptions are too many to list; ask for those of a customer"
                raise TooLarge(message, code="too_many_subscriptions")
        return tuple(found)

    # ---- changes, each under the condition that the customer's head is still the one that was read

    def change(
        self,
        customer: tuple[str, str],
        head: int,
        *,
        added: Subscription | None = None,
        changed: Sequence[Subscription] = (),
    ) -> None:
        """Write subscriptions of a customer (workspace, id) over their last versions and add one, all or nothing.

        Raises NotFound where one is added and the customer is gone, VersionConflict where
        anything else changed.
        """
        workspace, customer_id = customer
        actions = [self._move_head(workspace, customer_id, head)]
        for one in changed:
            actions.append(self._catalog.put(_to_item(one), _UNCHANGED, {":before": number(one.version - 1)}))
        refusals: list[DynameterError] = [_moved(customer_id)] * len(actions)
        if added is not None:
            pointer = {**key(workspace, _POINTER + added.id), "customer": {"S": customer_id}}
            actions += [
                self._hold_customer(workspace, customer_id),
                self._catalog.put(_to_item(added), _FREE),
                self._catalog.put(pointer, _FREE),
            ]
            refusals.append(NotFound(f"customer not found: {customer_id}", code="customer_not_found"))
        self._catalog.transact(actions, [*refusals, _moved(customer_id), _moved(customer_id)])

    def settle(self, subscription: Subscription) -> None:
        """Mark this version as settled, a deleted one by moving it aside.

        Raises VersionConflict where another one is stored.
        """
        workspace, values = subscription.workspace, {":before": number(subscription.version)}
        done = replace(subscription, settled=True)
        moved = _moved(subscription.customer_id)
        if subscription.deleted_at_us is None:
            self._catalog.transact([self._catalog.put(_to_item(done), _UNCHANGED, values)], [moved])
            return
        pointer = key(workspace, _POINTER + subscription.id)
        aside = key(workspace, f"{_DELETED}{subscription.customer_id}.{subscription.id}")
        actions = [
            self._catalog.delete(_key(subscription), _UNCHANGED, values),
            self._catalog.delete(pointer, _THERE, {}),
            self._catalog.put({**_to_item(done), **aside}, _FREE),
        ]
        self._catalog.transact(actions, [moved] * len(actions))

    def _move_head(self, workspace: str, customer_id: str, head: int) -> Item:
        target = key(workspace, _HEAD + customer_id)
        condition = "version = :most" if head else "attribute_not_exists(version)"
        return self._catalog.add(target, {"version": 1}, condition, head or None)


def _moved(customer_id: str) -> VersionConflict:
    return VersionConflict(f"the subscriptions of customer {customer_id} were changed by another request")


# ---- mapping


def _key(subscription: Subscription) -> Item:
    return key(subscription.workspace, f"{_LIVE}{subscription.customer_id}.{subscription.id}")


def _to_item(subscription: Subscription) -> Item:
    item = {
        **_key(subscription),
        "id": {"S": subscription.id},
        "customer": {"S": subscription.customer_id},
        "plan_id": {"S": subscription.plan_id},
        "plan_key": {"S": subscription.plan_key},
        "plan_version": number(subscription.plan_version),
        "name": {"S": subscription.name},
        "currency": {"S": subscription.currency},
        "cadence": {"S": subscription.cadence},
        "anchor_us": number(subscription.anchor_us),
        "time_zone": {"S": subscription.time_zone},
        "from_us": number(subscription.active_from_us),
        "planned": {"S": codec.encode([_phase_record(one) for one in subscription.planned]).decode()},
        "metadata": {"S": codec.encode(dict(subscription.metadata)).decode()},
        "settlement": {"S": subscription.settlement_mode},
        "pro_rating": {"BOOL": subscription.pro_rating},
        "settled": {"BOOL": subscription.settled},
        "created_us": number(subscription.created_at_us),
        "updated_us": number(subscription.updated_at_us),
        "version": number(subscription.version),
    }
    if subscription.description is not None:
        item["description"] = {"S": subscription.description}
    if subscription.is_cut and subscription.active_to_us is not None:
        item["to_us"] = number(subscription.active_to_us)
    if subscription.deleted_at_us is not None:
        item["deleted_us"] = number(subscription.deleted_at_us)
    return item


def _from_item(workspace: str, item: Any) -> Subscription:
    planned = tuple(_read_phase(record) for record in codec.decode(text(item, "planned")))
    whole_one = Subscription(
        workspace=workspace,
        id=text(item, "id"),
        customer_id=text(item, "customer"),
        plan_id=text(item, "plan_id"),
        plan_key=text(item, "plan_key"),
        plan_version=whole(item, "plan_version"),
        name=text(item, "name"),
        currency=text(item, "currency"),
        cadence=text(item, "cadence"),
        anchor_us=whole(item, "anchor_us"),
        time_zone=text(item, "time_zone"),
        active_from_us=whole(item, "from_us"),
        active_to_us=None,
        phases=(),
        planned=planned,
        description=text(item, "description") if "description" in item else None,
        metadata=codec.decode(text(item, "metadata")),
        settlement_mode=text(item, "settlement"),
        pro_rating=item["pro_rating"]["BOOL"],
        settled=item["settled"]["BOOL"],
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        deleted_at_us=whole(item, "deleted_us") if "deleted_us" in item else None,
        version=whole(item, "version"),
    )
    return end_at(whole_one, whole(item, "to_us") if "to_us" in item else None)


def _phase_record(phase: SubscriptionPhase) -> Record:
    """The phase as JSON values; its items are in force as long as it is."""
    return {
        "id": phase.id,
        "key": phase.key,
        "name": phase.name,
        "from": phase.active_from_us,
        "to": phase.active_to_us,
        "description": phase.description,
        "metadata": dict(phase.metadata),
        "items": [
            {"id": one.id, "feature_id": one.feature_id, "card": rate_card_record(one.rate_card)} for one in phase.items
        ],
    }


def _read_phase(record: Record) -> SubscriptionPhase:
    from_us, to_us = record["from"], record["to"]
    return SubscriptionPhase(
        id=record["id"],
        key=record["key"],
        name=record["name"],
        active_from_us=from_us,
        active_to_us=to_us,
        items=tuple(
            SubscriptionItem(one["id"], read_rate_card(one["card"]), from_us, to_us, one["feature_id"])
            for one in record["items"]
        ),
        description=record["description"],
        metadata=record["metadata"],
    )
