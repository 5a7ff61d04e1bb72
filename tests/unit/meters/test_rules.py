"""Every rule of a meter's definition, each refusal with the field it is about."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.meters.meter import Aggregation, MeterChange, MeterDraft
from dynameter.meters.rules import check_change, check_draft, is_id, is_slug

VALID: dict[str, Any] = {
    "slug": "tokens_total",
    "event_type": "completion",
    "aggregation": Aggregation.SUM,
    "value_property": "$.tokens",
    "group_by": {"model": "$.model"},
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"slug": "a"},
        {"slug": "a" * 64},
        {"slug": "0_1"},
        {"name": "n" * 256},
        {"description": "d" * 1024},
        {"event_type": "t" * 256},
        {"aggregation": Aggregation.COUNT, "value_property": None},
        {"aggregation": Aggregation.UNIQUE_COUNT},
        {"group_by": {f"k{number}": f"$.k{number}" for number in range(10)}},
        {"group_by": {"_A1": "$['any thing']"}},
        {"metadata": {f"k{number}": "v" * 1024 for number in range(50)}},
    ],
)
def test_a_definition_within_the_rules_has_no_errors(changed: dict[str, Any]) -> None:
    assert check_draft(MeterDraft(**(VALID | changed))) == ()


@pytest.mark.parametrize(
    ("changed", "field", "rule"),
    [
        ({"slug": ""}, ("slug",), "min_length"),
        ({"slug": "a" * 65}, ("slug",), "max_length"),
        ({"slug": "Upper"}, ("slug",), "pattern"),
        ({"slug": "with-dash"}, ("slug",), "pattern"),
        ({"slug": "_a"}, ("slug",), "pattern"),
        ({"slug": "a__b"}, ("slug",), "pattern"),
        ({"slug": "a\n"}, ("slug",), "pattern"),
        ({"name": ""}, ("name",), "min_length"),
        ({"name": "n" * 257}, ("name",), "max_length"),
        ({"description": ""}, ("description",), "min_length"),
        ({"description": "d" * 1025}, ("description",), "max_length"),
        ({"event_type": ""}, ("event_type",), "min_length"),
        ({"event_type": "t" * 257}, ("event_type",), "max_length"),
        ({"aggregation": Aggregation.COUNT}, ("value_property",), "not_allowed"),
        ({"aggregation": Aggregation.COUNT, "value_property": ""}, ("value_property",), "not_allowed"),
        ({"value_property": None}, ("value_property",), "required"),
        ({"value_property": ""}, ("value_property",), "required"),
        ({"value_property": "tokens"}, ("value_property",), "format"),
        ({"value_property": "$..tokens"}, ("value_property",), "format"),
        ({"value_property": "$." + "a" * 512}, ("value_property",), "format"),
        ({"group_by": {"1a": "$.a"}}, ("group_by", "1a"), "pattern"),
        ({"group_by": {"a-b": "$.a"}}, ("group_by", "a-b"), "pattern"),
        ({"group_by": {"": "$.a"}}, ("group_by", ""), "pattern"),
        ({"group_by": {"a" * 65: "$.a"}}, ("group_by", "a" * 64), "max_length"),
        ({"group_by": {"a": "a"}}, ("group_by", "a"), "format"),
        ({"group_by": {"a": "$.tokens"}}, ("group_by", "a"), "not_allowed"),
        ({"group_by": {"a": "$['tokens']"}}, ("group_by", "a"), "not_allowed"),
        ({"group_by": {"subject": "$.s"}}, ("group_by", "subject"), "reserved_dimension"),
        ({"group_by": {"customer_id": "$.s"}}, ("group_by", "customer_id"), "reserved_dimension"),
        ({"group_by": {f"k{number}": "$.k" for number in range(11)}}, ("group_by",), "max_items"),
        ({"metadata": {f"k{number}": "v" for number in range(51)}}, ("metadata",), "max_items"),
        ({"metadata": {"": "v"}}, ("metadata", ""), "key_length"),
        ({"metadata": {"k" * 129: "v"}}, ("metadata", "k" * 128), "key_length"),
        ({"metadata": {"k": "v" * 1025}}, ("metadata", "k"), "max_length"),
    ],
)
def test_a_broken_rule_is_named_with_its_field(changed: dict[str, Any], field: tuple[str, ...], rule: str) -> None:
    errors = check_draft(MeterDraft(**(VALID | changed)))
    assert [(one.location, one.rule) for one in errors] == [(("body", *field), rule)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"aggregation": Aggregation.COUNT},
            "meter value property is not allowed when the aggregation is count",
        ),
        ({"description": ""}, "description must not be empty string"),
    ],
)
def test_openmeters_wordings_are_kept(changed: dict[str, Any], message: str) -> None:
    assert [one.message for one in check_draft(MeterDraft(**(VALID | changed)))] == [message]


def test_every_wrong_field_is_named_at_once() -> None:
    errors = check_draft(MeterDraft(slug="A", event_type="", aggregation=Aggregation.SUM, group_by={"1": "x"}))
    assert [one.location[1] for one in errors] == ["slug", "event_type", "value_property", "group_by", "group_by"]


def test_a_change_may_not_group_by_the_value_property() -> None:
    change = MeterChange("name", None, {}, {"a": "$.tokens"})
    assert [one.rule for one in check_change(change, "$.tokens")] == ["not_allowed"]


@pytest.mark.parametrize(
    ("text", "slug", "identity"),
    [
        ("01KFHZ0J4VPJ4P5D0M3Q1N8R7S", False, True),
        ("01kfhz0j4vpj4p5d0m3q1n8r7s", True, True),
        ("81KFHZ0J4VPJ4P5D0M3Q1N8R7S", False, False),
        ("01KFHZ0J4VPJ4P5D0M3Q1N8R7U", False, False),
        ("01KFHZ0J4VPJ4P5D0M3Q1N8R7S\n", False, False),
        ("tokens_total", True, False),
        ("", False, False),
    ],
)
def test_a_slug_and_an_id_are_told_apart_by_their_form(text: str, slug: bool, identity: bool) -> None:
    assert (is_slug(text), is_id(text)) == (slug, identity)
