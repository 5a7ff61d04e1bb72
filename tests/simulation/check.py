"""Whether a world at rest is right: every answer against a direct computation, and against its own recount."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.conftest import WORKSPACE
from tests.simulation.oracle import MadeMeter, SentEvent, contribution, groups_of, moment, usage
from tests.simulation.world import Answer, World

ZONES = ("UTC", "Asia/Kathmandu", "America/Los_Angeles")
QUERY = "GET /api/v1/meters/{meterIdOrSlug}/query"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"
EXPLAINED = 3
"""Events of a history whose explanations are compared."""


def check(
    world: World, meters: Sequence[MadeMeter], events: Sequence[SentEvent], explain: Callable[[SentEvent], Answer]
) -> None:
    """Raise AssertionError where anything is not as the events say it must be."""
    for meter in meters:
        _check_queries(world, meter, events)
        _check_recount(world, meter)
    for event in events[:: max(1, len(events) // EXPLAINED)]:
        _check_explanation(meters, event, explain(event))
    _check_rest(world)


def _check_queries(world: World, meter: MadeMeter, events: Sequence[SentEvent]) -> None:
    def compare(query: dict[str, str], **asked: Any) -> None:
        _compare(world, meter, events, query, asked)

    compare({})
    compare({"windowSize": "HOUR"}, window="HOUR")
    compare({"windowSize": "MINUTE", "groupBy": "subject"}, window="MINUTE", group_by=("subject",))
    for zone in ZONES:
        compare({"windowSize": "DAY", "windowTimeZone": zone}, window="DAY", zone=zone)
    start, end = moment(-65, 2), moment(40, 1)
    compare({"from": _render(start), "to": _render(end)}, start=start, end=end)
    for key in meter.groups:
        compare({"groupBy": key}, group_by=(key,))


def _compare(
    world: World, meter: MadeMeter, events: Sequence[SentEvent], query: dict[str, str], asked: dict[str, Any]
) -> None:
    keys: tuple[str, ...] = asked.get("group_by", ())
    expected = usage(meter, events, **asked)
    answer = world.ask("meters", QUERY, path={"meterIdOrSlug": meter.slug}, query=list(query.items()))
    assert answer.status == 200, answer.text
    assert "dynameter-state" not in answer.headers, (meter, answer.headers)
    found = {}
    for row in answer.json()["data"]:
        start = _instant(row["windowStart"]) if asked.get("window") else None
        groups = tuple(row["subject"] if key == "subject" else row["groupBy"][key] for key in keys)
        found[(start, *groups)] = Decimal(row["value"])
    if meter.aggregation in ("COUNT", "UNIQUE_COUNT") and not expected and not keys and not asked.get("window"):
        expected = {(None,): Decimal(0)}
    assert found == expected, (meter, query)


def _check_recount(world: World, meter: MadeMeter) -> None:
    body = {"from": _render(moment(-600)), "to": _render(moment(600))}
    answer = world.ask("meters", RECOUNT, path={"workspace_id": WORKSPACE, "slug": meter.slug}, body=body)
    assert answer.status == 200, answer.text
    found = answer.json()
    # Without usage on either side there is no difference; with usage on one side only, it is null and a fault.
    assert found["aggregate"] == found["recount"], answer.text
    assert found["aggregate"] is None or Decimal(found["difference"]) == 0, answer.text
    assert not found.get("groups"), answer.text


def _check_explanation(meters: Sequence[MadeMeter], event: SentEvent, answer: Answer) -> None:
    assert answer.status == 200, answer.text
    found = answer.json()
    assert found["voided"] is event.voided, answer.text
    verdicts = {one["slug"]: one for one in found["meters"]}
    wanted = {meter.slug: meter for meter in meters if meter.type == event.type}
    assert verdicts.keys() == wanted.keys(), answer.text
    for slug, meter in wanted.items():
        value, verdict = contribution(meter, event), verdicts[slug]
        assert verdict["counted"] is (value is not None), (meter, verdict)
        if value is None:
            assert verdict["reason"], verdict
        else:
            assert type(value)(verdict["value"]) == value, (meter, verdict)
            assert verdict["groups"] == groups_of(meter, event), (meter, verdict)


def _check_rest(world: World) -> None:
    """Nothing was put aside, and no job is left over or was given up."""
    set_aside = [key for key in world.memory.tables["UsageTable"].items if key[0].startswith("!")]
    assert not set_aside, set_aside
    jobs = [item for key, item in world.memory.tables["CatalogTable"].items.items() if key[1].startswith("j.")]
    assert not jobs, jobs


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _render(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
