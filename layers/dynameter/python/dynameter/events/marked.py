"""What becomes of an event that is to be voided. Marks are set by ``events.marks``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_TOGGLES = 20
"""Times that one event may be voided and unvoided in all."""


class Outcome(Enum):
    """What became of a mark that was to be set."""

    MARKED = "marked"
    """The event carries this void's mark, set now or before."""
    TAKEN = "taken"
    """Another void has the event; ``Marked.by`` names it."""
    SPENT = "spent"
    """The event has been toggled as often as it may be."""
    GONE = "gone"
    """No such event is stored (any more)."""


@dataclass(frozen=True, slots=True)
class Marked:
    """The outcome for one event, and the void whose mark it carries."""

    outcome: Outcome
    by: str | None = None
