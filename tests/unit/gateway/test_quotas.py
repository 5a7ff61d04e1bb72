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
from tests.unit.gateway.quota_world import DEADLINE_US, USER, Killed, QuotaWorld

PLAN = Plan(workspace=WORKSPACE, id="p", name="P", requests_per_month=10, quota_grace_pct=Decimal("0.05"))
COMPUTE = replace(PLAN, meter_type=MeterType.COMPUTE_UNITS)


@pytest.fixture
def world(settings: Settings, dynamodb: Any, clock: ManualClock) -> QuotaWorld:
    return QuotaWorld(settings, dynamodb, clock, PLAN)


def commit(world: QuotaWorld, id_: str, units: object = None, data: Any = None) -> Commit:
    actual = Actual(None if units is None else Decimal(str(units)), data)
    return world.quotas.commit(WORKSPACE, id_, actual, DEADLINE_US)


def check(world: QuotaWorld) -> Any:
    return world.quotas.check(WORKSPACE, USER, DEADLINE_US).quota


# ---- granting and denying


def test_reservations_are_granted_up_to_the_limit_without_grace(world: QuotaWorld) -> None:
    world.plan = replace(PLAN, quota_grace_pct=Decimal(1))

    assert [world.reserve() is not None for _ in range(12)] == [True] * 10 + [False] * 2


def test_parallel_reservations_never_pass_the_limit(settings: Settings, dynamodb: Any, clock: ManualClock) -> None:
    world = QuotaWorld(settings, dynamodb, clock, replace(PLAN, requests_per_month=100))

    with ThreadPoolExecutor(32) as pool:
        granted = [one for one in pool.map(lambda _: world.reserve(), range(200)) if one]

    assert len(granted) == 100
    assert world.taken() == 100


def test_usage_that_nobody_reserved_leaves_less_to_reserve(world: QuotaWorld) -> None:
    world.live = LiveUsage(Decimal("8.5"), Decimal(0))

    assert [world.reserve(), world.reserve()][1] is None


def test_more_than_is_left_is_denied_whole(world: QuotaWorld) -> None:
    assert world.reserve(11) is None
    assert world.taken() == 0


