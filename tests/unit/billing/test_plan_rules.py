"""Rules of plans that need no wire: cadences, and records that keep everything."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter.billing.plans.plan import (
    EntitlementTemplate,
    EntitlementType,
    PaymentTerm,
    Phase,
    PlanDraft,
    RateCard,
)
from dynameter.billing.plans.records import decode_phases, encode_phases
from dynameter.billing.plans.rules import MAX_PLAN_BYTES, check_draft
from dynameter.billing.pricing.price import (
    Commitments,
    Discounts,
    FlatPrice,
    PackagePrice,
    Tier,
    TieredPrice,
    TierMode,
    UnitPrice,
)
from dynameter.billing.pricing.rules import are_aligned

amounts = st.decimals(min_value=0, max_value=10**19, places=18, allow_nan=False, allow_infinity=False)
texts = st.text(max_size=8)
tiers = st.builds(Tier, st.none() | amounts, amounts, amounts)
prices = st.one_of(
    st.none(),
    st.builds(FlatPrice, amounts),
    st.builds(UnitPrice, amounts),
    st.builds(PackagePrice, amounts, amounts),
    st.builds(TieredPrice, st.sampled_from(TierMode), st.lists(tiers, max_size=3).map(tuple)),
)
templates = st.builds(
    EntitlementTemplate,
    type=st.sampled_from(EntitlementType),
    config=st.none() | texts,
    is_soft_limit=st.booleans(),
    issue_after_reset=st.none() | amounts,
    issue_after_reset_priority=st.integers(1, 255),
    preserve_overage_at_reset=st.booleans(),
    usage_period=st.none() | texts,
)
cards = st.builds(
    RateCard,
    key=texts,
    name=texts,
    feature_key=st.none() | texts,
    cadence=st.none() | texts,
    price=prices,
    payment_term=st.sampled_from(PaymentTerm),
    commitments=st.builds(Commitments, st.none() | amounts, st.none() | amounts),
    discounts=st.builds(Discounts, st.none() | amounts, st.none() | amounts),
    entitlement=st.none() | templates,
    description=st.none() | texts,
    metadata=st.dictionaries(texts, texts, max_size=2),
    feature_id=st.none() | texts,
)
phases = st.builds(
    Phase,
    key=texts,
    name=texts,
    duration=st.none() | texts,
    rate_cards=st.lists(cards, max_size=2).map(tuple),
    description=st.none() | texts,
    metadata=st.dictionaries(texts, texts, max_size=2),
)


@given(st.lists(phases, max_size=2).map(tuple))
def test_a_record_keeps_everything_of_the_phases(kept: tuple[Phase, ...]) -> None:
    assert decode_phases(encode_phases(kept).decode()) == kept


@pytest.mark.parametrize(
    ("one", "other", "aligned"),
    [
        ("P1M", "P1M", True),
        ("P1M", "P1Y", True),
        ("P12M", "P1Y", True),
        ("P1Y", "P3M", True),
        ("P2M", "P3M", False),
        ("P1W", "P14D", True),
        ("P1W", "P10D", False),
        ("P1M", "P1W", False),
        ("P1M", "P30D", False),
    ],
)
def test_cadences_are_aligned_where_one_is_the_other_a_whole_number_of_times(
    one: str, other: str, aligned: bool
) -> None:
    assert are_aligned(one, other) is aligned
    assert are_aligned(other, one) is aligned


def test_a_plan_that_no_item_could_hold_is_refused() -> None:
    name = "n" * 256
    fees = tuple(RateCard(f"fee_{n}", name, cadence="P1M", price=FlatPrice(Decimal(1))) for n in range(100))
    long = tuple(Phase(f"p{n}", name, "P1M", fees) for n in range(5))

    assert len(encode_phases(long)) > MAX_PLAN_BYTES
    (error,) = check_draft(PlanDraft("plan", "Plan", "USD", "P1M", long))
    assert (error.location, error.rule) == (("body", "phases"), "max_length")
