"""Which stream records a mapping's FilterCriteria lets through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.filters import RecordFilter, UnsupportedPattern

RECORD = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "j.rebuild.1"}}, "NewImage": {"n": {"NULL": None}}}}


def admits(*patterns: Any) -> bool:
    return RecordFilter.of({"Filters": [{"Pattern": json.dumps(one)} for one in patterns]}).admits(RECORD)


def test_without_filters_every_record_passes() -> None:
    assert RecordFilter.of(None).admits(RECORD)
    assert RecordFilter.of({}).admits(RECORD)


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ({"eventName": ["INSERT"]}, True),
        ({"eventName": ["MODIFY", "INSERT"]}, True),
        ({"eventName": ["insert"]}, False),
        ({"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "j."}]}}}}, True),
        ({"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "m."}]}}}}, False),
        ({"dynamodb": {"Keys": {"sk": {"N": [{"prefix": "j."}]}}}}, False),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": ["x"]}}}}, False),
        ({"dynamodb": {"NewImage": {"n": {"NULL": [None]}}}}, True),
        ({"dynamodb": {"OldImage": {"n": {"NULL": [None]}}}}, False),
        ({"dynamodb": ["INSERT"]}, False),
        ({"eventName": {"S": ["INSERT"]}}, False),
    ],
)
def test_every_part_of_a_pattern_must_match(pattern: Any, passes: bool) -> None:
    assert admits(pattern) is passes


def test_one_of_several_filters_is_enough() -> None:
    assert admits({"eventName": ["REMOVE"]}, {"eventName": ["INSERT"]})
    assert not admits({"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]})


@pytest.mark.parametrize(
    "pattern",
    [{}, [], {"a": []}, {"a": "INSERT"}, {"a": [{"suffix": "x"}]}, {"a": [{"prefix": 1}]}, {"a": [1]}, "INSERT"],
)
def test_a_pattern_that_is_not_known_is_refused(pattern: Any) -> None:
    with pytest.raises(UnsupportedPattern):
        admits(pattern)
