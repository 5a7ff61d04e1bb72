"""OpenMeter's own Python SDK, unmodified, against this service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from corehttp.exceptions import ResourceNotFoundError
from openmeter import Client
from openmeter.models import Event, MeterCreate, MeterQueryRequest, MeterUpdate, SubjectUpsert

from tests.conformance.api import Api
from tests.conformance.polling import eventually

TIME = datetime(2026, 1, 14, 10, 0, tzinfo=UTC)


@pytest.fixture
def client(api: Api) -> Iterator[Any]:
    with Client(endpoint=api.url, token=api.key) as found:
        yield found


def create(client: Any, slug: str) -> None:
    client.meters.create(
        MeterCreate(
            slug=slug, aggregation="SUM", event_type=slug, value_property="$.tokens", group_by={"model": "$.model"}
        )
    )


def event(slug: str, number: int, subject: str, model: str, tokens: int) -> Event:
    return Event(
        id=str(number),
        source=slug,
        specversion="1.0",
        type=slug,
        subject=subject,
        time=TIME,
        data={"tokens": tokens, "model": model},
    )


def test_it_ingests_one_and_many_and_queries_them(client: Any, api: Api) -> None:
    slug = api.fresh("sdk")
    create(client, slug)

    client.events.ingest_event(event(slug, 1, "a", "gpt-4", 10))
    client.events.ingest_events([event(slug, 2, "a", "gpt-4", 5), event(slug, 3, "b", "small", 1)])
    client.events.ingest_events_json([event(slug, 3, "b", "small", 1)])

    def usage() -> Any:
        result = client.meters.query_json(
            slug,
            from_parameter=TIME,
            to=datetime(2026, 1, 15, tzinfo=UTC),
            window_size="HOUR",
            window_time_zone="UTC",
            subject=["a", "b"],
            group_by=["model"],
        )
        return {(row.subject, row.group_by["model"], row.value) for row in result.data}

    eventually(usage, {("a", "gpt-4", 15), ("b", "small", 1)})


def test_it_queries_by_post(client: Any, api: Api) -> None:
    slug = api.fresh("sdk")
    create(client, slug)
    client.events.ingest_event(event(slug, 1, "a", "gpt-4", 10))
    request = MeterQueryRequest(subject=["a"], group_by=["model"], filter_group_by={"model": ["gpt-4"]})

    eventually(lambda: [row.value for row in client.meters.query(slug, request).data], [10])


def test_it_creates_lists_gets_updates_and_deletes_meters(client: Any, api: Api) -> None:
    slug = api.fresh("sdk")

    create(client, slug)
    listed = slug in {meter.slug for meter in client.meters.list()}
    updated = client.meters.update(slug, MeterUpdate(name="Tokens", group_by={"model": "$.model"}))
    read = client.meters.get(slug)
    client.meters.delete(slug)

    assert listed
    assert (updated.name, read.name, read.group_by) == ("Tokens", "Tokens", {"model": "$.model"})
    with pytest.raises(ResourceNotFoundError):
        client.meters.get(slug)


def test_it_lists_events(client: Any, api: Api) -> None:
    slug = api.fresh("sdk")
    sent = event(slug, 1, slug, "gpt-4", 10)
    sent.time = datetime.now(UTC)
    client.events.ingest_event(sent)

    def listed() -> list[tuple[str, str]]:
        return [(one.event.id, one.event.source) for one in client.events.list(subject=slug, limit=10)]

    eventually(listed, [("1", slug)])


def test_it_upserts_lists_and_deletes_subjects(client: Any, api: Api) -> None:
    key = api.fresh("subject")

    client.subjects.upsert([SubjectUpsert(key=key, display_name="Acme")])
    listed = {one.key: one.display_name for one in client.subjects.list()}
    read = client.subjects.get(key)
    client.subjects.delete(key)

    assert (listed[key], read.display_name) == ("Acme", "Acme")
    with pytest.raises(ResourceNotFoundError):
        client.subjects.get(key)
