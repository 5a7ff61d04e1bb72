"""A meter covers the events from before it, and a changed grouping too, through the real handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from dynameter.clock import HOUR_US, render
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.simulation import dynamodb
from tests.simulation.dynamodb import Call
from tests.simulation.faults import Killed
from tests.simulation.world import START_US
from tests.unit.rebuild.background import EVENTS, SUM, Background, background


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Background]:
    """Pages of history are short, so that a slice has several."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 2_000)
    with background() as found:
        yield found


def test_a_new_meter_counts_the_events_from_before_it(service: Background) -> None:
    service.store(120)
    service.stream()
    service.create()

    service.run_jobs()

    assert service.usage("subject", "model") == service.expected("subject", "model")
    assert service.usage() == service.expected()


def test_events_before_and_after_the_meter_count_once_each(service: Background) -> None:
    service.store(60)
    service.create()
    service.store(60)

    service.settle()

    assert service.usage("subject") == service.expected("subject")


def test_events_that_were_not_yet_streamed_when_the_meter_was_made_count_once(service: Background) -> None:
    service.store(60)
    service.create()
    service.run_jobs()
    service.stream()

    assert service.usage() == service.expected()


def test_a_new_meter_says_how_far_it_is(service: Background) -> None:
    service.store(60)
    created = service.create()

    state = service.state()
    assert (state["generation"], state["state"], state["progress"]) == (1, "rebuilding", 0)
    assert state["live_from"] > created["createdAt"]
    seen = []
    while service.waiting_jobs():
        service.run_jobs(most=1)
        seen.append((service.state()["state"], service.state()["progress"]))

    assert seen[-1] == ("live", 1)
    progress = [Decimal(one) for _, one in seen]
    assert progress == sorted(progress)
    assert {state for state, one in seen if one < 1} == {"rebuilding"}
    assert len(set(progress)) > 3


def test_a_meter_before_any_event_is_live_at_once_and_for_little(service: Background) -> None:
    service.create()
    before = service.world.memory.calls

    service.run_jobs()

    assert service.state()["state"] == "live"
    assert service.world.memory.calls - before < 40


def test_the_state_of_a_meter_is_found_by_slug_or_id_in_its_own_workspace(service: Background) -> None:
    created = service.create()
    assert service.state(created["id"]) == service.state("tokens")

    for slug, workspace, status in (("nothing", WORKSPACE, 404), ("tokens", OTHER_WORKSPACE, 403)):
        path = {"workspace_id": workspace, "slug": slug}
        answer = service.world.ask("meters", "GET /v1/{workspace_id}/meters/{slug}/state", path=path)
        assert answer.status == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_query_says_that_the_meter_is_being_rebuilt(service: Background) -> None:
    service.store(10)
    service.create()
    assert service.query().headers.get("dynameter-state") == "rebuilding"

    service.run_jobs()

    assert "dynameter-state" not in service.query().headers


def test_events_before_event_from_are_left_out(service: Background) -> None:
    service.store(120)
    start_us = START_US - 3 * HOUR_US
    service.create(eventFrom=render(start_us))

    service.settle()

    kept = [event for event in service.events() if event.time_us >= start_us]
    assert 0 < len(kept) < 120
    total = service.usage().get((), Decimal(0))
    assert total == sum(Decimal(int(one.id.removeprefix("event-")) % 7) / 2 for one in kept)


def test_events_of_other_types_and_unusable_ones_are_passed_over(service: Background) -> None:
    service.store(20)
    items = service.world.memory.tables[EVENTS].items
    for number, (name, value) in enumerate((("y", "other"), ("d", '{"tokens":"x"}'), ("d", "{")), start=3):
        key = next(key for key in items if key[0].endswith(f"event-{number}"))
        service.world.memory.put_item(TableName=EVENTS, Item={**items[key], name: {"S": value}})
    service.create()

    service.run_jobs()

    counted = [number for number in range(20) if number not in (3, 4, 5)]
    assert service.usage() == {(): sum((Decimal(number % 7) / 2 for number in counted), Decimal(0))}


def test_the_old_grouping_answers_until_the_new_one_is_whole(service: Background) -> None:
    service.store(90)
    service.create()
    service.settle()
    before = service.usage("model")
    service.regroup(route="$.route")

    while service.state()["state"] == "rebuilding":
        assert service.usage("model") == before
        assert service.query(("groupBy", "route")).status == 400
        service.run_jobs(most=1)

    assert service.usage("route") == service.expected("route")
    assert service.query(("groupBy", "model")).status == 400
    assert service.state()["generation"] == 2