def test_fractions_are_reserved_exactly(world: QuotaWorld) -> None:
    assert [world.reserve("3.4") is not None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("mode", [EnforceMode.WARN, EnforceMode.SOFT])
def test_a_plan_that_is_not_hard_grants_past_its_limit(world: QuotaWorld, mode: EnforceMode) -> None:
    world.plan = replace(PLAN, quota_enforce_mode=mode)

    assert world.reserve(11) is not None


def test_a_plan_without_a_limit_grants_without_reading_usage(world: QuotaWorld) -> None:
    world.plan = replace(PLAN, requests_per_month=-1)
    world.live = None  # type: ignore[assignment]

    assert world.reserve(10**9) is not None


def test_only_so_many_reservations_are_open_at_once(world: QuotaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dynameter.gateway.quotas.books.MAX_OPEN", 2)
    monkeypatch.setattr(quotas, "MAX_OPEN", 2)
    world.reserve()
    world.reserve()

    with pytest.raises(TooManyReservations):
        world.reserve()


def test_users_do_not_share_a_book(world: QuotaWorld) -> None:
    world.reserve(10)

    other = world.quotas.reserve(WORKSPACE, "user-2", Decimal(10), 60, DEADLINE_US)

    assert other.id is not None


def test_a_month_begins_with_an_empty_book(world: QuotaWorld) -> None:
    world.reserve(10)
    world.clock.advance(20 * 86_400)

    assert world.reserve(10) is not None


# ---- the check


def test_the_check_counts_what_is_held(world: QuotaWorld) -> None:
    world.reserve(4)

    assert check(world).used == 5


def test_the_check_counts_a_commit_before_its_event_is_in_the_meter(world: QuotaWorld) -> None:
    commit(world, world.granted(4))

    assert check(world).used == 5


def test_the_check_counts_a_commit_once_when_its_event_is_in_the_meter(world: QuotaWorld) -> None:
    commit(world, world.granted(4))
    world.live = LiveUsage(Decimal(0), Decimal(4))

    assert check(world).used == 5


def test_the_check_counts_reserved_usage_of_another_book(world: QuotaWorld) -> None:
    world.live = LiveUsage(Decimal(1), Decimal(5))

    assert check(world).used == 7


# ---- expiry and release


def test_an_expired_reservation_gives_its_units_back(world: QuotaWorld) -> None:
    world.reserve(10, ttl_s=60)
    world.clock.advance(60)

    assert world.reserve(10) is not None


def test_a_reservation_holds_until_it_expires(world: QuotaWorld) -> None:
    world.reserve(10, ttl_s=60)
    world.clock.advance(59)

    assert world.reserve() is None


def test_the_check_gives_expired_units_back(world: QuotaWorld) -> None:
    world.reserve(10)
    world.clock.advance(61)
    check(world)

    assert world.taken() == 0


def test_many_expired_reservations_are_given_back_once_each(world: QuotaWorld) -> None:
    world.plan = replace(PLAN, requests_per_month=60)
    for _ in range(50):
        world.reserve(1, ttl_s=1)
    world.reserve(1, ttl_s=3600)
    world.clock.advance(2)

    with ThreadPoolExecutor(8) as pool:
        granted = [one for one in pool.map(lambda _: world.reserve(), range(70)) if one]

    assert len(granted) == 59
    assert world.taken() == 60


def test_a_released_reservation_gives_its_units_back(world: QuotaWorld) -> None:
    world.quotas.release(WORKSPACE, world.granted(10))

    assert world.reserve(10) is not None


def test_a_release_may_be_repeated(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    world.reserve(4)
    world.quotas.release(WORKSPACE, id_)
    world.quotas.release(WORKSPACE, id_)

    assert world.taken() == 4


def test_a_committed_reservation_cannot_be_released(world: QuotaWorld) -> None:
    id_ = world.granted()
    commit(world, id_)

    with pytest.raises(AlreadyExists) as refused:
        world.quotas.release(WORKSPACE, id_)

    assert refused.value.code == "reservation_committed"


def test_what_is_no_id_cannot_be_released(world: QuotaWorld) -> None:
    with pytest.raises(NotFound):
        world.quotas.release(WORKSPACE, "qr_x")


# ---- commits


def test_a_commit_stores_one_event_of_the_reservations_time(world: QuotaWorld) -> None:
    reserved_at = world.clock.now_us()
    id_ = world.granted(4)
    world.clock.advance(30)
    commit(world, id_)

    ((source, event),) = [(key[0], event) for key, event in world.ledger.events.items()]
    assert (source, event.id, event.subject, event.time_us) == (SOURCE, id_, USER, reserved_at)
    assert event.data == '{"event_type":"api.request","requests":"4","reservation":"true","units":"4"}'


def test_a_commit_of_compute_units_is_one_request(world: QuotaWorld) -> None:
    world.plan = COMPUTE
    commit(world, world.granted(4), "3.5")

    (event,) = world.ledger.events.values()
    assert event.data == '{"event_type":"api.request","requests":1,"reservation":"true","units":"3.5"}'


@pytest.mark.parametrize("actual", ["2", "4", "7.25", "0"])
def test_a_commit_takes_what_was_used(world: QuotaWorld, actual: str) -> None:
    commit(world, world.granted(4), actual)

    assert world.taken() == Decimal(actual)


def test_a_commit_may_be_repeated(world: QuotaWorld) -> None:
    id_ = world.granted(4)

    first, second = commit(world, id_, 3), commit(world, id_, 3)

    assert (first.repeated, second.repeated, second.units) == (False, True, Decimal(3))
    assert (world.taken(), len(world.ledger.events)) == (Decimal(3), 1)


def test_a_repetition_with_other_units_is_refused(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    commit(world, id_, 3)

    with pytest.raises(AlreadyExists) as refused:
        commit(world, id_, 2)

    assert refused.value.code == "reservation_committed"


def test_parallel_commits_store_one_event(world: QuotaWorld) -> None:
    id_ = world.granted(4)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: commit(world, id_), range(8)))

    assert {one.units for one in found} == {4}
    assert (world.taken(), len(world.ledger.events)) == (Decimal(4), 1)


def test_an_expired_reservation_cannot_be_committed(world: QuotaWorld) -> None:
    id_ = world.granted(4, ttl_s=60)
    world.clock.advance(60)

    with pytest.raises(AlreadyExists) as refused:
        commit(world, id_)

    assert refused.value.code == "reservation_expired"


def test_a_released_reservation_cannot_be_committed(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    world.quotas.release(WORKSPACE, id_)

    with pytest.raises(AlreadyExists) as refused:
        commit(world, id_)

    assert refused.value.code == "reservation_not_open"


def test_a_commit_that_was_done_may_be_repeated_after_the_expiry(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    commit(world, id_)
    world.clock.advance(3_600)

    assert commit(world, id_).repeated


def test_a_commit_whose_event_could_not_be_stored_is_done_by_its_repetition(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    world.ledger.down = True
    with pytest.raises(Unavailable):
        commit(world, id_, 3)
    world.ledger.down = False

    assert commit(world, id_, 3).units == 3
    assert (world.taken(), len(world.ledger.events)) == (Decimal(3), 1)


# ---- crashes


def test_a_commit_left_half_done_is_done_by_the_first_reservation_of_the_next_month(world: QuotaWorld) -> None:
    id_ = world.granted(4)
    world.ledger.down = True
    with pytest.raises(Unavailable):
        commit(world, id_, 3)
    world.ledger.down = False
    world.clock.advance(20 * 86_400)

    world.granted()

    assert len(world.ledger.events) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(4))
def test_a_commit_killed_anywhere_is_whole_after_its_repetition(world: QuotaWorld, call: int, after: bool) -> None:
    id_ = world.granted(4)
    world.calls.made, world.calls.kill_at, world.calls.after = 0, call, after
    with pytest.raises(Killed):
        commit(world, id_, 3)
    world.restart()

    commit(world, id_, 3)

    assert (world.taken(), len(world.ledger.events)) == (Decimal(3), 1)
    book = world.book()
    assert book is not None
    assert book.entries == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(4))
def test_a_commit_killed_and_never_repeated_ends_done_or_given_back(world: QuotaWorld, call: int, after: bool) -> None:
    id_ = world.granted(4)
    world.calls.made, world.calls.kill_at, world.calls.after = 0, call, after
    with pytest.raises(Killed):
        commit(world, id_, 3)
    world.restart()
    world.clock.advance(120)

    check(world)

    assert world.taken() == 3 * len(world.ledger.events)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(3))
def test_a_reserve_killed_anywhere_leaks_nothing(world: QuotaWorld, call: int, after: bool) -> None:
    world.calls.kill_at, world.calls.after = call, after
    with pytest.raises(Killed):
        world.reserve(10)
    world.restart()
    world.clock.advance(61)

    assert world.reserve(10) is not None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(2))
def test_a_release_killed_anywhere_gives_back_once(world: QuotaWorld, call: int, after: bool) -> None:
    id_ = world.granted(4)
    world.granted(4)
    world.calls.made, world.calls.kill_at, world.calls.after = 0, call, after
    with pytest.raises(Killed):
        world.quotas.release(WORKSPACE, id_)
    world.restart()

    world.quotas.release(WORKSPACE, id_)

    assert world.taken() == 4
