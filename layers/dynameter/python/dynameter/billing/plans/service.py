"""What can be done with plans: draft, list, find, change, publish, archive, delete, and the next version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import cache
from typing import Protocol

from dynameter.billing.features.feature import Feature
from dynameter.billing.plans.plan import Phase, Plan, PlanDraft, PlanStatus
from dynameter.billing.plans.rules import MAX_VERSIONS, check_draft, find_problems
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.meters.rules import is_id, is_slug

MAX_FEATURES_ASKED = 10
"""Features that are read one by one; for more of them all features are listed."""
_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class PlanStore(Protocol):
    """Where plans are kept; reads see every change that was answered before."""

    def get(self, workspace: str, plan_id: str) -> Plan | None:
        """The version of that id, deleted ones too."""

    def head(self, workspace: str, plan_key: str) -> int:
        """A number that is another after every change of the key's plans; 0 where there never was one."""

    def version_ids(self, workspace: str, plan_key: str) -> dict[int, str]:
        """The ids of the key's versions, by version, in their order; deleted ones are left out."""

    def list(self, workspace: str, *, deleted: bool = False) -> tuple[Plan, ...]:
        """Every version of every plan, or every deleted one."""

    def insert(self, plan: Plan, head: int) -> None:
        """Add a version; AlreadyExists, VersionConflict where the head moved."""

    def replace(self, plans: Sequence[Plan], head: int) -> None:
        """Write versions of one key over those before them; VersionConflict."""

    def move_deleted(self, plan: Plan, head: int) -> None:
        """Keep a version as deleted and free its number; VersionConflict."""


class Features(Protocol):
    """What is needed of ``dynameter.billing.features.service.FeatureService``."""

    def find(self, workspace: str, id_or_key: str) -> Feature:
        """The feature of that id, archived or not, or the live one of that key; NotFound."""

    def list(self, workspace: str) -> tuple[Feature, ...]:
        """Every live feature."""


class PlanOrder(Enum):
    """What a list of plans is ordered by; equal ones are ordered by id."""

    ID = "id"
    KEY = "key"
    VERSION = "version"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


_SORT_KEYS: dict[PlanOrder, Callable[[Plan], tuple[str | int, str]]] = {
    PlanOrder.ID: lambda one: (one.id, one.id),
    PlanOrder.KEY: lambda one: (one.key, f"{one.plan_version:06d}"),
    PlanOrder.VERSION: lambda one: (one.plan_version, one.id),
    PlanOrder.CREATED_AT: lambda one: (one.created_at_us, one.id),
    PlanOrder.UPDATED_AT: lambda one: (one.updated_at_us, one.id),
}


