"""Checks and reservations: nothing overshoots, nothing is held for ever, whatever dies in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.errors import AlreadyExists, NotFound, Unavailable
from dynameter.gateway.plan import EnforceMode, MeterType, Plan
from dynameter.gateway.quotas import service as quotas
from dynameter.gateway.quotas.meters import LiveUsage
from dynameter.gateway.quotas.reservation import SOURCE
from dynameter.gateway.quotas.service import Actual, Commit, TooManyReservations
from dynameter.runtime.settings import Settings
from tests.conftest import WORKSPACE, ManualClock
from tests.unit.gateway.books_bench import DEADLINE_US, USER, Bench, Killed

PLAN = Plan(workspace=WORKSPACE, id="p", name="P", requests_per_month=10, quota_grace_pct=Decimal("0.05"))
COMPUTE = replace(PLAN, meter_type=MeterType.COMPUTE_UNITS)


@pytest.fixture
def bench(settings: Settings, dynamodb: Any, clock: ManualClock) -> Bench:
    return Bench(settings, dynamodb, clock, PLAN)


def commit(bench: Bench, id_: str, units: object = None, data: Any = None) -> Commit:
    actual = Actual(None if units is None else Decimal(str(units)), data)
    return bench.quotas.commit(WORKSPACE, id_, actual, DEADLINE_US)


def check(bench: Bench) -> Any:
    return bench.quotas.check(WORKSPACE, USER, DEADLINE_US).quota


# ---- granting and denying


def test_reservations_are_granted_up_to_the_limit_without_grace(bench: Bench) -> None:
    bench.plan = replace(PLAN, quota_grace_pct=Decimal(1))

    assert [bench.reserve() is not None for _ in range(12)] == [True] * 10 + [False] * 2


def test_parallel_reservations_never_pass_the_limit(settings: Settings, dynamodb: Any, clock: ManualClock) -> None:
    bench = Bench(settings, dynamodb, clock, replace(PLAN, requests_per_month=100))

    with ThreadPoolExecutor(32) as pool:
        granted = [one for one in pool.map(lambda _: bench.reserve(), range(200)) if one]

    assert len(granted) == 100
    assert bench.taken() == 100


def test_usage_that_nobody_reserved_leaves_less_to_reserve(bench: Bench) -> None:
    bench.live = LiveUsage(Decimal("8.5"), Decimal(0))

    assert [bench.reserve(), bench.reserve()][1] is None


def test_more_than_is_left_is_denied_whole(bench: Bench) -> None:
    assert bench.reserve(11) is None
    assert bench.taken() == 0


def test_fractions_are_reserved_exactly(bench: Bench) -> None:
    assert [bench.reserve("3.4") is not None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("mode", [EnforceMode.WARN, EnforceMode.SOFT])
def test_a_plan_that_is_not_hard_grants_past_its_limit(bench: Bench, mode: EnforceMode) -> None:
    bench.plan = replace(PLAN, quota_enforce_mode=mode)

    assert bench.reserve(11) is not None


def test_a_plan_without_a_limit_grants_without_reading_usage(bench: Bench) -> None:
    bench.plan = replace(PLAN, requests_per_month=-1)
    bench.live = None  # type: ignore[assignment]

    assert bench.reserve(10**9) is not None


def test_only_so_many_reservations_are_open_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.gateway.quotas.books.MAX_OPEN", 2)
    monkeypatch.setattr(quotas, "MAX_OPEN", 2)
    bench.reserve()
    bench.reserve()

    with pytest.raises(TooManyReservations):
        bench.reserve()


def test_users_do_not_share_a_book(bench: Bench) -> None:
    bench.reserve(10)

    other = bench.quotas.reserve(WORKSPACE, "user-2", Decimal(10), 60, DEADLINE_US)

    assert other.id is not None


def test_a_month_begins_with_an_empty_book(bench: Bench) -> None:
    bench.reserve(10)
    bench.clock.advance(20 * 86_400)

    assert bench.reserve(10) is not None


# ---- the check


def test_the_check_counts_what_is_held(bench: Bench) -> None:
    bench.reserve(4)

    assert check(bench).used == 5


def test_the_check_counts_a_commit_before_its_event_is_in_the_meter(bench: Bench) -> None:
    commit(bench, bench.granted(4))

    assert check(bench).used == 5


def test_the_check_counts_a_commit_once_when_its_event_is_in_the_meter(bench: Bench) -> None:
    commit(bench, bench.granted(4))
    bench.live = LiveUsage(Decimal(0), Decimal(4))

    assert check(bench).used == 5


def test_the_check_counts_reserved_usage_of_another_book(bench: Bench) -> None:
    bench.live = LiveUsage(Decimal(1), Decimal(5))

    assert check(bench).used == 7


# ---- expiry and release


def test_an_expired_reservation_gives_its_units_back(bench: Bench) -> None:
    bench.reserve(10, ttl_s=60)
    bench.clock.advance(60)

    assert bench.reserve(10) is not None


def test_a_reservation_holds_until_it_expires(bench: Bench) -> None:
    bench.reserve(10, ttl_s=60)
    bench.clock.advance(59)

    assert bench.reserve() is None


def test_the_check_gives_expired_units_back(bench: Bench) -> None:
    bench.reserve(10)
    bench.clock.advance(61)
    check(bench)

    assert bench.taken() == 0


def test_many_expired_reservations_are_given_back_once_each(bench: Bench) -> None:
    bench.plan = replace(PLAN, requests_per_month=60)
    for _ in range(50):
        bench.reserve(1, ttl_s=1)
    bench.reserve(1, ttl_s=3600)
    bench.clock.advance(2)

    with ThreadPoolExecutor(8) as pool:
        granted = [one for one in pool.map(lambda _: bench.reserve(), range(70)) if one]

    assert len(granted) == 59
    assert bench.taken() == 60


def test_a_released_reservation_gives_its_units_back(bench: Bench) -> None:
    bench.quotas.release(WORKSPACE, bench.granted(10))

    assert bench.reserve(10) is not None


def test_a_release_may_be_repeated(bench: Bench) -> None:
    id_ = bench.granted(4)
    bench.reserve(4)
    bench.quotas.release(WORKSPACE, id_)
    bench.quotas.release(WORKSPACE, id_)

    assert bench.taken() == 4


def test_a_committed_reservation_cannot_be_released(bench: Bench) -> None:
    id_ = bench.granted()
    commit(bench, id_)

    with pytest.raises(AlreadyExists) as refused:
        bench.quotas.release(WORKSPACE, id_)

    assert refused.value.code == "reservation_committed"


def test_what_is_no_id_cannot_be_released(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.quotas.release(WORKSPACE, "qr_x")


# ---- commits


def test_a_commit_stores_one_event_of_the_reservations_time(bench: Bench) -> None:
    reserved_at = bench.clock.now_us()
    id_ = bench.granted(4)
    bench.clock.advance(30)
    commit(bench, id_)

    ((source, event),) = [(key[0], event) for key, event in bench.ledger.events.items()]
    assert (source, event.id, event.subject, event.time_us) == (SOURCE, id_, USER, reserved_at)
    assert event.data == '{"event_type":"api.request","requests":"4","reservation":"true","units":"4"}'


def test_a_commit_of_compute_units_is_one_request(bench: Bench) -> None:
    bench.plan = COMPUTE
    commit(bench, bench.granted(4), "3.5")

    (event,) = bench.ledger.events.values()
    assert event.data == '{"event_type":"api.request","requests":1,"reservation":"true","units":"3.5"}'


@pytest.mark.parametrize("actual", ["2", "4", "7.25", "0"])
def test_a_commit_takes_what_was_used(bench: Bench, actual: str) -> None:
    commit(bench, bench.granted(4), actual)

    assert bench.taken() == Decimal(actual)


def test_a_commit_may_be_repeated(bench: Bench) -> None:
    id_ = bench.granted(4)

    first, second = commit(bench, id_, 3), commit(bench, id_, 3)

    assert (first.repeated, second.repeated, second.units) == (False, True, Decimal(3))
    assert (bench.taken(), len(bench.ledger.events)) == (Decimal(3), 1)


def test_a_repetition_with_other_units_is_refused(bench: Bench) -> None:
    id_ = bench.granted(4)
    commit(bench, id_, 3)

    with pytest.raises(AlreadyExists) as refused:
        commit(bench, id_, 2)

    assert refused.value.code == "reservation_committed"


def test_parallel_commits_store_one_event(bench: Bench) -> None:
    id_ = bench.granted(4)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: commit(bench, id_), range(8)))

    assert {one.units for one in found} == {4}
    assert (bench.taken(), len(bench.ledger.events)) == (Decimal(4), 1)


def test_an_expired_reservation_cannot_be_committed(bench: Bench) -> None:
    id_ = bench.granted(4, ttl_s=60)
    bench.clock.advance(60)

    with pytest.raises(AlreadyExists) as refused:
        commit(bench, id_)

    assert refused.value.code == "reservation_expired"


def test_a_released_reservation_cannot_be_committed(bench: Bench) -> None:
    id_ = bench.granted(4)
    bench.quotas.release(WORKSPACE, id_)

    with pytest.raises(AlreadyExists) as refused:
        commit(bench, id_)

    assert refused.value.code == "reservation_not_open"


def test_a_commit_that_was_done_may_be_repeated_after_the_expiry(bench: Bench) -> None:
    id_ = bench.granted(4)
    commit(bench, id_)
    bench.clock.advance(3_600)

    assert commit(bench, id_).repeated


def test_a_commit_whose_event_could_not_be_stored_is_done_by_its_repetition(bench: Bench) -> None:
    id_ = bench.granted(4)
    bench.ledger.down = True
    with pytest.raises(Unavailable):
        commit(bench, id_, 3)
    bench.ledger.down = False

    assert commit(bench, id_, 3).units == 3
    assert (bench.taken(), len(bench.ledger.events)) == (Decimal(3), 1)


# ---- crashes


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(4))
def test_a_commit_killed_anywhere_is_whole_after_its_repetition(bench: Bench, call: int, after: bool) -> None:
    id_ = bench.granted(4)
    bench.calls.made, bench.calls.kill_at, bench.calls.after = 0, call, after
    with pytest.raises(Killed):
        commit(bench, id_, 3)
    bench.restart()

    commit(bench, id_, 3)

    assert (bench.taken(), len(bench.ledger.events)) == (Decimal(3), 1)
    book = bench.book()
    assert book is not None
    assert book.entries == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(4))
def test_a_commit_killed_and_never_repeated_ends_done_or_given_back(bench: Bench, call: int, after: bool) -> None:
    id_ = bench.granted(4)
    bench.calls.made, bench.calls.kill_at, bench.calls.after = 0, call, after
    with pytest.raises(Killed):
        commit(bench, id_, 3)
    bench.restart()
    bench.clock.advance(120)

    check(bench)

    assert bench.taken() == 3 * len(bench.ledger.events)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(2))
def test_a_reserve_killed_anywhere_leaks_nothing(bench: Bench, call: int, after: bool) -> None:
    bench.calls.kill_at, bench.calls.after = call, after
    with pytest.raises(Killed):
        bench.reserve(10)
    bench.restart()
    bench.clock.advance(61)

    assert bench.reserve(10) is not None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(2))
def test_a_release_killed_anywhere_gives_back_once(bench: Bench, call: int, after: bool) -> None:
    id_ = bench.granted(4)
    bench.granted(4)
    bench.calls.made, bench.calls.kill_at, bench.calls.after = 0, call, after
    with pytest.raises(Killed):
        bench.quotas.release(WORKSPACE, id_)
    bench.restart()

    bench.quotas.release(WORKSPACE, id_)

    assert bench.taken() == 4
