"""OpenMeter's and Konnect's doors: content types, CloudEvents rules, both error shapes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.emit.conftest import BATCH, KONNECT, SINGLE, V1, V3, MemoryDoors, cloudevent

DOORS = [(V1, 204), (V3, 202), (KONNECT, 202)]
each_door = pytest.mark.parametrize(("route", "status"), DOORS)
each_route = pytest.mark.parametrize("route", [V1, V3])


@each_door
@pytest.mark.parametrize("content_type", [SINGLE, "application/json", f"{SINGLE}; charset=utf-8", "APPLICATION/JSON"])
def test_one_event_is_stored_and_answered_with_an_empty_body(
    door: MemoryDoors, route: str, status: int, content_type: str
) -> None:
    answer = door.send(route, cloudevent(), content_type=content_type)

    assert (answer.status, answer.text, answer.counts) == (status, "", (1, 0, 0))
    assert [event.id for event in door.stored()] == ["1"]


@each_door
@pytest.mark.parametrize("content_type", [BATCH, "application/json", f"{BATCH};charset=UTF-8"])
def test_a_batch_is_stored(door: MemoryDoors, route: str, status: int, content_type: str) -> None:
    answer = door.send(route, [cloudevent(id="1"), cloudevent(id="2")], content_type=content_type)

    assert (answer.status, answer.counts) == (status, (2, 0, 0))
    assert len(door.stored()) == 2


@each_door
def test_an_empty_cloudevents_batch_is_accepted(door: MemoryDoors, route: str, status: int) -> None:
    answer = door.send(route, [], content_type=BATCH)

    assert (answer.status, answer.counts) == (status, (0, 0, 0))


@each_route
@pytest.mark.parametrize("body", [[], "nonsense", "", "7", '"text"', "null"])
def test_json_without_events_is_refused(door: MemoryDoors, route: str, body: Any) -> None:
    answer = door.send(route, body, content_type="application/json")

    assert answer.status == 400
    assert answer.json["detail"].startswith("no events found")


@each_route
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
def test_another_content_type_is_refused(door: MemoryDoors, route: str, content_type: str) -> None:
    answer = door.send(route, cloudevent(), content_type=content_type)

    assert answer.status == 400
    assert "content-type" in answer.text
    assert door.stored() == []


def test_v1_words_a_wrong_content_type_as_openmeter_does(door: MemoryDoors) -> None:
    answer = door.send(V1, cloudevent(), content_type="text/plain")

    assert answer.json["detail"] == "invalid content type: text/plain"


@each_route
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (SINGLE, "{"),
        (SINGLE, ""),
        (SINGLE, "[]"),
        (SINGLE, b'{"id":"\xff"}'),
        (SINGLE, '{"id":1e1000000000000000000}'),
        (SINGLE, "[" * 5_000),
        (BATCH, "{}"),
        (BATCH, '{"id":NaN}'),
    ],
)
def test_a_body_that_is_no_event_is_refused(door: MemoryDoors, route: str, content_type: str, body: Any) -> None:
    answer = door.send(route, body, content_type=content_type)

    assert answer.status == 400


BAD_EVENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"id": None}, "id", "required"),
    ({"id": ""}, "id", "min_length"),
    ({"id": 7}, "id", "type"),
    ({"source": None}, "source", "required"),
    ({"source": ""}, "source", "min_length"),
    ({"source": "a\nb"}, "source", "format"),
    ({"source": "a%zz"}, "source", "format"),
    ({"source": ":a"}, "source", "format"),
    ({"type": None}, "type", "required"),
    ({"type": ""}, "type", "min_length"),
    ({"subject": None}, "subject", "required"),
    ({"subject": ""}, "subject", "min_length"),
    ({"subject": ["a"]}, "subject", "type"),
    ({"specversion": "2.0"}, "specversion", "enum"),
    ({"specversion": ""}, "specversion", "min_length"),
    ({"specversion": 1}, "specversion", "type"),
    ({"time": "yesterday"}, "time", "format"),
    ({"time": "2026-02-30T00:00:00Z"}, "time", "format"),
    ({"time": "2026-01-14T10:00:00"}, "time", "format"),
    ({"time": "2026-01-14T10:00:00+05:60"}, "time", "format"),
    ({"time": "1969-12-31T23:59:59Z"}, "time", "format"),
    ({"time": 1_768_384_800}, "time", "type"),
    ({"datacontenttype": "application/xml"}, "datacontenttype", "enum"),
    ({"datacontenttype": 1}, "datacontenttype", "type"),
    ({"dataschema": ""}, "dataschema", "format"),
    ({"dataschema": 1}, "dataschema", "format"),
    ({"data": "text"}, "data", "type"),
    ({"data": [1]}, "data", "type"),
    ({"data": 1}, "data", "type"),
    ({"data": False}, "data", "type"),
    ({"data_base64": "YQ=="}, "data_base64", "unknown"),
    ({"subject": "a\0b"}, "subject", "format"),
]


@each_route
@pytest.mark.parametrize(("change", "field", "rule"), BAD_EVENTS)
def test_a_bad_attribute_is_refused_by_name(
    door: MemoryDoors, route: str, change: dict[str, Any], field: str, rule: str
) -> None:
    answer = door.send(route, cloudevent(**change), content_type=SINGLE)

    assert answer.status == 400
    assert answer.fields == [field]
    assert f'"{rule}"' in answer.text
    assert door.stored() == []


@each_route
def test_every_error_of_every_bad_event_is_told(door: MemoryDoors, route: str) -> None:
    batch = [cloudevent(), cloudevent(id="", time="x"), cloudevent(id="3"), cloudevent(type=None), 5]

    answer = door.send(route, batch, content_type=BATCH)

    assert answer.status == 400
    assert answer.fields == ["[1].id", "[1].time", "[3].type", "[4]"]
    assert door.stored() == []


def test_v1_answers_a_problem_of_type_about_blank(door: MemoryDoors) -> None:
    answer = door.send(V1, [cloudevent(time="x")], content_type=BATCH)

    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert body["type"] == "about:blank"
    assert body["title"] == "Bad Request"
    assert body["detail"].startswith("invalid event: [0].time: must be an RFC 3339")
    assert body["extensions"]["validationErrors"][0]["index"] == 0


def test_v3_answers_invalid_parameters(door: MemoryDoors) -> None:
    answer = door.send(V3, [cloudevent(source=None)], content_type=BATCH)

    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert body["type"] == "https://kongapi.info/konnect/bad-request"
    assert body["invalid_parameters"] == [
        {"field": "[0].source", "rule": "required", "reason": "is required", "source": "body"}
    ]


@each_route
@pytest.mark.parametrize("version", [None, "1.0", "0.3"])
def test_the_spec_version_may_be_missing(door: MemoryDoors, route: str, version: str | None) -> None:
    answer = door.send(route, cloudevent(specversion=version), content_type=SINGLE)

    assert answer.status in (202, 204)


@each_route
def test_null_is_as_good_as_absent(door: MemoryDoors, route: str) -> None:
    nulls = '"time":null,"data":null,"datacontenttype":null,"dataschema":null,"data_base64":null'

    answer = door.send(route, f'{{"id":"1","source":"s","type":"t","subject":"c",{nulls}}}', content_type=SINGLE)

    assert answer.status in (202, 204)
    (event,) = door.stored()
    assert event.data is None
    assert event.extensions is None


@each_route
def test_an_event_without_time_happened_on_receipt(door: MemoryDoors, route: str) -> None:
    door.send(route, cloudevent(time=None), content_type=SINGLE)

    (event,) = door.stored()
    assert event.time_us == event.ingested_at_us


@each_route
def test_time_is_kept_to_the_microsecond(door: MemoryDoors, route: str) -> None:
    door.send(route, cloudevent(time="2026-01-14T11:00:00.123456+01:00"), content_type=SINGLE)

    (event,) = door.stored()
    assert event.time_us == 1_768_384_800_123_456


def test_v1_keeps_extension_attributes(door: MemoryDoors) -> None:
    answer = door.send(V1, cloudevent(subscription="01J", traceid=7, nothing=None), content_type=SINGLE)

    assert answer.status == 204
    (event,) = door.stored()
    assert event.extensions == '{"subscription":"01J","traceid":7}'


@pytest.mark.parametrize("name", ["userId", "trace-id", "", "ünicode"])
def test_v1_refuses_extension_names_that_cloudevents_forbids(door: MemoryDoors, name: str) -> None:
    answer = door.send(V1, {**cloudevent(), name: "x"}, content_type=SINGLE)

    assert answer.status == 400
    assert "lower-case letters and digits" in answer.text


def test_v1_refuses_structured_extensions(door: MemoryDoors) -> None:
    answer = door.send(V1, cloudevent(extra={"a": 1}), content_type=SINGLE)

    assert (answer.status, answer.fields) == (400, ["extra"])


def test_v3_refuses_unknown_attributes(door: MemoryDoors) -> None:
    answer = door.send(V3, cloudevent(subscription="01J"), content_type=SINGLE)

    assert (answer.status, answer.fields) == (400, ["subscription"])
    assert answer.json["invalid_parameters"][0]["rule"] == "unknown"


@each_route
def test_the_data_schema_is_kept(door: MemoryDoors, route: str) -> None:
    door.send(route, cloudevent(dataschema="https://example.com/schema"), content_type=SINGLE)

    (event,) = door.stored()
    assert event.extensions == '{"dataschema":"https://example.com/schema"}'


def test_very_many_errors_of_one_event_are_summed_up(door: MemoryDoors) -> None:
    event = {**cloudevent(), **{f"x{number}": 1 for number in range(5_000)}}

    answer = door.send(V3, event, content_type=SINGLE)

    assert answer.status == 400
    assert len(answer.fields) == 11
    assert "4990 more errors" in answer.text
    assert len(answer.text) < 10_000


@each_route
def test_a_thousand_events_are_the_most(door: MemoryDoors, route: str) -> None:
    batch = [cloudevent(id=str(number)) for number in range(1_001)]

    assert door.send(route, batch[:1_000], content_type=BATCH).counts == (1_000, 0, 0)
    refused = door.send(route, batch, content_type=BATCH)
    assert refused.status == 413
    assert "1000" in refused.json["detail"]


@each_route
def test_the_body_may_have_4_500_000_bytes(door: MemoryDoors, route: str) -> None:
    body = b'{"id":"1","source":"s","type":"t","subject":"c"}'

    assert door.send(route, body.ljust(4_500_000), content_type=SINGLE).status in (202, 204)
    assert door.send(route, body.ljust(4_500_001), content_type=SINGLE).status == 413


@each_route
@pytest.mark.parametrize(
    "number", ["12345678901234567890.123456789", "9007199254740993", "0.1", "1.50", "123456789012345678901234567890"]
)
def test_digits_survive(door: MemoryDoors, route: str, number: str) -> None:
    body = f'{{"id":"1","source":"s","type":"t","subject":"c","data":{{"value":{number}}}}}'

    door.send(route, body, content_type=SINGLE)

    (event,) = door.stored()
    assert event.data == f'{{"value":{number}}}'
