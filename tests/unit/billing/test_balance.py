"""How grants burn down, held against a burning of single units in the order of time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dynameter import rfc3339
from dynameter.billing.entitlements.balance import Opening, Reset, Segment, burn_down, change_points
from dynameter.billing.entitlements.entitlement import Grant

D = Decimal
START = rfc3339.parse("2026-01-01T00:00:00Z")
DAY = 86_400_000_000
END = START + 100 * DAY


def grant(id_: str, amount: str, **fields: object) -> Grant:
    made = Grant("w", id_, "e", D(amount), START, START, START)
    return replace(made, **fields)  # type: ignore[arg-type]


def day(number: float) -> int:
    return START + int(number * DAY)


def run(grants: list[Grant], used: list[tuple[int, str]], resets: list[Reset] | None = None, at: int = END) -> Segment:
    """The state at an instant; ``used`` are usages with their instants."""
    resets = resets or []
    points = change_points(grants, resets, START, at, "UTC")
    usages = [
        sum((D(amount) for moment, amount in used if start <= moment < end), D(0)) for start, end in pairwise(points)
    ]
    return burn_down(grants, resets, points, usages, "UTC")[-1]


def test_usage_burns_the_grant() -> None:
    found = run([grant("a", "100")], [(day(1), "1")])

    assert (found.balance, found.overage, found.period_usage) == (D(99), D(0), D(1))


def test_the_lower_priority_number_burns_first_then_the_earlier_expiry_then_the_older() -> None:
    grants = [
        grant("old", "10", created_at_us=day(-1)),
        grant("new", "10"),
        grant("soon", "10", expires_at_us=END + 1),
        grant("first", "10", priority=0),
    ]

    assert run(grants, [(day(1), "25")]).balances == {"first": 0, "soon": 0, "old": D(5), "new": D(10)}


def test_what_finds_no_grant_is_overage_and_a_later_grant_pays_it() -> None:
    later = grant("later", "10", effective_at_us=day(5))

    assert run([grant("a", "1"), later], [(day(1), "4")], at=day(5) - 1).overage == D(3)
    assert run([grant("a", "1"), later], [(day(1), "4")], at=day(6)).balances["later"] == D(7)


def test_an_expired_or_voided_grant_has_no_balance() -> None:
    grants = [grant("a", "10", expires_at_us=day(2)), grant("b", "10", voided_at_us=day(3))]

    assert run(grants, [], at=day(2) - 1).balance == D(20)
    assert run(grants, [], at=day(2)).balance == D(10)
    assert run(grants, [], at=day(3)).balance == D(0)


def test_a_reset_rolls_over_what_lies_between_the_limits() -> None:
    grants = [
        grant("none", "10"),
        grant("some", "10", max_rollover=D(4)),
        grant("full", "10", min_rollover=D(10), max_rollover=D(10)),
    ]

    found = run(grants, [(day(1), "25")], [Reset(day(2))])

    assert found.balances == {"none": D(0), "some": D(4), "full": D(10)}
    assert (found.period_start_us, found.period_usage) == (day(2), D(0))


def test_a_reset_forgets_the_overage_unless_it_preserves_it() -> None:
    full = grant("full", "10", min_rollover=D(10), max_rollover=D(10))

    assert run([full], [(day(1), "13")], [Reset(day(2))]).balance == D(10)
    assert run([full], [(day(1), "13")], [Reset(day(2), preserve_overage=True)]).balance == D(7)


def test_a_recurring_grant_fills_up_again_from_its_anchor() -> None:
    weekly = grant("a", "10", recurrence="P1W", recurrence_anchor_us=day(3))

    assert run([weekly], [(day(1), "6")], at=day(3) - 1).balance == D(4)
    assert run([weekly], [(day(1), "6")], at=day(3)).balance == D(10)
    assert run([weekly], [(day(1), "6"), (day(9), "2")], at=day(10) - 1).balance == D(8)
    assert run([weekly], [(day(1), "6"), (day(9), "2")], at=day(10)).balance == D(10)


def test_negative_usage_is_a_credit_for_what_follows() -> None:
    found = run([grant("a", "10"), grant("b", "5", effective_at_us=day(3))], [(day(1), "-2"), (day(4), "5")])

    assert (found.balance, found.period_usage) == (D(12), D(3))


moments = st.integers(0, 40).map(lambda half: START + half * DAY // 2)
optional = st.one_of(st.none(), moments)


@st.composite
def grants(draw: st.DrawFn) -> list[Grant]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        rollover = sorted(draw(st.tuples(st.integers(0, 5), st.integers(0, 5))))
        found.append(
            grant(
                f"g{number}",
                str(draw(st.integers(0, 8))),
                effective_at_us=draw(moments),
                expires_at_us=draw(optional),
                voided_at_us=draw(optional),
                priority=draw(st.integers(0, 2)),
                min_rollover=D(rollover[0]),
                max_rollover=D(rollover[1]),
                recurrence=draw(st.sampled_from([None, "P3D", "P1W"])),
            )
        )
    return found


@given(
    given_grants=grants(),
    used=st.lists(st.tuples(moments, st.integers(1, 3)), max_size=15),
    resets=st.dictionaries(moments.filter(lambda one: one > START), st.booleans(), max_size=3),
)
def test_burning_by_segments_equals_burning_unit_by_unit(
    given_grants: list[Grant], used: list[tuple[int, int]], resets: dict[int, bool]
) -> None:
    at = START + 21 * DAY
    found = run(given_grants, [(moment, str(n)) for moment, n in used], [Reset(*one) for one in resets.items()], at)

    assert (found.balances, found.overage) == naive(given_grants, used, resets, at)


def naive(
    given_grants: list[Grant], used: list[tuple[int, int]], resets: dict[int, bool], at: int
) -> tuple[dict[str, Decimal], Decimal]:
    """Half days one after the other, unit by unit."""
    balances: dict[str, int] = {}
    owed = 0
    for now in range(START, at + 1, DAY // 2):
        ends = {one.id: min(one.expires_at_us or END, one.voided_at_us or END) for one in given_grants}
        for one in given_grants:
            if ends[one.id] <= now:
                balances.pop(one.id, None)
        if now in resets:
            for one in given_grants:
                if one.id in balances:
                    balances[one.id] = int(min(one.max_rollover, max(one.min_rollover, Decimal(balances[one.id]))))
            owed = owed if resets[now] else 0
        for one in given_grants:
            if one.effective_at_us <= now < ends[one.id]:
                days = {"P3D": 3, "P1W": 7}.get(one.recurrence or "")
                if one.id not in balances or (days and (now - one.effective_at_us) % (days * DAY) == 0):
                    balances[one.id] = int(one.amount)
        owed += sum(number for moment, number in used if moment == now and moment < at)
        order = sorted(given_grants, key=lambda one: (one.priority, ends_or_never(one), one.id))
        while owed and (burning := next((one.id for one in order if balances.get(one.id)), None)):
            balances[burning] -= 1
            owed -= 1
    return {id_: D(left) for id_, left in balances.items()}, D(owed)


def ends_or_never(one: Grant) -> int:
    return min(one.expires_at_us or 1 << 62, one.voided_at_us or 1 << 62)


@given(
    given_grants=grants(),
    used=st.lists(st.tuples(moments, st.integers(1, 3)), max_size=15),
    cut=st.integers(1, 41),
)
def test_a_balance_resumed_from_a_closed_period_equals_the_whole_run(
    given_grants: list[Grant], used: list[tuple[int, int]], cut: int
) -> None:
    at, reset = START + 21 * DAY, Reset(START + cut * DAY // 2)
    amounts = [(moment, str(number)) for moment, number in used]
    whole = run(given_grants, amounts, [reset], at)
    before = run(given_grants, amounts, [], reset.at_us - 1)
    points = change_points(given_grants, [reset], reset.at_us, at, "UTC")
    usages = [
        sum((D(number) for moment, number in used if start <= moment < end), D(0)) for start, end in pairwise(points)
    ]

    resumed = burn_down(given_grants, [reset], points, usages, "UTC", Opening(before.balances, before.overage))[-1]

    assert (resumed.balances, resumed.overage) == (whole.balances, whole.overage)
