"""What a void is: a person's word that certain events are not to count. Pure.

The events stay stored. A void names them one by one, or by a filter that covers what was stored before the void was
made. Its life is RUNNING -> DONE -> UNDOING -> UNDONE, and RUNNING -> UNDOING where it is undone early; it never goes
back, so whoever still marks events for it can tell by one look at its record whether to mark or to unmark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from dynameter.clock import render
from dynameter.errors import FieldError, InvalidInput
from dynameter.events.event import Event
from dynameter.events.rules import MAX_ID_BYTES, MAX_SOURCE_BYTES, MAX_SUBJECT_BYTES, MAX_TYPE_BYTES
from dynameter.rfc3339 import EARLIEST_US, LATEST_US

MAX_EVENTS = 1_000
"""Events that one void may name."""
MAX_LIST_BYTES = 300_000
"""UTF-8 bytes of all sources and ids that one void names: its record is one item of at most 400 KB."""
MAX_REASON_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True, order=True)
class EventName:
    """An event's identity."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions that an event must meet all of; ``from_us`` counts, ``to_us`` does not."""

    type: str | None = None
    subject: str | None = None
    source: str | None = None
    from_us: int | None = None
    to_us: int | None = None

    def admits(self, event: Event) -> bool:
        """Whether the event meets every condition."""
        start_us, end_us = self.span
        return (
            self.type in (None, event.type)
            and self.subject in (None, event.subject)
            and self.source in (None, event.source)
            and start_us <= event.time_us < end_us
        )

    @property
    def span(self) -> tuple[int, int]:
        """The event times that can be admitted, the end excluded."""
        return (
            EARLIEST_US if self.from_us is None else self.from_us,
            LATEST_US if self.to_us is None else self.to_us,
        )


@dataclass(frozen=True, slots=True)
class VoidDraft:
    """A void to be made: ``events`` or ``filter``, exactly one of them. See ``check_draft``."""

    events: tuple[EventName, ...] | None = None
    filter: EventFilter | None = None
    reason: str | None = None


class VoidState(Enum):
    """How far a void has come."""

    RUNNING = "running"
    """Its events are being marked."""
    DONE = "done"
    """Every event it covers is marked."""
    UNDOING = "undoing"
    """Its marks are being taken away."""
    UNDONE = "undone"
    """None of its marks is left."""

    @property
    def marks(self) -> bool:
        """Whether its events are to be marked, not unmarked."""
        return self in (VoidState.RUNNING, VoidState.DONE)

    @property
    def ends(self) -> bool:
        """Whether there is nothing left to do."""
        return self in (VoidState.DONE, VoidState.UNDONE)


@dataclass(frozen=True, slots=True)
class Tally:
    """What has become of the events of a void.

    ``voided`` counts those that carry its mark, or carried it until it was undone; ``skipped`` those that could not
    get it, because another void has them or their toggles are used up.
    """

    voided: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.voided + other.voided, self.skipped + other.skipped)


@dataclass(frozen=True, slots=True)
class Void:
    """A void as it is recorded. It names ``named`` events, or has a ``filter``.

    ``final_at_us``: a pass over its events that begins no earlier misses none of them, because by then no write that
    could matter is under way or still missing from the index. ``done_at_us`` and ``undone_at_us`` are when it came to
    DONE and to UNDONE.
    """

    workspace: str
    id: str
    created_at_us: int
    state: VoidState
    final_at_us: int
    reason: str | None = None
    named: int | None = None
    filter: EventFilter | None = None
    tally: Tally = Tally()
    done_at_us: int | None = None
    undone_at_us: int | None = None

    def covers(self, event: Event) -> bool:
        """Whether the filter covers the event: it meets the conditions and was taken in before the void was made."""
        return self.filter is not None and event.ingested_at_us < self.created_at_us and self.filter.admits(event)


def check_draft(draft: VoidDraft) -> None:
    """Raise InvalidInput naming every field that is wrong."""
    errors = list(_errors(draft))
    if errors:
        raise InvalidInput("invalid void: " + "; ".join(one.message for one in errors), fields=tuple(errors))


def _errors(draft: VoidDraft) -> Iterator[FieldError]:
    if (draft.events is None) == (draft.filter is None):
        yield FieldError(("body",), "exclusive", "the body must have either events or filter")
    if draft.reason is not None and len(draft.reason) > MAX_REASON_CHARACTERS:
        message = f"reason must have at most {MAX_REASON_CHARACTERS} characters"
        yield FieldError(("body", "reason"), "max_length", message)
    if draft.reason is not None and not _encodes(draft.reason):
        yield FieldError(("body", "reason"), "format", "reason must be Unicode text without lone surrogates")
    if draft.events is not None:
        yield from _list_errors(draft.events)
    if draft.filter is not None:
        yield from _filter_errors(draft.filter)


def _list_errors(events: tuple[EventName, ...]) -> Iterator[FieldError]:
    if not 0 < len(events) <= MAX_EVENTS:
        yield FieldError(("body", "events"), "max_items", f"events must name 1 to {MAX_EVENTS} events")
        return
    wrong = False
    for index, name in enumerate(events):
        for field, text, limit in (("source", name.source, MAX_SOURCE_BYTES), ("id", name.id, MAX_ID_BYTES)):
            for error in _text_errors(("body", "events", index, field), field, text, limit):
                wrong = True
                yield error
    if not wrong and sum(len(one.source.encode()) + len(one.id.encode()) for one in events) > MAX_LIST_BYTES:
        message = f"events must have at most {MAX_LIST_BYTES} bytes of sources and ids in all; send several voids"
        yield FieldError(("body", "events"), "max_length", message)


def _filter_errors(wanted: EventFilter) -> Iterator[FieldError]:
    if wanted == EventFilter():
        yield FieldError(("body", "filter"), "required", "filter must have at least one condition")
    limits = (
        ("type", wanted.type, MAX_TYPE_BYTES),
        ("subject", wanted.subject, MAX_SUBJECT_BYTES),
        ("source", wanted.source, MAX_SOURCE_BYTES),
    )
    for field, text, limit in limits:
        if text is not None:
            yield from _text_errors(("body", "filter", field), f"filter.{field}", text, limit)
    if wanted.from_us is not None and wanted.to_us is not None and wanted.from_us >= wanted.to_us:
        message = f"filter.from must be before filter.to, not {render(wanted.from_us)}"
        yield FieldError(("body", "filter", "from"), "range", message)


def _text_errors(location: tuple[str | int, ...], name: str, text: str, limit: int) -> Iterator[FieldError]:
    if not _encodes(text):
        yield FieldError(location, "format", f"{name} must be Unicode text without lone surrogates")
    elif not 0 < len(text.encode()) <= limit:
        yield FieldError(location, "max_length", f"{name} must have 1 to {limit} bytes of UTF-8")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
