"""Whether a world at rest is right: every answer against a direct computation, and against its own recount."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

from tests.simulation.clients import METER, RECOUNT, VOIDS, Clients
from tests.simulation.oracle import MadeMeter, SentEvent, contribution, groups_of, moment, usage
from tests.simulation.world import Answer, World

ZONES = ("Asia/Kathmandu", "America/Los_Angeles", "UTC")
QUERY = "GET /api/v1/meters/{meterIdOrSlug}/query"
LISTED = 100
"""Events of a list."""
EXPLAINED = 3
"""Events of a history whose explanations are compared."""


def check(world: World, clients: Sequence[Clients]) -> None:
    """Raise AssertionError where anything is not as the events of each workspace say it must be."""
    for one in clients:
        for number, meter in enumerate(one.meters):
            _check_queries(one, meter, ZONES[number % len(ZONES)])
            _check_recount(one, meter)
            _check_subjects(one, meter)
        for event in one.events[:: max(1, len(one.events) // EXPLAINED)]:
            _check_explanation(one.meters, event, one.explain(event))
        _check_list(one)
    for one, other in permutations(clients, 2):
        _check_wall(one, other)
    world.door.check()
    _check_rest(world)


def _check_queries(clients: Clients, meter: MadeMeter, zone: str) -> None:
    def compare(query: dict[str, str], **asked: Any) -> None:
        _compare(clients, meter, query, asked)

    compare({})
    compare({"windowSize": "HOUR"}, window="HOUR")
    compare({"windowSize": "MINUTE", "groupBy": "subject"}, window="MINUTE", group_by=("subject",))
    compare({"windowSize": "DAY", "windowTimeZone": zone}, window="DAY", zone=zone)
    start, end = moment(-65, 2), moment(40, 1)
    compare({"from": _render(start), "to": _render(end)}, start=start, end=end)
    for key in meter.groups:
        compare({"groupBy": key}, group_by=(key,))


def _compare(clients: Clients, meter: MadeMeter, query: dict[str, str], asked: dict[str, Any]) -> None:
    keys: tuple[str, ...] = asked.get("group_by", ())
    expected = usage(meter, clients.events, **asked)
    answer = clients.ask(QUERY, path={"meterIdOrSlug": meter.slug}, query=list(query.items()))
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


def _check_recount(clients: Clients, meter: MadeMeter) -> None:
    body = {"from": _render(moment(-600)), "to": _render(moment(600))}
    answer = clients.ask(RECOUNT, path={"workspace_id": clients.workspace, "slug": meter.slug}, body=body)
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


def _check_subjects(clients: Clients, meter: MadeMeter) -> None:
    """A meter lists every subject that it has usage of; one whose events are all void may be left in the list."""
    answer = clients.ask(f"GET {METER}/subjects", path={"meterIdOrSlug": meter.slug})
    assert answer.status == 200, answer.text
    counted = {subject for _, subject in usage(meter, clients.events, group_by=("subject",))}
    assert counted <= set(answer.json()) <= {event.subject for event in clients.events}, (meter, answer.text)


def _check_list(clients: Clients) -> None:
    """The events are listed as they were sent, as many as a list holds, and no others."""
    answer = clients.ask("GET /api/v1/events", query=[("includeVoided", "true")])
    assert answer.status == 200, answer.text
    listed = {(one["event"]["source"], one["event"]["id"]): one["event"] for one in answer.json()}
    sent = {(event.source, event.id): event for event in clients.events}
    assert len(listed) == min(len(sent), LISTED), (len(listed), len(sent))
    for key, found in listed.items():
        assert key in sent, found
        assert (found["type"], found["subject"]) == (sent[key].type, sent[key].subject), found
        assert found["data"] == sent[key].data, found


def _check_wall(clients: Clients, other: Clients) -> None:
    """Whoever knows the ids of another workspace gets nothing with them."""
    for meter in other.meters[:1]:
        for route in (f"GET {METER}", QUERY):
            answer = clients.ask(route, path={"meterIdOrSlug": meter.id})
            assert answer.status == 404, answer.text
    for id_ in sorted(other.void_ids)[:1]:
        answer = clients.ask(f"GET {VOIDS}/{{void_id}}", path={"workspace_id": clients.workspace, "void_id": id_})
        assert answer.status == 404, answer.text


def _check_rest(world: World) -> None:
    """Nothing was put aside, and no job is left over or was given up."""
    set_aside = [key for key in world.memory.tables["UsageTable"].items if key[0].startswith("!quarantine")]
    assert not set_aside, set_aside
    jobs = [item for key, item in world.memory.tables["CatalogTable"].items.items() if key[1].startswith("j.")]
    assert not jobs, jobs


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _render(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
