"""Quotas: may a user go on this month, and reservations that concurrent requests cannot overshoot.

What counts is the month's usage as the meters have it, but for what reservations paid for, plus all that the book of
reservations has taken. Usage is read before the book: what a commit stores after the first is in the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

from dynameter import codec
from dynameter.clock import MICROSECONDS, Clock
from dynameter.errors import AlreadyExists, DynameterError, NotFound
from dynameter.events.event import Event, EventDraft, Outcome
from dynameter.gateway.plan import EnforceMode, MeterType, Plan
from dynameter.gateway.quotas import quota
from dynameter.gateway.quotas.meters import LiveUsage
from dynameter.gateway.quotas.quota import Quota
from dynameter.gateway.quotas.reservation import (
    MAX_OPEN,
    SOURCE,
    Book,
    BookKey,
    Hold,
    ReservationId,
    Settling,
    usage_event,
)
from dynameter.gateway.usage import REQUEST, RESERVATION
from dynameter.meters.quantity import render_text
from dynameter.usage.windows import Window

CLOSED_AT_ONCE = 20
"""Expired reservations that one write gives back."""
FINISHED_AT_ONCE = 5
"""Commits left half done that one request brings to their end."""
_ATTEMPTS = 4
_ZERO = Decimal(0)


class Plans(Protocol):
    """What is needed of ``dynameter.gateway.service.PlanService``."""

    def plan_of(self, workspace: str, user_id: str) -> Plan:
        """The plan that holds for a user. Raises InvalidInput for what cannot be a user's id."""


class Usage(Protocol):
    """What is needed of ``dynameter.gateway.quotas.meters.QuotaMeters``."""

    def usage(self, workspace: str, user_id: str, meter_type: MeterType, month: Window) -> LiveUsage:
        """The user's usage of the month."""


class Written(Protocol):
    """What became of a change of a book."""

    @property
    def done(self) -> bool:
        """Whether the book has it now."""

    @property
    def book(self) -> Book | None:
        """The book then, None where there is none."""


class Books(Protocol):
    """What is needed of ``dynameter.gateway.quotas.books.BookStore``; each change is one conditional write."""

    def read(self, workspace: str, digest: str) -> Book | None:
        """The book, strongly consistent."""

    def hold(self, key: BookKey, nonce: str, hold: Hold, room: Decimal | None) -> Written:
        """Open a reservation, where not more than ``room`` is taken yet."""

    def settle(self, book: Book, nonce: str, hold: Hold, settling: Settling) -> Written:
        """Turn an open reservation into a commit."""

    def finish(self, book: Book, nonce: str, settling: Settling) -> Written:
        """Drop a commit whose event is stored."""

    def give_back(self, book: Book, holds: Mapping[str, Hold]) -> Written:
        """Close open reservations unused, all or none."""


class Intake(Protocol):
    """What is needed of ``dynameter.events.intake.Intake``."""

    def accept(self, workspace: str, drafts: list[tuple[int, EventDraft]], deadline_us: int) -> list[Outcome]:
        """Store the drafts, each once."""


class Events(Protocol):
    """What is needed of ``dynameter.events.history.EventHistory``."""

    def get(self, workspace: str, source: str, id_: str) -> Event | None:
        """One event by its identity, strongly consistent."""


@dataclass(frozen=True, slots=True)
class QuotaAnswer:
    """Where a user stands; ``complete`` is False while the usage is being counted again."""

    plan: Plan
    user_id: str
    month: Window
    now_us: int
    quota: Quota
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was asked for and what came of it; ``id`` and ``hold`` are None where it was denied."""

    answer: QuotaAnswer
    id: str | None
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit stored; of one that was repeated, what the first stored."""

    id: str
    user_id: str
    meter_type: MeterType
    units: Decimal
    metering_error: str | None
    repeated: bool


@dataclass(frozen=True, slots=True)
class Actual:
    """What a commit is told: the units, and the data of the event of an exchange.

    Without units an exchange counts what was measured where compute units are reserved; else the reservation's count.
    """

    units: Decimal | None = None
    data: Mapping[str, Any] | None = None


class TooManyReservations(DynameterError):
    """The user has as many open reservations as there may be."""


