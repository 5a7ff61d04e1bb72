"""Reservations and the book that holds them. Pure.

A book is one user's reservations of one month and meter type. ``taken`` is what all of them take of the limit:
what is held by open ones and what committed ones have used. A reservation goes one of these ways:

    open ─ commit ─▶ settling ─ its usage event is stored ─▶ gone; its units stay taken for the month
    open ─ release, or expiry ─▶ gone; its units are given back

Each arrow is one conditional write of the book, so each happens once. Between the two steps of a commit the book holds
the event that is to be stored: whoever repeats the commit, or next asks about the user's quota, goes on from there.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.clock import MICROSECONDS
from dynameter.events.event import EventDraft
from dynameter.gateway.plan import MeterType
from dynameter.gateway.quotas.quota import add
from dynameter.gateway.usage import EVENT_TYPE
from dynameter.usage.windows import Window

SOURCE = "dynameter-quota"
"""The source of the events that commits store; a reservation's id is its event's id."""
MAX_OPEN = 1_000
"""Reservations of one user that may be open at once: each takes some 60 bytes of the book's item."""
MAX_TTL_S = 3_600
DEFAULT_TTL_S = 60
MAX_RESERVED = Decimal(10) ** 15
"""Units that one reservation may ask for; up to it, whatever is added up stays exact on every engine."""
STALE_US = 60 * MICROSECONDS
"""After so long a commit that is still half done has lost its process."""

_PREFIX = "qr_"
_DIGEST_BYTES = 16
_DIGEST_CHARACTERS, _NONCE_CHARACTERS = 22, 11
_ID = re.compile(rf"{_PREFIX}([A-Za-z0-9_-]{{{_DIGEST_CHARACTERS}}})([A-Za-z0-9_-]{{{_NONCE_CHARACTERS}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class BookKey:
    """Names a book."""

    workspace: str
    user_id: str
    meter_type: MeterType
    period: Window

    @property
    def digest(self) -> str:
        """22 characters by which a reservation's id leads to its book."""
        parts = codec.encode([self.user_id, self.meter_type.value, self.period.start_us])
        return _text(hashlib.blake2b(parts, digest_size=_DIGEST_BYTES).digest())


@dataclass(frozen=True, slots=True)
class ReservationId:
    """A reservation's name: which book, and which of it."""

    digest: str
    nonce: str

    def __str__(self) -> str:
        return f"{_PREFIX}{self.digest}{self.nonce}"

    @classmethod
    def parse(cls, text: str) -> ReservationId | None:
        """The id in a text; None where the text is none."""
        match = _ID.fullmatch(text)
        return cls(match[1], match[2]) if match else None


@dataclass(frozen=True, slots=True)
class Hold:
    """An open reservation."""

    units: Decimal
    expires_at_us: int
    created_at_us: int

    def expired(self, now_us: int) -> bool:
        """Whether its time is over."""
        return now_us >= self.expires_at_us


@dataclass(frozen=True, slots=True)
class Settling:
    """A commit whose event may not be stored yet; ``data`` is the event's, as JSON text with sorted keys."""

    units: Decimal
    created_at_us: int
    committed_at_us: int
    data: str

    def stale(self, now_us: int) -> bool:
        """Whether nobody is at it any more."""
        return now_us >= self.committed_at_us + STALE_US


Entry = Hold | Settling


@dataclass(frozen=True, slots=True)
class Book:
    """A book as it was read; ``entries`` has the reservations that are not gone, by nonce."""

    workspace: str
    digest: str
    user_id: str
    meter_type: MeterType
    taken: Decimal
    committed: Decimal
    entries: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def held(self) -> Decimal:
        """What open reservations hold."""
        return add(*(one.units for one in self.entries.values() if isinstance(one, Hold)))

    def expired(self, now_us: int) -> dict[str, Hold]:
        """The open reservations whose time is over."""
        return {nonce: one for nonce, one in self.entries.items() if isinstance(one, Hold) and one.expired(now_us)}

    def stale(self, now_us: int) -> dict[str, Settling]:
        """The commits that somebody has left half done."""
        return {nonce: one for nonce, one in self.entries.items() if isinstance(one, Settling) and one.stale(now_us)}


def usage_event(book: Book, nonce: str, settling: Settling) -> EventDraft:
    """The event of a commit: the same however often it is made, so that it is stored once.

    Its time is the reservation's: the usage belongs to the month that it was reserved in.
    """
    data: dict[str, Any] = codec.decode(settling.data)
    return EventDraft(
        source=SOURCE,
        id=str(ReservationId(book.digest, nonce)),
        type=EVENT_TYPE,
        subject=book.user_id,
        time_us=settling.created_at_us,
        data=data,
    )


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
