"""What an event may hold to count: one character more, and it is stored, and the meter skips it and says why."""

from __future__ import annotations

from typing import Any

import pytest

from dynameter.meters.quantity import MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS
from dynameter.meters.reader import MAX_GROUP_VALUE_BYTES, MAX_UNIQUE_BYTES
from tests.limits.cases_metering import EVENTS, V1
from tests.limits.edges import letters, send
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask

EXPLAIN = "GET /v1/{workspace_id}/events/explain"
SUM = {"aggregation": "SUM", "valueProperty": "$.value"}
UNIQUE = {"aggregation": "UNIQUE_COUNT", "valueProperty": "$.value"}
GROUPED = {"aggregation": "COUNT", "groupBy": {"value": "$.value"}}

VALUES = {
    "digits before the point": (SUM, lambda n: "9" * n, MAX_INTEGER_DIGITS, f"more than {MAX_INTEGER_DIGITS} digits"),
    "digits after the point": (
        SUM,
        lambda n: "0." + "1" * n,
        MAX_FRACTION_DIGITS,
        f"more than {MAX_FRACTION_DIGITS} digits",
    ),
    "a value to group by": (GROUPED, letters, MAX_GROUP_VALUE_BYTES, f"exceeds {MAX_GROUP_VALUE_BYTES} bytes"),
    "bytes of a value to group by": (
        GROUPED,
        lambda n: "é" * (n // 2) + "a" * (n % 2),
        MAX_GROUP_VALUE_BYTES,
        f"exceeds {MAX_GROUP_VALUE_BYTES} bytes",
    ),
    "a value of a unique count": (UNIQUE, letters, MAX_UNIQUE_BYTES, f"exceeds {MAX_UNIQUE_BYTES} bytes"),
    "bytes of a value of a unique count": (
        UNIQUE,
        lambda n: "é" * (n // 2) + "a" * (n % 2),
        MAX_UNIQUE_BYTES,
        f"exceeds {MAX_UNIQUE_BYTES} bytes",
    ),
}
"""The meter, what makes the value, the limit, and what is told past it."""


def verdict(settled: Settled, meter: dict[str, Any], value: str) -> dict[str, Any]:
    """What a meter of its own makes of one event with that value, which is stored."""
    settled.tenant.ok(V1, {"slug": "judge", "eventType": "judged", **meter})
    event = {**settled.tenant.event(800, "judged", "1"), "type": "judged", "data": {"value": value}}
    assert send(settled, EVENTS[0], Ask(event)).answer.status == 204
    settled.house.world.settle()
    found = send(settled, EXPLAIN, Ask(query=(("source", event["source"]), ("id", event["id"])))).answer
    assert found.status == 200, found.text
    (told,) = found.json()["meters"]
    return dict(told)


def used(settled: Settled) -> str:
    """What the meter has counted."""
    query = (("from", "2026-01-01T00:00:00Z"), ("to", "2026-02-01T00:00:00Z"))
    route = "GET /api/v1/meters/{meterIdOrSlug}/query"
    rows = send(settled, route, Ask(query=query, path={"meterIdOrSlug": "judge"})).answer.json()["data"]
    return str(rows[0]["value"]) if rows else "0"


@pytest.mark.parametrize(("meter", "make", "limit", "_"), VALUES.values(), ids=VALUES)
def test_the_longest_value_counts(meter: Any, make: Any, limit: int, _: str, untouched: Settled) -> None:
    told = verdict(untouched, meter, make(limit))

    assert told["counted"], told
    assert used(untouched) == (make(limit) if meter is SUM else "1")


@pytest.mark.parametrize(("meter", "make", "limit", "words"), VALUES.values(), ids=VALUES)
def test_a_longer_value_is_skipped_with_a_reason(
    meter: Any, make: Any, limit: int, words: str, untouched: Settled
) -> None:
    told = verdict(untouched, meter, make(limit + 1))

    assert not told["counted"]
    assert words in told["reason"]
    assert used(untouched) == "0"
