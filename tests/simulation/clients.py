"""Clients: what the users of one workspace do, and what they know of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import steps as does
from tests.simulation.oracle import MadeMeter, SentEvent, moment
from tests.simulation.world import TRIES, Answer, World

SLUGS = ("m0", "m1", "m2", "m3", "one too many")
METERS = "/api/v1/meters"
METER = "/api/v1/meters/{meterIdOrSlug}"
VOIDS = "/v1/{workspace_id}/voids"
RECOUNT = "POST /v1/{workspace_id}/meters/{slug}/recount"
REBUILD = "POST /v1/{workspace_id}/meters/{slug}/rebuild"
EXPLAIN = "GET /v1/{workspace_id}/events/explain"
BATCH = 10
FORGOTTEN_S = 60
"""No request is under way for longer."""


@dataclass
class Attempt:
    """A batch that a client sent and had no answer for; its new events may be stored or not, each for itself."""

    events: list[SentEvent]
    bodies: list[dict[str, Any]]
    conflicts: set[int]


@dataclass
class Clients:
    """The clients of a workspace. ``events`` are those whose 2xx was seen.

    Every workspace's clients give their events, subjects and meters the same names.
    """

    world: World
    workspace: str
    events: list[SentEvent] = field(default_factory=list)
    meters: list[MadeMeter] = field(default_factory=list)
    unanswered: list[Attempt] = field(default_factory=list)
    unmade: list[tuple[str, does.Create]] = field(default_factory=list)
    voids: list[tuple[list[str], list[SentEvent]]] = field(default_factory=list)
    void_ids: set[str] = field(default_factory=set)
    lost_meters: list[MadeMeter] = field(default_factory=list)
    sent: int = 0

    def take(self, step: Any) -> None:
        """Do what the step says."""
        getattr(self, f"_{type(step).__name__.lower()}")(step)

    def ask(self, route: str, **options: Any) -> Answer:
        """See ``World.ask``: about meters, usage and voids of this workspace."""
        return self.world.ask("meters", route, workspace=self.workspace, **options)

    def finish(self) -> None:
        """Have what was wanted, or know what became of it."""
        for slug, step in self.unmade:
            self.make(slug, step, patient=True)
        for at, attempt in enumerate(self.unanswered):
            if at % 2:
                assert self._send(attempt)
            else:
                self.events += [event for event in attempt.events if self.explain(event).status == 200]

    def explain(self, event: SentEvent) -> Answer:
        """What the service says of the event."""
        query = [("source", event.source), ("id", event.id)]
        return self.ask(EXPLAIN, path=self._in_workspace(), query=query)

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

    def _flood(self, step: does.Flood) -> None:
        size = len(step.events)
        # Where there is no limit this shows nothing but takes its time.
        for at in range(step.count if self.world.door.rate else 1):
            self._emit(does.Emit(step.events[at % size :], patient=False))

    def _resend(self, step: does.Resend) -> None:
        if self.unanswered:
            assert self._send(self.unanswered.pop(step.number % len(self.unanswered))), "the events are not taken"

    def send_again(self, events: Sequence[SentEvent]) -> None:
        """Send events that were answered once more, until they are answered again."""
        for start in range(0, len(events), BATCH):
            bodies = [event.body() for event in events[start : start + BATCH]]
            assert self._send(Attempt([], bodies, set())), "the events are not taken"

    def _send(self, attempt: Attempt, tries: int = TRIES) -> bool:
        """Send the batch; whether it was answered."""
        answer = self.world.emit(attempt.bodies, tries, workspace=self.workspace)
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
        answer = self.world.emit(bodies, lenient=step.lenient, workspace=self.workspace)
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
        taken = {meter.slug for meter in self.meters} | {slug for slug, _ in self.unmade}
        slug = next(one for one in SLUGS if one not in taken)
        if slug != SLUGS[-1] and not self.make(slug, step, patient=step.patient):
            self.unmade.append((slug, step))

    def make(self, slug: str, step: does.Create, *, patient: bool) -> bool:
        """Make a meter; whether that was answered."""
        value = None if step.aggregation == "COUNT" else "v"
        body = {
            "slug": slug,
            "eventType": step.type,
            "aggregation": step.aggregation,
            "groupBy": {key: f"$.{key}" for key in step.groups},
            **({"valueProperty": "$.v"} if value else {}),
        }
        send = self.world.ask if patient else self.world.call
        answer = send("meters", f"POST {METERS}", body=body, workspace=self.workspace)
        if answer is None:
            return False
        if answer.status == 409:  # an earlier try made it, and its answer was lost
            answer = self.ask(f"GET {METER}", path={"meterIdOrSlug": slug})
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
        answer = self.ask(f"PUT {METER}", path={"meterIdOrSlug": meter.slug}, body=body)
        assert answer.status == 200, answer.text
        meter.groups = step.groups

    def _delete(self, step: does.Delete) -> None:
        if self.meters:
            # An earlier try to make it would, going on, make it again.
            self.world.clock.sleep(FORGOTTEN_S)
            meter = self.meters.pop(step.meter % len(self.meters))
            answer = self.ask(f"DELETE {METER}", path={"meterIdOrSlug": meter.id})
            assert answer.status == 204, answer.text

    def _repair(self, step: does.Repair) -> None:
        if not self.meters:
            return
        meter = self.meters[step.meter % len(self.meters)]
        body = {"from": "2026-01-14T00:00:00Z", "to": "2026-01-15T00:00:00Z", "repair": True}
        answer = self.ask(RECOUNT, path=self._in_workspace(slug=meter.slug), body=body)
        assert answer.status in (200, 202, 409), answer.text

    def _rebuild(self, step: does.Rebuild) -> None:
        if not self.meters:
            return
        slug = self.meters[step.meter % len(self.meters)].slug
        answer = self.ask(REBUILD, path=self._in_workspace(slug=slug), body={"restart": step.restart})
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
        answer = self.ask(f"POST {VOIDS}", path=self._in_workspace(), body=body)
        assert answer.status in (201, 202), answer.text
        ids = [answer.json()["id"]]
        if waits or self.world.faults.happened > happened:
            # Jobs go on with it, and with what an earlier try began; until they are done it is open who has which.
            self.world.settle()
            listed = self.ask(f"GET {VOIDS}", path=self._in_workspace(), query=[("limit", "100")])
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
            answer = self.ask(f"DELETE {VOIDS}/{{void_id}}", path=self._in_workspace(void_id=id_))
            assert answer.status in (202, 204), answer.text
        if len(ids) > 1 or self.world.faults.happened > happened:
            # A job goes on with it; until it is done, another void finds some of the events taken.
            self.world.settle()
        for event in events:
            event.voided = False

    def _in_workspace(self, **more: str) -> dict[str, str]:
        return {"workspace_id": self.workspace, **more}
