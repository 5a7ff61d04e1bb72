"""A meter is counted anew because somebody asks for it, through the real handlers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dynameter.clock import HOUR_US
from tests.conftest import WORKSPACE
from tests.simulation import dynamodb
from tests.unit.rebuild.background import Background, background

REBUILD = "POST /v1/{workspace_id}/meters/{slug}/rebuild"
DELETE = "DELETE /api/v1/meters/{meterIdOrSlug}"
KEPT_DAYS = 35


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Background]:
    """A meter with counted events; pages of history are short, so that a slice has several."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 2_000)
    with background() as found:
        found.store(60)
        found.create()
        found.settle()
        yield found


def ask(service: Background, body: Any = None, slug: str = "tokens", **options: Any) -> Any:
    path = {"workspace_id": WORKSPACE, "slug": slug}
    return service.world.call("meters", REBUILD, path=path, body=body, **options)


def test_a_rebuild_begins_a_generation_and_says_how_far_it_is(service: Background) -> None:
    answer = ask(service)

    assert answer.status == 202
    assert answer.json() == service.state()
    assert answer.json() == answer.json() | {"state": "rebuilding", "progress": 0}
    assert answer.json()["generation"] > 1


def test_usage_that_was_lost_is_counted_again(service: Background) -> None:
    service.world.memory.tables["UsageTable"].items.clear()
    service.world.memory.tables["UsageTable"].order.clear()

    ask(service)
    service.settle()

    assert service.usage("subject", "model") == service.expected("subject", "model")
    assert service.usage() == service.expected()


def test_the_old_count_answers_until_the_new_one_is_whole(service: Background) -> None:
    before = service.usage("subject")
    ask(service)

    while service.state()["state"] == "rebuilding":
        assert service.usage("subject") == before
        service.run_jobs(most=1)

    assert service.usage("subject") == service.expected("subject")


def test_events_that_come_during_a_rebuild_count_once(service: Background) -> None:
    service.store(20)
    ask(service)
    service.store(20)
    service.run_jobs(most=4)
    service.void(3, 70)
    service.settle()

    assert service.usage("subject") == service.expected("subject")


def test_a_second_rebuild_is_refused_while_the_first_goes_on(service: Background) -> None:
    assert ask(service).status == 202

    answer = ask(service, {})

    assert answer.status == 409
    assert answer.json()["extensions"]["validationErrors"][0]["code"] == "being_rebuilt"
    service.settle()
    assert ask(service).status == 202


def test_a_rebuild_that_is_under_way_can_be_begun_again(service: Background) -> None:
    first = ask(service).json()["generation"]
    service.run_jobs(most=3)

    answer = ask(service, {"restart": True})

    assert answer.json()["generation"] > first
    service.settle()
    assert service.usage("model") == service.expected("model")
    assert service.jobs() == []


def test_a_grouping_changed_after_a_rebuild_counts_right(service: Background) -> None:
    ask(service)
    service.settle()
    service.regroup(route="$.route")
    service.settle()

    assert service.usage("route") == service.expected("route")


@pytest.mark.parametrize("body", [{"restart": "yes"}, {"unknown": True}, [], "{"])
def test_a_body_that_is_none_is_refused(service: Background, body: Any) -> None:
    assert ask(service, body).status == 400


def test_there_is_no_rebuild_of_a_meter_that_is_not_there(service: Background) -> None:
    meter_id = service.create(slug="gone")["id"]
    service.settle()
    service.world.call("meters", DELETE, path={"meterIdOrSlug": "gone"})

    assert [ask(service, slug=slug).status for slug in ("nothing", "gone", meter_id)] == [404, 404, 404]


class TestWithRetention:
    """Events are kept for ``KEPT_DAYS``, usage for ever."""

    @pytest.fixture
    def keeping(self, monkeypatch: pytest.MonkeyPatch, service: Background) -> Background:
        monkeypatch.setenv("EVENT_RETENTION_DAYS", str(KEPT_DAYS))
        service.world.fleet.lose("meters")
        return service

    def test_usage_whose_events_may_have_expired_is_not_dropped_unasked(self, keeping: Background) -> None:
        keeping.world.clock.now += (KEPT_DAYS * 24 + 1) * HOUR_US

        answer = ask(keeping)

        assert answer.status == 409
        assert answer.json()["extensions"]["validationErrors"][0]["code"] == "usage_outlives_events"
        assert keeping.state()["state"] == "live"
        assert ask(keeping, {"drop_expired": True}).status == 202

    def test_younger_usage_can_be_rebuilt(self, keeping: Background) -> None:
        assert ask(keeping).status == 202
