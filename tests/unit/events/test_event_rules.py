"""Every limit of an event, at it and one past it."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.errors import TooLarge
from dynameter.events import rules
from dynameter.events.event import EventDraft


def draft(**changes: Any) -> EventDraft:
    good: dict[str, Any] = {
        "source": "shop",
        "id": "1",
        "type": "request",
        "subject": "customer-1",
        "time_us": None,
        "data": {"count": 1},
    }
    return EventDraft(**{**good, **changes})


def wrong(found: EventDraft) -> list[tuple[str | int, str]]:
    return [(error.location[-1], error.rule) for error in rules.check(found)]


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"x": data}
    return data


def test_a_usual_event_passes() -> None:
    assert rules.check(draft()) == ()


@pytest.mark.parametrize(("field", "limit"), [("id", 512), ("source", 1_024), ("type", 256), ("subject", 512)])
@pytest.mark.parametrize("character", ["x", "ü", "€", "😀"])
def test_texts_are_limited_in_bytes(field: str, limit: int, character: str) -> None:
    size = len(character.encode())

    assert wrong(draft(**{field: character * (limit // size)})) == []
    assert wrong(draft(**{field: character * (limit // size + 1)})) == [(field, "max_length")]


@pytest.mark.parametrize("field", ["id", "source", "type", "subject"])
@pytest.mark.parametrize(("text", "rule"), [("", "min_length"), ("a\0b", "format"), ("\ud800", "format")])
def test_texts_that_a_key_cannot_hold_are_refused(field: str, text: str, rule: str) -> None:
    assert wrong(draft(**{field: text})) == [(field, rule)]


def test_data_is_limited_as_compact_json() -> None:
    fitting = "x" * (262_144 - len('{"x":""}'))

    assert wrong(draft(data={"x": fitting})) == []
    assert wrong(draft(data={"x": fitting + "x"})) == [("data", "max_length")]


def test_data_nests_64_levels_deep() -> None:
    assert wrong(draft(data=nested(64))) == []
    assert wrong(draft(data=nested(65))) == [("data", "max_nesting")]


def test_lists_nest_like_objects() -> None:
    value: Any = []
    for _ in range(63):
        value = [value]

    assert wrong(draft(data={"x": value[0]})) == []
    assert wrong(draft(data={"x": value})) == [("data", "max_nesting")]


def test_data_with_a_lone_surrogate_is_refused() -> None:
    assert wrong(draft(data={"x": "\ud800"})) == [("data", "format")]


def test_extensions_are_limited_in_number_and_bytes() -> None:
    assert wrong(draft(extensions={f"x{number}": 1 for number in range(20)})) == []
    assert wrong(draft(extensions={f"x{number}": 1 for number in range(21)})) == [("extensions", "max_items")]
    fitting = "x" * (4_096 - len('{"x":""}'))
    assert wrong(draft(extensions={"x": fitting})) == []
    assert wrong(draft(extensions={"x": fitting + "x"})) == [("extensions", "max_length")]


def test_all_errors_are_told() -> None:
    assert wrong(draft(id="", type="\0")) == [("id", "min_length"), ("type", "format")]


def test_a_batch_of_a_thousand_is_the_most() -> None:
    rules.check_batch(1_000)
    with pytest.raises(TooLarge, match="limit is 1000"):
        rules.check_batch(1_001)


def test_a_body_of_4_500_000_bytes_is_the_most() -> None:
    rules.check_body(bytes(4_500_000))
    with pytest.raises(TooLarge, match="limit is 4500000"):
        rules.check_body(bytes(4_500_001))
