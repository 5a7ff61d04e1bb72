"""Taking a generation live, and the proof that its definition was there in time.

``live_from`` is chosen before the definition is committed: facts stamped at or after it are folded from the stream,
by whoever then knows the definition. A fact so stamped that was folded before the commit would be lost to the meter,
so the commit must lie before every such fact. Clocks differ by the skew at most: it does if, right after the commit,
the skew added to the present does not lie past ``live_from``. Whoever committed looks at once, and writes down that
it is so. Where the commit was too slow, or where nobody lived to look, the generation is given up for a later one,
whose rebuild covers all that came before. (To move ``live_from`` would count twice what was folded since.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.errors import Unavailable, VersionConflict
from dynameter.meters.generations import with_confirmed, with_later_start
from dynameter.meters.meter import Meter
from dynameter.rebuild.job import Job, rebuild_job

LEAST_ROOM_US = 50_000
"""What a definition's commit is given at least, even where all clocks are one; else half of the skew."""
_ATTEMPTS = 4


class Meters(Protocol):
    """What is needed of ``dynameter.meters.store.MeterStore``."""

    def get(self, workspace: str, meter_id: str) -> Meter | None:
        """The meter of that id, deleted ones too."""

    def replace(self, meter: Meter, jobs: Sequence[Job] = ()) -> None:
        """Write the next version of a live meter and in the same instant the jobs."""


class GoingLive:
    """Takes generations live; for ``clock_skew_ms`` and ``settle_ms`` see ``dynameter.meters.service``."""

    def __init__(self, meters: Meters, clock: Clock, clock_skew_ms: int, settle_ms: int) -> None:
        self._meters = meters
        self._clock = clock
        self._skew_us = clock_skew_ms * 1_000
        self._room_us = max(self._skew_us // 2, LEAST_ROOM_US)
        self._settle_us = settle_ms * 1_000

    def live_from_us(self) -> int:
        """The ``live_from`` of a definition that is committed next."""
        return self._clock.now_us() + self._room_us + self._skew_us

    def rebuild(self, meter: Meter) -> Job:
        """The job that rebuilds the newest generation, to be written with it."""
        newest = meter.generations[-1]
        now = self._clock.now_us()
        return rebuild_job(meter.workspace, meter.id, newest.number, newest.live_from_us, self._settle_us, now)

    def confirm(self, meter: Meter) -> Meter:
        """Look, right after its commit, whether the newest generation is in time, or begin another until one is.

        The meter as it is then. Raises Unavailable.
        """
        room_us = self._room_us
        for _ in range(_ATTEMPTS):
            late_us = self._clock.now_us() + self._skew_us - meter.generations[-1].live_from_us
            if late_us <= 0:
                return self._write_down(meter)
            room_us += 2 * late_us
            meter, ours = self._begin_later(meter, room_us)
            if not ours:
                return meter
        raise Unavailable("the meter is stored, but storage is too slow to take it live; update it to try again")

    def await_start(self, meter: Meter) -> None:
        """Wait until the newest generation is live."""
        wait_us = meter.generations[-1].live_from_us - self._clock.now_us()
        if wait_us > 0:
            self._clock.sleep(wait_us / MICROSECONDS)

    def begin_again(self, meter: Meter) -> None:
        """Give up the newest generation, of which nobody knows whether it was in time, for a later one."""
        later, ours = self._begin_later(meter, self._room_us)
        if ours:
            self.confirm(later)

    def _write_down(self, meter: Meter) -> Meter:
        """Have the meter say that its newest generation was in time."""
        number = meter.generations[-1].number
        for _ in range(_ATTEMPTS):
            confirmed = replace(with_confirmed(meter, number), version=meter.version + 1)
            try:
                self._meters.replace(confirmed)
            except VersionConflict:
                current = self._meters.get(meter.workspace, meter.id)
                if current is None or current.deleted_at_us is not None:
                    return meter
                meter = current
                if meter.generations[-1].number != number:
                    return meter
            except Unavailable:
                # Then its rebuild begins another generation, which counts the same.
                return meter
            else:
                return confirmed
        return meter

    def _begin_later(self, meter: Meter, room_us: int) -> tuple[Meter, bool]:
        """Put a later generation in the newest one's place; False where another request has done more than that."""
        late = meter.generations[-1]
        for _ in range(_ATTEMPTS):
            moved = with_later_start(meter, self._clock.now_us() + room_us + self._skew_us)
            moved = replace(moved, version=meter.version + 1)
            try:
                self._meters.replace(moved, (self.rebuild(moved),))
            except VersionConflict:
                current = self._meters.get(meter.workspace, meter.id)
                if current is None or current.deleted_at_us is not None:
                    return meter, False
                if current.generations[-1].number != late.number:
                    return current, False
                meter = current
            else:
                return moved, True
        raise VersionConflict(f"meter {meter.slug} is being changed by other requests")
