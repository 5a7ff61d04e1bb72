"""What a subject is, and what it must satisfy. Pure.

Usage needs none: events name any subject. A subject that is known here has an id, a display name and metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from dynameter import codec
from dynameter.errors import FieldError
from dynameter.events.rules import MAX_SUBJECT_BYTES

MAX_KEY_BYTES = MAX_SUBJECT_BYTES
"""A key is what events name as their subject."""
MAX_DISPLAY_NAME_CHARACTERS = 256
MAX_METADATA_ENTRIES = 50
MAX_METADATA_BYTES = 4_096
"""The metadata as compact JSON."""


class Keep(Enum):
    """A value that an upsert leaves as it is."""

    KEEP = 0


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject of a workspace; ``key`` is unique in it and never changes."""

    workspace: str
    id: str
    key: str
    display_name: str | None
    metadata: Mapping[str, Any] | None
    created_at_us: int
    updated_at_us: int


@dataclass(frozen=True, slots=True)
class SubjectDraft:
    """A subject to be created or changed; None clears a value."""

    key: str
    display_name: str | Keep | None = KEEP
    metadata: Mapping[str, Any] | Keep | None = KEEP


def check_draft(draft: SubjectDraft) -> Iterator[FieldError]:
    """What is wrong with the draft; locations are ``("body", <the field's name here>)``."""
    if not is_key(draft.key):
        yield _error("key", "length", f"must have 1 to {MAX_KEY_BYTES} bytes")
    if isinstance(draft.display_name, str) and not 1 <= len(draft.display_name) <= MAX_DISPLAY_NAME_CHARACTERS:
        yield _error("display_name", "length", f"must have 1 to {MAX_DISPLAY_NAME_CHARACTERS} characters")
    if not isinstance(draft.metadata, Mapping):
        return
    if len(draft.metadata) > MAX_METADATA_ENTRIES:
        yield _error("metadata", "max_items", f"must have at most {MAX_METADATA_ENTRIES} entries")
    elif len(codec.encode(draft.metadata)) > MAX_METADATA_BYTES:
        yield _error("metadata", "max_length", f"must have at most {MAX_METADATA_BYTES} bytes as JSON")


def is_key(text: str) -> bool:
    """Whether the text can be a subject's key."""
    return 1 <= len(text.encode()) <= MAX_KEY_BYTES


def _error(field: str, rule: str, message: str) -> FieldError:
    return FieldError(("body", field), rule, message)
