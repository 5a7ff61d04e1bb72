"""What an event must satisfy to be stored, whichever door it came through. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dynameter import codec
from dynameter.errors import FieldError, TooLarge
from dynameter.events.event import EventDraft

MAX_BATCH_EVENTS = 1_000
"""Events in one request."""
MAX_BODY_BYTES = 4_500_000
"""Decoded body of one request: Lambda takes 6 MB, and base64 and the envelope need their share of it."""
MAX_ID_BYTES = 512
MAX_SOURCE_BYTES = 1_024
"""Source and id are the table's key, which DynamoDB holds to 2,048 bytes."""
MAX_TYPE_BYTES = 256
MAX_SUBJECT_BYTES = 512
MAX_DATA_BYTES = 262_144
"""The data as compact JSON; an item holds 400 KB."""
MAX_EXTENSIONS = 20
MAX_EXTENSIONS_BYTES = 4_096
"""The extension attributes of one event as compact JSON."""
MAX_NESTING = 64
"""Levels of objects and arrays in the data, the data itself being the first."""


def check_body(body: bytes) -> None:
    """Raise ``TooLarge`` for a body over the limit."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes; the limit is {MAX_BODY_BYTES}")


def check_batch(count: int) -> None:
    """Raise ``TooLarge`` for a batch over the limit."""
    if count > MAX_BATCH_EVENTS:
        raise TooLarge(f"the batch has {count} events; the limit is {MAX_BATCH_EVENTS}")


def check(draft: EventDraft) -> tuple[FieldError, ...]:
    """Everything that keeps the event from being stored, each with the location ``("body", field)``."""
    return tuple(_errors(draft))


def nests_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays lie in ``value``, itself counted, deeper than ``levels``."""
    if isinstance(value, dict):
        inner = [one for one in value.values() if isinstance(one, dict | list)]
    elif isinstance(value, list):
        inner = [one for one in value if isinstance(one, dict | list)]
    else:
        return False
    return levels < 1 or any(nests_deeper(one, levels - 1) for one in inner)


def _errors(draft: EventDraft) -> Iterator[FieldError]:
    yield from _text_errors("source", draft.source, MAX_SOURCE_BYTES)
    yield from _text_errors("id", draft.id, MAX_ID_BYTES)
    yield from _text_errors("type", draft.type, MAX_TYPE_BYTES)
    yield from _text_errors("subject", draft.subject, MAX_SUBJECT_BYTES)
    if draft.data is not None:
        yield from _json_errors("data", draft.data, MAX_DATA_BYTES)
    if draft.extensions is not None:
        if len(draft.extensions) > MAX_EXTENSIONS:
            reason = f"must be at most {MAX_EXTENSIONS} attributes, not {len(draft.extensions)}"
            yield FieldError(("body", "extensions"), "max_items", reason)
        yield from _json_errors("extensions", draft.extensions, MAX_EXTENSIONS_BYTES)


def _text_errors(field: str, value: str, limit: int) -> Iterator[FieldError]:
    location = ("body", field)
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        yield FieldError(location, "format", "must be Unicode text without lone surrogates")
        return
    if size == 0:
        yield FieldError(location, "min_length", "must not be empty")
    if size > limit:
        yield FieldError(location, "max_length", f"must be at most {limit} bytes of UTF-8, not {size}")
    if "\0" in value:
        yield FieldError(location, "format", "must not contain the character U+0000")


def _json_errors(field: str, value: dict[str, Any], limit: int) -> Iterator[FieldError]:
    location = ("body", field)
    if nests_deeper(value, MAX_NESTING):
        yield FieldError(location, "max_nesting", f"must not nest deeper than {MAX_NESTING} levels")
        return
    try:
        size = len(codec.encode(value))
    except UnicodeEncodeError:
        yield FieldError(location, "format", "must be Unicode text without lone surrogates")
        return
    if size > limit:
        yield FieldError(location, "max_length", f"must be at most {limit} bytes of compact JSON, not {size}")
