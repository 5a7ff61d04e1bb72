"""What all middleware share: routes, recorder and quota of one set of settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dynameter.client.api import ApiClient
from dynameter.clock import Clock, SystemClock
from dynameter.gateway.route import Route
from dynameter.middleware import lifecycle
from dynameter.middleware.identity import Caller, who
from dynameter.middleware.observation import Observation
from dynameter.middleware.quota import QuotaGate
from dynameter.middleware.recorder import Recorder
from dynameter.middleware.routes import RouteCache
from dynameter.middleware.settings import MeteringSettings
from dynameter.middleware.stats import RecorderStats

_log = logging.getLogger("dynameter.middleware")
Connect = Callable[[float], ApiClient]


class Observer:
    """Make one for a program; several middleware may share it."""

    def __init__(
        self, settings: MeteringSettings, *, clock: Clock | None = None, connect: Connect | None = None
    ) -> None:
        """``connect`` makes a client with a timeout and no retries. Raises ValueError for a wrong address or key."""
        self.settings = settings
        self._clock = clock or SystemClock()
        self._connect = connect or (
            lambda timeout_s: ApiClient(settings.url, settings.key, timeout_s=timeout_s, attempts=1)
        )
        self.renew()
        lifecycle.watch(self)

    def renew(self) -> None:
        """Begin anew: connections, threads and what waits belong to the process that began them."""
        self._client = self._connect(self.settings.timeout_s)
        self.routes = RouteCache(self._client)
        self.recorder = Recorder(self.settings, self._client, self.routes)
        self.gate: QuotaGate | None = None
        if self.settings.enforce_quota:
            self.gate = QuotaGate(self._connect(self.settings.quota_timeout_s), self.settings)

    @property
    def stats(self) -> RecorderStats:
        """What became of what was recorded."""
        return self.recorder.stats

    def start(self) -> None:
        """Fetch routes and send the spool now, not only with the first request."""
        self.recorder.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Start, and wait until routes are known, for a program that would rather start late than measure late."""
        self.start()
        return self.routes.wait(timeout_s)

    def observe(self, method: str, path: str) -> Observation:
        """Begin to watch a request; ``path`` is decoded."""
        route, routed = self._route(method, path)
        return Observation(method, path, route, routed, self._clock.now_us(), self.settings.body_bytes)

    def identify(self, request: Any) -> Caller | None:
        """Who sends the request; None where nobody knows."""
        return who(self.settings.identify, request)

    def record(self, observation: Observation, request: Any) -> None:
        """Take what an observation saw, once. Never raises."""
        try:
            if not observation.ended and observation.answered:
                caller = observation.caller or self.identify(request)
                self.recorder.record(observation.end(caller))
        except Exception:
            _log.exception("a request could not be recorded")

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything recorded so far was sent; False when the time is over."""
        return self.recorder.flush(timeout_s)

    def close(self) -> None:
        """Send what is there, within ``shutdown_s``; the rest goes to the spool."""
        self.recorder.close()
        self._client.close()
        if self.gate is not None:
            self.gate.close()

    def _route(self, method: str, path: str) -> tuple[Route | None, bool]:
        table = self.routes.table
        if table is None:
            return None, False
        try:
            return table.match(method, path), True
        except Exception:
            _log.exception("the route of a request could not be found; it counts 1")
            return None, True
