"""What can be done with grants and resets: add, list, void, reset; and how a balance came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from dynameter.billing.entitlements.balance import Segment
from dynameter.billing.entitlements.entitlement import Entitlement, Grant, GrantDraft, ResetDraft, UsageReset
from dynameter.billing.entitlements.rules import MAX_AHEAD_US, check_grant
from dynameter.billing.entitlements.standing import Book, Standings, UsageBetween
from dynameter.billing.entitlements.usage_periods import current_period
from dynameter.billing.period import boundary, period_at, read_cadence
from dynameter.billing.plans.plan import EntitlementType
from dynameter.billing.pricing.money import total
from dynameter.clock import Clock
from dynameter.errors import AlreadyExists, FieldError, InvalidInput, NotFound, VersionConflict
from dynameter.meters.rules import is_id
from dynameter.usage.windows import Calendar, Window, WindowSize, load_zone

MAX_WINDOWS = 10_000
"""Windows of one history."""
MAX_CELLS = 1_000_000
"""Windows of one history times grants of the entitlement."""

_ATTEMPTS = 4
_SHOWN_CHARACTERS = 64


class GrantStore(Protocol):
    """Where grants and resets are kept; reads see every change that was answered before."""

    def get(self, workspace: str, entitlement_id: str) -> Entitlement | None:
        """The entitlement of that id, ended or not."""

    def book(self, workspace: str, entitlement_id: str) -> Book:
        """The entitlement's grants, resets and seal."""

    def grant(self, workspace: str, grant_id: str) -> Grant | None:
        """The grant of that id."""

    def insert_grant(self, grant: Grant) -> None:
        """Add a grant; AlreadyExists where there are too many."""

    def replace_grant(self, grant: Grant) -> None:
        """Write the void of a grant; VersionConflict where it is void already."""

    def insert_reset(self, entitlement: Entitlement, before: Entitlement, reset: UsageReset) -> None:
        """Add a reset and write the entitlement; VersionConflict, AlreadyExists where there are too many."""


@dataclass(frozen=True, slots=True)
class UsageWindow:
    """A window of a history; its ends lie in the range that was asked for."""

    window: Window
    usage: Decimal
    balance_at_start: Decimal


@dataclass(frozen=True, slots=True)
class History:
    """How a balance came about: by windows, and by the segments between which something else than usage happened."""

    windows: tuple[UsageWindow, ...]
    segments: tuple[Segment, ...]


