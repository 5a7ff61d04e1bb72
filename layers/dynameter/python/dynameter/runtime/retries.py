"""Sending a call to DynamoDB again, with full jitter, as long as there is time; and pauses between rounds of calls.

botocore's own retries know no deadline, so they are off and these take their place, as handlers of its events. A call
is tried until the caller's deadline (see ``dynameter.deadline``), and for no more than ``CALL_TIME_US``: that
a write is not in flight for longer is what ``Settings.settle_ms`` counts on. Where nobody has set a deadline, as in
an operator's command, the number of attempts is bounded instead.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionError as BotocoreConnectionError
from botocore.exceptions import HTTPClientError

from dynameter.clock import MICROSECONDS, Clock, SystemClock
from dynameter.deadline import time_left_us
from dynameter.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CALL_TIME_US = 20 * MICROSECONDS
"""How long one call is sent again at most."""
LEAST_CALL_US = 200_000
"""A call that has less time left than this is not begun."""
BACKOFF_S = 0.05
BACKOFF_MAX_S = 2.0

THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
    }
)
PASSING = THROTTLES | {
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflictException",
    "RequestTimeout",
}
"""Errors that the same call may not meet again."""

BAD_STATUS = 500
"""Answers from this HTTP status on are passing, whatever they are called."""

_GIVE_UP = "dynameter_give_up_us"

Random = Callable[[], float]


class Retries:
    """The retries of one client. ``random`` gives a number from 0 up to 1."""

    def __init__(self, clock: Clock, random: Random, read_timeout_s: float, attempts: int) -> None:
        self._clock = clock
        self._random = random
        self._read_timeout_s = read_timeout_s
        self._attempts = attempts

    def install(self, client: DynamoDBClient) -> None:
        """Take over the client's retries; its own must be off."""
        client.meta.events.register("before-call.dynamodb", self.begin)
        # The stubs know no handler that answers.
        client.meta.events.register("needs-retry.dynamodb", self.decide)  # type: ignore[arg-type]

    def begin(self, context: dict[str, Any], **_: Any) -> None:
        """Before a call: set when to give it up, or raise ``Unavailable`` where there is no time for it."""
        left_us = time_left_us()
        if left_us is None:
            left_us = CALL_TIME_US
        elif left_us < LEAST_CALL_US:
            raise Unavailable("the time is over before storage could be asked; send the same request again")
        left_us = min(left_us, CALL_TIME_US)
        context[_GIVE_UP] = self._clock.now_us() + left_us
        self._bound_wait(context, left_us)

    def decide(
        self, response: Any, attempts: int, caught_exception: Any, request_dict: dict[str, Any], **_: Any
    ) -> int | None:
        """After an attempt: wait and answer 0 to have the call sent again, None to let the outcome stand."""
        if not _is_passing(response, caught_exception):
            return None
        if time_left_us() is None and attempts >= self._attempts:
            return None
        delay_s = backoff_s(attempts - 1, self._random)
        context = request_dict["context"]
        left_us = context[_GIVE_UP] - self._clock.now_us() - int(delay_s * MICROSECONDS)
        if left_us < LEAST_CALL_US:
            return None
        self._clock.sleep(delay_s)
        self._bound_wait(context, left_us)
        return 0

    def _bound_wait(self, context: dict[str, Any], left_us: int) -> None:
        """Wait for an answer no longer than there is time: botocore reads the override from the context."""
        left_s = left_us / MICROSECONDS
        if left_s < self._read_timeout_s:
            context["read_timeout"] = left_s


def backoff_s(attempt: int, random: Random) -> float:
    """A random share of an exponentially growing time ("full jitter"); the first attempt is 0."""
    longest_s: float = min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(attempt, 16))
    return random() * longest_s


def pause(attempt: int, clock: Clock | None = None, random: Random = random.random) -> None:
    """Wait before the round ``attempt`` (from 1) of calls that storage did in part.

    Raises ``Unavailable`` rather than wait past the deadline.
    """
    clock = clock or SystemClock()
    delay_s = backoff_s(attempt, random)
    left_us = time_left_us()
    if left_us is not None and left_us < int(delay_s * MICROSECONDS) + LEAST_CALL_US:
        raise Unavailable("storage is throttling: the time is over; send the same request again", retry_after_s=2)
    clock.sleep(delay_s)


def was_sent_again(answer: Mapping[str, Any]) -> bool:
    """Whether a client's answer, or a ClientError's response, is that of a call which was sent more than once."""
    return bool(answer.get("ResponseMetadata", {}).get("RetryAttempts"))


def _is_passing(response: Any, caught_exception: Any) -> bool:
    if caught_exception is not None:
        return isinstance(caught_exception, HTTPClientError | BotocoreConnectionError)
    http, parsed = response
    if http.status_code >= BAD_STATUS:
        return True
    error = parsed.get("Error") or {}
    return error.get("Code") in PASSING
