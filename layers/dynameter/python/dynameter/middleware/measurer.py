"""Turns captures into events, in a thread of its own."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from dynameter.middleware.capture import Capture
from dynameter.middleware.ending import Ending
from dynameter.middleware.measuring import NO_ROOM, to_event
from dynameter.middleware.queues import LendingQueue
from dynameter.middleware.routes import RouteCache
from dynameter.middleware.settings import MIB, MeteringSettings

MEASURED_AT_ONCE = 100
HELD_MAX = 20_000
HELD_BYTES_MAX = 64 * MIB
"""Exchanges that are held until the routes are known; past it the oldest count 1 and say why."""
IDLE_S = 60.0
LOOK_AGAIN_S = 0.05

_log = logging.getLogger("dynameter.middleware")


class Measurer:
    """``emit`` takes a finished event, ``fail`` counts an exchange of which none could be made."""

    def __init__(
        self,
        settings: MeteringSettings,
        inbox: LendingQueue[Capture],
        routes: RouteCache,
        *,
        emit: Callable[[bytes], None],
        fail: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._routes = routes
        self._emit = emit
        self._fail = fail
        self._held: deque[tuple[Capture, float]] = deque()
        self._held_bytes = 0

    def run(self, ending: Ending) -> None:
        """Measure until the end, and then what is left."""
        while not ending.begun or self._inbox or self._held:
            wait_s = LOOK_AGAIN_S if self._held else IDLE_S
            for capture in self._inbox.take(MEASURED_AT_ONCE, self._settings.queue_bytes, wait_s=wait_s):
                self._take(capture)
                # Lets go of the interpreter: a thread that serves requests need not wait for the whole batch.
                time.sleep(0)
            self._inbox.settle()
            self._release(ending)

    def measure_rest(self) -> None:
        """Measure, in the caller's thread, everything that waits: there is no more time."""
        held, self._held, self._held_bytes = self._held, deque(), 0
        for capture in [capture for capture, _ in held] + self._inbox.reclaim():
            self._measure(capture)

    def hurry(self, captures: Sequence[Capture]) -> None:
        """Make events, in the caller's thread, of exchanges there is no room for; none is measured by expression."""
        for capture in captures:
            self._measure(capture.without_body(NO_ROOM), hurried=True)

    def _take(self, capture: Capture) -> None:
        if capture.routed or self._routes.table is not None:
            self._measure(capture)
            return
        self._held.append((capture, time.monotonic()))
        self._held_bytes += capture.size
        while len(self._held) > HELD_MAX or self._held_bytes > HELD_BYTES_MAX:
            self._measure(self._pop_held())

    def _release(self, ending: Ending) -> None:
        """Measure what is held where the routes are known now, or its time is over."""
        while self._held and (self._routes.table is not None or self._waited_enough(self._held[0][1], ending)):
            self._measure(self._pop_held())

    def _waited_enough(self, since: float, ending: Ending) -> bool:
        return ending.half_over or time.monotonic() - since >= self._settings.routes_wait_s

    def _pop_held(self) -> Capture:
        capture, _ = self._held.popleft()
        self._held_bytes -= capture.size
        return capture

    def _measure(self, capture: Capture, *, hurried: bool = False) -> None:
        """Emit the exchange's event. Nothing that an exchange holds may stop the thread."""
        source, most = self._settings.source, self._settings.body_bytes
        table = self._routes.table
        try:
            known = capture.routed or table is not None
            if not capture.routed and table is not None:
                capture = replace(capture, route=table.match(capture.method, capture.path), routed=True)
            event = to_event(capture, source=source, body_bytes=most, known=known, hurried=hurried)
        except Exception:
            _log.exception("an exchange could not be measured; it counts 1")
            try:
                bare = replace(capture.without_body(""), route=None)
                event = to_event(bare, source=source, body_bytes=most, known=False)
            except Exception:
                _log.exception("an exchange could not be recorded: %s", capture.id)
                self._fail()
                return
        self._emit(event)
