"""Any answer is what a direct computation over the events gives, and its parts make up the whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynameter import codec
from dynameter.clock import HOUR_US
from dynameter.events.event import Event
from dynameter.meters.meter import Aggregation
from dynameter.meters.quantity import divide
from dynameter.usage.queries.query import UsageAnswer
from dynameter.usage.windows import Calendar, WindowSize, load_zone
from tests.unit.usage.builders import instant, make_event, make_meter
from tests.unit.usage.query_api import METER, Api
from tests.unit.usage.usage_in_memory import Usage, among

START = instant("2024-10-05T00:00:00Z")
KEYS = {"model": "$.model", "tier": "$.tier"}
ZONES = ["UTC", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe"]

# Few hours and many equal instants, so that minutes, windows and values meet.
moments = st.one_of(
    st.integers(0, 72).map(lambda hour: START + hour * HOUR_US),
    st.integers(0, 72 * 3_600).map(lambda second: START + second * 1_000_000),
    st.integers(0, 3_600_000_000).map(lambda microsecond: START + microsecond),
)
contents = st.tuples(
    st.decimals(-100, 100, places=1) | st.sampled_from([Decimal(1), None]),
    st.sampled_from("ab"),
    st.sampled_from(["x", "y", None]),
    moments,
)


@st.composite
def events_in_order(draw: st.DrawFn) -> list[Event]:
    return [
        make_event(
            number,
            {"value": value} | ({} if model is None else {"model": model}),
            subject=subject,
            time_us=time_us,
            ingested_at_us=time_us,
        )
        for number, (value, subject, model, time_us) in enumerate(draw(st.lists(contents, max_size=15)))
    ]


@st.composite
def questions_about(draw: st.DrawFn, events: list[Event]) -> dict[str, Any]:
    """A question whose ends often lie at, or a microsecond beside, an event."""
    beside = [one.time_us + step for one in events for step in (0, 1)]
    end = st.none() | moments | (st.sampled_from(beside) if beside else st.nothing())
    from_us, to_us = draw(end), draw(end)
    if from_us is not None and to_us is not None and from_us >= to_us:
        from_us = None
    return {
        "from_us": from_us,
        "to_us": to_us,
        "window_size": draw(st.none() | st.sampled_from(list(WindowSize))),
        "time_zone": draw(st.sampled_from(ZONES)),
        "group_by": tuple(draw(st.sets(st.sampled_from(["subject", "model", "tier"])))),
        "subjects": draw(st.sampled_from([(), ("a",), ("a", "b")])),
        "filters": draw(st.sampled_from([{}, {"model": among("x")}, {"model": among("x", "")}])),
    }


cases = events_in_order().flatmap(lambda events: st.tuples(st.just(events), questions_about(events)))


def computed(aggregation: Aggregation, events: list[tuple[Event, Decimal]]) -> Decimal:
    """The aggregate over events and their values, at least one."""
    values = [value for _, value in events]
    total = sum(map(Fraction, values), Fraction(0))
    match aggregation:
        case Aggregation.COUNT:
            return Decimal(len(values))
        case Aggregation.SUM:
            return Decimal(total.numerator) / Decimal(total.denominator)
        case Aggregation.AVG:
            return divide(Decimal(total.numerator) / Decimal(total.denominator), len(values))
        case Aggregation.MIN:
            return min(values)
        case Aggregation.MAX:
            return max(values)
        case Aggregation.UNIQUE_COUNT:
            return Decimal(len(set(values)))
        case Aggregation.LATEST:
            return max(events, key=lambda one: (one[0].time_us, one[0].id, one[0].source))[1]


def found_in(answer: UsageAnswer) -> dict[Any, Decimal]:
    windowed = answer.query.window_size is not None
    return {(row.start_us if windowed else 0, row.subject, *row.groups.items()): row.value for row in answer.rows}


def fill(aggregation: Aggregation, events: list[Event]) -> Usage:
    return Usage(make_meter(aggregation, group_by=KEYS), page_items=3).add_all(events)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(Aggregation)), cases)
def test_any_answer_equals_a_direct_computation_over_the_events(
    aggregation: Aggregation, case: tuple[list[Event], dict[str, Any]]
) -> None:
    events, question = case
    size, zone = question["window_size"], load_zone(question["time_zone"])
    from_us, to_us = question["from_us"] or 0, question["to_us"] or 10**18
    gathered: dict[Any, list[tuple[Event, Decimal]]] = {}
    for one in events:
        data: dict[str, Any] = _data(one)
        model, value = data.get("model", ""), data["value"]
        by_subject = question["subjects"] or "subject" in question["group_by"]
        if value is None and aggregation is not Aggregation.COUNT:
            continue
        if not from_us <= one.time_us < to_us or not question["filters"].get("model", among(model)).matches(model):
            continue
        if question["subjects"] and one.subject not in question["subjects"]:
            continue
        start_us = 0 if size is None else Calendar(size, zone).containing(one.time_us).start_us
        groups = ((name, text) for name, text in (("model", model), ("tier", "")) if name in question["group_by"])
        key = (start_us, one.subject if by_subject else None, *groups)
        gathered.setdefault(key, []).append((one, Decimal(0) if value is None else Decimal(value)))
    expected = {key: computed(aggregation, found) for key, found in gathered.items()}
    undivided = size is None and not question["group_by"] and not question["subjects"]
    if not expected and undivided and aggregation in (Aggregation.COUNT, Aggregation.UNIQUE_COUNT):
        expected = {(0, None): Decimal(0)}

    answer = fill(aggregation, events).ask(**question)

    assert found_in(answer) == expected
    assert len(answer.rows) == len(expected)


WHOLES: dict[Aggregation, Callable[[list[Decimal]], Decimal]] = {
    Aggregation.SUM: lambda values: sum(values, Decimal(0)),
    Aggregation.COUNT: lambda values: sum(values, Decimal(0)),
    Aggregation.MIN: min,
    Aggregation.MAX: max,
}
"""How the values of parts make that of the whole."""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(WHOLES)), cases)
def test_groups_and_windows_make_up_the_whole(
    aggregation: Aggregation, case: tuple[list[Event], dict[str, Any]]
) -> None:
    events, question = case
    usage = fill(aggregation, events)
    whole = usage.ask(**question | {"window_size": None, "group_by": (), "subjects": ()})
    together = usage.ask(**question | {"subjects": ()})

    values = [row.value for row in together.rows]

    # Of nothing a COUNT is one row of 0, anything else no row.
    parts = [WHOLES[aggregation](values)] if values else []
    assert parts == [row.value for row in whole.rows if row.value or values]


@settings(max_examples=100, deadline=None)
@given(events_in_order(), st.sampled_from(list(WindowSize)), st.sampled_from(ZONES))
def test_distinct_values_and_means_of_windows_are_those_of_their_ranges_asked_alone(
    events: list[Event], size: WindowSize, zone: str
) -> None:
    for aggregation in (Aggregation.UNIQUE_COUNT, Aggregation.AVG, Aggregation.LATEST):
        usage = fill(aggregation, events)
        for row in usage.ask(window_size=size, time_zone=zone, group_by=("subject",)).rows:
            alone = usage.ask(from_us=row.start_us, to_us=row.end_us, subjects=(str(row.subject),))
            assert [one.value for one in alone.rows] == [row.value]


@pytest.fixture(scope="module")
def function(app: ModuleType) -> ModuleType:
    return app


@settings(max_examples=40, deadline=None)
@given(
    events_in_order(), st.sampled_from(list(Aggregation)), st.sampled_from(["", "&windowSize=HOUR", "&windowSize=DAY"])
)
def test_csv_and_json_agree(function: ModuleType, events: list[Event], aggregation: Aggregation, window: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        api = Api(function, patch)
        api.define_over(replace(METER, aggregation=aggregation, value_property=_property(aggregation)), *events)
        question = f"groupBy=model&groupBy=subject{window}"

        rows = csv.DictReader(io.StringIO(api.file(question)["body"], newline=""))

        assert [
            (row["window_start"], row["window_end"], row["subject"], row["model"], Decimal(row["value"]))
            for row in rows
        ] == [
            (row["windowStart"], row["windowEnd"], row["subject"], row["groupBy"]["model"], row["value"])
            for row in api.v1(question)[1]["data"]
        ]


def _property(aggregation: Aggregation) -> str | None:
    return None if aggregation is Aggregation.COUNT else "$.value"


def _data(event: Event) -> dict[str, Any]:
    assert event.data is not None
    found: dict[str, Any] = codec.decode(event.data)
    return found
