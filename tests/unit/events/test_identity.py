"""The fingerprint: equal for the same payload, different for any other."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynameter import codec
from dynameter.events.event import EventDraft
from dynameter.events.identity import fingerprint, to_event
from tests.conftest import WORKSPACE

DRAFT = EventDraft("shop", "1", "request", "customer-1", 5, {"b": 1, "a": Decimal("1.50")}, {"x": "y"})

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(st.text(), _json, max_size=4)


def test_it_is_taken_over_the_sorted_json_of_the_payload() -> None:
    sent = codec.encode_sorted(["request", "customer-1", 5, DRAFT.data, DRAFT.extensions])

    assert fingerprint(DRAFT) == hashlib.blake2b(sent, digest_size=16).digest()


@given(data=_objects)
def test_the_order_of_keys_does_not_matter(data: dict[str, Any]) -> None:
    turned = dict(reversed(data.items()))

    assert fingerprint(replace(DRAFT, data=turned)) == fingerprint(replace(DRAFT, data=data))


@given(one=_objects, other=_objects)
def test_other_data_is_another_payload(one: dict[str, Any], other: dict[str, Any]) -> None:
    same_text = codec.encode_sorted(one) == codec.encode_sorted(other)

    assert (fingerprint(replace(DRAFT, data=one)) == fingerprint(replace(DRAFT, data=other))) is same_text


@pytest.mark.parametrize(
    "change",
    [
        {"type": "other"},
        {"subject": "other"},
        {"time_us": 6},
        {"time_us": None},
        {"data": None},
        {"data": {}},
        {"extensions": None},
        {"type": "requestcustomer", "subject": "-1"},
    ],
)
def test_every_part_of_the_payload_counts(change: dict[str, Any]) -> None:
    assert fingerprint(replace(DRAFT, **change)) != fingerprint(DRAFT)


def test_source_and_id_are_no_part_of_the_payload() -> None:
    assert fingerprint(replace(DRAFT, source="other", id="2")) == fingerprint(DRAFT)


def test_an_event_without_time_happened_when_it_was_taken_in() -> None:
    timeless = replace(DRAFT, time_us=None)

    first, later = to_event(timeless, WORKSPACE, 100), to_event(timeless, WORKSPACE, 200)

    assert (first.time_us, later.time_us) == (100, 200)
    assert first.fingerprint == later.fingerprint == fingerprint(timeless)


def test_data_is_kept_as_sorted_text_digit_for_digit() -> None:
    event = to_event(DRAFT, WORKSPACE, 100)

    assert (event.data, event.extensions) == ('{"a":1.50,"b":1}', '{"x":"y"}')
