"""From stored crossings to the event bus.

A crossing is told until the bus has taken it and that is written down. Dying between the two tells it once more, with
the same id; the bus, too, may deliver an event more than once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dynameter.billing.thresholds.crossing import Crossing
from dynameter.clock import Clock
from dynameter.errors import Unavailable

ENTRIES_A_CALL = 10
"""What EventBridge takes in one PutEvents."""


class Crossings(Protocol):
    """What is needed of ``dynameter.billing.thresholds.store.ThresholdStore``."""

    def crossing(self, workspace: str, crossing_id: str) -> Crossing | None:
        """The crossing of that id."""

    def mark_sent(self, crossing: Crossing, now_us: int) -> bool:
        """Remember that the event bus has it; whether that is new."""


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event for the bus; ``detail`` is JSON text."""

    id: str
    type: str
    at_us: int
    detail: str


class Bus(Protocol):
    """An event bus."""

    def put(self, events: Sequence[BusEvent]) -> Sequence[str | None]:
        """Hand over at most ``ENTRIES_A_CALL`` events: for each the fault that kept it back, None for none.

        Raises Unavailable where the bus does not answer.
        """


class Notifier:
    """Tells the bus of crossings. ``word`` makes the event of one."""

    def __init__(self, crossings: Crossings, bus: Bus, word: Callable[[Crossing], BusEvent], clock: Clock) -> None:
        self._crossings = crossings
        self._bus = bus
        self._word = word
        self._clock = clock

    def tell(self, places: Iterable[tuple[str, str]]) -> int:
        """Tell of the crossings of these workspaces and ids, but for those told before; answers how many.

        Raises Unavailable where some could not be told. Those that were are written down.
        """
        found = (self._crossings.crossing(*place) for place in dict.fromkeys(places))
        waiting = [one for one in found if one is not None and one.sent_at_us is None]
        faults: list[str] = []
        for start in range(0, len(waiting), ENTRIES_A_CALL):
            part = waiting[start : start + ENTRIES_A_CALL]
            for crossing, fault in zip(part, self._bus.put([self._word(one) for one in part]), strict=True):
                if fault is None:
                    self._crossings.mark_sent(crossing, self._clock.now_us())
                else:
                    faults.append(fault)
        if faults:
            raise Unavailable(f"the event bus refused {len(faults)} of {len(waiting)} events: {faults[0]}")
        return len(waiting)
