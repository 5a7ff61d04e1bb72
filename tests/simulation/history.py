"""Histories: what happens to a world step by step, and what a bystander knows of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import WORKSPACE
from tests.simulation import steps as does
from tests.simulation.check import check
from tests.simulation.oracle import MadeMeter, SentEvent, moment
from tests.simulation.stream import hash_of
from tests.simulation.world import START_US, TRIES, Answer, World, world

MAX_METERS = 4
METERS = "POST /api/v1/meters"
METER = "GET /api/v1/meters/{meterIdOrSlug}"
REGROUP = "PUT /api/v1/meters/{meterIdOrSlug}"
VOIDS = "/v1/{workspace_id}/voids"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"
REBUILD = "POST /v1/{workspace_id}/meters/{slug}/rebuild"
EXPLAIN = "GET /v1/{workspace_id}/events/explain"
_IN_WORKSPACE = {"workspace_id": WORKSPACE}


@dataclass
class Attempt:
    """A batch that a client sent and had no answer for; its new events may be stored or not, each for itself."""

    events: list[SentEvent]
    bodies: list[dict[str, Any]]
    conflicts: set[int]


@dataclass
class History:
    """One run: the world, and what its clients know. ``events`` are those whose 2xx was seen."""

    world: World
    events: list[SentEvent] = field(default_factory=list)
    meters: list[MadeMeter] = field(default_factory=list)
    unanswered: list[Attempt] = field(default_factory=list)
    unmade: list[tuple[str, does.Create]] = field(default_factory=list)
    voids: list[tuple[list[str], list[SentEvent]]] = field(default_factory=list)
    void_ids: set[str] = field(default_factory=set)
    sent: int = 0

    def take(self, step: Any) -> None:
        getattr(self, f"_{type(step).__name__.lower()}")(step)

    # ---- events

    def _emit(self, step: does.Emit) -> None:
        fresh = [self._new(parts) for parts in step.events]
        bodies = [event.body() for event in fresh]
        bodies += [fresh[0].body()] * step.twice
        bodies += [self.events[number % len(self.events)].body() for number in step.again if self.events]
        known = self.events + fresh
        conflicts = [known[number % len(known)].body(data={"v": 777, "g": "other"}) for number in step.conflicts]
        attempt = Attempt(fresh, bodies + conflicts, {len(bodies) + at for at in range(len(conflicts))})
        if not self._send(attempt, TRIES if step.patient else 1):
            assert not step.patient, "the events are not taken"
            self.unanswered.append(attempt)

    def _resend(self, step: does.Resend) -> None:
        if self.unanswered:
            assert self._send(self.unanswered.pop(step.number % len(self.unanswered))), "the events are not taken"

    def _send(self, attempt: Attempt, tries: int = TRIES) -> bool:
        """Send the batch; whether it was answered."""
        answer = self.world.emit(attempt.bodies, tries)
        if answer is None:
            return False
        assert answer.status == 200, answer.text
        statuses = [one["status"] for one in answer.json()["results"]]
        for at, status in enumerate(statuses):
            assert status in ({"conflict"} if at in attempt.conflicts else {"accepted", "duplicate"}), (at, statuses)
        self.events += attempt.events
        return True

    def _refuse(self, step: does.Refuse) -> None:
        fresh = [self._new(parts) for parts in step.events]
        bodies = [event.body() for event in fresh]
        bodies.insert(len(bodies) // 2, fresh[0].body(id="bad", time="tomorrow"))
        answer = self.world.emit(bodies, lenient=step.lenient)
        assert answer is not None
        assert answer.status == (200 if step.lenient else 400), answer.text
        self.events += fresh if step.lenient else []

    def _new(self, parts: does.EventParts) -> SentEvent:
        type_, subject, minutes, microseconds, data = parts
        # ("s", "1-4") and ("s-1", "4") are different events, whoever joins source and id with a dash.
        number, odd = divmod(self.sent, 2)
        self.sent += 1
        source, id_ = ("s-1", str(number)) if odd else ("s", f"1-{number}")
        return SentEvent(source, id_, type_, subject, moment(minutes, microseconds), data)

    # ---- meters

    def _create(self, step: does.Create) -> None:
        made = len(self.meters) + len(self.unmade)
        if made < MAX_METERS and not self._make(f"m{made}", step, patient=step.patient):
            self.unmade.append((f"m{made}", step))

    def _make(self, slug: str, step: does.Create, *, patient: bool) -> bool:
        value = None if step.aggregation == "COUNT" else "v"
        body = {
            "slug": slug,
            "eventType": step.type,
            "aggregation": step.aggregation,
            "groupBy": {key: f"$.{key}" for key in step.groups},
            **({"valueProperty": "$.v"} if value else {}),
        }
        send = self.world.ask if patient else self.world.call
        answer = send("meters", METERS, body=body)
        if answer is None:
            return False
        if answer.status == 409:  # an earlier try made it, and its answer was lost
            answer = self.world.ask("meters", METER, path={"meterIdOrSlug": slug})
        assert answer.status in (200, 201), answer.text
        self.meters.append(MadeMeter(slug, answer.json()["id"], step.type, step.aggregation, value, step.groups))
        return True

    def _regroup(self, step: does.Regroup) -> None:
        if not self.meters:
            return
        # An earlier change that stands still would, going on, undo this one: the last write wins, as it says.
        self.world.resume_all("meters")
        meter = self.meters[step.meter % len(self.meters)]
        body = {"groupBy": {key: f"$.{key}" for key in step.groups}}
        answer = self.world.ask("meters", REGROUP, path={"meterIdOrSlug": meter.slug}, body=body)
        assert answer.status == 200, answer.text
        meter.groups = step.groups

    def _repair(self, step: does.Repair) -> None:
        if not self.meters:
            return
        meter = self.meters[step.meter % len(self.meters)]
        body = {"from": "2026-01-14T00:00:00Z", "to": "2026-01-15T00:00:00Z", "repair": True}
        answer = self.world.ask("meters", RECOUNT, path={**_IN_WORKSPACE, "slug": meter.slug}, body=body)
        assert answer.status in (200, 202, 409), answer.text

    def _rebuild(self, step: does.Rebuild) -> None:
        if not self.meters:
            return
        slug = self.meters[step.meter % len(self.meters)].slug
        answer = self.world.ask("meters", REBUILD, path={**_IN_WORKSPACE, "slug": slug}, body={"restart": step.restart})
        assert answer.status in (202, 409), answer.text

    # ---- voids

    def _void(self, step: does.Void) -> None:
        chosen = self.events[step.first : step.first + step.count]
        if chosen:
            body = {"events": [{"source": event.source, "id": event.id} for event in chosen], "reason": "test"}
            self._make_void(body, chosen, waits=False)

    def _voidfilter(self, step: does.VoidFilter) -> None:
        while self.unanswered:
            self._resend(does.Resend(0))
        # A filter covers what was stamped before the void, and the two clocks differ.
        self.world.clock.sleep(1)
        chosen = [one for one in self.events if one.type == step.type and step.subject in (None, one.subject)]
        wanted = {"type": step.type, **({"subject": step.subject} if step.subject else {})}
        self._make_void({"filter": wanted}, chosen, waits=True)

    def _make_void(self, body: dict[str, Any], chosen: Iterable[SentEvent], *, waits: bool) -> None:
        happened = self.world.faults.happened
        answer = self.world.ask("meters", f"POST {VOIDS}", path=_IN_WORKSPACE, body=body)
        assert answer.status in (201, 202), answer.text
        ids = [answer.json()["id"]]
        if waits or self.world.faults.happened > happened:
            # Jobs go on with it, and with what an earlier try began; until they are done it is open who has which.
            self.world.settle()
            listed = self.world.ask("meters", f"GET {VOIDS}", path=_IN_WORKSPACE, query=[("limit", "100")])
            ids = [one["id"] for one in listed.json()["items"] if one["id"] not in self.void_ids]
        self.void_ids.update(ids)
        voided = [event for event in chosen if not event.voided]
        for event in voided:
            event.voided = True
        self.voids.append((ids, voided))

    def _unvoid(self, step: does.Unvoid) -> None:
        if not self.voids:
            return
        ids, events = self.voids.pop(step.number % len(self.voids))
        happened = self.world.faults.happened
        for id_ in ids:
            answer = self.world.ask("meters", f"DELETE {VOIDS}/{{void_id}}", path={**_IN_WORKSPACE, "void_id": id_})
            assert answer.status in (202, 204), answer.text
        if len(ids) > 1 or self.world.faults.happened > happened:
            # A job goes on with it; until it is done, another void finds some of the events taken.
            self.world.settle()
        for event in events:
            event.voided = False

    # ---- the world's own doings

    def _deliver(self, step: does.Deliver) -> None:
        self.world.deliver(step.table, step.lane, step.count, again=step.again, bisect=step.bisect)

    def _zombie(self, step: does.Zombie) -> None:
        self.world.redeliver(step.table, step.lane, step.start, step.count)

    def _split(self, step: does.Split) -> None:
        self.world.split(step.table, step.shard, step.children)

    def _fail(self, step: does.Fail) -> None:
        self.world.faults.arm(step.fault, step.calls)

    def _resume(self, step: does.Resume) -> None:
        self.world.resume(step.number)

    def _lose(self, step: does.Lose) -> None:
        self.world.fleet.lose(step.function)

    def _catchup(self, step: does.CatchUp) -> None:
        halves = None if step.part == 0 else lambda _at_us, key: hash_of(key) % 2 == step.part - 1
        self.world.memory.catch_up(halves)

    def _wait(self, step: does.Wait) -> None:
        self.world.clock.sleep(step.milliseconds / 1_000)

    def _silence(self, _step: does.Silence) -> None:
        self.world.settle()
        self.world.clock.sleep(does.LONG_S)
        for delivery in self.world.deliveries.values():
            for lane in delivery.lanes():
                lane.trim()

    # ---- the end

    def finish(self) -> None:
        """Come to rest: every client has what it wanted or knows what became of it, and nothing is under way."""
        self.world.faults.disarm()
        self.world.resume_all()
        for slug, step in self.unmade:
            self._make(slug, step, patient=True)
        for at, attempt in enumerate(self.unanswered):
            if at % 2:
                assert self._send(attempt)
            else:
                self.events += [event for event in attempt.events if self.explain(event).status == 200]
        self.world.settle()

    def explain(self, event: SentEvent) -> Answer:
        """What the service says of the event."""
        query = [("source", event.source), ("id", event.id)]
        return self.world.ask("meters", EXPLAIN, path=_IN_WORKSPACE, query=query)


@dataclass(frozen=True)
class Summary:
    """What a run was made of: events sent, faults that happened, calls of storage, and the time it all took."""

    events: int
    faults: int
    calls: int
    took_us: int


def run(steps: Sequence[Any], seed: int = 0) -> Summary:
    """Run a history to its end and check every answer; ``seed`` settles what the steps leave open."""
    with world(seed) as running:
        history = History(running)
        for step in steps:
            history.take(step)
        history.finish()
        check(running, history.meters, history.events, history.explain)
        took_us = running.clock.now - START_US
        return Summary(history.sent, running.faults.happened, running.memory.calls, took_us)
