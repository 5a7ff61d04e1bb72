"""Which subjects and group values a meter has seen."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.clock import HOUR_US, MINUTE_US
from dynameter.errors import TooLarge
from dynameter.meters.meter import Aggregation, Generation
from dynameter.usage.subjects import service
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.unit.usage.builders import NOON, instant, make_event, make_meter
from tests.unit.usage.query_api import METER, PATH, SUBJECTS, VALUES, Api, read_pairs
from tests.unit.usage.usage_in_memory import Usage, event

ZUPLO_VALUES = "/v3/metering/{bucketId}/meters/{meterIdOrSlug}/group-by/{groupByKey}/values"
MONTH = "from=2026-01-01T00:00:00Z&to=2026-01-31T00:00:00Z"


def listed(api: Api, route: str, query: str = "", **path: str) -> tuple[int, Any]:
    return api.call(f"GET {route}", path=PATH | path, query=read_pairs(query))


def wrong(answer: Any) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in answer["extensions"]["validationErrors"]]


# ---- subjects


def test_subjects_are_sorted_and_from_the_beginning_of_time(filled: Api) -> None:
    assert listed(filled, SUBJECTS) == (200, ["a", "b"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from=2026-01-14T10:06:00Z", ["a", "b"]),
        ("from=2026-01-14T11:01:00Z", ["b"]),
        ("to=2026-01-14T10:05:00Z", []),
        ("to=2026-01-14T10:05:00.000001Z", ["a"]),
        ("from=2026-01-14T10:05:30Z&to=2026-01-14T10:06:30Z", ["b"]),
        ("from=2026-01-14T11:30:00Z&to=2026-01-14T11:30:01Z", ["b"]),
        ("from=2026-01-15T00:00:00Z", []),
    ],
)
def test_subjects_are_those_of_the_range_to_the_microsecond(filled: Api, query: str, found: list[str]) -> None:
    assert listed(filled, SUBJECTS, query) == (200, found)


@pytest.mark.parametrize("aggregation", list(Aggregation))
def test_subjects_are_found_whatever_is_aggregated(aggregation: Aggregation) -> None:
    usage = Usage(make_meter(aggregation)).add(
        event(0, "2026-01-14T10:00:00Z", "zero"), event(1, "2026-02-14T10:00:00Z", "one")
    )

    assert usage.used_by() == ["one", "zero"]


def test_a_subject_whose_events_the_meter_cannot_use_is_not_listed() -> None:
    usage = Usage().add(event("x", "2026-01-14T10:00:00Z", "a"), event(1, "2026-01-14T10:00:00Z", "b"))

    assert usage.used_by() == ["b"]


def test_a_subject_costs_one_read_however_much_it_has_used() -> None:
    usage = Usage().add_all(
        event(1, f"2026-01-{day:02d}T{hour:02d}:00:00Z") for day in range(1, 29) for hour in range(24)
    )
    usage.table.queries.clear()

    assert usage.used_by() == ["a"]
    assert [
        one.get("Limit") for one in usage.table.queries if "=a" in one["ExpressionAttributeValues"][":pk"]["S"]
    ] == [1]


def test_a_row_that_was_emptied_is_passed_over() -> None:
    usage = Usage().add(*(event(1, f"2026-01-14T{hour:02d}:00:00Z") for hour in range(3)))
    rows = sorted(key for key in usage.table.items if "=a" in key[0])
    for key in rows[:2]:
        usage.table.items[key] = {name: one for name, one in usage.table.items[key].items() if name[0] not in "nif"}

    assert usage.used_by() == ["a"]
    del usage.table.items[rows[2]]
    assert usage.used_by() == []


def test_more_subjects_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_LISTED", 2)
    usage = Usage().add(*(event(1, "2026-01-14T10:00:00Z", subject) for subject in "abc"))

    with pytest.raises(TooLarge, match="shorter"):
        usage.used_by()


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("from=x", "from", "format"),
        ("from=2026-01-14T10:00:00Z&to=2026-01-14T10:00:00Z", "to", "range"),
        ("to=1970-01-01T00:00:00Z", "to", "range"),
    ],
)
def test_a_range_of_subjects_that_is_none_is_refused(filled: Api, query: str, field: str, code: str) -> None:
    status, answer = listed(filled, SUBJECTS, query)

    assert (status, wrong(answer)) == (400, [(field, code)])


def test_subjects_of_an_unknown_meter_are_404(api: Api) -> None:
    assert listed(api, SUBJECTS)[0] == 404


def test_another_workspace_sees_no_lists(filled: Api) -> None:
    for route in (SUBJECTS, VALUES):
        assert filled.call(f"GET {route}", path=PATH, workspace=OTHER_WORKSPACE)[0] == 404
    assert filled.call(f"GET {ZUPLO_VALUES}", path=PATH, workspace=OTHER_WORKSPACE)[0] == 403
    assert filled.call(f"GET {SUBJECTS}", path=PATH, scopes="events:write")[0] == 403


# ---- values of a group-by key


@pytest.mark.parametrize("route", [VALUES, ZUPLO_VALUES])
def test_values_are_sorted_and_distinct_with_an_empty_text_for_a_missing_one(filled: Api, route: str) -> None:
    assert listed(filled, route, MONTH) == (200, ["", "claude", "gpt"])


def test_values_are_those_of_the_last_day_and_the_future_by_default(api: Api) -> None:
    """The clock of these tests stands at noon."""
    api.define_over(
        METER,
        *(
            make_event(at, {"value": 1, "model": model}, time_us=time_us)
            for at, (model, time_us) in enumerate(
                [("old", NOON - 24 * HOUR_US - 1), ("day", NOON - 24 * HOUR_US), ("next", NOON + HOUR_US)]
            )
        ),
    )

    assert listed(api, VALUES) == (200, ["day", "next"])
    assert api.history.reads == 0


def test_values_hold_to_the_microsecond(filled: Api) -> None:
    query = "from=2026-01-14T10:05:00.000001Z&to=2026-01-14T11:00:00.000001Z"

    assert listed(filled, VALUES, query) == (200, ["claude", "gpt"])
    assert listed(filled, VALUES, query.replace("11:00:00.000001", "11:00:00")) == (200, ["gpt"])


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("from=2025-10-16T11:59:59Z&to=2025-10-17T00:00:00Z", "from", "range"),
        ("from=2025-12-15T11:59:59Z", "to", "range"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-31T00:00:01Z", "to", "range"),
        ("from=2026-01-14T00:00:00Z&to=2026-01-14T00:00:00Z", "to", "range"),
        ("to=tomorrow", "to", "format"),
    ],
)
def test_a_range_of_values_that_is_none_too_old_or_too_long_is_refused(
    filled: Api, query: str, field: str, code: str
) -> None:
    status, answer = listed(filled, VALUES, query)

    assert (status, wrong(answer)) == (400, [(field, code)])


def test_values_ninety_days_old_over_thirty_days_may_be_asked(filled: Api) -> None:
    assert listed(filled, VALUES, "from=2025-10-16T12:00:00Z&to=2025-11-15T12:00:00Z") == (200, [])


@pytest.mark.parametrize("key", ["nope", "subject", "customer_id", "value"])
def test_what_is_no_key_of_the_meter_is_refused(filled: Api, key: str) -> None:
    status, answer = listed(filled, VALUES, groupByKey=key)

    assert (status, wrong(answer)) == (400, [("groupByKey", "invalid_group_by")])
    assert answer["detail"] == f"invalid group by: {key}"


def test_lists_say_while_the_meter_is_being_rebuilt(api: Api) -> None:
    api.define(
        make_meter(group_by={"model": "$.model"}, generations=(Generation(1, {"model": "$.model"}, NOON, False),))
    )

    for route in (SUBJECTS, VALUES, ZUPLO_VALUES):
        answer = api.answer(f"GET {route}", path=PATH | {"bucketId": WORKSPACE})
        assert answer["headers"]["dynameter-state"] == "rebuilding"
        assert answer["body"] == "[]"


def test_the_ends_of_a_subjects_list_lie_in_one_hour(filled: Api) -> None:
    start = instant("2026-01-14T10:05:00Z")

    assert Usage().add(event(1, "2026-01-14T10:06:00Z")).used_by(start, start + MINUTE_US) == []
