"""What may go wrong with a call of storage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.simulation.clock import WorldClock
from tests.simulation.dynamodb import Apply, Call, refused

_WRITES = frozenset(
    {"put_item", "update_item", "delete_item", "transact_write_items", "batch_execute_statement"},
)
_BATCHES = frozenset({"batch_get_item", "batch_write_item", "batch_execute_statement"})
LATEST_US = 15_000_000
"""A call is applied no later after its process gave it up."""


class Killed(BaseException):
    """The process died. No handler can catch it."""


class Fault(Enum):
    """What may happen to a call of storage."""

    KILLED_BEFORE = "the process dies before the call is applied"
    KILLED_AFTER = "the process dies after the call is applied"
    STALLED_BEFORE = "the process stands still before the call is applied, and may go on when nobody waits any more"
    STALLED_AFTER = "the same after the call is applied"
    THROTTLED = "the call is throttled"
    LOST = "the call is applied and its answer is lost"
    UNHEARD = "the call is not applied and not answered"
    LATE = "the call is not answered, and applied some seconds after its process gave it up"
    RETRIED = "the call is applied, its answer lost, and the client library makes it once more by itself"
    CONFLICT = "the call meets a transaction"
    PARTIAL = "a batch is done in part"

    def fits(self, operation: str) -> bool:
        """Whether such a call can have the fault."""
        if self is Fault.PARTIAL:
            return operation in _BATCHES
        return self not in (Fault.CONFLICT, Fault.LATE) or operation in _WRITES


@dataclass
class _Armed:
    fault: Fault
    calls_left: int


@dataclass
class Faults:
    """Passes calls on, makes each take its time, and lets the faults happen that are armed."""

    clock: WorldClock
    random: Random
    stall: Callable[[str], None]
    """Called in the process that is to stand still, with the table it is about to write; returns when it goes on."""
    check_alive: Callable[[], None]
    """Raises Killed where the calling process has no time left."""
    happened: int = 0
    of_limits: int = 0
    """How many of them happened to a bucket of a limit."""
    armed: list[_Armed] = field(default_factory=list)
    under_way: list[tuple[int, Apply]] = field(default_factory=list)
    """Calls that nobody waits for any more, and when each is applied."""

    def arm(self, fault: Fault, calls: int) -> None:
        """Let ``calls`` calls pass, whoever makes them, and then the fault happen to the first that it fits."""
        self.armed.append(_Armed(fault, calls))

    def disarm(self) -> None:
        """No more faults, and nothing under way."""
        self.armed.clear()
        self.land(self.clock.now + LATEST_US)

    def land(self, until_us: int) -> None:
        """Apply what was to be applied until then."""
        due = sorted((one for one in self.under_way if one[0] <= until_us), key=lambda one: one[0])
        self.under_way = [one for one in self.under_way if one[0] > until_us]
        for at_us, apply in due:
            # Time has leapt over it where somebody slept: the index knows of it since then.
            now_us, self.clock.now = self.clock.now, min(self.clock.now, at_us)
            with suppress(ClientError):
                apply()
            self.clock.now = now_us

    @property
    def may_stall(self) -> bool:
        """Whether a process may come to stand still."""
        return any(one.fault in (Fault.STALLED_BEFORE, Fault.STALLED_AFTER) for one in self.armed)

    def intercept(self, call: Call, apply: Apply) -> dict[str, Any]:
        """See ``MemoryDynamoDB.intercept``."""
        self.check_alive()
        # Most calls take milliseconds, a few much longer: long enough to miss what a margin leaves room for.
        slow = self.random.random() < 0.01
        self.clock.now += self.random.randint(200_000, 900_000) if slow else self.random.randint(1_000, 9_000)
        self.land(self.clock.now)
        fault = self._due(call.operation)
        if fault is None:
            return apply()
        self.happened += 1
        key = call.arguments.get("Key", {}).get("pk", {}).get("S", "")
        self.of_limits += key.startswith("!limit.")
        return self._fail(fault, call, apply)

    def _due(self, operation: str) -> Fault | None:
        for one in self.armed:
            if one.calls_left <= 0 and one.fault.fits(operation):
                self.armed.remove(one)
                return one.fault
        for one in self.armed:
            one.calls_left -= 1
        return None

    def _fail(self, fault: Fault, call: Call, apply: Apply) -> dict[str, Any]:
        match fault:
            case Fault.KILLED_BEFORE:
                raise Killed
            case Fault.KILLED_AFTER:
                with suppress(ClientError):
                    apply()
                raise Killed
            case Fault.STALLED_BEFORE:
                self.stall(str(call.arguments.get("TableName", "")))
                return apply()
            case Fault.STALLED_AFTER:
                try:
                    return apply()
                finally:
                    self.stall("")
            case Fault.THROTTLED:
                raise refused("ThrottlingException")
            case Fault.LOST:
                with suppress(ClientError):
                    apply()
                raise ReadTimeoutError(endpoint_url="memory")
            case Fault.UNHEARD:
                raise ReadTimeoutError(endpoint_url="memory")
            case Fault.LATE:
                self.under_way.append((self.clock.now + self.random.randint(0, LATEST_US), apply))
                raise ReadTimeoutError(endpoint_url="memory")
            case Fault.RETRIED:
                return _again(call, apply)
            case Fault.CONFLICT:
                return _conflict(call, apply)
            case Fault.PARTIAL:
                call.left_out = "ThrottlingError"
                return apply()


def _again(call: Call, apply: Apply) -> dict[str, Any]:
    """What the client library makes of a lost answer: the same call again, and it says so.

    A transaction carries a token and is done once.
    """
    told = {"ResponseMetadata": {"RetryAttempts": 1}}
    if call.operation == "transact_write_items":
        return apply() | told
    with suppress(ClientError):
        apply()
    try:
        return apply() | told
    except ClientError as error:
        error.response.update(told)  # type: ignore[typeddict-item]
        raise


def _conflict(call: Call, apply: Apply) -> dict[str, Any]:
    if call.operation == "batch_execute_statement":
        call.left_out = "TransactionConflict"
        return apply()
    if call.operation == "transact_write_items":
        none = [{"Code": "None"} for _ in call.arguments["TransactItems"][1:]]
        raise refused("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}, *none])
    raise refused("TransactionConflictException")
