"""A call to storage is sent again as long as there is time, and no longer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from dynameter.deadline import carry, end_of_invocation, time_left_us, within
from dynameter.errors import Unavailable
from dynameter.runtime.dynamodb import storage_faults
from dynameter.runtime.retries import CALL_TIME_US, LEAST_CALL_US, backoff_s, pause, was_sent_again
from tests.conftest import LambdaContext, ManualClock
from tests.unit.runtime.storage import LOST, THROTTLED, Answer, Storage, done, error

SECOND = 1_000_000
CONNECTION_REFUSED = EndpointConnectionError(endpoint_url="http://storage.test", error="refused")


def read(storage: Storage) -> Any:
    with storage_faults():
        return storage.client().get_item(TableName="T", Key={"pk": {"S": "1"}})


@pytest.mark.parametrize(
    "fault",
    [
        THROTTLED,
        error("ProvisionedThroughputExceededException"),
        error("RequestLimitExceeded"),
        error("TransactionConflictException"),
        error("InternalServerError", 500),
        error("Whatever", 503),
        LOST,
        CONNECTION_REFUSED,
    ],
)
def test_a_passing_fault_is_tried_again(storage: Storage, clock: ManualClock, fault: Answer) -> None:
    storage.script(fault, fault, done(Item={}))

    with within(clock.now_us() + 10 * SECOND, clock):
        answer = read(storage)

    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert was_sent_again(answer)


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ConditionalCheckFailedException"])
def test_a_refusal_is_not_tried_again(storage: Storage, clock: ManualClock, code: str) -> None:
    storage.script(error(code))

    with within(clock.now_us() + 10 * SECOND, clock), pytest.raises(ClientError, match=code):
        read(storage)

    assert len(storage.attempts) == 1


def test_a_first_attempt_was_not_sent_again(storage: Storage) -> None:
    storage.script(done())

    assert not was_sent_again(read(storage))


@pytest.mark.parametrize("fault", [THROTTLED, LOST, error("InternalServerError", 500)])
@pytest.mark.parametrize("seconds", [1, 3, 7.5])
def test_storage_that_never_answers_is_given_up_in_time(
    storage: Storage, clock: ManualClock, fault: Answer, seconds: float
) -> None:
    storage.script(fault)
    deadline = clock.now_us() + int(seconds * SECOND)

    with within(deadline, clock), pytest.raises(Unavailable):
        read(storage)

    assert clock.now_us() <= deadline
    assert len(storage.attempts) > 3
    assert all(attempt.at_us <= deadline - LEAST_CALL_US for attempt in storage.attempts)


def test_an_answer_is_awaited_no_longer_than_there_is_time(storage: Storage, clock: ManualClock) -> None:
    storage.script(LOST)
    storage.takes_s = 1.0

    with within(clock.now_us() + 6 * SECOND, clock), pytest.raises(Unavailable):
        read(storage)

    waits = [attempt.read_timeout for attempt in storage.attempts]
    assert waits[0] is None, "the client's own time-out of 4 s is shorter"
    assert all(
        wait is None or attempt.at_us + wait * SECOND <= clock.now_us() + 6 * SECOND
        for wait, attempt in zip(waits, storage.attempts, strict=True)
    )
    assert waits[-1] is not None
    assert waits[-1] < 4


def test_no_call_is_begun_when_the_time_is_over(storage: Storage, clock: ManualClock) -> None:
    with within(clock.now_us() + LEAST_CALL_US - 1, clock), pytest.raises(Unavailable, match="time is over"):
        read(storage)

    assert storage.attempts == []


def test_a_call_is_in_flight_no_longer_than_history_takes_to_settle(storage: Storage, clock: ManualClock) -> None:
    started = clock.now_us()

    with within(started + 600 * SECOND, clock), pytest.raises(Unavailable):
        read(storage)

    assert clock.now_us() - started <= CALL_TIME_US


def test_without_a_deadline_the_attempts_are_bounded(storage: Storage) -> None:
    with pytest.raises(Unavailable):
        read(storage)

    assert len(storage.attempts) == 4


@pytest.mark.parametrize(("fault", "seconds"), [(THROTTLED, 2), (LOST, 1), (error("InternalServerError", 500), 1)])
def test_the_error_says_when_to_come_again(storage: Storage, clock: ManualClock, fault: Answer, seconds: int) -> None:
    storage.script(fault)

    with within(clock.now_us() + SECOND, clock), pytest.raises(Unavailable) as refused:
        read(storage)

    assert refused.value.retry_after_s == seconds


def test_pauses_grow_and_are_spread(storage: Storage) -> None:
    assert [backoff_s(attempt, lambda: 1.0) for attempt in range(8)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert backoff_s(3, lambda: 0.25) == 0.1


def test_a_pause_does_not_outlast_the_deadline(clock: ManualClock) -> None:
    started = clock.now_us()

    with within(started + SECOND, clock), pytest.raises(Unavailable):
        pause(6, clock, lambda: 1.0)

    assert clock.now_us() == started


def test_of_two_deadlines_the_earlier_holds(clock: ManualClock) -> None:
    now = clock.now_us()

    with within(now + 10, clock):
        with within(now + 20, clock):
            assert time_left_us() == 10
        with within(now + 5, clock):
            assert time_left_us() == 5
        assert time_left_us() == 10
    assert time_left_us() is None


def test_a_deadline_is_one_of_the_clock_that_it_was_set_by(clock: ManualClock) -> None:
    other = ManualClock(7)

    with within(clock.now_us() + SECOND, clock), within(other.now_us() + 2 * SECOND, other):
        assert time_left_us() == SECOND


def test_threads_of_a_pool_have_the_deadline_of_who_asks(clock: ManualClock) -> None:
    with ThreadPoolExecutor(2) as pool:
        with within(clock.now_us() + 7, clock):
            asked = [pool.submit(carry(time_left_us)) for _ in range(4)]
        later = pool.submit(carry(time_left_us))

    assert [one.result() for one in asked] == [7] * 4
    assert later.result() is None


def test_an_invocation_ends_before_lambda_ends_it(clock: ManualClock) -> None:
    end = end_of_invocation(LambdaContext(remaining_ms=29_000), clock, 3 * SECOND)

    assert end == clock.now_us() + 26 * SECOND