class QuotaService:
    """The quotas of all workspaces. ``new_nonce`` gives 11 random characters of base64url."""

    def __init__(
        self,
        plans: Plans,
        usage: Usage,
        books: Books,
        intake: Intake,
        events: Events,
        clock: Clock,
        new_nonce: Callable[[], str],
    ) -> None:
        self._plans = plans
        self._usage = usage
        self._books = books
        self._intake = intake
        self._events = events
        self._clock = clock
        self._new_nonce = new_nonce

    # ---- asking

    def check(self, workspace: str, user_id: str, deadline_us: int) -> QuotaAnswer:
        """The pre-check of one request; nothing is reserved, so concurrent requests may pass it together."""
        plan = self._plans.plan_of(workspace, user_id)
        now_us = self._clock.now_us()
        month = quota.month_of(plan, now_us)
        if plan.unlimited:
            return QuotaAnswer(plan, user_id, month, now_us, quota.unlimited(quota.increment_of(plan)))
        usage = self._usage.usage(workspace, user_id, plan.meter_type, month)
        key = BookKey(workspace, user_id, plan.meter_type, month)
        book = self._tidied(self._books.read(workspace, key.digest), now_us, deadline_us)
        found = quota.check(plan, quota.add(_outside(usage, book), book.taken if book else _ZERO))
        return QuotaAnswer(plan, user_id, month, now_us, found, usage.complete)

    # ---- reserving

    def reserve(self, workspace: str, user_id: str, units: Decimal, ttl_s: int, deadline_us: int) -> Reservation:
        """Reserve units, exactly: of a hard plan never more than its limit is used and reserved together.

        Plans that only warn grant whatever is asked for. Raises TooManyReservations.
        """
        plan = self._plans.plan_of(workspace, user_id)
        now_us = self._clock.now_us()
        month = quota.month_of(plan, now_us)
        key = BookKey(workspace, user_id, plan.meter_type, month)
        usage = None if plan.unlimited else self._usage.usage(workspace, user_id, plan.meter_type, month)
        book = self._tidied(self._books.read(workspace, key.digest), now_us, deadline_us)
        if book is None:
            self._tidy_month_before(plan, key, now_us, deadline_us)
        outside = _ZERO if usage is None else _outside(usage, book)
        held = quota.booked(units)
        room = _room(plan, quota.add(outside, held))
        hold = Hold(held, expires_at_us=self._clock.now_us() + ttl_s * MICROSECONDS, created_at_us=now_us)
        nonce = self._new_nonce()
        for _ in range(_ATTEMPTS):
            written = self._books.hold(key, nonce, hold, room)
            book = written.book
            taken = book.taken if book else _ZERO
            if written.done:
                found = _reserved(plan, quota.subtract(quota.add(outside, taken), held), held, allowed=True)
                answer = QuotaAnswer(plan, user_id, month, now_us, found, usage is None or usage.complete)
                return Reservation(answer, str(ReservationId(key.digest, nonce)), hold)
            if book is None or not book.expired(now_us):
                break
            self._tidied(book, now_us, deadline_us)
        if book is not None and len(book.entries) >= MAX_OPEN and (room is None or book.taken <= room):
            message = f"the user has {MAX_OPEN} open reservations; commit or release some, or wait until they expire"
            raise TooManyReservations(message, code="too_many_reservations")
        found = _reserved(plan, quota.add(outside, book.taken if book else _ZERO), held, allowed=False)
        return Reservation(QuotaAnswer(plan, user_id, month, now_us, found), None, None)

    def commit(self, workspace: str, id_: str, actual: Actual, deadline_us: int) -> Commit:
        """Store the usage of a reservation, once however often it is asked for.

        Raises NotFound where no reservation has that id, and AlreadyExists where it has expired, was released, or was
        committed with other units.
        """
        name, book = self._open_book(workspace, id_)
        now_us = self._clock.now_us()
        entry = book.entries.get(name.nonce) if book else None
        repeated = True
        if book is not None and isinstance(entry, Hold) and not entry.expired(now_us):
            written = self._books.settle(book, name.nonce, entry, _settling(book.meter_type, entry, actual, now_us))
            book, repeated = written.book, not written.done
            entry = book.entries.get(name.nonce) if book else None
        if book is None:
            raise _no_reservation()
        if isinstance(entry, Hold):
            raise AlreadyExists("the reservation has expired", code="reservation_expired")
        if isinstance(entry, Settling):
            self._finish(book, name.nonce, entry, deadline_us)
            return _agreed(_commit(id_, book, entry.data, repeated=repeated), actual)
        event = self._events.get(workspace, SOURCE, id_)
        if event is None or event.data is None:
            raise AlreadyExists("the reservation has expired or was released", code="reservation_not_open")
        return _agreed(_commit(id_, book, event.data, repeated=True), actual)

    def release(self, workspace: str, id_: str) -> None:
        """Give a reservation back unused; one that is gone already is no error.

        Raises NotFound for what is no reservation's id, and AlreadyExists for a committed one.
        """
        name, book = self._open_book(workspace, id_)
        entry = book.entries.get(name.nonce) if book else None
        if book is not None and isinstance(entry, Hold):
            book = self._books.give_back(book, {name.nonce: entry}).book
            entry = book.entries.get(name.nonce) if book else None
        # One that is gone may have been committed by a request that was faster.
        if isinstance(entry, Settling) or self._events.get(workspace, SOURCE, id_) is not None:
            raise AlreadyExists("the reservation is committed", code="reservation_committed")

    # ---- inside

    def _open_book(self, workspace: str, id_: str) -> tuple[ReservationId, Book | None]:
        name = ReservationId.parse(id_)
        if name is None:
            raise _no_reservation()
        return name, self._books.read(workspace, name.digest)

    def _tidied(self, book: Book | None, now_us: int, deadline_us: int) -> Book | None:
        """The book after what has expired was given back, and commits that were left half done brought to their end."""
        if book is None:
            return None
        for nonce, settling in list(book.stale(now_us).items())[:FINISHED_AT_ONCE]:
            self._finish(book, nonce, settling, deadline_us)
        for _ in range(-(-MAX_OPEN // CLOSED_AT_ONCE)):
            expired = dict(list(book.expired(now_us).items())[:CLOSED_AT_ONCE])
            if not expired:
                break
            changed = self._books.give_back(book, expired).book
            if changed is None:
                return None
            book = changed
        return book

    def _tidy_month_before(self, plan: Plan, key: BookKey, now_us: int, deadline_us: int) -> None:
        """With the first reservation of a month: nobody else looks into the book of the one before."""
        before = replace(key, period=quota.month_of(plan, key.period.start_us - 1))
        self._tidied(self._books.read(key.workspace, before.digest), now_us, deadline_us)

    def _finish(self, book: Book, nonce: str, settling: Settling, deadline_us: int) -> None:
        """Store the commit's event, then drop the commit from the book: killed between the two, it is done again."""
        self._intake.accept(book.workspace, [(0, usage_event(book, nonce, settling))], deadline_us)
        self._books.finish(book, nonce, settling)


def _no_reservation() -> NotFound:
    return NotFound("there is no reservation of that id", code="reservation_not_found")


def _outside(usage: LiveUsage, book: Book | None) -> Decimal:
    """The month's usage that the book does not hold.

    What reservations paid for is in the book from the commit on, and in the meter moments later. More in the meter
    than in the book is of another book: the plan's meter type or time zone was changed during the month.
    """
    known = book.committed if book else _ZERO
    return quota.add(usage.unreserved, max(_ZERO, quota.subtract(usage.reserved, known)))


def _room(plan: Plan, wanted: Decimal) -> Decimal | None:
    """What the book may have taken for a reservation to fit; None where nothing is denied."""
    if plan.unlimited or plan.quota_enforce_mode is not EnforceMode.HARD:
        return None
    return quota.subtract(Decimal(plan.requests_per_month), wanted)


def _reserved(plan: Plan, current: Decimal, units: Decimal, *, allowed: bool) -> Quota:
    if plan.unlimited:
        return quota.unlimited(units)
    return Quota(allowed, plan.requests_per_month, current, units)


def _settling(meter_type: MeterType, hold: Hold, actual: Actual, now_us: int) -> Settling:
    units = hold.units if actual.units is None else actual.units
    if actual.units is None and actual.data is not None and meter_type is MeterType.COMPUTE_UNITS:
        units = Decimal(actual.data["units"])
    data: dict[str, Any] = {"event_type": REQUEST, "requests": 1, **(actual.data or {}), RESERVATION: "true"}
    if meter_type is MeterType.REQUESTS:
        data["requests"] = render_text(units)
        data.setdefault("units", render_text(units))
    else:
        data["units"] = render_text(units)
    return Settling(quota.booked(units), hold.created_at_us, now_us, codec.encode_sorted(data).decode())


def _commit(id_: str, book: Book, text: str, *, repeated: bool) -> Commit:
    data = codec.decode(text)
    units = data["requests" if book.meter_type is MeterType.REQUESTS else "units"]
    return Commit(id_, book.user_id, book.meter_type, Decimal(units), data.get("metering_error"), repeated)


def _agreed(commit: Commit, actual: Actual) -> Commit:
    """The commit, unless it is a repetition that says other units."""
    if commit.repeated and actual.units is not None and actual.units != commit.units:
        stored = render_text(commit.units)
        raise AlreadyExists(f"the reservation is committed with {stored} units", code="reservation_committed")
    return commit
