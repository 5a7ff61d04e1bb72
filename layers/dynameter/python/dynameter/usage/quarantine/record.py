"""What lies in quarantine: stream records that could not be read. They are kept by ``usage.quarantine.store``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record in quarantine. ``place`` names and orders it; ``event_key`` is None where it names no event."""

    place: str
    reason: str
    at_us: int
    event_key: str | None


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Some records in the order of their places; ``next`` continues after them, None at the end."""

    records: tuple[Quarantined, ...]
    next: str | None
