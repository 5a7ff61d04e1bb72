"""What a program sets to have its requests measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dynameter.events.rules import MAX_BATCH_EVENTS, MAX_SOURCE_BYTES
from dynameter.gateway.usage import SOURCE
from dynameter.middleware.identity import Identify, nobody

MIB = 1 << 20
_SWITCHED_ON = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteringSettings:
    """``url`` and ``key`` of the service; everything else has a default.

    The key needs the scopes events:write and usage:read. Durations are seconds.

    source: the source of the events, for telling programs apart; it is part of an event's identity.
    identify: who sends a request; see ``dynameter.middleware.identity``. By default nobody is known: "anonymous".
    spool: a folder for what could not be sent; see ``queue_events``.
    queue_events, queue_bytes: what waits in memory. Past it the oldest go to the spool, or are dropped without one;
        either is counted and logged.
    spool_bytes: the most that the spool holds.
    batch_events, batch_wait_s: a batch is sent when it is full or its first event has waited so long.
    body_bytes: what is kept of a response until it is measured; of a stream its end.
    routes_refresh_s: how old the routes may become before they are fetched again, in the background.
    routes_wait_s: how long requests are held that came before the routes were known; then they count 1.
    retry_max_s: the longest pause between two tries.
    shutdown_s: how long the end of the process may be held up for sending.
    workspace, enforce_quota: ask the quota of ``workspace`` before a request is served, and answer 402 past it.
    quota_timeout_s: how long a request may wait for that answer; quota_cache_s: how long it is good.
    """

    url: str
    key: str = field(repr=False)
    source: str = SOURCE
    identify: Identify = nobody
    spool: Path | None = None
    queue_events: int = 100_000
    queue_bytes: int = 64 * MIB
    spool_bytes: int = 1024 * MIB
    batch_events: int = 500
    batch_wait_s: float = 1.0
    body_bytes: int = MIB
    routes_refresh_s: float = 30.0
    routes_wait_s: float = 300.0
    timeout_s: float = 10.0
    retry_max_s: float = 30.0
    shutdown_s: float = 10.0
    workspace: str = ""
    enforce_quota: bool = False
    quota_timeout_s: float = 0.5
    quota_cache_s: float = 5.0

    def __post_init__(self) -> None:
        if not self.url or not self.key:
            raise ValueError("metering needs the service's url and key")
        if not 0 < len(self.source.encode()) <= MAX_SOURCE_BYTES:
            raise ValueError(f"source must have 1 to {MAX_SOURCE_BYTES} bytes")
        if not 1 <= self.batch_events <= MAX_BATCH_EVENTS:
            raise ValueError(f"batch_events must be 1 to {MAX_BATCH_EVENTS}")
        if self.enforce_quota and not self.workspace:
            raise ValueError("enforce_quota needs the workspace")
        for name in ("queue_events", "queue_bytes", "spool_bytes", "body_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("routes_refresh_s", "timeout_s", "retry_max_s", "quota_timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be over 0")

    @classmethod
    def from_env(cls, environment: Mapping[str, str], *, identify: Identify = nobody) -> MeteringSettings:
        """From DYNAMETER_URL, DYNAMETER_API_KEY, DYNAMETER_WORKSPACE, DYNAMETER_SOURCE, DYNAMETER_SPOOL and
        DYNAMETER_ENFORCE_QUOTA. Raises ValueError."""
        spool = environment.get("DYNAMETER_SPOOL", "")
        return cls(
            url=environment.get("DYNAMETER_URL", ""),
            key=environment.get("DYNAMETER_API_KEY", ""),
            workspace=environment.get("DYNAMETER_WORKSPACE", ""),
            source=environment.get("DYNAMETER_SOURCE", "") or SOURCE,
            spool=Path(spool) if spool else None,
            enforce_quota=environment.get("DYNAMETER_ENFORCE_QUOTA", "").lower() in _SWITCHED_ON,
            identify=identify,
        )
