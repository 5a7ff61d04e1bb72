"""The types of the intake: what a caller sends, what is stored, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from dynameter.errors import FieldError


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event as a caller sent it, its wire form checked by a dialect.

    ``time_us`` is None where the caller gave no time. ``data`` is the decoded JSON object (numbers int or Decimal)
    or None. ``extensions`` are CloudEvents extension attributes.
    """

    source: str
    id: str
    type: str
    subject: str
    time_us: int | None
    data: dict[str, Any] | None
    extensions: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is stored, once; nothing of it ever changes but that it may be voided and un-voided.

    ``data`` and ``extensions`` are JSON text with sorted keys (None where absent). ``fingerprint`` is 16 bytes over
    everything the caller sent but source and id: equal bytes mean the same payload. ``ingested_at_us`` is the
    service's own stamp, set just before the write. ``toggles`` are the stamps (microseconds, growing) of what voided
    and un-voided it in turn, the first a void; ``voided_by`` is the id of the void that voids it now.
    """

    workspace: str
    source: str
    id: str
    type: str
    subject: str
    time_us: int
    data: str | None
    extensions: str | None
    fingerprint: bytes
    ingested_at_us: int
    toggles: tuple[int, ...] = ()
    voided_by: str | None = None

    @property
    def voided(self) -> bool:
        """Whether the event is void now."""
        return len(self.toggles) % 2 == 1

    def counted_before(self, instant_us: int) -> bool:
        """Whether the event counted just before the instant: it was stored, and what had voided it was undone."""
        if self.ingested_at_us >= instant_us:
            return False
        return sum(stamp_us < instant_us for stamp_us in self.toggles) % 2 == 0


class Status(Enum):
    """What became of one event of a request."""

    ACCEPTED = "accepted"
    """Stored now."""
    DUPLICATE = "duplicate"
    """Stored before with the same payload: nothing changed."""
    CONFLICT = "conflict"
    """Another payload is stored under this source and id; it stays."""
    INVALID = "invalid"
    """Refused; ``Outcome.errors`` says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for the event at ``index`` of the request."""

    index: int
    status: Status
    source: str | None
    id: str | None
    errors: tuple[FieldError, ...] = ()
