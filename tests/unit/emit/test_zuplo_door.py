"""Zuplo's door: the short shape, what is filled in, retries by Idempotency-Key."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.unit.emit.conftest import BATCH, SINGLE, ZUPLO, MemoryDoors, cloudevent

SHORT = {"type": "api_request", "subject": "customer-123", "data": {"count": 1, "route": "/products/:id"}}
OTHER = {"type": "completion", "subject": "customer-123", "data": {"tokens": 1250, "model": "gpt-4"}}


@pytest.mark.parametrize("content_type", ["application/json", SINGLE, "application/json; charset=utf-8", ""])
def test_the_short_shape_is_accepted(door: MemoryDoors, content_type: str) -> None:
    answer = door.send(ZUPLO, SHORT, content_type=content_type)

    assert (answer.status, answer.text, answer.counts) == (202, "", (1, 0, 0))


@pytest.mark.parametrize("content_type", ["application/json", BATCH, ""])
def test_an_array_of_the_short_shape_is_accepted(door: MemoryDoors, content_type: str) -> None:
    answer = door.send(ZUPLO, [SHORT, OTHER], content_type=content_type)

    assert (answer.status, answer.counts) == (202, (2, 0, 0))


def test_what_is_absent_is_filled_in(door: MemoryDoors) -> None:
    door.send(ZUPLO, SHORT)

    (event,) = door.stored()
    assert event.source == "zuplo"
    assert uuid.UUID(event.id).version == 4
    assert event.time_us == event.ingested_at_us
    assert event.data == '{"count":1,"route":"/products/:id"}'


def test_the_short_shape_twice_is_two_events(door: MemoryDoors) -> None:
    door.send(ZUPLO, SHORT)
    door.send(ZUPLO, SHORT)

    assert len(door.stored()) == 2


def test_a_retry_with_the_same_idempotency_key_is_one_event_each(door: MemoryDoors) -> None:
    headers = {"idempotency-key": "retry-1"}

    first = door.send(ZUPLO, [SHORT, SHORT], headers=headers)
    second = door.send(ZUPLO, [SHORT, SHORT], headers=headers)

    assert (first.counts, second.counts) == ((2, 0, 0), (0, 2, 0))


def test_an_id_of_its_own_wins_over_the_idempotency_key(door: MemoryDoors) -> None:
    door.send(ZUPLO, {**SHORT, "id": "mine"}, headers={"idempotency-key": "retry-1"})

    assert [event.id for event in door.stored()] == ["mine"]


@pytest.mark.parametrize("key", ["", "x" * 257, "caf\u00e9"])
def test_a_bad_idempotency_key_is_refused(door: MemoryDoors, key: str) -> None:
    answer = door.send(ZUPLO, SHORT, headers={"idempotency-key": key})

    assert (answer.status, answer.fields) == (400, ["idempotency-key"])
    assert door.stored() == []


def test_an_idempotency_key_may_have_256_characters(door: MemoryDoors) -> None:
    assert door.send(ZUPLO, SHORT, headers={"idempotency-key": "x" * 256}).status == 202


def test_a_cloudevent_with_its_subscription_is_accepted(door: MemoryDoors) -> None:
    door.send(ZUPLO, cloudevent(source="monetization-policy", subscription="01J0"), content_type=SINGLE)

    (event,) = door.stored()
    assert (event.source, event.id) == ("monetization-policy", "1")
    assert event.extensions == '{"subscription":"01J0"}'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subject": "c"}, "type"),
        ({"type": "t"}, "subject"),
        ({**SHORT, "data": [1]}, "data"),
        ({**SHORT, "time": "noon"}, "time"),
        ({**SHORT, "id": 5}, "id"),
        ({**SHORT, "source": 5}, "source"),
    ],
)
def test_a_bad_field_is_refused_by_name(door: MemoryDoors, body: Any, field: str) -> None:
    answer = door.send(ZUPLO, body)

    assert (answer.status, answer.fields) == (400, [field])
    assert answer.json["trace"]["requestId"]


@pytest.mark.parametrize("body", [[], "", "nonsense"])
def test_no_events_are_refused(door: MemoryDoors, body: Any) -> None:
    assert door.send(ZUPLO, body).status == 400


def test_another_content_type_is_refused(door: MemoryDoors) -> None:
    assert door.send(ZUPLO, SHORT, content_type="text/csv").status == 400


def test_a_bucket_that_is_no_uuid_is_refused(door: MemoryDoors) -> None:
    assert door.send(ZUPLO, SHORT, at="my-bucket").status == 400


def test_a_batch_past_the_limit_is_too_large(door: MemoryDoors) -> None:
    assert door.send(ZUPLO, [SHORT] * 1_001).status == 413
    assert door.stored() == []
