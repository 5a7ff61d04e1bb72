"""External usage events: what a service key may report, by APIGate's documentation. No I/O of its own.

An event counts quantity x multiplier of its type, as requests and as compute units alike. Its identity is the service
key and its own id, for ever: the same id again is ignored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.deadline import carry
from dynameter.errors import InvalidInput
from dynameter.events import rules
from dynameter.events.event import EventDraft, Outcome, Status
from dynameter.gateway.plan import User
from dynameter.gateway.rules import check_user_id
from dynameter.gateway.usage import EVENT_TYPE
from dynameter.meters.quantity import UnusableQuantity, parse_quantity, render_text

SOURCE_PREFIX = "meter:"
"""What the source of an external event begins with; the service key's id follows."""
MAX_AGE_US = 7 * 86_400 * MICROSECONDS
MAX_AHEAD_US = 60 * MICROSECONDS
MAX_METADATA_BYTES = 16_384
MAX_RESOURCE_CHARACTERS = 256
WORKERS = 16

MULTIPLIERS: Mapping[str, Decimal] = {
    "api.request": Decimal(1),
    "bandwidth.gb": Decimal(1),
    "compute.minutes": Decimal("0.1"),
    "deployment.created": Decimal(1),
    "deployment.deleted": Decimal(1),
    "deployment.started": Decimal(1),
    "deployment.stopped": Decimal(1),
    "storage.gb_hours": Decimal("0.01"),
}
"""The types that are known and what one of each counts; ``custom.`` types count 1."""

