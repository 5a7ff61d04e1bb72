"""What a bystander can say of the rate limit: what was admitted was not too much, what was refused was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dynameter.admission.bucket import SHARE
from tests.simulation.clock import WorldClock
from tests.simulation.faults import Faults
from tests.simulation.processes import Process


@dataclass(frozen=True)
class Rate:
    """Events a second and at once, of each workspace."""

    per_second: int
    burst: int


@dataclass(frozen=True)
class _Admitted:
    start_us: int
    end_us: int
    events: int
    process: Process


@dataclass
class Doorkeeper:
    """Watches every request with events. ``rate`` None is no limit. Clocks differ by up to ``skew_ms``.

    A fault of a bucket lets everything pass, and may take from it twice: then nothing more can be said.
    """

    rate: Rate | None
    clock: WorldClock
    faults: Faults
    skew_ms: int
    refused: int = 0
    bursts: int = 1
    """How often the buckets were full: once, and again whenever they were lost."""
    _spent: Counter[str] = field(default_factory=Counter)
    _earned_at_us: Counter[str] = field(default_factory=Counter)
    _unsure: bool = False
    _admitted: dict[str, list[_Admitted]] = field(default_factory=dict)

    def send(self, workspace: str, events: int, *, stalled: bool) -> None:
        """The request was not refused, as far as anybody knows; whoever stands still may spend later."""
        self._spent[workspace] += events
        self._unsure |= stalled
        if self.rate is not None:
            earned_at_us = max(self._earned_at_us[workspace], self.clock.now)
            self._earned_at_us[workspace] = earned_at_us + events * 1_000_000 // self.rate.per_second

    def admit(self, workspace: str, events: int, start_us: int, process: Process) -> None:
        """So many events of a request were told to be stored by now."""
        made = _Admitted(start_us, self.clock.now, events, process)
        self._admitted.setdefault(workspace, []).append(made)

    def refuse(self, workspace: str) -> None:
        """The request was refused: raises AssertionError where the workspace's bucket cannot have been empty."""
        self.refused += 1
        assert self.rate is not None, "refused without a limit"
        least = self.rate.burst - self._slack()
        if self.faults.of_limits:
            return
        assert self._spent[workspace] >= least, f"{workspace} is refused, who sent so little"
        owed_us = self._earned_at_us[workspace] - self.clock.now
        assert self._unsure or owed_us * self.rate.per_second / 1_000_000 >= least, f"{workspace} earned it again"

    def check(self) -> None:
        """Raise AssertionError where in any span of time more was admitted than the limit's promise."""
        if self.rate is None or self.faults.of_limits:
            return
        for admitted in self._admitted.values():
            for first in range(len(admitted)):
                self._check_from(self.rate, admitted[first:])

    def _check_from(self, rate: Rate, admitted: list[_Admitted]) -> None:
        events = most = 0
        processes = set()
        for one in admitted:
            events, most = events + one.events, max(most, one.events)
            processes.add(id(one.process))
            earned = rate.per_second * (one.end_us - admitted[0].start_us) / 1_000_000
            unreported = len(processes) * (max(1, rate.per_second // SHARE) + most)
            allowed = rate.burst * self.bursts + earned + unreported + self._slack()
            assert events <= allowed, f"{events} events were admitted where {allowed} may be"

    def _slack(self) -> float:
        """What clocks that differ, and whole microseconds, make of it."""
        return 0.0 if self.rate is None else self.rate.per_second * self.skew_ms / 1_000 + 1