class GrantService:
    """The grants and resets of metered entitlements. ``new_id`` makes ULIDs."""

    def __init__(self, store: GrantStore, standings: Standings, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._standings = standings
        self._clock = clock
        self._new_id = new_id

    def create(self, entitlement: Entitlement, draft: GrantDraft) -> Grant:
        """Add a grant, from the present usage period on. Raises InvalidInput, and AlreadyExists past the limit."""
        now_us = self._clock.now_us()
        _refuse_other(entitlement, now_us)
        grant = make_grant(entitlement, self._new_id(), draft, now_us)
        self._store.insert_grant(grant)
        return grant

    def list(self, entitlement: Entitlement, *, include_deleted: bool = False) -> tuple[Grant, ...]:
        """The entitlement's grants in the order of their making; void ones too where asked for."""
        found = self._store.book(entitlement.workspace, entitlement.id).grants
        return tuple(one for one in found if include_deleted or one.voided_at_us is None)

    def void(self, workspace: str, grant_id: str) -> None:
        """Take what is left of a grant away, from now on. A void one is no error. Raises NotFound."""
        grant = self._store.grant(workspace, grant_id.upper()) if is_id(grant_id) else None
        if grant is None:
            raise NotFound(f"grant not found: {grant_id[:_SHOWN_CHARACTERS]}", code="grant_not_found")
        if grant.voided_at_us is not None:
            return
        now_us = self._clock.now_us()
        try:
            self._store.replace_grant(replace(grant, voided_at_us=now_us, updated_at_us=now_us))
        except VersionConflict:
            return

    def reset(self, entitlement: Entitlement, draft: ResetDraft) -> None:
        """Begin a new usage period. Raises InvalidInput, AlreadyExists, VersionConflict."""
        for _ in range(_ATTEMPTS):
            now_us = self._clock.now_us()
            _refuse_other(entitlement, now_us)
            at_us = now_us if draft.effective_at_us is None else draft.effective_at_us
            preserve = draft.preserve_overage
            kept = entitlement.preserve_overage_at_reset if preserve is None else preserve
            reset = UsageReset(_reset_instant(entitlement, at_us, now_us), draft.retain_anchor, kept)
            after = replace(
                entitlement,
                last_reset_us=reset.at_us,
                moved_anchor_us=entitlement.moved_anchor_us if draft.retain_anchor else reset.at_us,
                updated_at_us=now_us,
                version=entitlement.version + 1,
            )
            try:
                self._store.insert_reset(after, entitlement, reset)
            except VersionConflict:
                found = self._store.get(entitlement.workspace, entitlement.id)
                assert found is not None
                entitlement = found
                continue
            return
        raise VersionConflict(f"entitlement {entitlement.id} is being changed by other requests")

    def history(
        self,
        entitlement: Entitlement,
        usage: UsageBetween,
        size: WindowSize,
        zone: str,
        from_us: int | None = None,
        to_us: int | None = None,
    ) -> History:
        """How the balance came about from one instant, or the period's start, to another, or now.

        Raises InvalidInput, TooLarge.
        """
        now_us = self._clock.now_us()
        _refuse_static(entitlement)
        end_us = now_us if to_us is None else to_us
        if end_us > now_us + MAX_AHEAD_US:
            _refuse([FieldError(("query", "to"), "range", "must not be in the future")], "history")
        if entitlement.active_to_us is not None:
            end_us = min(end_us, entitlement.active_to_us)
        start_us = current_period(entitlement, end_us).start_us if from_us is None else from_us
        start_us = max(start_us, entitlement.measure_from_us)
        if start_us >= end_us:
            _refuse([FieldError(("query", "to"), "range", "from must be before to")], "history")
        windows = _windows(size, zone, start_us, end_us)
        grants = len(self._store.book(entitlement.workspace, entitlement.id).grants)
        if len(windows) > MAX_WINDOWS or len(windows) * grants > MAX_CELLS:
            message = f"asks for more than {min(MAX_WINDOWS, MAX_CELLS // max(1, grants))} windows"
            _refuse([FieldError(("query", "windowSize"), "too_many_windows", message)], "history")
        cuts = [one.start_us for one in windows]
        fine = self._standings.history(entitlement, start_us, end_us, cuts, usage)
        return History(tuple(_by_window(windows, fine)), tuple(_joined(fine, frozenset(cuts))))


def make_grant(entitlement: Entitlement, grant_id: str, draft: GrantDraft, now_us: int) -> Grant:
    """The grant of a draft. Raises InvalidInput."""
    errors = [*check_grant(draft)]
    effective_us = now_us if draft.effective_at_us is None else draft.effective_at_us
    if not errors and effective_us < (start_us := current_period(entitlement, now_us).start_us):
        message = "must not be before the present usage period"
        errors.append(FieldError(("body", "effective_at_us"), "range", message, context={"from_us": start_us}))
    _refuse(errors, "grant")
    expires_us = None
    if draft.expiration is not None:
        expires_us = boundary(effective_us, read_cadence(draft.expiration), entitlement.time_zone, 1)
    return Grant(
        workspace=entitlement.workspace,
        id=grant_id,
        entitlement_id=entitlement.id,
        amount=draft.amount,
        effective_at_us=effective_us,
        created_at_us=now_us,
        updated_at_us=now_us,
        priority=draft.priority,
        expires_at_us=expires_us,
        max_rollover=draft.max_rollover,
        min_rollover=draft.min_rollover,
        recurrence=draft.recurrence,
        recurrence_anchor_us=draft.recurrence_anchor_us,
        expiration=draft.expiration,
        metadata=dict(draft.metadata),
    )


def next_recurrence(grant: Grant, zone: str, after_us: int) -> int | None:
    """When the grant fills up next, None where it does so no more."""
    if grant.recurrence is None:
        return None
    anchor_us = grant.effective_at_us if grant.recurrence_anchor_us is None else grant.recurrence_anchor_us
    cadence = read_cadence(grant.recurrence)
    next_us = period_at(anchor_us, cadence, zone, max(after_us, grant.effective_at_us))[1].end_us
    ends = [end_us for end_us in (grant.expires_at_us, grant.voided_at_us) if end_us is not None]
    return next_us if next_us < min(ends, default=next_us + 1) else None


def _windows(size: WindowSize, zone: str, start_us: int, end_us: int) -> list[Window]:
    calendar = Calendar(size, load_zone(zone))
    found: list[Window] = []
    at_us = start_us
    while at_us < end_us and len(found) <= MAX_WINDOWS:
        window = calendar.containing(at_us)
        found.append(Window(at_us, min(window.end_us, end_us)))
        at_us = window.end_us
    return found


def _by_window(windows: Sequence[Window], segments: Sequence[Segment]) -> list[UsageWindow]:
    found: list[UsageWindow] = []
    place = 0
    for window in windows:
        inside: list[Segment] = []
        while place < len(segments) and segments[place].start_us < window.end_us:
            inside.append(segments[place])
            place += 1
        usage = total(one.usage for one in inside)
        found.append(UsageWindow(window, usage, total(inside[0].balances_before.values()) if inside else Decimal(0)))
    return found


def _joined(segments: Sequence[Segment], cuts: frozenset[int]) -> list[Segment]:
    """The segments without the boundaries that only windows have made."""
    found: list[Segment] = []
    for one in segments:
        last = found[-1] if found else None
        plain = last is not None and one.start_us in cuts and one.balances_before == last.balances
        if last is not None and plain and one.period_start_us == last.period_start_us:
            joined = replace(
                one, start_us=last.start_us, usage=total([last.usage, one.usage]), balances_before=last.balances_before
            )
            found[-1] = joined
        else:
            found.append(one)
    return found


def _reset_instant(entitlement: Entitlement, at_us: int, now_us: int) -> int:
    place = ("body", "effective_at_us")
    if at_us > now_us:
        _refuse([FieldError(place, "range", "must not be in the future")], "reset")
    if at_us <= current_period(entitlement, now_us).start_us:
        _refuse([FieldError(place, "range", "must be after the last reset")], "reset")
    return at_us


def _refuse_other(entitlement: Entitlement, now_us: int) -> None:
    _refuse_static(entitlement)
    if entitlement.active_to_us is not None and entitlement.active_to_us <= now_us:
        raise AlreadyExists(f"entitlement {entitlement.id} has ended", code="entitlement_ended")


def _refuse_static(entitlement: Entitlement) -> None:
    if entitlement.type is not EntitlementType.METERED:
        field = FieldError(("path", "entitlementIdOrFeatureKey"), "type", "must be a metered entitlement")
        raise InvalidInput(f"entitlement {entitlement.id} is not metered", fields=(field,))


def _refuse(errors: Sequence[FieldError], what: str) -> None:
    if errors:
        listed = "; ".join(f"{'.'.join(map(str, one.location[1:]))}: {one.message}" for one in errors)
        raise InvalidInput(f"invalid {what}: {listed}", fields=tuple(errors))
