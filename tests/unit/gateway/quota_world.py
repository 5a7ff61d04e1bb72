"""Quotas over real books in the embedded engine, with usage and plans that tests set."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dynameter.errors import Unavailable
from dynameter.events.event import Event, EventDraft, Outcome, Status
from dynameter.events.identity import to_event
from dynameter.gateway.plan import MeterType, Plan
from dynameter.gateway.quotas.books import BookStore
from dynameter.gateway.quotas.meters import LiveUsage
from dynameter.gateway.quotas.quota import month_of
from dynameter.gateway.quotas.reservation import Book, BookKey
from dynameter.gateway.quotas.service import QuotaService
from dynameter.runtime.settings import Settings
from dynameter.usage.windows import Window
from tests.conftest import WORKSPACE, ManualClock

USER = "user-1"
DEADLINE_US = 2**60
ZERO = Decimal(0)


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Calls:
    """Counts the storage calls, and kills the process before or after one of them."""

    kill_at: int | None = None
    after: bool = False
    made: int = 0

    def around(self, call: Any, *arguments: Any) -> Any:
        at = self.made
        self.made += 1
        if at == self.kill_at and not self.after:
            raise Killed
        answer = call(*arguments)
        if at == self.kill_at:
            raise Killed
        return answer


@dataclass
class Ledger:
    """An intake and a history of events in memory."""

    clock: ManualClock
    calls: Calls
    events: dict[tuple[str, str], Event] = field(default_factory=dict)
    down: bool = False

    def accept(self, workspace: str, drafts: list[tuple[int, EventDraft]], deadline_us: int) -> list[Outcome]:
        return [self.calls.around(self._accept, workspace, index, draft) for index, draft in drafts]

    def get(self, workspace: str, source: str, id_: str) -> Event | None:
        return self.events.get((source, id_))

    def _accept(self, workspace: str, index: int, draft: EventDraft) -> Outcome:
        if self.down:
            raise Unavailable("storage is down")
        event = to_event(draft, workspace, self.clock.now_us())
        stored = self.events.setdefault((draft.source, draft.id), event)
        same = stored.fingerprint == event.fingerprint
        status = Status.ACCEPTED if stored is event else Status.DUPLICATE if same else Status.CONFLICT
        return Outcome(index, status, draft.source, draft.id)


@dataclass
class KillableBooks:
    """Books whose calls may be the last ones of their process."""

    books: BookStore
    calls: Calls

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.around(getattr(self.books, name), *arguments)


@dataclass
class QuotaWorld:
    """Everything a quota stands on."""

    settings: Settings
    client: Any
    clock: ManualClock
    plan: Plan
    live: LiveUsage = field(default_factory=lambda: LiveUsage(ZERO, ZERO))
    calls: Calls = field(default_factory=Calls)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.clock, self.calls)
        self.books = BookStore(self.client, self.settings.usage_table)
        self._nonces = self._count()
        self._lock = threading.Lock()
        self.quotas = QuotaService(
            self, self, KillableBooks(self.books, self.calls), self.ledger, self.ledger, self.clock, self._nonce
        )

    def plan_of(self, workspace: str, user_id: str) -> Plan:
        return self.plan

    def usage(self, workspace: str, user_id: str, meter_type: MeterType, month: Window) -> LiveUsage:
        return self.live

    def book(self) -> Book | None:
        month = month_of(self.plan, self.clock.now_us())
        return self.books.read(WORKSPACE, BookKey(WORKSPACE, USER, self.plan.meter_type, month).digest)

    def taken(self) -> Decimal:
        book = self.book()
        return book.taken if book else ZERO

    def reserve(self, units: object = 1, ttl_s: int = 60) -> str | None:
        return self.quotas.reserve(WORKSPACE, USER, Decimal(str(units)), ttl_s, DEADLINE_US).id

    def granted(self, units: object = 1, ttl_s: int = 60) -> str:
        id_ = self.reserve(units, ttl_s)
        assert id_ is not None
        return id_

    def restart(self) -> None:
        """What was killed is gone; the next calls live."""
        self.calls.kill_at = None

    def _nonce(self) -> str:
        with self._lock:
            return next(self._nonces)

    @staticmethod
    def _count() -> Iterator[str]:
        return (f"{number:011d}" for number in itertools.count())
