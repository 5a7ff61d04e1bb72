"""What of a customer's usage is billed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dynameter.billing.customers.customer import Customer
from dynameter.billing.features.feature import Feature, compile_filters
from dynameter.billing.metering import BillingUsage
from dynameter.errors import Unavailable
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

    def __init__(self, group_by: dict[str, str], aggregation: Aggregation = Aggregation.SUM) -> None:
        generation = Generation(1, group_by, 0, complete=True)
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
    with pytest.raises(Unavailable, match="rebuilt"):
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
