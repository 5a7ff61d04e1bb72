"""What a meter makes of an event, generation by generation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from dynameter.events.verdict import Judge
from dynameter.meters.meter import Aggregation, Generation, Meter
from tests.conftest import WORKSPACE
from tests.unit.listing.conftest import NOW, make_event

OLD = Generation(1, {"model": "$.model"}, NOW - 100, complete=True)
NEW = Generation(2, {"agent": "$.agent"}, NOW + 100, complete=False)
METER = Meter(
    workspace=WORKSPACE,
    id="01G65Z755AFWAKHE12NY0CQ9FH",
    slug="tokens",
    name="tokens",
    description=None,
    event_type="completion",
    aggregation=Aggregation.SUM,
    value_property="$.tokens",
    group_by=NEW.group_by,
    event_from_us=None,
    metadata={},
    created_at_us=NOW,
    updated_at_us=NOW,
    deleted_at_us=None,
    generations=(OLD, NEW),
    active=1,
)
EVENT = make_event(WORKSPACE, "a", data={"tokens": 5, "model": "m", "agent": "g"})


def test_a_rebuilding_generation_has_an_entry_of_its_own() -> None:
    old, new = Judge([METER]).verdicts(EVENT)

    assert (old.generation.number, old.value, old.groups) == (1, Decimal(5), {"model": "m"})
    assert (new.generation.number, new.value) == (2, None)
    assert new.reason is not None
    assert "generation 2 is being rebuilt" in new.reason


def test_an_event_stored_since_the_generation_went_live_is_counted_during_its_rebuild() -> None:
    event = replace(EVENT, ingested_at_us=NEW.live_from_us)

    _, new = Judge([METER]).verdicts(event)

    assert (new.value, new.groups) == (Decimal(5), {"agent": "g"})


def test_a_generation_that_queries_no_longer_read_has_no_entry() -> None:
    meter = replace(METER, generations=(OLD, replace(NEW, complete=True)), active=2)

    assert [one.generation.number for one in Judge([meter]).verdicts(EVENT)] == [2]


def test_validation_errors_are_those_of_the_generation_that_queries_read() -> None:
    meter = replace(METER, generations=(OLD, replace(NEW, group_by={"agent": "$.agent"})))
    event = make_event(WORKSPACE, "a", data={"tokens": 5, "agent": "g" * 600})

    assert Judge([meter]).validation_errors(event) == ()
    assert Judge([replace(meter, active=2)]).validation_errors(event) == (
        'invalid event: the value of group by "agent" exceeds 512 bytes',
    )


def test_one_problem_is_told_once_whichever_meters_have_it() -> None:
    twin = replace(METER, id="01G65Z755AFWAKHE12NY0CQ9FJ", slug="twin")

    assert Judge([METER, twin]).validation_errors(make_event(WORKSPACE, "a", data={})) == (
        'invalid event: missing value property: "$.tokens"',
    )


def test_a_meter_whose_path_cannot_be_read_says_so() -> None:
    broken = replace(METER, value_property="$..x", generations=(OLD,))

    (verdict,) = Judge([broken]).verdicts(EVENT)

    assert verdict.reason is not None
    assert verdict.reason.startswith("the meter cannot be read")


def test_a_value_that_the_fold_refuses_is_refused_here_for_the_same_reason() -> None:
    unique = replace(METER, aggregation=Aggregation.UNIQUE_COUNT, value_property="$.agent", generations=(OLD,))
    short = make_event(WORKSPACE, "a", data={"agent": "g" * 512, "model": "m"})
    long = make_event(WORKSPACE, "b", data={"agent": "g" * 513, "model": "m"})
    judge = Judge([unique])

    (counted,) = judge.verdicts(short)

    assert (counted.value, counted.groups) == ("g" * 512, {"model": "m"})
    assert judge.validation_errors(long) == ("invalid event: the value of a unique count exceeds 512 bytes",)
