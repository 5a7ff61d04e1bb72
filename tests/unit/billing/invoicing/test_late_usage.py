"""Usage that changes after it was invoiced: it is on the next invoice, to the unit, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter.billing.invoicing.charges import schedule
from dynameter.billing.invoicing.invoice import NOTHING, Invoice, InvoiceStatus, Line, LineKind, sum_figures
from dynameter.billing.pricing.price import FlatPrice, PackagePrice, Price, Tier, TieredPrice, TierMode, UnitPrice
from dynameter.billing.pricing.rating import rate
from dynameter.clock import render
from dynameter.errors import InvalidInput
from tests.conftest import WORKSPACE
from tests.unit.billing.invoicing.world import DAY_US, Used, World, at, ended, metered

D = Decimal
TIERED = TieredPrice(TierMode.GRADUATED, (Tier(D(10), unit_amount=D("0.10")), Tier(None, unit_amount=D("0.05"))))


def issue(world: World, customer_id: str) -> tuple[Invoice, ...]:
    """What is issued now; nothing where nothing is due."""
    try:
        return world.service.issue(WORKSPACE, customer_id)
    except InvalidInput as error:
        if error.code != "invoice_create_no_lines":
            raise
        return ()


def valid_lines(world: World) -> list[Line]:
    invoices = world.service.with_lines(world.service.list(WORKSPACE))
    return [one for each in invoices if each.status is not InvoiceStatus.VOIDED for one in each.lines or ()]


def test_a_late_event_is_a_line_of_its_own_on_the_next_invoice() -> None:
    world = World()
    customer, subscription = world.subscribed(TIERED)
    world.use(subscription, "2026-01-05T00:00:00", "8")
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.use(subscription, "2026-01-31T00:00:00", "4")
    world.it_is("2026-03-01T00:00:00")

    (second,) = issue(world, customer.id)

    late, usual = second.lines or ()
    assert (late.kind, late.name) == (
        LineKind.LATE,
        "agent runs (late usage for 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z)",
    )
    # 12 units cost 1.10, and 0.80 was billed.
    assert (late.figures.quantity, late.figures.total, late.before.quantity) == (D(4), D("0.30"), D(8))
    assert usual.figures.total == 0


def test_a_voided_event_is_given_back() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.use(subscription, "2026-01-05T00:00:00", "8")
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.used.clear()
    world.it_is("2026-03-01T00:00:00")

    (second,) = issue(world, customer.id)

    assert second.figures.total == D(-8)


def test_late_usage_waits_for_the_next_period() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.use(subscription, "2026-01-05T00:00:00")

    assert issue(world, customer.id) == ()


def test_late_usage_of_an_ended_subscription_waits_for_nothing() -> None:
    world = World()
    customer, subscription = world.subscribed(end="2026-02-01T00:00:00")
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.use(subscription, "2026-01-05T00:00:00")

    assert [one.figures.total for one in issue(world, customer.id)] == [D(1)]


def test_late_usage_is_seen_in_the_preview() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.use(subscription, "2026-01-05T00:00:00", "2")

    preview = world.service.preview(subscription)

    assert preview is not None
    assert [(one.kind, one.figures.total) for one in preview.lines or ()] == [
        (LineKind.LATE, D(2)),
        (LineKind.PERIOD, D(0)),
    ]


def test_another_subject_of_the_customer_brings_its_past_usage() -> None:
    world = World()
    customer, subscription = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    world.used.append(Used("bot", str(subscription.items[0].feature_id), at("2026-01-05T00:00:00"), D(5)))
    before = issue(world, customer.id)
    world.customers[customer.id] = replace(customer, subject_keys=("acme-inc", "bot"))
    world.it_is("2026-03-01T00:00:00")

    assert [one.figures.metered for one in (*before, *issue(world, customer.id))] == [D(0), D(5)]


def test_unchanged_history_costs_a_measurement_an_item_and_year() -> None:
    world = World()
    customer, subscription = world.subscribed(start="2021-01-01T00:00:00")
    for month in range(60):
        world.use(subscription, at("2021-01-15T00:00:00") + month * 30 * DAY_US, "2")
    world.it_is("2026-01-01T00:00:00")
    issue(world, customer.id)
    world.it_is("2026-02-01T00:00:00")
    world.measured = 0

    issue(world, customer.id)

    # Five years less the three recent months in stretches, these three, and the period that is due.
    assert world.measured == 5 + 3 + 1


def test_a_late_event_five_years_old_is_found() -> None:
    world = World()
    customer, subscription = world.subscribed(start="2021-01-01T00:00:00")
    world.it_is("2026-01-01T00:00:00")
    issue(world, customer.id)
    world.use(subscription, "2021-03-03T00:00:00", "2")
    world.it_is("2026-02-01T00:00:00")

    (issued,) = issue(world, customer.id)

    assert [one.period.start_us for one in issued.lines or ()] == [at("2021-03-01T00:00:00"), at("2026-01-01T00:00:00")]


def test_usage_that_is_no_sum_is_measured_period_by_period() -> None:
    world = World(additive=False)
    customer, _ = world.subscribed(start="2025-01-01T00:00:00")
    world.it_is("2026-01-01T00:00:00")
    issue(world, customer.id)
    world.it_is("2026-02-01T00:00:00")
    world.measured = 0

    issue(world, customer.id)

    assert world.measured == 12 + 1


# ---- for any plan, anchor, zone and late event

numbers = st.decimals("0.01", "500", places=2)
prices = st.one_of(
    st.builds(UnitPrice, numbers),
    st.builds(PackagePrice, numbers, numbers),
    st.builds(
        lambda mode, edge, low, high: TieredPrice(mode, (Tier(edge, low, high), Tier(None, high, low))),
        st.sampled_from(TierMode),
        numbers,
        numbers,
        numbers,
    ),
)
START_US = at("2025-09-01T00:00:00")
SPAN_US = 240 * DAY_US
instants = st.integers(START_US - 10 * DAY_US, START_US + SPAN_US + 10 * DAY_US)


@dataclass(frozen=True)
class Step:
    """The clock goes on by a time, then usage arrives, then perhaps an invoice is voided, then all due is issued."""

    wait_us: int
    used: tuple[tuple[int, Decimal], ...]
    voids: int | None


usage = st.lists(st.tuples(instants, st.decimals("-50", "100", places=3)), max_size=5).map(tuple)
steps = st.lists(
    st.builds(
        Step,
        st.integers(0, 60 * DAY_US),
        usage,
        st.one_of(st.none(), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=8,
)


@dataclass(frozen=True)
class Story:
    """A subscription's life."""

    prices: tuple[Price, ...]
    cadences: tuple[str, ...]
    cadence: str
    anchor_us: int
    zone: str
    length_us: int
    steps: list[Step]
    late: tuple[tuple[int, Decimal], ...]