_CUSTOM = re.compile(r"custom\.[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_EXACT = Context(prec=100)
_KEY_BYTES = 16
_EXTENSION = "meterbatch"
"""The extension attribute by which an event tells the batch, named by an Idempotency-Key, that stored it."""

DUPLICATE = "duplicate_event"
BATCH_REJECTED = "batch_rejected"


@dataclass(frozen=True, slots=True)
class ExternalEvent:
    """An external event whose wire form has been read; ``timestamp_us`` is None for now."""

    id: str
    user_id: str
    event_type: str
    quantity: Decimal = Decimal(1)
    timestamp_us: int | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the event at ``index`` of a batch was not taken."""

    index: int
    id: str | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch: how many events are stored by it, and which are not."""

    accepted: int
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class BatchKey:
    """An Idempotency-Key of a service key, and a digest of the body that came with it."""

    name: str
    body_digest: bytes

    @classmethod
    def of(cls, key_id: str, key: str, body: bytes) -> BatchKey:
        """The key's name in storage: the same key of another service key is another."""
        name = hashlib.blake2b(f"{len(key_id)}.{key_id}{key}".encode(), digest_size=_KEY_BYTES).hexdigest()
        return cls(name, hashlib.blake2b(body, digest_size=_KEY_BYTES).digest())


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is remembered of a batch: its body's digest, and the places of the events that were duplicates."""

    body_digest: bytes
    duplicates: tuple[int, ...]


class Intake(Protocol):
    """What is needed of ``dynameter.events.intake.Intake``."""

    def accept(self, workspace: str, drafts: Sequence[tuple[int, EventDraft]], deadline_us: int) -> list[Outcome]:
        """Store the drafts, each once."""


class Users(Protocol):
    """What is needed of ``dynameter.gateway.store.PlanStore``."""

    def get_user(self, workspace: str, user_id: str) -> User | None:
        """The user, if a plan was ever set."""


class Receipts(Protocol):
    """What is needed of ``dynameter.gateway.receipts.ReceiptStore``."""

    def get(self, workspace: str, name: str) -> Receipt | None:
        """The receipt of a batch of the last 24 hours."""

    def put(self, workspace: str, name: str, receipt: Receipt) -> Receipt:
        """Remember the receipt; answers the one that was there first."""


def check(event: ExternalEvent, now_us: int) -> tuple[str, str] | None:
    """The code and the reason for which an event cannot be taken; None where it can."""
    if multiplier(event.event_type) is None:
        known = ", ".join(sorted(MULTIPLIERS))
        return "invalid_event_type", f"event_type must be one of {known}, or begin with custom."
    if event.quantity <= 0:
        return "invalid_quantity", "quantity must be greater than 0"
    try:
        units_of(event)
    except UnusableQuantity as error:
        return "invalid_quantity", f"quantity times the multiplier of {event.event_type}: {error.reason}"
    if event.timestamp_us is not None:
        if event.timestamp_us < now_us - MAX_AGE_US:
            return "invalid_timestamp", "timestamp is more than 7 days ago"
        if event.timestamp_us > now_us + MAX_AHEAD_US:
            return "invalid_timestamp", "timestamp is more than 1 minute ahead"
    return None


def multiplier(event_type: str) -> Decimal | None:
    """What one of the type counts; None for an unknown type."""
    return Decimal(1) if _CUSTOM.fullmatch(event_type) else MULTIPLIERS.get(event_type)


def units_of(event: ExternalEvent) -> Decimal:
    """What the event counts. Raises ``UnusableQuantity`` where that has more digits than meters keep."""
    factor = multiplier(event.event_type)
    assert factor is not None
    # The factors are powers of ten: the product has the quantity's digits.
    return parse_quantity(_EXACT.scaleb(event.quantity, factor.adjusted()))


def draft_external(event: ExternalEvent, key_id: str, batch: BatchKey | None) -> EventDraft:
    """The usage event of an external event that has passed ``check``."""
    units = render_text(units_of(event))
    data = {
        "event_type": event.event_type,
        "quantity": render_text(event.quantity),
        "requests": units,
        "units": units,
        "service_key": key_id,
        "resource_id": event.resource_id,
        "resource_type": event.resource_type,
        "metadata": None if event.metadata is None else dict(event.metadata),
    }
    return EventDraft(
        source=SOURCE_PREFIX + key_id,
        id=event.id,
        type=EVENT_TYPE,
        subject=event.user_id,
        time_us=event.timestamp_us,
        data={name: value for name, value in data.items() if value is not None},
        extensions=None if batch is None else {_EXTENSION: batch.name},
    )


class ExternalIntake:
    """Takes batches of external events, in all workspaces."""

    def __init__(self, intake: Intake, users: Users, receipts: Receipts, clock: Clock, workers: int = WORKERS) -> None:
        self._intake = intake
        self._users = users
        self._receipts = receipts
        self._clock = clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="users")

    def take(
        self,
        workspace: str,
        key_id: str,
        events: Sequence[ExternalEvent | Rejection],
        batch: BatchKey | None,
        deadline_us: int,
    ) -> BatchResult:
        """Store the events of a batch; what its reader has rejected already is carried through.

        A batch with a key is whole or not at all: one event that cannot be taken refuses the others, and the same
        batch again, killed or not, has the same result. Raises InvalidInput for a key
        that came before with another body.
        """
        receipt = self._receipts.get(workspace, batch.name) if batch else None
        if batch is not None and receipt is not None:
            return _replayed(events, batch, receipt)
        rejections = self._rejections(workspace, key_id, events)
        if batch is not None and rejections:
            told = {one.index for one in rejections}
            reason = "another event of the batch was rejected, and the batch has an Idempotency-Key"
            rejections += [
                Rejection(index, one.id, BATCH_REJECTED, reason)
                for index, one in enumerate(events)
                if index not in told
            ]
            return BatchResult(0, _in_order(rejections))
        bad = {one.index for one in rejections}
        drafts, repeated = [], []
        seen: set[str] = set()
        for index, one in enumerate(events):
            if index in bad or isinstance(one, Rejection):
                continue
            if one.id in seen:
                repeated.append(index)
                continue
            seen.add(one.id)
            drafts.append((index, draft_external(one, key_id, batch)))
        outcomes = self._intake.accept(workspace, drafts, deadline_us)
        duplicates = sorted(repeated + [one.index for one in outcomes if not _stored(one.status, batch)])
        if batch is not None:
            receipt = self._receipts.put(workspace, batch.name, Receipt(batch.body_digest, tuple(duplicates)))
            return _replayed(events, batch, receipt)
        accepted = len(events) - len(bad) - len(duplicates)
        return BatchResult(accepted, _in_order([*rejections, *_duplicates(events, duplicates)]))

    def _rejections(self, workspace: str, key_id: str, events: Sequence[ExternalEvent | Rejection]) -> list[Rejection]:
        now_us = self._clock.now_us()
        wanted = [one.user_id for one in events if isinstance(one, ExternalEvent)]
        users = self._known_users(workspace, wanted)
        found = []
        for index, one in enumerate(events):
            if isinstance(one, Rejection):
                found.append(one)
                continue
            wrong = check(one, now_us)
            if wrong is None and one.user_id not in users:
                wrong = "user_not_found", "the user does not exist; PUT /admin/users/{id}/plan makes it known"
            if wrong is None:
                wrong = _unstorable(one, key_id)
            if wrong is not None:
                found.append(Rejection(index, one.id, *wrong))
        return found

    def _known_users(self, workspace: str, wanted: Iterable[str]) -> set[str]:
        ids = [one for one in dict.fromkeys(wanted) if check_user_id(one) is None]
        found = self._pool.map(carry(lambda one: self._users.get_user(workspace, one)), ids)
        return {user.id for user in found if user is not None}


def _unstorable(event: ExternalEvent, key_id: str) -> tuple[str, str] | None:
    wrong = rules.check(draft_external(event, key_id, None))
    if not wrong:
        return None
    return "validation_error", f"{wrong[0].location[-1]} {wrong[0].message}"


def _stored(status: Status, batch: BatchKey | None) -> bool:
    """Whether this batch stored the event.

    With a key the event names its batch, so one that is there with the same payload was stored by this very batch,
    which was killed before it could remember its result.
    """
    return status is Status.ACCEPTED or (status is Status.DUPLICATE and batch is not None)


def _replayed(events: Sequence[ExternalEvent | Rejection], batch: BatchKey, receipt: Receipt) -> BatchResult:
    if receipt.body_digest != batch.body_digest:
        raise InvalidInput("the Idempotency-Key came before with another body", code="idempotency_key_reused")
    duplicates = _duplicates(events, receipt.duplicates)
    return BatchResult(len(events) - len(duplicates), tuple(duplicates))


def _duplicates(events: Sequence[ExternalEvent | Rejection], indexes: Iterable[int]) -> list[Rejection]:
    reason = "an event of this id was stored before; this one is ignored"
    return [Rejection(index, events[index].id, DUPLICATE, reason) for index in indexes]


def _in_order(rejections: Sequence[Rejection]) -> tuple[Rejection, ...]:
    return tuple(sorted(rejections, key=lambda one: one.index))
