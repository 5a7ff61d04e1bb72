"""How far a meter's newest generation is. Pure but for the jobs that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

from dynameter.clock import MINUTE_US
from dynameter.meters.meter import Meter
from dynameter.rebuild.job import Job, JobKey, JobState, rebuild_key

_STEP = Decimal("0.0001")
_ALMOST = Decimal(1) - _STEP
_TIME_DIGITS = 18
"""A key of the history begins with the event's time in so many digits."""


class Jobs(Protocol):
    """What is needed of ``dynameter.rebuild.store.JobStore``."""

    def family(self, key: JobKey) -> tuple[Job | None, Sequence[Job]]:
        """The whole job and its slices."""


@dataclass(frozen=True, slots=True)
class MeterState:
    """The newest generation of a meter. ``progress`` of its rebuild goes from 0 to 1, which is when it is complete."""

    generation: int
    live_from_us: int
    progress: Decimal

    @property
    def is_live(self) -> bool:
        """Whether every event counts in what queries read."""
        return self.progress == 1


class RebuildProgress:
    """Tells the states of meters."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def state_of(self, meter: Meter) -> MeterState:
        """The state of the newest generation."""
        newest = meter.generations[-1]
        if newest.complete:
            return MeterState(newest.number, newest.live_from_us, Decimal(1))
        whole, slices = self._jobs.family(rebuild_key(meter.workspace, meter.id, newest.number))
        parts = [_part(one, newest.live_from_us) for one in slices]
        if whole is not None and whole.state is not JobState.DONE:
            parts = [Decimal(0)]  # it has still to say which slices there are
        average = sum(parts, Decimal(0)) / max(len(parts), 1)
        return MeterState(newest.number, newest.live_from_us, min(average.quantize(_STEP, ROUND_DOWN), _ALMOST))


def _part(job: Job, live_from_us: int) -> Decimal:
    """How far a slice is, by the time of the event that it has come to; few events lie beyond ``live_from``."""
    if job.state is JobState.DONE:
        return Decimal(1)
    if job.position is None:
        return Decimal(0)
    first_us = int(job.details["first"])
    reached_us = int(job.position[:_TIME_DIGITS])
    span_us = max(live_from_us - first_us, MINUTE_US)
    return max(Decimal(0), min(Decimal(1), Decimal(reached_us - first_us) / span_us))
