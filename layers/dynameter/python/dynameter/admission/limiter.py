"""Refusing a workspace that sends more than its limit, without asking storage for every request.

A process admits on its own and reports what it admitted whenever that comes to ``Limit.unreported`` events. Each
report says whether the bucket is overdrawn, and if it is the process refuses until it no longer is, asking nobody.
All that is admitted is reported, so the rate holds in the long run; past it go, at most, what every process may admit
before its next report. In T seconds a workspace gets through no more than

    burst + rate * T + P * (rate / 20 + events of one request)

with P the processes that ran in that time, each of which may also end with events that it did not report.

Storage that fails must not lose events: then everything is admitted, and counted as such. When it is back, each process
reports what it admitted meanwhile, less what was earned in that time: a workspace within its limit owes nothing.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from dynameter.admission.bucket import Limit
from dynameter.clock import MICROSECONDS, Clock
from dynameter.deadline import within
from dynameter.errors import RateLimited

REPORT_TIME_US = MICROSECONDS // 2
"""How long a request waits at most for its report."""
PAUSE_US = MICROSECONDS
"""After a report that failed, no other is tried for so long."""
WORKSPACES_KNOWN = 10_000

LIMITED, FAILED = "limited", "limiter_failed"
"""Metrics: events refused, and reports that failed."""


class Shared(Protocol):
    """What is needed of ``dynameter.admission.store.SharedBuckets``."""

    def spend(self, workspace: str, cost_us: int, now_us: int, last_us: int) -> int:
        """Take the cost; answers the instant at which all of it is earned again."""


@dataclass(slots=True)
class _Known:
    """What this process knows of a workspace. ``closed_until_us``: it refuses until then.

    ``failing_since_us`` is when the first of the reports failed that have failed since the last good one, 0 if none.
    """

    unreported: int = 0
    failing_since_us: int = 0
    closed_until_us: int = 0
    earned_at_us: int = 0
    report_after_us: int = 0


class Limiter:
    """Admits and refuses; used by several threads. ``count`` publishes metrics, ``warn`` hears of a report's fault."""

    def __init__(
        self,
        shared: Shared,
        limit: Limit,
        clock: Clock,
        count: Callable[[Mapping[str, float]], None],
        warn: Callable[[Exception], None],
    ) -> None:
        self._shared = shared
        self._limit = limit
        self._clock = clock
        self._count = count
        self._warn = warn
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = Lock()

    def admit(self, workspace: str, events: int) -> None:
        """Admit so many events. Raises ``RateLimited`` where the workspace is over its limit."""
        now_us = self._clock.now_us()
        with self._lock:
            known = self._of(workspace)
            closed_us = known.closed_until_us - now_us
            if closed_us <= 0:
                known.unreported += events
                if known.unreported < self._limit.unreported or now_us < known.report_after_us:
                    return
                due, known.unreported = known.unreported, 0
                since_us, known.failing_since_us = known.failing_since_us or now_us, 0
        if closed_us > 0:
            self._count({LIMITED: events})
            raise _refusal(self._limit, closed_us)
        self._report(workspace, known, due, since_us, now_us)

    def _report(self, workspace: str, known: _Known, due: int, since_us: int, now_us: int) -> None:
        """Report the events; ``since_us`` is when a report of some of them failed first, else now."""
        cost_us = max(self._limit.cost_us(due) - (now_us - since_us), 0)
        try:
            with within(now_us + REPORT_TIME_US, self._clock):
                earned_at_us = self._shared.spend(workspace, cost_us, now_us, known.earned_at_us)
        except Exception as error:
            # Whatever is wrong with the limit, it must lose no event.
            with self._lock:
                known.unreported += due
                known.failing_since_us = min(since_us, known.failing_since_us or since_us)
                known.report_after_us = now_us + PAUSE_US
            self._count({FAILED: 1})
            self._warn(error)
            return
        with self._lock:
            known.earned_at_us = max(known.earned_at_us, earned_at_us)
            overdrawn_us = self._limit.overdrawn_us(earned_at_us, now_us)
            known.closed_until_us = max(known.closed_until_us, now_us + overdrawn_us)

    def _of(self, workspace: str) -> _Known:
        known = self._known.get(workspace)
        if known is None:
            known = self._known[workspace] = _Known()
            if len(self._known) > WORKSPACES_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(workspace)
        return known


def _refusal(limit: Limit, closed_us: int) -> RateLimited:
    wait_s = max(1, math.ceil(closed_us / MICROSECONDS))
    return RateLimited(
        f"the workspace sends more than {limit.rate} events a second; nothing of this request was stored, "
        f"send it again after {wait_s} s",
        retry_after_s=wait_s,
    )
