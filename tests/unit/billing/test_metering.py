"""What of a customer's usage is billed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature, compile_filters
from dynameter.billing.metering import BillingUsage
from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import AlreadyExists, TooLarge, Unavailable
from dynameter.meters.meter import Aggregation, Generation, Meter
from dynameter.usage.queries.query import UsageAnswer, UsageQuery, UsageRow
from tests.conftest import WORKSPACE

CUSTOMER = Customer(WORKSPACE, "C", "acme-inc", "Acme Inc", 0, 0, ("bot-1", "bot-2"))
SOURCE = {"source": "$.metering_source"}


class Recorded:
    """A usage service that answers 7 and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[UsageQuery] = []

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        self.asked.append(query)
        return UsageAnswer(query, (UsageRow(1, 2, None, {}, Decimal(7)),))


class One:
    """A meter that is found by every name."""

    def __init__(
        self,
        group_by: dict[str, str],
        aggregation: Aggregation = Aggregation.SUM,
        *,
        counted: dict[str, str] | None = None,
    ) -> None:
        generation = Generation(1, group_by if counted is None else counted, 0, complete=True)
        self.meter = Meter(
            workspace=WORKSPACE,
            id="M",
            slug="minutes",
            name="minutes",
            description=None,
            event_type="voice.minutes",
            aggregation=aggregation,
            value_property="$.metering_quantity",
            group_by=group_by,
            event_from_us=None,
            metadata={},
            created_at_us=0,
            updated_at_us=0,
            deleted_at_us=None,
            generations=(generation,),
            active=1,
        )

    def find(self, workspace: str, id_or_slug: str) -> Meter:
        return self.meter


def feature(meter_id: str | None = "M", **filters: dict[str, str]) -> Feature:
    return Feature(
        WORKSPACE, "F", "minutes", "Minutes", 0, 0, meter_id, filters_sent=filters, filters=compile_filters(filters)
    )


def asked(group_by: dict[str, str], **filters: Any) -> UsageQuery:
    usage = Recorded()
    BillingUsage(One(group_by), usage).of(WORKSPACE, feature(**filters), CUSTOMER, 10, 20)
    return usage.asked[0]


def test_the_usage_of_all_the_customers_subjects_is_asked_for_together() -> None:
    query = asked({})

    assert (query.from_us, query.to_us, query.customers) == (10, 20, {"C": ("acme-inc", "bot-1", "bot-2")})


@pytest.mark.parametrize(("source", "counts"), [("production", True), ("", True), ("simulation", False)])
def test_simulation_does_not_count(source: str, counts: bool) -> None:
    assert asked(SOURCE).filters["source"].matches(source) is counts


def test_a_feature_may_sell_simulation() -> None:
    found = asked(SOURCE, source={"$eq": "simulation"}).filters["source"]

    assert (found.matches("simulation"), found.matches("production")) == (True, False)


def test_a_meter_without_the_source_is_not_filtered() -> None:
    assert asked({"model": "$.model"}).filters == {}


def test_a_features_filters_hold() -> None:
    found = asked({"model": "$.model"}, model={"$eq": "gpt"}).filters["model"]

    assert (found.matches("gpt"), found.matches("other")) == (True, False)


def test_a_group_that_is_not_counted_yet_is_waited_for() -> None:
    meters = One({"model": "$.model"}, counted={})

    with pytest.raises(Unavailable, match="rebuilt"):
        BillingUsage(meters, Recorded()).of(WORKSPACE, feature(model={"$eq": "gpt"}), CUSTOMER, 10, 20)


def test_a_group_that_was_dropped_is_not_waited_for() -> None:
    with pytest.raises(AlreadyExists, match="has no group by model any more"):
        asked({}, model={"$eq": "gpt"})


@pytest.mark.parametrize(
    ("sold", "customer", "span"),
    [
        (feature(None), CUSTOMER, (10, 20)),
        (feature(), Customer(WORKSPACE, "C", None, "Nobody", 0, 0), (10, 20)),
        (feature(), CUSTOMER, (20, 20)),
    ],
    ids=["no meter", "no subjects", "no time"],
)
def test_nothing_is_read_where_nothing_can_be(sold: Feature, customer: Customer, span: tuple[int, int]) -> None:
    usage = Recorded()

    found = BillingUsage(One({}), usage).of(WORKSPACE, sold, customer, *span)

    assert (found, usage.asked) == (Decimal(0), [])


@pytest.mark.parametrize(
    ("aggregation", "additive"),
    [
        (Aggregation.SUM, True),
        (Aggregation.COUNT, True),
        (Aggregation.UNIQUE_COUNT, False),
        (Aggregation.LATEST, False),
    ],
)
def test_sums_and_counts_are_additive(aggregation: Aggregation, additive: bool) -> None:
    assert BillingUsage(One({}, aggregation), Recorded()).is_additive(WORKSPACE, feature()) is additive


class Bounded(Recorded):
    """A usage service that counts an hour as 1, and refuses to read more than 100 at once."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        self.asked.append(query)
        hours = Decimal(query.range.end_us - query.range.start_us) / HOUR_US
        if hours > 100:
            raise TooLarge("too much usage", code="query_too_large")
        return UsageAnswer(query, (UsageRow(1, 2, None, {}, hours),))


def test_what_is_too_much_to_read_at_once_is_added_up_of_parts() -> None:
    meters, span = One({}, Aggregation.SUM), (90, 8_784 * HOUR_US + 90)

    assert BillingUsage(meters, Bounded()).of(WORKSPACE, feature(), CUSTOMER, *span) == 8_784


def test_the_parts_of_what_is_too_much_to_read_begin_with_whole_hours() -> None:
    usage = Bounded()

    BillingUsage(One({}), usage).of(WORKSPACE, feature(), CUSTOMER, 90, 150 * HOUR_US + 90)

    assert [(one.from_us, one.to_us) for one in usage.asked[1:]] == [
        (90, 75 * HOUR_US),
        (75 * HOUR_US, 150 * HOUR_US + 90),
    ]


class Crowded(Recorded):
    """A usage service with an event every microsecond, which reads at most 100 of cut minutes at once."""

    def query(self, meter: Meter, query: UsageQuery) -> UsageAnswer:
        self.asked.append(query)
        if sum(one.end_us - one.start_us for one in query.edges) > 100:
            raise TooLarge("too many events", code="edge_too_large")
        events = Decimal(query.range.end_us - query.range.start_us)
        return UsageAnswer(query, (UsageRow(1, 2, None, {}, events),))


@pytest.mark.parametrize(
    "span",
    [(90, 190), (10, 1_000), (MINUTE_US - 150, 3 * MINUTE_US + 150), (MINUTE_US - 150, MINUTE_US), (0, 500)],
    ids=["few", "one minute", "both ends", "the start", "the end"],
)
def test_minutes_with_too_many_events_to_read_at_once_are_read_in_parts(span: tuple[int, int]) -> None:
    counted = BillingUsage(One({}), Crowded()).of(WORKSPACE, feature(), CUSTOMER, *span)

    assert counted == span[1] - span[0]


def test_what_does_not_add_up_is_not_read_in_parts() -> None:
    meters = One({}, Aggregation.UNIQUE_COUNT)

    with pytest.raises(TooLarge):
        BillingUsage(meters, Bounded()).of(WORKSPACE, feature(), CUSTOMER, 0, 150 * HOUR_US)
