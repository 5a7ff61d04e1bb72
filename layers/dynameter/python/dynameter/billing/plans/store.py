"""Where plans are kept: the catalog table, under the workspace's partition.

    sk                       item
    bp.i.<id>                a version of a plan
    bp.d.<id>                a deleted version, moved aside so that listing the others costs nothing for it
    bp.k.<key>.<version>     the id of that version (six digits); there as long as it is not deleted
    bp.h.<key>               a version that every change of one of the key's plans adds to
    bp.n                     how many there are (n)

A change reads the head (``bp.h``), then the versions, and is written under the condition that the head has not moved:
so a key never has two drafts or two active versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dynameter import codec
from dynameter.billing.plans.plan import Plan, SettlementMode
from dynameter.billing.plans.records import decode_phases, encode_phases
from dynameter.billing.plans.rules import MAX_PLANS
from dynameter.errors import AlreadyExists, DynameterError, TooLarge, VersionConflict
from dynameter.runtime.catalog import Catalog, Item, key, number
from dynameter.runtime.dynamodb import text, whole

MAX_LISTED_BYTES = 32_000_000
"""What the phases of the plans that one list looks through may come to."""

_LIVE, _DELETED, _KEY, _HEAD, _COUNTER = "bp.i.", "bp.d.", "bp.k.", "bp.h.", "bp.n"
_FREE, _UNCHANGED, _OWNED = "attribute_not_exists(pk)", "version = :before", "id = :id"
_ROOM = "attribute_not_exists(n) OR n < :most"
_STILL, _STILL_NEW = "version = :most", "attribute_not_exists(version)"
_INSTANTS = ("effective_from", "effective_to", "deleted")


class PlanStore:
    """Plans in the catalog table; every read is strongly consistent."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    # ---- reads

    def get(self, workspace: str, plan_id: str) -> Plan | None:
        """The plan's version of that id, deleted ones too."""
        item = self._catalog.get(workspace, _LIVE + plan_id) or self._catalog.get(workspace, _DELETED + plan_id)
        return _from_item(workspace, item) if item else None

    def head(self, workspace: str, plan_key: str) -> int:
        """A number that is another after every change of the key's plans; 0 where there never was one."""
        item = self._catalog.get(workspace, _HEAD + plan_key)
        return whole(item, "version") if item else 0

    def version_ids(self, workspace: str, plan_key: str) -> dict[int, str]:
        """The ids of the key's versions, by version, in their order; deleted ones are left out."""
        prefix = f"{_KEY}{plan_key}."
        found = self._catalog.query(workspace, prefix)
        return {int(text(item, "sk").removeprefix(prefix)): text(item, "id") for item in found}

    def list(self, workspace: str, *, deleted: bool = False) -> tuple[Plan, ...]:
        """Every version of every plan, or every deleted one, by id. Raises TooLarge past ``MAX_LISTED_BYTES``."""
        found: list[Plan] = []
        room = MAX_LISTED_BYTES
        for item in self._catalog.query(workspace, _DELETED if deleted else _LIVE):
            found.append(_from_item(workspace, item))
            room -= len(text(item, "phases"))
            if room < 0:
                raise TooLarge("the workspace's plans are too large to list; ask for one by key", code="too_many_plans")
        return tuple(found)

    # ---- changes, each under the condition that the key's head is still the one that was read

    def insert(self, plan: Plan, head: int) -> None:
        """Add a version. Raises AlreadyExists where the workspace is full, VersionConflict where the head moved."""
        full = AlreadyExists(f"a workspace holds at most {MAX_PLANS} plans", code="plan_limit_exceeded")
        self._catalog.transact(
            [
                self._move_head(plan, head),
                self._catalog.put(_to_item(plan), _FREE),
                self._catalog.put({**key(plan.workspace, _pointer(plan)), "id": {"S": plan.id}}, _FREE),
                self._catalog.add(key(plan.workspace, _COUNTER), {"n": 1}, _ROOM, MAX_PLANS),
            ],
            [_moved(plan), _moved(plan), _moved(plan), full],
        )

    def replace(self, plans: Sequence[Plan], head: int) -> None:
        """Write versions of one key over those before them. Raises VersionConflict where something changed."""
        actions = [self._move_head(plans[0], head)]
        for plan in plans:
            actions.append(self._catalog.put(_to_item(plan), _UNCHANGED, {":before": number(plan.version - 1)}))
        self._catalog.transact(actions, [_moved(plans[0])] * len(actions))

    def move_deleted(self, plan: Plan, head: int) -> None:
        """Keep a version as deleted and free its number. Raises VersionConflict where something changed."""
        live, pointer = key(plan.workspace, _LIVE + plan.id), key(plan.workspace, _pointer(plan))
        refusals: list[DynameterError] = [_moved(plan)] * 4
        self._catalog.transact(
            [
                self._move_head(plan, head),
                self._catalog.delete(live, _UNCHANGED, {":before": number(plan.version - 1)}),
                self._catalog.delete(pointer, _OWNED, {":id": {"S": plan.id}}),
                self._catalog.put(_to_item(plan), _FREE),
                self._catalog.add(key(plan.workspace, _COUNTER), {"n": -1}),
            ],
            refusals,
        )

    def _move_head(self, plan: Plan, head: int) -> Item:
        target = key(plan.workspace, _HEAD + plan.key)
        if head == 0:
            return self._catalog.add(target, {"version": 1}, _STILL_NEW)
        return self._catalog.add(target, {"version": 1}, _STILL, head)


