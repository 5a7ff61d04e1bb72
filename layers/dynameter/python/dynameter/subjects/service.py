"""What can be done with subjects: upsert, list, get, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dynameter.clock import Clock
from dynameter.errors import InvalidInput, NotFound
from dynameter.meters.rules import is_id
from dynameter.subjects.subject import Subject, SubjectDraft, check_draft, is_key

MAX_UPSERTED = 100
"""Subjects of one upsert."""
MAX_LISTED = 1_000
"""Subjects of one page."""
_SHOWN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class SubjectPage:
    """Subjects in the order of their keys; ``next`` is the key to go on after, None at the end."""

    subjects: tuple[Subject, ...]
    next: str | None


class SubjectStore(Protocol):
    """Where subjects are kept; reads see every change that was answered before."""

    def upsert(self, workspace: str, draft: SubjectDraft, new_id: str, now_us: int) -> Subject:
        """Create the subject under ``new_id`` or change the one that has the key."""

    def get(self, workspace: str, key: str) -> Subject | None:
        """The subject of that key."""

    def get_by_id(self, workspace: str, subject_id: str) -> Subject | None:
        """The subject of that id."""

    def list(self, workspace: str, after: str | None, limit: int) -> SubjectPage:
        """Subjects after that key, at most ``limit``."""

    def delete(self, subject: Subject) -> bool:
        """Delete the subject; False where it is gone already."""


class SubjectService:
    """The subjects of all workspaces. ``new_id`` makes ULIDs."""

    def __init__(self, store: SubjectStore, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def upsert(self, workspace: str, drafts: Sequence[SubjectDraft]) -> tuple[Subject, ...]:
        """Create or change the subjects one after the other; sending the same again does no harm.

        Raises InvalidInput naming every wrong field, before anything is written.
        """
        errors = tuple(
            replace(error, location=("body", index, *error.location[1:]))
            for index, draft in enumerate(drafts)
            for error in check_draft(draft)
        )
        if errors:
            raise InvalidInput("invalid subject", fields=errors)
        return tuple(self._store.upsert(workspace, one, self._new_id(), self._clock.now_us()) for one in drafts)

    def list(self, workspace: str, after: str | None, limit: int) -> SubjectPage:
        """A page of subjects in the order of their keys."""
        return self._store.list(workspace, after, limit)

    def find(self, workspace: str, id_or_key: str) -> Subject:
        """The subject of that id, or else of that key. Raises NotFound."""
        found = self._store.get_by_id(workspace, id_or_key.upper()) if is_id(id_or_key) else None
        if found is None and is_key(id_or_key):
            found = self._store.get(workspace, id_or_key)
        if found is None:
            raise _not_found(id_or_key)
        return found

    def delete(self, workspace: str, id_or_key: str) -> None:
        """Delete the subject; its events and usage stay. Raises NotFound."""
        if not self._store.delete(self.find(workspace, id_or_key)):
            raise _not_found(id_or_key)


def _not_found(id_or_key: str) -> NotFound:
    return NotFound(f"subject not found: {id_or_key[:_SHOWN_CHARACTERS]}", code="subject_not_found")
