"""From captures to stored events, in the background: nothing here is waited for by a request.

Threads start with the first capture of a process, so that a fork takes none with it: one measures, one sends, one
fetches routes. An event's id was fixed when the request came, and a measured event never changes: whatever is sent
twice counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom
from threading import Event, Lock, Thread

from dynameter.client.api import ApiClient, ApiError
from dynameter.middleware.capture import Capture
from dynameter.middleware.ending import Ending
from dynameter.middleware.measurer import Measurer
from dynameter.middleware.queues import LendingQueue
from dynameter.middleware.routes import RouteCache
from dynameter.middleware.sender import BACKOFF_BASE_S, Sender
from dynameter.middleware.settings import MIB, MeteringSettings
from dynameter.middleware.spool import Spool
from dynameter.middleware.stats import Ledger, RecorderStats

BATCH_BYTES_MAX = MIB
SHED_AT_ONCE = 5_000
"""Events that leave a full outbox together, for one file of the spool."""
SPOOL_LOOK_S = 30.0
"""How often an idle process looks for what others left in the spool."""

# Without a state that the program's own random numbers, or a fork, would share.
_SYSTEM = SystemRandom()
_log = logging.getLogger("dynameter.middleware")


class Recorder:
    """Takes captures. ``client`` and ``routes`` belong to this process alone."""

    def __init__(
        self,
        settings: MeteringSettings,
        client: ApiClient,
        routes: RouteCache,
        *,
        random: Callable[[], float] = _SYSTEM.random,
    ) -> None:
        self._settings = settings
        self._client = client
        self._routes = routes
        self._random = random
        self._ledger = Ledger()
        self._inbox: LendingQueue[Capture] = LendingQueue()
        self._outbox: LendingQueue[bytes] = LendingQueue()
        self._spool = _open_spool(settings)
        self._passed_over: set[Path] = set()
        self._starting = Lock()
        self._closing = Lock()
        self._ending: Ending | None = None
        self._threads: list[Thread] = []
        self._measurer = Measurer(
            settings, self._inbox, routes, emit=self._emit, fail=lambda: self._ledger.add("rejected")
        )

    @property
    def stats(self) -> RecorderStats:
        """What became of what was recorded."""
        return self._ledger.snapshot(self._inbox.added)

    def start(self) -> None:
        """Start the threads where they do not run; what an earlier process left in the spool is sent first."""
        with self._starting:
            if self._ending is not None and not self._ending.over:
                return
            ending, measured = Ending(), Event()
            loops = {
                "measure": lambda: self._measure_loop(ending, measured),
                "send": lambda: self._send_loop(ending, measured),
                "routes": lambda: self._routes_loop(ending),
            }
            threads = [Thread(target=loop, name=f"dynameter-{name}", daemon=True) for name, loop in loops.items()]
            for thread in threads:
                thread.start()
            self._ending, self._threads = ending, threads[:2]

    def record(self, capture: Capture) -> None:
        """Take a capture; never waits for the service. Without room for its body it goes on without, and says so.

        Past ``queue_events`` the oldest goes on unmeasured, and so to the spool where that is where events go.
        """
        if capture.body and self._inbox.bytes + capture.size > self._settings.queue_bytes:
            capture = capture.without_body("there was no room to keep the response until it was measured")
        self._inbox.put(capture, capture.size)
        if len(self._inbox) > self._settings.queue_events:
            self._measurer.hurry(self._inbox.shed(1))
        if self._ending is None or self._ending.over:
            self.start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything recorded so far was sent; False when the time is over."""
        self._outbox.hurry(True)
        try:
            return self._ledger.wait_for(self._inbox.added, timeout_s)
        finally:
            self._outbox.hurry(False)

    def close(self, timeout_s: float | None = None) -> None:
        """Send what is there; what cannot be sent in time goes to the spool, or is lost without one.

        What is recorded meanwhile is part of it, and what is recorded later starts the threads again. Another call
        returns when the one under way is done: whoever ends the process must not do so before.
        """
        with self._closing:
            with self._starting:
                ending = self._ending
                if ending is None or ending.begun:
                    return
                ending.begin(self._settings.shutdown_s if timeout_s is None else timeout_s)
            try:
                self._end(ending)
            finally:
                ending.close()
        if self._inbox:
            self.start()

    def _end(self, ending: Ending) -> None:
        """Wait for the threads as long as there is time, and put aside what they leave."""
        measuring, sending = self._threads
        self._inbox.poke()
        measuring.join(ending.left_s)
        # Not before: while events still come, batches are better full.
        self._outbox.hurry(True)
        self._outbox.poke()
        sending.join(ending.left_s)
        in_time = ending.left_s > 0 and not measuring.is_alive() and not sending.is_alive()
        ending.finish()
        self._outbox.hurry(False)
        if not in_time:
            self._measurer.measure_rest()
        self._save(self._outbox.reclaim())

    # ---- the threads

    def _measure_loop(self, ending: Ending, measured: Event) -> None:
        self._measurer.run(ending)
        measured.set()
        self._outbox.poke()

    def _send_loop(self, ending: Ending, measured: Event) -> None:
        sender = Sender(
            self._client,
            self._ledger,
            reject=self._reject,
            pause=ending.pause,
            random=self._random,
            retry_max_s=self._settings.retry_max_s,
        )
        spooled = self._send_spooled(sender)
        while not (measured.is_set() and not self._outbox):
            batch = self._outbox.take(
                self._settings.batch_events,
                BATCH_BYTES_MAX,
                wait_s=0.0 if spooled else SPOOL_LOOK_S,
                linger_s=self._settings.batch_wait_s,
            )
            if batch:
                left = sender.deliver(batch)
                self._outbox.settle(left)
                if left:
                    return
            spooled = not ending.begun and self._send_spooled(sender)

    def _send_spooled(self, sender: Sender) -> bool:
        """Send the spool's oldest file; False where there is none, or it has to wait."""
        if self._spool is None:
            return False
        try:
            files = self._spool.files()
        except OSError as error:
            _log.error("the spool cannot be read: %s", error)
            return False
        for file in files:
            if file in self._passed_over:
                continue
            try:
                return self._send_file(self._spool, file, sender)
            except OSError as error:
                # The files after it must not wait for it; another process may try it again.
                self._passed_over.add(file)
                _log.error("a file of the spool is passed over: %s", error)
        return False

    def _send_file(self, spool: Spool, file: Path, sender: Sender) -> bool:
        """Send a file's events and remove it; False where it has to wait. Raises OSError."""
        events = spool.read(file)
        for start in range(0, len(events), self._settings.batch_events):
            if sender.deliver(events[start : start + self._settings.batch_events], counted=False):
                return False
        spool.remove(file)
        return True

    def _routes_loop(self, ending: Ending) -> None:
        failures = 0
        while not ending.begun or self._routes.table is None:
            pause_s = self._settings.routes_refresh_s * (0.9 + 0.2 * self._random())
            try:
                self._routes.refresh()
                failures = 0
            except (ApiError, TypeError) as error:
                failures += 1
                pause_s = min(pause_s, self._settings.retry_max_s, BACKOFF_BASE_S * 2.0 ** min(failures, 20))
                self._ledger.fail(str(error))
                if failures & (failures - 1) == 0:
                    _log.warning("routes could not be fetched, try %d: %s", failures, error)
            if not ending.pause(pause_s):
                return

    # ---- where events end

    def _emit(self, event: bytes) -> None:
        self._outbox.put(event, len(event))
        if len(self._outbox) > self._settings.queue_events or self._outbox.bytes > self._settings.queue_bytes:
            self._save(self._outbox.shed(SHED_AT_ONCE))

    def _save(self, events: Sequence[bytes]) -> None:
        """Put events aside that cannot be sent now."""
        if not events:
            return
        if self._spool is None:
            self._drop(events)
            return
        try:
            self._spool.write(events)
        except OSError as error:
            _log.error("the spool cannot be written: %s", error)
            self._drop(events)
        else:
            self._ledger.add("spooled", len(events))
            _log.warning("%d usage events were put into the spool", len(events))

    def _drop(self, lost: Sequence[object]) -> None:
        self._ledger.add("dropped", len(lost))
        total = self._ledger.snapshot(0).dropped
        if total == len(lost) or (total // SHED_AT_ONCE) != (total - len(lost)) // SHED_AT_ONCE:
            _log.error("usage is lost, for there is no room and no spool: %d events so far", total)

    def _reject(self, event: bytes, reason: str) -> None:
        if self._spool is None:
            return
        try:
            self._spool.reject(event, reason)
        except OSError as error:
            _log.error("the spool cannot be written: %s", error)


def _open_spool(settings: MeteringSettings) -> Spool | None:
    """The spool; without one where its folder cannot be made, for that must not keep an app from starting."""
    if settings.spool is None:
        return None
    try:
        return Spool(settings.spool, settings.spool_bytes)
    except OSError as error:
        _log.error("usage is kept in memory alone: %s", error)
        return None
