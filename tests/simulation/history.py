"""Histories: what happens to a world step by step, and whether its answers are right in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from tests.conftest import WORKSPACE
from tests.simulation.oracle import MadeMeter, SentEvent, moment, usage
from tests.simulation.world import SHARDS, Fault, World, world

AGGREGATIONS = ("SUM", "COUNT", "AVG", "MIN", "MAX", "LATEST", "UNIQUE_COUNT")
ZONES = ("UTC", "Asia/Kathmandu", "America/Los_Angeles")
MINUTES = (-130, -64, -2, 0, 1, 1, 1, 39, 130)
NUMBERS = (Decimal("0.1"), Decimal("12345678901234567890.123456789"), "0.4567890123456789", "7", "x", None)
GROUP_KEYS: tuple[tuple[str, ...], ...] = ((), ("g",), ("g", "h"))


@dataclass
class Emit:
    """Send events; an id below the number already sent sends that one again."""

    events: list[tuple[str, str, int, int, dict[str, Any]]]
    again: int


@dataclass
class Create:
    aggregation: str
    type: str
    groups: list[str]


@dataclass
class Regroup:
    meter: int
    groups: list[str]


@dataclass
class Deliver:
    table: str
    shard: int
    count: int
    again: int


@dataclass
class Zombie:
    shard: int
    start: int
    count: int


@dataclass
class Void:
    first: int
    count: int


@dataclass
class Unvoid:
    number: int


@dataclass
class Fail:
    """A fault comes after some more calls of storage, whoever makes them."""

    fault: Fault
    calls: int


@dataclass
class CatchUp:
    """The index sees what was written so far."""


@dataclass
class History:
    """One run: the world, and what a bystander knows of it."""

    world: World
    events: list[SentEvent] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    meters: list[MadeMeter] = field(default_factory=list)
    voids: list[tuple[str, list[SentEvent]]] = field(default_factory=list)

    def take(self, step: Any) -> None:
        getattr(self, f"_{type(step).__name__.lower()}")(step)

    def _emit(self, step: Emit) -> None:
        fresh = []
        for type_, subject, minutes, microseconds, data in step.events:
            time = moment(minutes, microseconds)
            # ("s", "1-4") and ("s-1", "4") are different events, whoever joins source and id with a dash.
            number, odd = divmod(len(self.events), 2)
            source, id_ = ("s-1", str(number)) if odd else ("s", f"1-{number}")
            event = SentEvent(source, id_, type_, subject, time, data)
            self.events.append(event)
            fresh.append(
                {
                    "specversion": "1.0",
                    "id": event.id,
                    "source": event.source,
                    "type": type_,
                    "subject": subject,
                    "time": time.isoformat(),
                    "data": data,
                }
            )
        self.bodies += fresh
        sent = fresh + self.bodies[: step.again]
        answer = self.world.emit(sent)
        assert answer.status == 200, answer.text
        assert {one["status"] for one in answer.json()["results"]} <= {"accepted", "duplicate"}

    def _create(self, step: Create) -> None:
        if len(self.meters) == 4:
            return
        slug = f"m{len(self.meters)}"
        value = None if step.aggregation == "COUNT" else "v"
        body = {
            "slug": slug,
            "eventType": step.type,
            "aggregation": step.aggregation,
            "groupBy": {key: f"$.{key}" for key in step.groups},
            **({"valueProperty": "$.v"} if value else {}),
        }
        answer = self.world.ask("meters", "POST /api/v1/meters", body=body)
        if answer.status == 409:  # an earlier try made it, and its answer was lost
            path = {"meterIdOrSlug": slug}
            answer = self.world.ask("meters", "GET /api/v1/meters/{meterIdOrSlug}", path=path)
        assert answer.status in (200, 201), answer.text
        self.meters.append(MadeMeter(slug, answer.json()["id"], step.type, step.aggregation, value, step.groups))

    def _regroup(self, step: Regroup) -> None:
        if not self.meters:
            return
        meter = self.meters[step.meter % len(self.meters)]
        body = {"groupBy": {key: f"$.{key}" for key in step.groups}}
        path = {"meterIdOrSlug": meter.slug}
        answer = self.world.ask("meters", "PUT /api/v1/meters/{meterIdOrSlug}", path=path, body=body)
        assert answer.status == 200, answer.text
        meter.groups = step.groups

    def _deliver(self, step: Deliver) -> None:
        count = 1 if step.table == "CatalogTable" else step.count
        self.world.deliver(step.table, step.shard, count, again=step.again if count > 1 else min(step.again, 1))

    def _zombie(self, step: Zombie) -> None:
        self.world.redeliver("EventsTable", step.shard, step.start, step.count)

    def _void(self, step: Void) -> None:
        chosen = self.events[step.first : step.first + step.count]
        if not chosen:
            return
        body = {"events": [{"source": event.source, "id": event.id} for event in chosen], "reason": "test"}
        path = {"workspace_id": WORKSPACE}
        faults = self.world.faults
        first = self.world.call("meters", "POST /v1/{workspace_id}/voids", path=path, body=body)
        if self.world.faults > faults:
            # What was written of it is carried out later, perhaps after an un-void that comes next: let it be now.
            self.world.settle()
        answer = first or self.world.ask("meters", "POST /v1/{workspace_id}/voids", path=path, body=body)
        assert answer.status in (200, 201, 202), answer.text
        voided = [event for event in chosen if not event.voided]
        for event in voided:
            event.voided = True
        if first:  # else two voids share the events, and which has which is not known here
            self.voids.append((answer.json()["id"], voided))

    def _unvoid(self, step: Unvoid) -> None:
        if not self.voids:
            return
        id_, events = self.voids.pop(step.number % len(self.voids))
        route = next(
            key for key in self.world.functions["meters"].ROUTES if key.startswith("DELETE /v1/{workspace_id}/voids/")
        )
        path = {"workspace_id": WORKSPACE, route.split("/{")[-1].rstrip("}"): id_}
        faults = self.world.faults
        answer = self.world.call("meters", route, path=path)
        if self.world.faults > faults:
            # A job goes on with it; until it is done, another void finds some of the events taken.
            self.world.settle()
        answer = answer or self.world.ask("meters", route, path=path)
        assert answer.status in (200, 202, 204), answer.text
        for event in events:
            event.voided = False

    def _fail(self, step: Fail) -> None:
        self.world.arm(step.fault, step.calls)

    def _catchup(self, _step: CatchUp) -> None:
        self.world.memory.catch_up()

    def check(self) -> None:
        """Compare every meter's answers with a direct computation, and with its own recount."""
        for meter in self.meters:
            self._compare(meter, {}, {})
            self._compare(meter, {"windowSize": "HOUR"}, {"window": "HOUR"})
            self._compare(meter, {"windowSize": "MINUTE", "groupBy": "subject"}, {"window": "MINUTE", "subject": True})
            for zone in ZONES:
                query = {"windowSize": "DAY", "windowTimeZone": zone}
                self._compare(meter, query, {"window": "DAY", "zone": zone})
            start, end = moment(-65, 2), moment(40, 1)
            edges = {"from": start.isoformat().replace("+00:00", "Z"), "to": end.isoformat().replace("+00:00", "Z")}
            self._compare(meter, edges, {"start": start, "end": end})
            for key in meter.groups:
                self._compare(meter, {"groupBy": key}, {"group": key})
            self._recount(meter)

    def _compare(self, meter: MadeMeter, query: dict[str, str], asked: dict[str, Any]) -> None:
        keys = ("subject",) if asked.get("subject") else (asked["group"],) if "group" in asked else ()
        expected = usage(
            meter,
            self.events,
            window=asked.get("window"),
            zone=asked.get("zone", "UTC"),
            group_by=keys,
            start=asked.get("start"),
            end=asked.get("end"),
        )
        path = {"meterIdOrSlug": meter.slug}
        answer = self.world.ask(
            "meters", "GET /api/v1/meters/{meterIdOrSlug}/query", path=path, query=list(query.items())
        )
        assert answer.status == 200, answer.text
        found = {}
        for row in answer.json()["data"]:
            start = _instant(row["windowStart"]) if asked.get("window") else None
            groups = tuple(row["subject"] if key == "subject" else row["groupBy"][key] for key in keys)
            found[(start, *groups)] = Decimal(row["value"])
        if meter.aggregation in ("COUNT", "UNIQUE_COUNT") and not expected and not keys and not asked.get("window"):
            expected = {(None,): Decimal(0)}
        assert found == expected, (meter, query)

    def _recount(self, meter: MadeMeter) -> None:
        start, end = moment(-600), moment(600)
        body = {"from": start.isoformat().replace("+00:00", "Z"), "to": end.isoformat().replace("+00:00", "Z")}
        route = next(
            key for key in self.world.functions["meters"].ROUTES if key.startswith("POST /v1/") and "recount" in key
        )
        name = route.split("meters/{")[1].split("}")[0]
        answer = self.world.ask("meters", route, path={"workspace_id": WORKSPACE, name: meter.slug}, body=body)
        assert answer.status == 200, answer.text
        found = answer.json()
        # Without usage on either side there is no difference; with usage on one side only, it is null and a fault.
        assert found["aggregate"] == found["recount"], answer.text
        assert found["aggregate"] is None or Decimal(found["difference"]) == 0, answer.text


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def run(steps: Sequence[Any]) -> int:
    """Run a history to its end and check every answer; the number of faults that happened."""
    with world(index_lags=True) as running:
        history = History(running)
        for step in steps:
            history.take(step)
        running.settle()
        history.check()
        return running.faults


