"""Amigo's door: the contract of 202 and 422, exact quantities, retries by event_id and Idempotency-Key."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import WORKSPACE
from tests.unit.emit.conftest import AMIGO, MemoryDoors, emission

EVENT_ID = "b3f1c5de-9a77-4c8e-8f53-6f2a4f0f3b11"


def test_an_emission_is_accepted(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, emission())

    assert answer.status == 202
    assert answer.text == '{"status":"accepted","event_type":"voice.minutes"}'
    assert answer.counts == (1, 0, 0)


def test_an_emission_becomes_an_event_of_the_workspace(door: MemoryDoors) -> None:
    metadata = {"agent": "intake", "deep": {"list": [1, 2.50]}}
    body = emission(effective_at="2026-01-14T10:00:00Z", metering_unit="minutes", metering_metadata=metadata)

    door.send(AMIGO, body)

    (event,) = door.stored()
    assert (event.source, event.type, event.subject) == ("amigo", "voice.minutes", WORKSPACE)
    assert uuid.UUID(event.id).version == 4
    assert event.time_us == 1_768_384_800_000_000
    assert json.loads(event.data or "") == {
        "metering_quantity": 12.5,
        "metering_source": "production",
        "metering_unit": "minutes",
        "metering_metadata": metadata,
    }


def test_what_is_null_or_absent_leaves_no_trace_in_the_data(door: MemoryDoors) -> None:
    nulls = '"effective_at":null,"metering_unit":null,"metering_metadata":null,"event_id":null'
    body = f'{{"event_type":"a","metering_quantity":0,"metering_source":"simulation",{nulls}}}'

    assert door.send(AMIGO, body).status == 202

    (event,) = door.stored()
    assert event.data == '{"metering_quantity":0,"metering_source":"simulation"}'
    assert event.time_us == event.ingested_at_us


@pytest.mark.parametrize(
    "quantity", ["12345678901234567890.123456789", "9007199254740993", "0.1", "0", "1e-400", "12.50"]
)
def test_the_quantity_keeps_its_digits(door: MemoryDoors, quantity: str) -> None:
    body = f'{{"event_type":"a","metering_quantity":{quantity},"metering_source":"production"}}'

    assert door.send(AMIGO, body).status == 202

    (event,) = door.stored()
    assert event.data == f'{{"metering_quantity":{quantity.upper()},"metering_source":"production"}}'


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("12.50", "12.50"),
        (" 7 ", "7"),
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        (True, "1"),
    ],
)
def test_what_fastapi_takes_for_a_number_is_stored_as_one(door: MemoryDoors, sent: Any, stored: str) -> None:
    assert door.send(AMIGO, emission(metering_quantity=sent)).status == 202

    (event,) = door.stored()
    assert event.data == f'{{"metering_quantity":{stored},"metering_source":"production"}}'


@pytest.mark.parametrize("moment", ["2026-01-14T10:00:00", "2026-01-14T12:00:00+02:00", "2026-01-14 10:00:00Z"])
def test_effective_at_without_a_zone_is_utc(door: MemoryDoors, moment: str) -> None:
    door.send(AMIGO, emission(effective_at=moment))

    assert door.stored()[0].time_us == 1_768_384_800_000_000


BAD_BODIES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"metering_quantity": -1},
        "metering_quantity",
        {
            "type": "greater_than_equal",
            "msg": "Input should be greater than or equal to 0",
            "input": -1,
            "ctx": {"ge": 0.0},
        },
    ),
    (
        {"metering_quantity": "x"},
        "metering_quantity",
        {
            "type": "float_parsing",
            "msg": "Input should be a valid number, unable to parse string as a number",
            "input": "x",
        },
    ),
    (
        {"metering_quantity": "inf"},
        "metering_quantity",
        {"type": "finite_number", "msg": "Input should be a finite number", "input": "inf"},
    ),
    (
        {"metering_source": "test"},
        "metering_source",
        {
            "type": "literal_error",
            "msg": "Input should be 'production' or 'simulation'",
            "input": "test",
            "ctx": {"expected": "'production' or 'simulation'"},
        },
    ),
    (
        {"event_type": "Voice"},
        "event_type",
        {
            "type": "string_pattern_mismatch",
            "msg": "String should match pattern '^[a-z][a-z0-9._]*$'",
            "input": "Voice",
            "ctx": {"pattern": "^[a-z][a-z0-9._]*$"},
        },
    ),
    (
        {"event_type": ""},
        "event_type",
        {
            "type": "string_too_short",
            "msg": "String should have at least 1 character",
            "input": "",
            "ctx": {"min_length": 1},
        },
    ),
    (
        {"event_type": "a" * 65},
        "event_type",
        {
            "type": "string_too_long",
            "msg": "String should have at most 64 characters",
            "input": "a" * 65,
            "ctx": {"max_length": 64},
        },
    ),
    (
        {"metering_unit": "u" * 33},
        "metering_unit",
        {
            "type": "string_too_long",
            "msg": "String should have at most 32 characters",
            "input": "u" * 33,
            "ctx": {"max_length": 32},
        },
    ),
    (
        {"metering_metadata": [1]},
        "metering_metadata",
        {"type": "dict_type", "msg": "Input should be a valid dictionary", "input": [1]},
    ),
]


@pytest.mark.parametrize(("change", "field", "worded"), BAD_BODIES)
def test_a_bad_field_is_worded_as_fastapi_does(
    door: MemoryDoors, change: dict[str, Any], field: str, worded: dict[str, Any]
) -> None:
    answer = door.send(AMIGO, emission(**change))

    assert answer.status == 422
    assert answer.json == {"detail": [{"loc": ["body", field], **worded}]}
    assert door.stored() == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"effective_at": "noon"}, "datetime_from_date_parsing"),
        ({"effective_at": "1969-12-31T23:59:59Z"}, "value_error"),
        ({"effective_at": "9999-06-01T00:00:00Z"}, "value_error"),
        ({"effective_at": "0001-01-01T00:00:00+14:00"}, "value_error"),
        ({"event_id": "not-a-uuid"}, "uuid_parsing"),
        ({"metering_quantity": []}, "float_type"),
        ({"metering_unit": ""}, "string_too_short"),
        ({"metering_metadata": {"x": "y" * 262_144}}, "max_length"),
    ],
)
def test_other_bad_fields_are_refused_by_name(door: MemoryDoors, change: dict[str, Any], kind: str) -> None:
    answer = door.send(AMIGO, emission(**change))

    assert answer.status == 422
    (error,) = answer.json["detail"]
    assert (error["type"], error["loc"]) == (kind, ["body", *change])


def test_a_negative_too_small_for_a_float_is_refused(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, '{"event_type":"a","metering_quantity":-1e-400,"metering_source":"production"}')

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "greater_than_equal"


@pytest.mark.parametrize("quantity", ["1e-1001", "0e1001", "1e-99999999999", "1e-9999999999999999999999"])
def test_a_quantity_as_text_that_could_not_be_read_again_is_refused(door: MemoryDoors, quantity: str) -> None:
    answer = door.send(AMIGO, emission(metering_quantity=quantity))

    assert answer.status == 422
    (error,) = answer.json["detail"]
    assert (error["type"], error["loc"]) == ("float_parsing", ["body", "metering_quantity"])


def test_missing_fields_are_all_named(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, {})

    assert answer.status == 422
    assert answer.json["detail"] == [
        {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": {}}
        for name in ("event_type", "metering_quantity", "metering_source")
    ]


@pytest.mark.parametrize("body", [None, "", "null"])
def test_a_missing_body_is_named(door: MemoryDoors, body: Any) -> None:
    answer = door.send(AMIGO, body)

    assert answer.status == 422
    assert answer.json["detail"] == [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}]


@pytest.mark.parametrize(
    ("body", "position", "reason"),
    [
        ("{", 1, "Expecting property name enclosed in double quotes"),
        ("nonsense", 0, "Expecting value"),
        ('{"a": 1,}', 8, "Illegal trailing comma before end of object"),
    ],
)
def test_malformed_json_is_worded_as_fastapi_does(door: MemoryDoors, body: str, position: int, reason: str) -> None:
    answer = door.send(AMIGO, body)

    assert answer.status == 422
    (error,) = answer.json["detail"]
    assert error["type"] == "json_invalid"
    assert error["msg"] == "JSON decode error"
    assert error["loc"][0] == "body"
    assert error["input"] == {}
    if not reason.startswith("Illegal"):  # worded otherwise before Python 3.13
        assert (error["loc"], error["ctx"]) == (["body", position], {"error": reason})


def test_a_body_that_is_no_unicode_is_refused(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, b'{"event_type":"\xff"}', content_type="application/vnd.amigo+json")

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "json_invalid"


@pytest.mark.parametrize(
    "body", ['{"metering_quantity": NaN}', "1" * 5_000, "[" * 5_000, '{"a":1e1000000000000000000}']
)
def test_json_that_cannot_be_kept_exactly_is_refused(door: MemoryDoors, body: Any) -> None:
    answer = door.send(AMIGO, body)

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "json_invalid"


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "5.5", "true"])
def test_json_that_is_no_object_is_refused(door: MemoryDoors, body: str) -> None:
    answer = door.send(AMIGO, body)

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "model_attributes_type"
    assert answer.json["detail"][0]["loc"] == ["body"]


def test_a_body_of_another_type_is_no_object(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, emission(), content_type="text/plain")

    assert answer.status == 422
    assert answer.json["detail"][0]["type"] == "model_attributes_type"


def test_a_workspace_that_is_no_uuid_is_refused(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, emission(), at="acme")

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["path", "workspace_id"]


def test_metadata_may_nest_but_not_without_end(door: MemoryDoors) -> None:
    deep: dict[str, Any] = {}
    for _ in range(62):
        deep = {"x": deep}

    assert door.send(AMIGO, emission(metering_metadata=deep)).status == 202
    refused = door.send(AMIGO, emission(metering_metadata={"x": {"x": deep}}))
    assert refused.status == 422
    assert refused.json["detail"][0]["type"] == "max_nesting"


def test_long_input_is_not_echoed_in_full(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, {"metering_metadata": "x" * 1_000_000})

    assert answer.status == 422
    assert len(answer.text) < 30_000


def test_a_body_past_the_limit_is_too_large(door: MemoryDoors) -> None:
    body = b'{"event_type":"a","metering_quantity":1,"metering_source":"production"}'

    assert door.send(AMIGO, body.ljust(4_500_000)).status == 202
    assert door.send(AMIGO, body.ljust(4_500_001)).status == 413


def test_the_same_event_id_is_counted_once(door: MemoryDoors) -> None:
    first = door.send(AMIGO, emission(event_id=EVENT_ID))
    again = door.send(AMIGO, emission(event_id=EVENT_ID.upper()))

    assert (first.counts, again.counts) == ((1, 0, 0), (0, 1, 0))
    assert again.text == first.text


def test_an_event_id_with_another_payload_is_a_conflict_and_the_first_stays(door: MemoryDoors) -> None:
    door.send(AMIGO, emission(event_id=EVENT_ID))
    other = door.send(AMIGO, emission(event_id=EVENT_ID, metering_quantity=13))

    assert (other.status, other.counts) == (202, (0, 0, 1))
    assert '"metering_quantity":12.5' in (door.stored()[0].data or "")


def test_the_same_idempotency_key_is_counted_once(door: MemoryDoors) -> None:
    headers = {"idempotency-key": "retry-1"}

    first = door.send(AMIGO, emission(), headers=headers)
    again = door.send(AMIGO, emission(), headers=headers)

    assert (first.counts, again.counts) == ((1, 0, 0), (0, 1, 0))


def test_an_event_id_wins_over_the_idempotency_key(door: MemoryDoors) -> None:
    door.send(AMIGO, emission(event_id=EVENT_ID), headers={"idempotency-key": "retry-1"})

    assert [event.id for event in door.stored()] == [EVENT_ID]


def test_an_idempotency_key_never_collides_with_an_event_id(door: MemoryDoors) -> None:
    door.send(AMIGO, emission(event_id=EVENT_ID))
    other = door.send(AMIGO, emission(), headers={"idempotency-key": EVENT_ID})

    assert other.counts == (1, 0, 0)


@pytest.mark.parametrize(("key", "kind"), [("", "string_too_short"), ("x" * 257, "string_too_long")])
def test_a_bad_idempotency_key_is_refused(door: MemoryDoors, key: str, kind: str) -> None:
    answer = door.send(AMIGO, emission(), headers={"idempotency-key": key})

    assert answer.status == 422
    (error,) = answer.json["detail"]
    assert (error["type"], error["loc"]) == (kind, ["header", "idempotency-key"])


def test_a_bad_header_and_a_bad_body_are_told_together(door: MemoryDoors) -> None:
    answer = door.send(AMIGO, emission(metering_quantity=-1), headers={"idempotency-key": ""})

    assert [error["loc"][0] for error in answer.json["detail"]] == ["header", "body"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_fields = ("event_type", "metering_quantity", "metering_source", "effective_at", "metering_unit", "event_id")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(st.sampled_from(_fields), _json, max_size=3))
def test_no_value_in_any_field_is_answered_by_a_fault(door: MemoryDoors, change: dict[str, Any]) -> None:
    answer = door.send(AMIGO, {**emission(), **change})

    assert answer.status in (202, 422)