class PlanService:
    """The plans of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(self, store: PlanStore, features: Features, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._features = features
        self._clock = clock
        self._new_id = new_id

    # ---- reads

    def get(self, workspace: str, plan_id: str) -> Plan:
        """The plan's version of that id, deleted or not. Raises NotFound."""
        plan = self._store.get(workspace, plan_id.upper()) if is_id(plan_id) else None
        if plan is None:
            raise _not_found(plan_id)
        return plan

    def find(self, workspace: str, plan_key: str, plan_version: int | None = None) -> Plan:
        """That version of the plan, whatever its status; without a version the active one. Raises NotFound."""
        if not is_slug(plan_key):
            raise _not_found(plan_key)
        if plan_version is not None:
            plan_id = self._store.version_ids(workspace, plan_key).get(plan_version)
            plan = self._store.get(workspace, plan_id) if plan_id else None
        else:
            plan = self._active(workspace, plan_key, self._clock.now_us())
        if plan is None or plan.deleted_at_us is not None:
            what = f"{plan_key} version {plan_version}" if plan_version is not None else f"{plan_key} (active version)"
            raise _not_found(what)
        return plan

    def latest(self, workspace: str, plan_key: str) -> Plan:
        """The plan's highest version, drafts too. Raises NotFound."""
        versions = self._store.version_ids(workspace, plan_key) if is_slug(plan_key) else {}
        if not versions:
            raise _not_found(plan_key)
        return self.get(workspace, versions[max(versions)])

    def list(
        self,
        workspace: str,
        *,
        include_deleted: bool = False,
        order_by: PlanOrder = PlanOrder.CREATED_AT,
        descending: bool = False,
    ) -> tuple[Plan, ...]:
        """Every version of every plan in that order. Raises TooLarge where they are too large to look through."""
        found = self._store.list(workspace)
        if include_deleted:
            known = {one.id for one in found}
            found += tuple(one for one in self._store.list(workspace, deleted=True) if one.id not in known)
        return tuple(sorted(found, key=_SORT_KEYS[order_by], reverse=descending))

    def problems(self, plan: Plan) -> tuple[FieldError, ...]:
        """What keeps a draft from being published; nothing of any other plan."""
        if plan.status(self._clock.now_us()) is not PlanStatus.DRAFT:
            return ()
        return tuple(find_problems(plan, self._live_features(plan.workspace, plan.phases)))

    def problem_finder(self, workspace: str) -> Callable[[Plan], tuple[FieldError, ...]]:
        """Like ``problems``, for many plans of a workspace: its features are read once, and only for a draft."""
        known = cache(lambda: {one.key: one for one in self._features.list(workspace)})

        def find(plan: Plan) -> tuple[FieldError, ...]:
            is_draft = plan.status(self._clock.now_us()) is PlanStatus.DRAFT
            return tuple(find_problems(plan, known())) if is_draft else ()

        return find

    def phases_now(self, plan: Plan) -> tuple[Phase, ...]:
        """The plan's phases with what the features' keys mean now. Raises AlreadyExists where one means nothing."""
        features = self._live_features(plan.workspace, plan.phases)
        for card in plan.rate_cards:
            if card.feature_key is not None and card.feature_key not in features:
                message = f"feature {card.feature_key} of plan {plan.key} is archived, so it cannot be sold any more"
                raise AlreadyExists(message, code="plan_feature_archived")
        return _identified(plan.phases, features)

    # ---- changes

    def create(self, workspace: str, draft: PlanDraft) -> Plan:
        """Make a draft: the first version of its key, or the next.

        Raises InvalidInput, and AlreadyExists where the key has a draft already or the workspace is full.
        """
        _refuse(tuple(check_draft(draft)))
        phases = self._with_feature_ids(workspace, draft.phases)
        for _ in range(_ATTEMPTS):
            head = self._store.head(workspace, draft.key)
            latest = self._newest(workspace, draft.key)
            now_us = self._clock.now_us()
            number = latest.plan_version + 1 if latest else 1
            blank = Plan(workspace, self._new_id(), draft.key, number, "", draft.currency, "", (), now_us, now_us)
            plan = replace(_drafted(blank, draft), phases=phases)
            try:
                self._store.insert(plan, head)
            except VersionConflict:
                continue
            return plan
        raise _busy(draft.key)

    def next(self, workspace: str, id_or_key: str) -> Plan:
        """Make a draft that is a copy of the plan's latest version.

        Raises NotFound, and AlreadyExists where that version is a draft or the id is an older version's.
        """
        wanted = self.get(workspace, id_or_key) if is_id(id_or_key) else None
        latest = self.latest(workspace, wanted.key if wanted else id_or_key)
        if wanted is not None and wanted.id != latest.id:
            raise AlreadyExists(f"plan {wanted.id} is not the latest version of {wanted.key}", code="plan_not_latest")
        return self.create(
            workspace,
            PlanDraft(
                key=latest.key,
                name=latest.name,
                currency=latest.currency,
                cadence=latest.cadence,
                phases=latest.phases,
                description=latest.description,
                metadata=latest.metadata,
                settlement_mode=latest.settlement_mode,
                pro_rating=latest.pro_rating,
            ),
        )

    def update(self, workspace: str, plan_id: str, change: Callable[[Plan], PlanDraft]) -> Plan:
        """Put what ``change`` makes of a draft in its place; key and currency stay.

        Raises InvalidInput, NotFound, AlreadyExists for a plan that is no draft, and VersionConflict.
        """

        def updated(before: Plan, now_us: int) -> Plan:
            _require(before, (PlanStatus.DRAFT,), now_us, "updated")
            draft = replace(change(before), key=before.key, currency=before.currency)
            _refuse(tuple(check_draft(draft)))
            return replace(_drafted(before, draft), phases=self._with_feature_ids(workspace, draft.phases))

        return self._change(workspace, plan_id, updated)

    def publish(self, workspace: str, plan_id: str) -> Plan:
        """Make a draft the active version from now on; the version that was active is archived. Again is no error.

        Raises InvalidInput naming every problem, NotFound, AlreadyExists for an archived plan, and VersionConflict.
        """

        def published(before: Plan, now_us: int) -> Plan:
            _require(before, (PlanStatus.DRAFT,), now_us, "published")
            features = self._live_features(workspace, before.phases)
            _refuse(tuple(find_problems(before, features)), "the plan cannot be published")
            return replace(before, effective_from_us=now_us, phases=_identified(before.phases, features))

        return self._change(workspace, plan_id, published, done=PlanStatus.ACTIVE, supersede=True)

    def archive(self, workspace: str, plan_id: str) -> Plan:
        """End an active version: nobody can subscribe to it any more. Again is no error.

        Raises NotFound, AlreadyExists for a draft, and VersionConflict.
        """

        def archived(before: Plan, now_us: int) -> Plan:
            _require(before, (PlanStatus.ACTIVE, PlanStatus.SCHEDULED), now_us, "archived")
            return replace(before, effective_to_us=now_us)

        return self._change(workspace, plan_id, archived, done=PlanStatus.ARCHIVED)

    def delete(self, workspace: str, plan_id: str) -> None:
        """Delete a draft or an archived version; its id stays known. A deleted one is no error.

        Raises NotFound, AlreadyExists for an active version, and VersionConflict.
        """
        for _ in range(_ATTEMPTS):
            head, before = self._read(workspace, plan_id)
            if before.deleted_at_us is not None:
                return
            now_us = self._clock.now_us()
            _require(before, (PlanStatus.DRAFT, PlanStatus.ARCHIVED), now_us, "deleted")
            gone = replace(before, deleted_at_us=now_us, updated_at_us=now_us, version=before.version + 1)
            try:
                self._store.move_deleted(gone, head)
            except VersionConflict:
                continue
            return
        raise _busy(plan_id)

    # ---- inside

    def _change(
        self,
        workspace: str,
        plan_id: str,
        change: Callable[[Plan, int], Plan],
        *,
        done: PlanStatus | None = None,
        supersede: bool = False,
    ) -> Plan:
        """Write what ``change`` makes of the plan at the present instant, unless it is ``done`` already.

        ``supersede`` ends the version that is active until then.
        """
        for _ in range(_ATTEMPTS):
            head, before = self._read(workspace, plan_id)
            if before.deleted_at_us is not None:
                raise AlreadyExists(f"plan {before.id} is deleted", code="plan_deleted")
            now_us = self._clock.now_us()
            if before.status(now_us) is done:
                return before
            plan = _stamped(change(before, now_us), now_us)
            older = self._active(workspace, plan.key, now_us) if supersede else None
            ended = [_stamped(replace(older, effective_to_us=now_us), now_us)] if older is not None else []
            try:
                self._store.replace([plan, *ended], head)
            except VersionConflict:
                continue
            return plan
        raise _busy(plan_id)

    def _read(self, workspace: str, plan_id: str) -> tuple[int, Plan]:
        """The head of the plan's key, and the plan as it was not before that head was read."""
        head = self._store.head(workspace, self.get(workspace, plan_id).key)
        return head, self.get(workspace, plan_id)

    def _newest(self, workspace: str, plan_key: str) -> Plan | None:
        """The key's highest version. Raises AlreadyExists where it is a draft."""
        versions = self._store.version_ids(workspace, plan_key)
        if len(versions) >= MAX_VERSIONS:
            message = f"a plan has at most {MAX_VERSIONS} versions; delete archived ones"
            raise AlreadyExists(message, code="plan_version_limit_exceeded")
        newest = self._store.get(workspace, versions[max(versions)]) if versions else None
        if newest is not None and newest.status(self._clock.now_us()) is PlanStatus.DRAFT:
            message = f"plan {plan_key} has a draft already, version {newest.plan_version}; publish or delete it first"
            taken = FieldError(("body", "key"), "unique", message, plan_key)
            raise AlreadyExists(message, code="plan_draft_exists", fields=(taken,))
        return newest

    def _active(self, workspace: str, plan_key: str, now_us: int) -> Plan | None:
        """The key's active version; a key has one at most, and it is nearly always the newest or the one before."""
        versions = reversed(self._store.version_ids(workspace, plan_key).values())
        found = (self._store.get(workspace, one) for one in versions)
        return next((one for one in found if one is not None and one.status(now_us) is PlanStatus.ACTIVE), None)

    def _with_feature_ids(self, workspace: str, phases: Iterable[Phase]) -> tuple[Phase, ...]:
        kept = tuple(phases)
        return _identified(kept, self._live_features(workspace, kept))

    def _live_features(self, workspace: str, phases: Iterable[Phase]) -> dict[str, Feature]:
        keys = {card.feature_key for phase in phases for card in phase.rate_cards if card.feature_key is not None}
        if len(keys) > MAX_FEATURES_ASKED:
            return {one.key: one for one in self._features.list(workspace) if one.key in keys}
        found: dict[str, Feature] = {}
        for one in keys:
            try:
                found[one] = self._features.find(workspace, one)
            except NotFound:
                continue
        return found


