"""Balances over many periods, held against burning everything down from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dynameter import rfc3339
from dynameter.billing.entitlements.balance import Opening, Reset, Segment, burn_down, change_points
from dynameter.billing.entitlements.entitlement import Balance, Entitlement, Grant, UsageReset
from dynameter.billing.entitlements.standing import MAX_UNSEALED, Book, Seal, Standings
from dynameter.billing.entitlements.usage_periods import UsagePeriods
from dynameter.billing.plans.plan import EntitlementType
from tests.conftest import WORKSPACE, ManualClock

D = Decimal
HOUR = 3_600_000_000
DAY = 24 * HOUR
START = rfc3339.parse("2026-01-01T00:00:00.5Z")


def entitlement(**changed: object) -> Entitlement:
    made = Entitlement(
        WORKSPACE,
        "E",
        EntitlementType.METERED,
        "F",
        "tokens",
        "C",
        None,
        START,
        START,
        START,
        usage_period="P1W",
        anchor_us=START,
        measure_from_us=START,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def grant(id_: str, amount: int, **fields: object) -> Grant:
    return replace(Grant(WORKSPACE, id_, "E", D(amount), START, START, START), **fields)  # type: ignore[arg-type]


class World:
    """An entitlement's book and usage in memory; ``points`` counts the points that usage was asked between."""

    def __init__(self, book: Book, used: Sequence[tuple[int, int]] = (), **changed: object) -> None:
        self.entitlement = entitlement(**changed)
        self.kept = book
        self.used = list(used)
        self.clock = ManualClock(START)
        self.standings = Standings(self, self.clock)
        self.points = 0
        self.sealed: list[int] = []

    def book(self, workspace: str, entitlement_id: str) -> Book:
        return self.kept

    def seal(self, entitlement: Entitlement, at_us: int, opening: Opening) -> None:
        self.sealed.append(at_us)
        self.kept = replace(self.kept, seal=Seal(at_us, opening))

    def between(self, points: Sequence[int], starts: Sequence[int]) -> list[Decimal]:
        self.points = len(points)
        return [D(sum(n for at, n in self.used if one <= at < other)) for one, other in pairwise(points)]

    def at(self, at_us: int) -> Balance:
        self.clock.now = at_us
        return self.standings.at(self.entitlement, at_us, self.between)

    def naive(self, at_us: int) -> Segment:
        """Everything from the beginning, forgetting and sealing nothing."""
        periods = UsagePeriods(self.entitlement, self.kept.resets)
        resets: list[Reset] = []
        last = periods.last_reset(at_us)
        while last is not None:
            resets.insert(0, last)
            last = periods.last_reset(last.at_us - 1)
        grants = self.kept.grants
        points = change_points(grants, resets, START, at_us, "UTC")
        usages = [D(sum(n for at, n in self.used if one <= at < other)) for one, other in pairwise(points)]
        return burn_down(grants, resets, points, usages, "UTC")[-1]