def test_live_events_reach_both_groupings_while_the_new_one_is_rebuilt(service: Background) -> None:
    service.store(60)
    service.create()
    service.settle()
    service.regroup(route="$.route", model="$.model")
    service.store(30)
    service.stream()
    assert service.usage("model") == service.expected("model")

    service.settle()

    assert service.usage("route", "model") == service.expected("route", "model")


def test_another_change_during_a_rebuild_gives_the_first_one_up(service: Background) -> None:
    service.store(90)
    service.create()
    service.settle()
    service.regroup(route="$.route")
    service.run_jobs(most=6)
    service.regroup(route="$.route", kind="$.model")

    service.settle()

    assert service.state()["generation"] == 3
    assert service.usage("kind", "route") == {
        (model, route): value for (model, route), value in service.expected("model", "route").items()
    }
    assert service.jobs() == []


def test_two_rebuilds_in_a_row_count_once_each(service: Background) -> None:
    service.store(60)
    service.create()
    for group_by in ({"route": "$.route"}, {"model": "$.model"}):
        service.settle()
        service.store(30)
        service.regroup(**group_by)
    service.settle()

    assert service.usage("model", "subject") == service.expected("model", "subject")


def test_a_meter_regrouped_before_its_first_rebuild_is_done_comes_out_right(service: Background) -> None:
    service.store(60)
    service.create()
    service.regroup(route="$.route")
    service.run_jobs(most=5)
    service.store(10)

    service.settle()

    assert service.usage("route") == service.expected("route")


def test_a_deleted_meters_rebuild_ends(service: Background) -> None:
    service.store(90)
    service.create()
    service.run_jobs(most=4)
    assert service.jobs()

    path = {"meterIdOrSlug": "tokens"}
    assert service.world.ask("meters", "DELETE /api/v1/meters/{meterIdOrSlug}", path=path).status == 204
    service.run_jobs()

    assert service.jobs() == []


def test_voids_before_during_and_after_a_rebuild_are_taken_into_account_once(service: Background) -> None:
    service.store(100)
    service.void(1, 2, 3)
    service.void(4)
    service.unvoid()
    service.create()
    service.run_jobs(most=3)
    service.void(10, 11, 12, 13)
    service.stream()
    service.run_jobs(most=5)
    service.unvoid()
    service.void(11)

    service.settle()

    assert service.usage("subject", "model") == service.expected("subject", "model")


@pytest.mark.parametrize("aggregation", ["COUNT", "AVG", "MIN", "MAX", "LATEST", "UNIQUE_COUNT"])
def test_every_aggregation_reaches_back(service: Background, aggregation: str) -> None:
    service.store(60)
    value = None if aggregation == "COUNT" else "$.tokens"
    for slug in ("before", "after"):
        if slug == "after":
            service.store(60)
        body = {"slug": slug, "eventType": "request", "aggregation": aggregation}
        body |= {"valueProperty": value} if value else {}
        assert service.world.ask("meters", "POST /api/v1/meters", body=body).status == 201
        service.settle()

    def answers(slug: str) -> object:
        route = "GET /api/v1/meters/{meterIdOrSlug}/query"
        query = [("groupBy", "subject"), ("windowSize", "HOUR")]
        return service.world.ask("meters", route, path={"meterIdOrSlug": slug}, query=query).json()["data"]

    assert answers("before") == answers("after") != []


def test_done_jobs_leave_nothing_behind(service: Background) -> None:
    service.store(30)
    service.create()

    service.run_jobs()

    assert service.jobs() == []


def test_a_meter_whose_slow_maker_died_counts_what_was_stored_meanwhile(service: Background) -> None:
    memory = service.world.memory
    calm = memory.intercept

    def be_slow_and_die(_call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        memory.intercept = calm
        service.world.clock.sleep(5)
        service.store(20)
        service.stream()
        apply()
        raise Killed

    memory.intercept = be_slow_and_die
    assert service.world.call("meters", "POST /api/v1/meters", body=SUM) is None
    assert service.usage() == {}

    service.settle()

    assert service.state() == service.state() | {"state": "live", "generation": 2}
    assert service.usage("subject") == service.expected("subject")