def _moved(plan: Plan) -> VersionConflict:
    return VersionConflict(f"plan {plan.key} was changed by another request")


# ---- mapping


def _pointer(plan: Plan) -> str:
    return f"{_KEY}{plan.key}.{plan.plan_version:06d}"


def _to_item(plan: Plan) -> Item:
    item = {
        **key(plan.workspace, (_LIVE if plan.deleted_at_us is None else _DELETED) + plan.id),
        "id": {"S": plan.id},
        "key": {"S": plan.key},
        "plan_version": number(plan.plan_version),
        "name": {"S": plan.name},
        "currency": {"S": plan.currency},
        "cadence": {"S": plan.cadence},
        "phases": {"S": encode_phases(plan.phases).decode()},
        "metadata": {"S": codec.encode(dict(plan.metadata)).decode()},
        "settlement": {"S": plan.settlement_mode.value},
        "pro_rating": {"BOOL": plan.pro_rating},
        "created_us": number(plan.created_at_us),
        "updated_us": number(plan.updated_at_us),
        "version": number(plan.version),
    }
    if plan.description is not None:
        item["description"] = {"S": plan.description}
    instants = (plan.effective_from_us, plan.effective_to_us, plan.deleted_at_us)
    for name, instant_us in zip(_INSTANTS, instants, strict=True):
        if instant_us is not None:
            item[f"{name}_us"] = number(instant_us)
    return item


def _from_item(workspace: str, item: Any) -> Plan:
    instants = {f"{name}_at_us" if name == "deleted" else f"{name}_us": item.get(f"{name}_us") for name in _INSTANTS}
    return Plan(
        workspace=workspace,
        id=text(item, "id"),
        key=text(item, "key"),
        plan_version=whole(item, "plan_version"),
        name=text(item, "name"),
        currency=text(item, "currency"),
        cadence=text(item, "cadence"),
        phases=decode_phases(text(item, "phases")),
        description=text(item, "description") if "description" in item else None,
        metadata=codec.decode(text(item, "metadata")),
        settlement_mode=SettlementMode(text(item, "settlement")),
        pro_rating=item["pro_rating"]["BOOL"],
        created_at_us=whole(item, "created_us"),
        updated_at_us=whole(item, "updated_us"),
        version=whole(item, "version"),
        **{name: None if found is None else int(found["N"]) for name, found in instants.items()},
    )