moments = st.integers(0, 4 * 56).map(lambda quarter: START + quarter * DAY // 4)


@st.composite
def books(draw: st.DrawFn) -> Book:
    grants = []
    for number in range(draw(st.integers(0, 4))):
        least, most = sorted(draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
        grants.append(
            grant(
                f"g{number}",
                draw(st.integers(0, 9)),
                effective_at_us=draw(moments),
                expires_at_us=draw(st.one_of(st.none(), moments)),
                voided_at_us=draw(st.one_of(st.none(), moments)),
                priority=draw(st.integers(0, 2)),
                min_rollover=D(draw(st.sampled_from([least, most]))),
                max_rollover=D(most),
                recurrence=draw(st.sampled_from([None, None, "P3D"])),
            )
        )
    asked = draw(
        st.dictionaries(moments.filter(lambda one: one > START), st.tuples(st.booleans(), st.booleans()), max_size=4)
    )
    return Book(tuple(grants), tuple(UsageReset(at, *flags) for at, flags in sorted(asked.items())))


@given(
    book=books(),
    used=st.lists(st.tuples(moments, st.integers(1, 4)), max_size=20),
    reads=st.lists(moments, min_size=1, max_size=5),
    preserve=st.booleans(),
)
def test_a_balance_equals_burning_everything_down_from_the_beginning(
    book: Book, used: list[tuple[int, int]], reads: list[int], preserve: bool
) -> None:
    world = World(book, used, preserve_overage_at_reset=preserve)

    for at_us in sorted(reads):
        found, expected = world.at(at_us), world.naive(at_us)
        assert (found.grant_balances, found.overage) == (expected.balances, expected.overage)
        assert found.usage == expected.period_usage


def test_a_seal_is_made_once_nothing_is_waited_for_and_keeps_the_answer() -> None:
    rolling = grant("a", 500, max_rollover=D(500))
    world = World(Book((rolling,)), [(START + day * DAY, 1) for day in range(100)])

    found = [world.at(START + day * DAY).balance for day in range(0, 100, 10)]

    assert found == [500 - day for day in range(0, 100, 10)]
    assert world.sealed == sorted(world.sealed)
    assert world.sealed[-1] <= START + 60 * DAY
    assert world.points < 12


def test_what_ends_at_the_reset_that_is_sealed_is_gone() -> None:
    ending, rolling = grant("a", 5, expires_at_us=START + 21 * DAY), grant("b", 1, max_rollover=D(1))
    world = World(Book((ending, rolling)))

    for day in (52, 53):
        assert world.at(START + day * DAY).grant_balances == {"b": 1}
    assert world.sealed == [START + 21 * DAY]


def test_late_usage_of_a_period_that_is_not_sealed_changes_the_balance() -> None:
    world = World(Book((grant("a", 500, max_rollover=D(500)),)))
    before = world.at(START + 20 * DAY).balance

    world.used.append((START + DAY, 3))

    assert before - world.at(START + 20 * DAY).balance == 3


def test_294_grants_and_resets_in_a_row_look_at_the_last_period_alone() -> None:
    instants = [START + number * HOUR for number in range(1, 295)]
    grants = tuple(grant(f"g{at}", 10, effective_at_us=at + 1) for at in instants)
    world = World(Book(grants, tuple(UsageReset(at) for at in instants)), [(at + 2, 3) for at in instants])

    assert world.at(instants[-1] + 10).balance == 7
    assert world.points <= 4


def test_294_grants_and_resets_that_roll_over_are_sealed_as_they_settle() -> None:
    instants = [START + number * HOUR for number in range(1, 295)]
    grants = tuple(grant(f"g{at}", 10, effective_at_us=at + 1, max_rollover=D(10)) for at in instants)
    world = World(Book(grants, tuple(UsageReset(at) for at in instants)), [(at + 2, 3) for at in instants])

    assert world.at(instants[-1] + 10).balance == 294 * 7
    assert world.at(instants[-1] + 11).balance == 294 * 7
    assert world.points <= 2 * (MAX_UNSEALED + 2) + 1


def test_what_is_available_is_what_is_left_and_what_was_burnt() -> None:
    world = World(
        Book((grant("a", 10), grant("b", 5, effective_at_us=START + DAY))), [(START, 3), (START + 2 * DAY, 20)]
    )

    assert world.at(START + DAY - 1).total_available == 10
    assert world.at(START + 3 * DAY).total_available == 15
    assert world.at(START + 3 * DAY).overage == 8


def test_a_reset_that_retains_the_anchor_leaves_the_periods_where_they_were() -> None:
    asked = UsageReset(START + DAY, retain_anchor=True)

    assert UsagePeriods(entitlement(), (asked,)).period(START + 2 * DAY).end_us == START + 7 * DAY
    assert UsagePeriods(entitlement(), (UsageReset(START + DAY),)).period(START + 2 * DAY).end_us == START + 8 * DAY
