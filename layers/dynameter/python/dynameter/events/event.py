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
    """An event as it is stored, once, for ever.

    ``data`` and ``extensions`` are JSON text with sorted keys (None where absent). ``fingerprint`` is 16 bytes over
    everything the caller sent but source and id: equal bytes mean the same payload. ``ingested_at_us`` is the
    service's own stamp, set just before the write.
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
