"""The usage of customers: that of all their subjects, resolved when it is asked for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter import codec
from dynameter.clock import HOUR_US
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation
from dynameter.meters.quantity import divide
from dynameter.usage.queries.query import MAX_ENTRIES, MAX_SUBJECTS
from dynameter.usage.windows import Calendar, WindowSize, load_zone
from tests.unit.usage.builders import instant, make_event, make_meter
from tests.unit.usage.query_api import METER, ZUPLO, Api
from tests.unit.usage.usage_in_memory import Usage, among

START = instant("2024-10-05T00:00:00Z")
DAY = "from=2026-01-14T00:00:00Z&to=2026-01-15T00:00:00Z"
BODY_DAY = {"from": "2026-01-14T00:00:00Z", "to": "2026-01-15T00:00:00Z"}


@pytest.fixture
def sold(api: Api) -> Api:
    """Usage of three subjects, two of them of one customer."""
    api.define(
        METER,
        (1, "2026-01-14T10:05:00Z", "acme", "gpt"),
        (2, "2026-01-14T10:06:00Z", "acme-bot", "gpt"),
        (4, "2026-01-14T11:00:00Z", "acme", "claude"),
        (8, "2026-01-14T11:30:00Z", "other", "gpt"),
        (16, "2026-01-14T11:40:00Z", "nobody", "gpt"),
    )
    api.customers.add("c1", "acme-bot", key="acme")
    api.customers.add("c2", "other")
    api.customers.add("c3", "idle")
    return api


def rows(answer: tuple[int, Any]) -> list[Any]:
    status, body = answer
    assert status == 200, body
    return [(one.get("customerId"), one["subject"], one["value"]) for one in body["data"]]


def customers(*ids: str) -> dict[str, Any]:
    return {**BODY_DAY, "filters": {"dimensions": {"customer_id": {"in": list(ids)}}}}


def test_v1_a_customer_is_answered_with_the_usage_of_its_subjects_together(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1")) == [("c1", None, 7)]


def test_v1_customers_are_told_apart(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c2&filterCustomerId=c1&filterCustomerId=c2")) == [
        ("c1", None, 7),
        ("c2", None, 8),
    ]


def test_v1_a_body_asks_the_same(sold: Api) -> None:
    assert rows(sold.v1(body={**BODY_DAY, "filterCustomerId": ["c1"], "groupBy": ["customer_id"]})) == [("c1", None, 7)]


def test_zuplo_asks_the_same(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1", route=ZUPLO)) == [("c1", None, 7)]


def test_v1_subjects_are_told_apart_where_they_are_asked_for(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1&groupBy=subject")) == [
        ("c1", "acme", 5),
        ("c1", "acme-bot", 2),
    ]


def test_v1_a_filter_by_subject_holds_beside_that_by_customer(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1&subject=acme&subject=other")) == [("c1", "acme", 5)]


def test_v1_a_subject_of_another_customer_leaves_nothing(sold: Api) -> None:
    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1&subject=other")) == []


def test_v1_a_customer_without_usage_has_no_row(sold: Api) -> None:
    assert rows(sold.v1("filterCustomerId=c3")) == []


def test_v1_groups_and_windows_divide_a_customers_usage(sold: Api) -> None:
    body = sold.v1(f"{DAY}&filterCustomerId=c1&groupBy=model&windowSize=HOUR")[1]

    found = [(one["windowStart"][11:13], one["groupBy"], one["value"]) for one in body["data"]]
    assert found == [("10", {"model": "gpt"}, 3), ("11", {"model": "claude"}, 4)]


def test_v1_an_end_inside_a_minute_is_exact_for_a_customer(sold: Api) -> None:
    ends = "from=2026-01-14T10:05:00.000001Z&to=2026-01-14T11:00:00.000001Z"

    assert rows(sold.v1(f"{ends}&filterCustomerId=c1")) == [("c1", None, 6)]


def test_v1_an_edge_alone_counts_nobody_elses_events(sold: Api) -> None:
    ends = "from=2026-01-14T11:30:00Z&to=2026-01-14T11:30:30Z"

    assert rows(sold.v1(f"{ends}&filterCustomerId=c1")) == []
    assert rows(sold.v1(f"{ends}&filterCustomerId=c1&subject=other")) == []


def test_an_attribution_holds_for_the_past_too(sold: Api) -> None:
    sold.customers.add("c1", "nobody")

    assert rows(sold.v1(f"{DAY}&filterCustomerId=c1")) == [("c1", None, 16)]


def test_a_deleted_customer_is_answered_with_what_its_subjects_used(sold: Api) -> None:
    sold.customers.add("c9", "acme", deleted_at_us=1)

    assert rows(sold.v1(f"{DAY}&filterCustomerId=c9&filterCustomerId=c1")) == [("c1", None, 7), ("c9", None, 5)]


@pytest.mark.parametrize("query", ["groupBy=customer_id", "groupBy=customer_id&subject=acme"])
def test_v1_grouping_by_customer_needs_a_filter_by_customer(sold: Api, query: str) -> None:
    assert sold.v1(query)[0] == 400


def test_v1_an_unknown_customer_among_known_ones_is_not_found(sold: Api) -> None:
    assert sold.v1("filterCustomerId=c1&filterCustomerId=c8")[0] == 404


def test_too_many_customers_are_refused(sold: Api) -> None:
    many = [f"c{number}" for number in range(MAX_ENTRIES + 1)]

    status, answer = sold.v1(body={"filterCustomerId": many})
    assert (status, answer["extensions"]["validationErrors"][0]["field"]) == (400, "filterCustomerId")
    status, answer = sold.v3(customers(*many))
    assert (status, answer["invalid_parameters"][0]["field"]) == (400, "filters.dimensions.customer_id")


def test_customers_of_too_many_subjects_are_refused(sold: Api) -> None:
    sold.customers.add("c1", *(f"s{number}" for number in range(MAX_SUBJECTS + 1)))

    status, answer = sold.v1("filterCustomerId=c1")
    assert (status, answer["extensions"]["validationErrors"][0]["field"]) == (400, "filterCustomerId")
    status, answer = sold.v3(customers("c1"))
    assert (status, answer["invalid_parameters"][0]["field"]) == (400, "filters.dimensions.customer_id")


def test_v1_a_file_names_the_customer_among_the_groups(sold: Api) -> None:
    body = sold.file(f"{DAY}&filterCustomerId=c1&groupBy=model&groupBy=subject")["body"]

    day = "2026-01-14T00:00:00Z,2026-01-15T00:00:00Z"
    assert body.splitlines() == [
        "window_start,window_end,subject,customer_id,model,value",
        f"{day},acme,c1,claude,4",
        f"{day},acme,c1,gpt,1",
        f"{day},acme-bot,c1,gpt,2",
    ]


def test_v3_a_filter_by_customer_groups_by_customer(sold: Api) -> None:
    data = sold.v3(customers("c2", "c1"))[1]["data"]

    assert [(one["dimensions"], one["value"]) for one in data] == [
        ({"customer_id": "c1"}, "7"),
        ({"customer_id": "c2"}, "8"),
    ]


def test_v3_a_customer_is_named_beside_its_subject_and_groups(sold: Api) -> None:
    asked = customers("c1") | {"group_by_dimensions": ["subject", "model", "customer_id"]}

    data = sold.v3(asked)[1]["data"]

    assert data[0]["dimensions"] == {"subject": "acme", "customer_id": "c1", "model": "claude"}


def test_v3_grouping_by_customer_needs_a_filter_by_customer(sold: Api) -> None:
    status, answer = sold.v3({"group_by_dimensions": ["customer_id"]})

    assert (status, answer["invalid_parameters"][0]["rule"]) == (400, "invalid_group_by")


def test_v3_a_file_names_the_customers_key_and_name_too(sold: Api) -> None:
    body = sold.file(body=customers("c1", "c2") | {"group_by_dimensions": ["subject", "model"]})["body"]

    day = "2026-01-14T00:00:00Z,2026-01-15T00:00:00Z"
    assert body.splitlines()[:2] == [
        "from,to,subject,customer_id,customer_key,customer_name,model,value",
        f"{day},acme,c1,acme,C1,claude,4",
    ]
    assert body.splitlines()[-1] == f"{day},other,c2,,C2,gpt,8"


# ---- any answer is what a direct computation over the events gives

SUBJECTS = "abcd"
moments = st.one_of(
    st.integers(0, 30).map(lambda hour: START + hour * HOUR_US),
    st.integers(0, 3_600_000_000).map(lambda microsecond: START + microsecond),
)
contents = st.tuples(
    st.decimals(-100, 100, places=1) | st.just(Decimal(1)), st.sampled_from(SUBJECTS), st.sampled_from("xy"), moments
)
owned = st.sets(st.sampled_from(SUBJECTS), min_size=1).map(lambda found: tuple(sorted(found)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Event], dict[str, Any]]:
    events = [
        make_event(number, {"value": value, "model": model}, subject=subject, time_us=at, ingested_at_us=at)
        for number, (value, subject, model, at) in enumerate(draw(st.lists(contents, max_size=15)))
    ]
    ends = sorted(draw(st.lists(moments, min_size=2, max_size=2, unique=True)))
    question = {
        "from_us": draw(st.sampled_from([None, ends[0]])),
        "to_us": draw(st.sampled_from([None, ends[1]])),
        "window_size": draw(st.none() | st.sampled_from(list(WindowSize))),
        "group_by": tuple(draw(st.sets(st.sampled_from(["subject", "model", "customer_id"])))),
        "subjects": draw(st.sampled_from([(), ("a", "b"), ("d",)])),
        "filters": draw(st.sampled_from([{}, {"model": among("x")}])),
        # One subject may be of a live and of a deleted customer.
        "customers": draw(st.dictionaries(st.sampled_from(["c1", "c2"]), owned, min_size=1)),
    }
    return events, question


def read(event: Event) -> tuple[Decimal, str]:
    assert event.data is not None
    data: dict[str, Any] = codec.decode(event.data)
    return Decimal(data["value"]), data["model"]


def computed(aggregation: Aggregation, events: list[Event]) -> Decimal:
    values = [read(one)[0] for one in events]
    total = sum(map(Fraction, values), Fraction(0))
    whole = Decimal(total.numerator) / Decimal(total.denominator)
    match aggregation:
        case Aggregation.COUNT:
            return Decimal(len(values))
        case Aggregation.SUM:
            return whole
        case Aggregation.AVG:
            return divide(whole, len(values))
        case Aggregation.MIN:
            return min(values)
        case Aggregation.MAX:
            return max(values)
        case Aggregation.UNIQUE_COUNT:
            return Decimal(len(set(values)))
        case Aggregation.LATEST:
            return read(max(events, key=lambda one: (one.time_us, one.id, one.source)))[0]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(Aggregation)), cases())
def test_a_customers_usage_equals_a_direct_computation_over_its_subjects_events(
    aggregation: Aggregation, case: tuple[list[Event], dict[str, Any]]
) -> None:
    events, question = case
    from_us, to_us = question["from_us"] or 0, question["to_us"] or 10**18
    size, groups = question["window_size"], question["group_by"]
    gathered: dict[Any, list[Event]] = {}
    for one in events:
        model = read(one)[1]
        outside = not from_us <= one.time_us < to_us
        unnamed = question["subjects"] and one.subject not in question["subjects"]
        if outside or unnamed or (question["filters"] and model != "x"):
            continue
        start_us = 0 if size is None else Calendar(size, load_zone("UTC")).containing(one.time_us).start_us
        subject = one.subject if question["subjects"] or "subject" in groups else None
        for customer, subjects in question["customers"].items():
            if one.subject in subjects:
                key = (start_us, customer, subject, model if "model" in groups else None)
                gathered.setdefault(key, []).append(one)
    usage = Usage(make_meter(aggregation, group_by={"model": "$.model"}), page_items=3).add_all(events)

    answer = usage.ask(**question)

    found = {
        (row.start_us if size else 0, row.customer, row.subject, row.groups.get("model")): row.value
        for row in answer.rows
    }
    assert found == {key: computed(aggregation, events) for key, events in gathered.items()}
    assert len(answer.rows) == len(found)
