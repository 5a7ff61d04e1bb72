"""The service's settings, read once a cold start from the environment that template.yaml declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class EventWrites(Enum):
    """How a batch of events is written; both answer alike."""

    PARTIQL = "partiql"
    """25 conditional inserts a call: cheapest in time."""
    PUT = "put"
    """One PutItem an event: for engines without PartiQL."""


@dataclass(frozen=True, slots=True)
class Settings:
    """See template.yaml for what each variable means."""

    events_table: str
    usage_table: str
    catalog_table: str
    event_writes: EventWrites
    event_retention_days: int
    clock_skew_ms: int
    endpoint: str | None
    settle_ms: int = 60_000
    """How long after an instant no write stamped before it can still be in flight or missing from an index."""
    events_per_second: int = 0
    """Events a second that a workspace may send; 0 for as many as it likes."""
    event_burst: int = 0
    """Events that it may send at once, having sent none for a while."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings; raises ValueError naming the variable that is missing or wrong."""
        return cls(
            events_table=_text(env, "EVENTS_TABLE"),
            usage_table=_text(env, "USAGE_TABLE"),
            catalog_table=_text(env, "CATALOG_TABLE"),
            event_writes=EventWrites(env.get("EVENT_WRITES") or "partiql"),
            event_retention_days=_whole(env, "EVENT_RETENTION_DAYS", 0),
            clock_skew_ms=_whole(env, "CLOCK_SKEW_MS", 500),
            endpoint=env.get("DYNAMETER_ENDPOINT") or None,
            settle_ms=_whole(env, "SETTLE_MS", 60_000),
            events_per_second=_whole(env, "EVENTS_PER_SECOND", 0),
            event_burst=_whole(env, "EVENT_BURST", 0),
        )


def _text(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise ValueError(f"environment variable {name} is not set")
    return value


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"environment variable {name} must be a whole number, not {text!r}")
    return int(text)
