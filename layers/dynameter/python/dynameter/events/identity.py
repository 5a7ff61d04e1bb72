"""What makes two sendings of an event the same, and how a draft becomes the event that is stored. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from dynameter import codec
from dynameter.events.event import Event, EventDraft

FINGERPRINT_BYTES = 16


def fingerprint(draft: EventDraft) -> bytes:
    """16 bytes over type, subject, time, data and extensions as the caller sent them.

    A time that was not sent counts as null, not as the time of receipt: a resend without time is the same payload.
    """
    return _digest(draft, _sorted_json(draft.data), _sorted_json(draft.extensions))


def to_event(draft: EventDraft, workspace: str, ingested_at_us: int) -> Event:
    """The event as it is to be stored; without a time of its own it happened when it was taken in."""
    data, extensions = _sorted_json(draft.data), _sorted_json(draft.extensions)
    return Event(
        workspace=workspace,
        source=draft.source,
        id=draft.id,
        type=draft.type,
        subject=draft.subject,
        time_us=ingested_at_us if draft.time_us is None else draft.time_us,
        data=None if data is None else data.decode(),
        extensions=None if extensions is None else extensions.decode(),
        fingerprint=_digest(draft, data, extensions),
        ingested_at_us=ingested_at_us,
    )


def _sorted_json(value: dict[str, Any] | None) -> bytes | None:
    return None if value is None else codec.encode_sorted(value)


def _digest(draft: EventDraft, data: bytes | None, extensions: bytes | None) -> bytes:
    # Raw embeds JSON text that is already there: the bytes hashed are those of the whole array encoded sorted.
    payload = (draft.type, draft.subject, draft.time_us, _raw(data), _raw(extensions))
    return hashlib.blake2b(codec.encode_sorted(payload), digest_size=FINGERPRINT_BYTES).digest()


def _raw(text: bytes | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text)