def random_steps(seed: int) -> list[Any]:
    """The history of the seed, always the same."""
    random = Random(seed)
    return [_random_step(random) for _ in range(random.randint(15, 45))]


def _random_step(random: Random) -> Any:
    kind = random.choices(
        (Emit, Create, Deliver, Regroup, Zombie, Void, Unvoid, CatchUp, Fail), (10, 4, 14, 1, 4, 4, 2, 2, 6)
    )[0]
    if kind is Emit:
        return Emit([_random_event(random) for _ in range(random.randint(1, 6))], random.randint(0, 3))
    if kind is Create:
        return Create(random.choice(AGGREGATIONS), random.choice("ab"), list(random.choice(GROUP_KEYS)))
    if kind is Regroup:
        return Regroup(random.randint(0, 3), list(random.choice(GROUP_KEYS)))
    if kind is Deliver:
        table = random.choice(("EventsTable", "EventsTable", "CatalogTable"))
        return Deliver(table, random.randrange(SHARDS), random.randint(1, 8), random.randint(0, 4))
    if kind is Zombie:
        return Zombie(random.randrange(SHARDS), random.randint(0, 20), random.randint(1, 8))
    if kind is Void:
        return Void(random.randint(0, 20), random.randint(1, 4))
    if kind is Unvoid:
        return Unvoid(random.randint(0, 3))
    return CatchUp() if kind is CatchUp else Fail(random.choice(list(Fault)), random.randint(0, 12))


def _random_event(random: Random) -> tuple[str, str, int, int, dict[str, Any]]:
    data: dict[str, Any] = {}
    if random.random() < 0.85:
        data["v"] = random.choice((random.randint(-3, 3), *NUMBERS))
    if random.random() < 0.7:
        data["g"] = random.choice(("x", "y", 1, None))
    if random.random() < 0.3:
        data["h"] = random.random() < 0.5
    return random.choice("ab"), random.choice(("s1", "s2")), random.choice(MINUTES), random.randint(0, 3), data