def _drafted(plan: Plan, draft: PlanDraft) -> Plan:
    return replace(
        plan,
        name=draft.name,
        cadence=draft.cadence,
        phases=draft.phases,
        description=draft.description,
        metadata=dict(draft.metadata),
        settlement_mode=draft.settlement_mode,
        pro_rating=draft.pro_rating,
    )


def _identified(phases: Iterable[Phase], features: Mapping[str, Feature]) -> tuple[Phase, ...]:
    """The phases with the present id of each feature."""

    def feature_id(key: str | None) -> str | None:
        return features[key].id if key is not None and key in features else None

    return tuple(
        replace(
            phase,
            rate_cards=tuple(replace(card, feature_id=feature_id(card.feature_key)) for card in phase.rate_cards),
        )
        for phase in phases
    )


def _stamped(plan: Plan, now_us: int) -> Plan:
    return replace(plan, updated_at_us=now_us, version=plan.version + 1)


def _require(plan: Plan, allowed: tuple[PlanStatus, ...], now_us: int, done: str) -> None:
    status = plan.status(now_us)
    if status not in allowed:
        names = " or ".join(one.value for one in allowed)
        message = f"plan {plan.key} version {plan.plan_version} is {status.value}; only {names} ones can be {done}"
        raise AlreadyExists(message, code="plan_status")


def _refuse(errors: tuple[FieldError, ...], what: str = "invalid plan") -> None:
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors[:10])
        raise InvalidInput(f"{what}: {listed}", code="invalid_plan", fields=errors)


def _not_found(what: str) -> NotFound:
    return NotFound(f"plan not found: {what[:_SHOWN_CHARACTERS]}", code="plan_not_found")


def _busy(what: str) -> VersionConflict:
    return VersionConflict(f"plan {what[:_SHOWN_CHARACTERS]} is being changed by other requests")
