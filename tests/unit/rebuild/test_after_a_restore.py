"""Tables are lost, or come back as they were some time ago; a rebuild of every meter makes usage what the events say.

What comes back does so as from a backup: its items at once, in no stream. Processes begin anew with it, as they do
where a deployment names another table.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import WORKSPACE
from tests.simulation.tables import Key, Table
from tests.unit.rebuild.background import CATALOG, EVENTS, SUM, Background, background

USAGE = "UsageTable"
REBUILD = "POST /v1/{workspace_id}/meters/{slug}/rebuild"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"
METER = "GET /api/v1/meters/{meterIdOrSlug}"
QUERY = "GET /api/v1/meters/{meterIdOrSlug}/query"
DAYS = {"from": "2026-01-13T00:00:00Z", "to": "2026-01-15T00:00:00Z"}
PEAK = {"slug": "peak", "eventType": "request", "aggregation": "MAX", "valueProperty": "$.tokens"}
FUNCTIONS = ("emit", "meters", "aggregate", "rebuild")

Backup = dict[Key, dict[str, Any]]


@pytest.fixture
def service() -> Iterator[Background]:
    """Two meters that add and keep the greatest, with usage."""
    with background() as found:
        found.store(60)
        found.create()
        found.create(**{**PEAK, "groupBy": {}})
        found.settle()
        yield found


def table(service: Background, name: str) -> Table:
    return service.world.memory.tables[name]


def back_up(service: Background, name: str) -> Backup:
    return {key: dict(item) for key, item in table(service, name).items.items()}


def restore(service: Background, name: str, backup: Backup) -> None:
    found = table(service, name)
    for key in list(found.items):
        for index in found.indexes.values():
            index.apply(key, None)
        found.store(key, None)
    for key, item in backup.items():
        found.store(key, item)
        for index in found.indexes.values():
            index.apply(key, item)
    for function in FUNCTIONS:
        service.world.fleet.lose(function)


def rebuild_all(service: Background) -> None:
    for slug in ("tokens", "peak"):
        path = {"workspace_id": WORKSPACE, "slug": slug}
        assert service.world.ask("meters", REBUILD, path=path, body={"restart": True}).status == 202
    service.settle()


def peaks(service: Background) -> dict[str, Decimal]:
    answer = service.world.ask("meters", QUERY, path={"meterIdOrSlug": "peak"}, query=[("groupBy", "subject")])
    return {row["subject"]: Decimal(row["value"]) for row in answer.json()["data"]}


def expected_peaks(service: Background) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for event in service.events():
        if not event.voided:
            value = Decimal(int(event.id.removeprefix("event-")) % 7) / 2
            found[event.subject] = max(found.get(event.subject, value), value)
    return found


def assert_exact(service: Background) -> None:
    """Every figure is what the events make it, and the recount says so."""
    meter = service.world.ask("meters", METER, path={"meterIdOrSlug": "tokens"}).json()
    keys = ("subject", *sorted(meter.get("groupBy") or {}))
    assert service.usage(*keys) == service.expected(*keys)
    assert peaks(service) == expected_peaks(service)
    for slug in ("tokens", "peak"):
        path = {"workspace_id": WORKSPACE, "slug": slug}
        answer = service.world.ask("meters", RECOUNT, path=path, body=DAYS).json()
        assert (answer["difference"], answer["state"], answer.get("groups", [])) == ("0", "live", [])


def test_usage_that_is_gone_is_rebuilt(service: Background) -> None:
    restore(service, USAGE, {})
    assert service.usage() != service.expected()

    rebuild_all(service)

    assert_exact(service)


def test_usage_from_some_time_ago_is_rebuilt(service: Background) -> None:
    service.void(3, 6)
    service.stream()
    backup = back_up(service, USAGE)
    service.settle()
    service.store(40)
    service.unvoid()
    service.void(13, 20, 61)
    service.settle()
    restore(service, USAGE, backup)
    assert service.usage() != service.expected()

    rebuild_all(service)

    assert_exact(service)


def test_events_that_come_while_usage_is_gone_count_once(service: Background) -> None:
    restore(service, USAGE, {})
    service.store(20)
    service.stream()
    service.store(20)
    rebuild_all(service)
    service.store(20)
    service.void(65)
    service.settle()

    assert_exact(service)


def test_events_that_are_older_than_usage_count_once_when_they_are_sent_again(service: Background) -> None:
    backup = back_up(service, EVENTS)
    service.store(40)
    service.settle()
    restore(service, EVENTS, backup)
    service.written -= 40
    service.store(30)
    service.settle()
    assert service.usage() != service.expected()

    rebuild_all(service)

    assert_exact(service)


def test_events_that_are_put_back_come_through_the_stream_and_count_once(service: Background) -> None:
    service.store(40)
    service.void(5, 65)
    service.settle()
    lost = dict(list(back_up(service, EVENTS).items())[50:80])
    restore(service, EVENTS, {key: item for key, item in back_up(service, EVENTS).items() if key not in lost})
    for item in lost.values():
        service.world.memory.put_item(TableName=EVENTS, Item=item)
    service.settle()
    assert service.usage() != service.expected()

    rebuild_all(service)

    assert_exact(service)


def test_a_catalog_that_does_not_know_later_generations_gives_no_number_again(service: Background) -> None:
    backup = back_up(service, CATALOG)
    for group_by in ({"route": "$.route"}, {"model": "$.model", "route": "$.route"}):
        service.regroup(**group_by)
        service.store(20)
        service.settle()
    rebuild_all(service)
    restore(service, CATALOG, backup)

    rebuild_all(service)

    assert_exact(service)
    service.regroup(route="$.route")
    service.store(5)
    service.settle()
    assert_exact(service)


def test_a_rebuild_that_was_under_way_in_the_backup_is_begun_again(service: Background) -> None:
    service.regroup(route="$.route")
    service.run_jobs(most=3)
    backup = back_up(service, CATALOG)
    service.settle()
    restore(service, CATALOG, backup)
    service.settle()
    assert service.state()["state"] == "rebuilding"

    rebuild_all(service)

    assert_exact(service)


def test_a_meter_made_after_the_backup_is_made_again_under_its_slug(service: Background) -> None:
    backup = back_up(service, CATALOG)
    service.create(**{**SUM, "slug": "later"})
    service.settle()
    restore(service, CATALOG, backup)
    assert service.world.ask("meters", QUERY, path={"meterIdOrSlug": "later"}).status == 404

    service.create(**{**SUM, "slug": "later"})
    rebuild_all(service)

    answer = service.world.ask("meters", QUERY, path={"meterIdOrSlug": "later"})
    assert Decimal(answer.json()["data"][0]["value"]) == service.expected()[()]
    assert_exact(service)
