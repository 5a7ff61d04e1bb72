"""Histories: what happens to a world step by step, and what bystanders know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from dynameter.meters.store import MeterStore
from dynameter.usage.rows.row import read_series
from tests.conftest import OTHER_WORKSPACE, WORKSPACE
from tests.simulation import steps as does
from tests.simulation.admission import Rate
from tests.simulation.check import check
from tests.simulation.clients import Clients
from tests.simulation.restoring import Restoring, State
from tests.simulation.stream import hash_of
from tests.simulation.world import START_US, World, world

RATES = (None, None, None, Rate(2, 6), Rate(5, 12), Rate(40, 20))
"""Some worlds have a limit that is easily met."""
REDRIVES = 6
STORED_NO_MORE = "the event is not stored any more"


@dataclass
class History:
    """One run: the world, and the clients of its two workspaces."""

    world: World
    clients: list[Clients] = field(default_factory=list)
    backup: State | None = None

    def __post_init__(self) -> None:
        self.clients = [Clients(self.world, one) for one in (WORKSPACE, OTHER_WORKSPACE)]

    def take(self, step: Any) -> None:
        """Let happen what the step says."""
        name = f"_{type(step).__name__.lower()}"
        if isinstance(step, does.Neighbour):
            self.clients[1].take(step.step)
        elif hasattr(self, name):
            getattr(self, name)(step)
        else:
            self.clients[0].take(step)

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

    def _deploy(self, step: does.Deploy) -> None:
        self.world.unknown = step.unknown

    def _giveup(self, step: does.GiveUp) -> None:
        self.world.give_up(step.table, step.lane)

    # ---- operators

    def _redrive(self, _step: does.Redrive) -> None:
        # It does not wait for its job: that goes on with the world.
        self.world.operate("redrive", "--wait", "1")

    def _purge(self, _step: does.Purge) -> None:
        self.world.operate("purge", "--delete", "--segments", "2")

    def _backup(self, step: does.BackUp) -> None:
        if step.quiet:
            self.world.settle()
        self.backup = State.of(self.world, self.clients, quiet=step.quiet)

    def _disaster(self, step: does.Disaster) -> None:
        if self.backup is not None:
            Restoring(self.world, self.clients, self.backup).go_through(step)

    # ---- the end

    def finish(self) -> None:
        """Come to rest: every client has what it wanted or knows what became of it, and nothing is under way."""
        self.world.faults.disarm()
        while self.world.fleet.stalled:
            self.world.resume_all()
        self.world.unknown = 0
        for one in self.clients:
            one.finish()
        self.world.settle()
        self._redrive_all()
        self._purge_all()

    def _redrive_all(self) -> None:
        """Have everything counted that was put aside, but for events that are lost for good."""
        for _ in range(REDRIVES):
            self.world.operate("redrive", "--wait", "1")
            self.world.settle()
            listed = self.world.operate("redrive", "--list", "--limit", "1000")
            assert listed is not None
            *left, last = listed.text.splitlines()
            if all(line.endswith(STORED_NO_MORE) for line in left):
                self.world.memory.remove("UsageTable", lambda key, _: key[0] == "!quarantine")
                return
            self.world.clock.sleep(1_200)
        raise AssertionError(f"{last}: {left}")

    def _purge_all(self) -> None:
        """What nobody reads goes, and no more is found then."""
        self.world.operate("purge", "--delete")
        self.world.resume_all()
        meters = MeterStore(self.world.memory, "CatalogTable")  # type: ignore[arg-type]
        for partition, _ in self.world.memory.tables["UsageTable"].items:
            series = read_series(partition)
            meter = meters.get(series.workspace, series.meter_id) if series else None
            if series and meter:
                assert meter.deleted_at_us is None, f"{series} stays of a deleted meter"
                assert series.generation in {one.number for one in meter.generations}, f"{series} stays"


@dataclass(frozen=True)
class Summary:
    """What a run was made of: events sent, faults that happened, calls of storage, and the time it all took."""

    events: int
    faults: int
    calls: int
    took_us: int


def run(steps: Sequence[Any], seed: int = 0) -> Summary:
    """Run a history to its end and check every answer; ``seed`` settles what the steps leave open."""
    with world(seed, rate=Random(seed).choice(RATES)) as running:
        history = History(running)
        for step in steps:
            history.take(step)
        history.finish()
        check(running, history.clients)
        took_us = running.clock.now - START_US
        return Summary(sum(one.sent for one in history.clients), running.faults.happened, running.memory.calls, took_us)
