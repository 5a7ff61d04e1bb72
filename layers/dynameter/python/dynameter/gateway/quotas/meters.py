"""What users have used in a month: read from two ordinary meters, made when they are first needed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from dynameter.clock import HOUR_US, MICROSECONDS, Clock
from dynameter.errors import AlreadyExists, NotFound
from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.quota import add
from dynameter.gateway.usage import QUOTA_METERS, REQUESTS_METER, RESERVATION, UNITS_METER
from dynameter.meters.meter import Meter, MeterDraft
from dynameter.usage.queries.query import UsageAnswer, UsageQuery
from dynameter.usage.windows import Window

SETTLED_USAGE_LIFE_US = 5 * MICROSECONDS
"""How long a process remembers a month's usage up to an hour ago. What happens now is read each time; only usage that
is reported an hour late, or voided, shows after so long."""
MAX_REMEMBERED = 10_000

_SLUGS = {MeterType.REQUESTS: REQUESTS_METER, MeterType.COMPUTE_UNITS: UNITS_METER}
_DRAFTS = {draft.slug: draft for draft in QUOTA_METERS}
_RESERVED = "true"


class Meters(Protocol):
    """What is needed of ``dynameter.meters.service.MeterService``."""

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        """The meter of that id, deleted or not, or the live meter of that slug. Raises NotFound."""

    def create(self, workspace: str, draft: MeterDraft) -> Meter:
        """Create a meter and answer when it is live. Raises AlreadyExists."""


class Usage(Protocol):
    """What is needed of ``dynameter.usage.queries.service.UsageService``."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        """Answer from the meter's active generation."""


@dataclass(frozen=True, slots=True)
class LiveUsage:
    """A user's usage of a month: what reservations paid for, and the rest.

    ``complete`` is False while the meter is being rebuilt and may not have all of it yet.
    """

    unreserved: Decimal
    reserved: Decimal
    complete: bool = True


class QuotaMeters:
    """The meters that quotas read, of all workspaces."""

    def __init__(self, meters: Meters, usage: Usage, clock: Clock) -> None:
        self._meters = meters
        self._usage = usage
        self._clock = clock
        self._ids: dict[tuple[str, str], str] = {}
        self._settled: dict[tuple[object, ...], tuple[int, LiveUsage]] = {}
        self._lock = threading.Lock()

    def ensure(self, workspace: str) -> None:
        """Make the meters that are not there. Raises AlreadyExists where a slug belongs to another definition."""
        for slug in _SLUGS.values():
            if (workspace, slug) not in self._ids:
                self._find(workspace, slug)

    def usage(self, workspace: str, user_id: str, meter_type: MeterType, month: Window) -> LiveUsage:
        """The user's usage of the month. Raises AlreadyExists like ``ensure``."""
        meter = self._find(workspace, _SLUGS[meter_type])
        now_us = self._clock.now_us()
        cut_us = min(max(month.start_us, now_us // HOUR_US * HOUR_US - HOUR_US), month.end_us)
        recent = self._read(meter, user_id, Window(cut_us, month.end_us))
        settled = self._read_settled(meter, user_id, Window(month.start_us, cut_us), now_us)
        return LiveUsage(
            unreserved=add(settled.unreserved, recent.unreserved),
            reserved=add(settled.reserved, recent.reserved),
            complete=meter.active_generation.complete,
        )

    def _read_settled(self, meter: Meter, user_id: str, span: Window, now_us: int) -> LiveUsage:
        key = (meter.workspace, meter.id, meter.active, user_id, span)
        at_us, found = self._settled.get(key, (0, None))
        if found is not None and 0 <= now_us - at_us < SETTLED_USAGE_LIFE_US:
            return found
        found = self._read(meter, user_id, span)
        with self._lock:
            if len(self._settled) >= MAX_REMEMBERED:
                self._settled.clear()
            self._settled[key] = (now_us, found)
        return found

    def _read(self, meter: Meter, user_id: str, span: Window) -> LiveUsage:
        if span.start_us >= span.end_us:
            return LiveUsage(Decimal(0), Decimal(0))
        query = UsageQuery(span.start_us, span.end_us, subjects=(user_id,), group_by=(RESERVATION,))
        rows = self._usage.query(meter, query).rows
        return LiveUsage(
            unreserved=add(*(row.value for row in rows if row.groups[RESERVATION] != _RESERVED)),
            reserved=add(*(row.value for row in rows if row.groups[RESERVATION] == _RESERVED)),
        )

    def _find(self, workspace: str, slug: str) -> Meter:
        known = self._ids.get((workspace, slug))
        meter = self._meters.find(workspace, known) if known else None
        if meter is None or meter.deleted_at_us is not None:
            meter = self._find_or_make(workspace, slug)
        if not _serves(meter, _DRAFTS[slug]):
            raise AlreadyExists(
                f"quotas need the meter {slug}, and the workspace has another definition of that slug; delete it",
                code="quota_meter_conflict",
            )
        with self._lock:
            if len(self._ids) >= MAX_REMEMBERED:
                self._ids.clear()
            self._ids[workspace, slug] = meter.id
        return meter

    def _find_or_make(self, workspace: str, slug: str) -> Meter:
        try:
            return self._meters.find(workspace, slug)
        except NotFound:
            pass
        try:
            return self._meters.create(workspace, _DRAFTS[slug])
        except AlreadyExists as error:
            if error.code:
                raise  # the workspace is full
            return self._meters.find(workspace, slug)  # somebody else was faster


def _serves(meter: Meter, draft: MeterDraft) -> bool:
    """Whether the meter counts what the draft says, whatever its name."""
    groups = meter.active_generation.group_by
    return (
        (meter.event_type, meter.aggregation, meter.value_property)
        == (draft.event_type, draft.aggregation, draft.value_property)
        and meter.event_from_us is None
        and groups.get(RESERVATION) == draft.group_by[RESERVATION]
    )
