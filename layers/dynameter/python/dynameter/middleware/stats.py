"""What became of what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Condition


@dataclass(frozen=True, slots=True)
class RecorderStats:
    """Counts since the process began. ``recorded`` = ``sent`` + ``duplicates`` + ``conflicts`` + ``rejected`` +
    ``dropped`` + ``spooled`` + what is ``waiting``; the spool's own events, sent later, count in ``unspooled``.

    sent: taken in by the service. duplicates: it had them already (an answer was lost). conflicts: it had others under
    these ids. rejected: it refused them; they are in the log, and in the spool's folder. dropped: lost, for there was
    no room and no spool. failures: tries that failed. last_error: why the last one did.
    """

    recorded: int = 0
    sent: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    dropped: int = 0
    spooled: int = 0
    unspooled: int = 0
    failures: int = 0
    waiting: int = 0
    last_error: str = ""


class Ledger:
    """Keeps the counts; safe to use from several threads, and lets one wait for them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._counts: dict[str, int] = {}
        self._last_error = ""

    def add(self, name: str, count: int = 1) -> None:
        """Add to the count of that name."""
        if count:
            with self._changed:
                self._counts[name] = self._counts.get(name, 0) + count
                self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Count a try that failed."""
        self._last_error = reason
        self.add("failures")

    @property
    def settled(self) -> int:
        """How many recorded exchanges have come to an end."""
        ends = ("sent", "duplicates", "conflicts", "rejected", "dropped", "spooled")
        return sum(self._counts.get(name, 0) for name in ends)

    def wait_for(self, settled: int, timeout_s: float) -> bool:
        """Wait until so many are settled; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self.settled >= settled, timeout_s)

    def snapshot(self, recorded: int) -> RecorderStats:
        """The counts now."""
        with self._changed:
            waiting = max(0, recorded - self.settled)
            return RecorderStats(recorded=recorded, waiting=waiting, last_error=self._last_error, **self._counts)