stories = st.builds(
    Story,
    st.tuples(prices, prices),
    st.tuples(st.sampled_from(["P1M", "P1W", "P3M", "P10D"]), st.sampled_from(["P1M", "P1Y"])),
    st.sampled_from(["P1M", "P3M", "P1W"]),
    st.integers(START_US - 400 * DAY_US, START_US + 40 * DAY_US),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.one_of(st.integers(1, SPAN_US), st.just(SPAN_US)),
    steps,
    usage,
)


def tell(story: Story, world: World) -> None:
    """Live the story to its end and beyond, with everything invoiced."""
    customer = world.customer("acme-inc")
    cards = [
        metered(price, key=f"feature_{index}", cadence=cadence)
        for index, (price, cadence) in enumerate(zip(story.prices, story.cadences, strict=True))
    ]
    subscription = world.subscribe(
        customer,
        *cards,
        start="2025-09-01T00:00:00",
        cadence=story.cadence,
        anchor_us=story.anchor_us,
        zone=story.zone,
    )
    end_us = START_US + story.length_us
    world.clock.now = START_US
    for step in story.steps:
        world.clock.now += step.wait_us
        for index, (at_us, value) in enumerate(step.used):
            world.use(subscription, at_us, value, item=index % 2)
        invoices = world.service.list(WORKSPACE)
        if step.voids is not None and step.voids < len(invoices):
            world.service.void(WORKSPACE, invoices[step.voids].id)
        issue(world, customer.id)
    world.subscriptions[subscription.id] = ended(subscription, end_us)
    world.clock.now = max(world.clock.now, end_us)
    issue(world, customer.id)
    for index, (at_us, value) in enumerate(story.late):
        world.use(subscription, at_us, value, item=index % 2)
    issue(world, customer.id)


def _text(instant_us: int) -> str:
    return render(instant_us).removesuffix("Z")


@settings(max_examples=60, deadline=None)
@given(story=stories)
def test_lines_of_consecutive_periods_sum_to_the_metered_usage(story: Story) -> None:
    world = World()

    tell(story, world)

    (subscription,) = world.subscriptions.values()
    end_us = START_US + story.length_us
    for item in subscription.items:
        used = [one.value for one in world.used if one.feature_id == item.feature_id and START_US <= one.at_us < end_us]
        lines = [one for one in valid_lines(world) if one.charge.item_id == item.id]
        assert sum((one.figures.metered for one in lines), D(0)) == sum(used, D(0))


@settings(max_examples=60, deadline=None)
@given(story=stories)
def test_lines_of_a_period_sum_to_its_price(story: Story) -> None:
    world = World(additive=False)  # every period is looked at, so none can hide another's change

    tell(story, world)

    (subscription,) = world.subscriptions.values()
    (customer,) = world.customers.values()
    lines = valid_lines(world)
    for charge in schedule(subscription, world.clock.now + 1):
        feature = world.features[str(charge.item.feature_id)]
        used = world.of(WORKSPACE, feature, customer, charge.period.start_us, charge.period.end_us)
        rated = rate(charge.price, used, "USD", charge.item.rate_card.commitments, charge.item.rate_card.discounts)
        billed = sum_figures(one.figures for one in lines if one.charge == charge.key)
        assert (billed.metered, billed.total) == (used, rated.total)


@settings(max_examples=60, deadline=None)
@given(story=stories)
def test_charges_of_an_item_lie_edge_to_edge(story: Story) -> None:
    world = World()
    customer = world.customer("acme-inc")
    card = metered(FlatPrice(D(1)), cadence=story.cadences[0])
    end = _text(START_US + story.length_us)
    subscription = world.subscribe(
        customer,
        card,
        start="2025-09-01T00:00:00",
        end=end,
        cadence=story.cadence,
        anchor_us=story.anchor_us,
        zone=story.zone,
    )

    charges = sorted(schedule(subscription, START_US + SPAN_US), key=lambda one: one.key.number)

    edges = [START_US, *(one.period.end_us for one in charges)]
    assert [one.period.start_us for one in charges] == edges[:-1]
    assert edges[-1] == START_US + story.length_us
    assert all(one.period.start_us < one.period.end_us <= one.due_us for one in charges)


def test_no_line_is_without_effect_but_those_of_a_period() -> None:
    world = World()
    customer, _ = world.subscribed()
    world.it_is("2026-02-01T00:00:00")
    issue(world, customer.id)
    world.it_is("2026-03-01T00:00:00")

    (issued,) = issue(world, customer.id)

    assert [(one.kind, one.figures) for one in issued.lines or ()] == [(LineKind.PERIOD, NOTHING)]
