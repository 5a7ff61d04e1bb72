"""Losses, and how operators and clients get over them: the procedures of docs/backup.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dynameter.events import store as event_store
from tests.simulation import steps as does
from tests.simulation.clients import METERS, REBUILD, Clients
from tests.simulation.expressions import Item
from tests.simulation.operators import TABLES
from tests.simulation.oracle import MadeMeter, SentEvent
from tests.simulation.steps import Loss
from tests.simulation.stream import hash_of
from tests.simulation.tables import Key, Table
from tests.simulation.world import TRIES, World

RESTORE_S = 20 * 60
"""A table is not restored sooner; whatever was under way is over by then."""


@dataclass(frozen=True)
class State:
    """What all tables held at one time, and what the clients of each workspace knew then."""

    tables: dict[str, Table]
    meters: dict[str, list[MadeMeter]]
    void_ids: dict[str, set[str]]
    quiet: bool

    @classmethod
    def of(cls, world: World, clients: Sequence[Clients], *, quiet: bool) -> State:
        """The state of now."""
        tables = {
            name: replace(found, name=f"{name} of before", indexes={}, stream=None, items=dict(found.items))
            for name, found in ((name, world.memory.tables[name]) for name in TABLES)
        }
        meters = {one.workspace: [replace(meter) for meter in one.meters] for one in clients}
        return cls(tables, meters, {one.workspace: set(one.void_ids) for one in clients}, quiet)


@dataclass
class Restoring:
    """An operator who has a state to restore from, and the clients of all workspaces."""

    world: World
    clients: Sequence[Clients]
    state: State

    def go_through(self, step: does.Disaster) -> None:
        """Lose what the step says, and restore it."""
        if step.loss in (Loss.CATALOG, Loss.METERS) and not self.state.quiet:
            return  # what was under way then would have to be begun again by hand
        if step.loss is Loss.CATALOG:
            self.world.settle()
        gone = self._lose(step)
        self.clients[0].take(does.Emit(step.events))
        for one, events in zip(self.clients, gone, strict=True):
            one.send_again([event for event in events if not event.voided][:2])
        self.world.deliver("EventsTable", 0, 12)
        self.world.clock.sleep(RESTORE_S)
        if step.loss is Loss.EVENTS:
            self._put_back("events")
            self._send_again(gone)
        elif step.loss is not Loss.USAGE:
            self._put_back("catalog")
            self._know_definitions(step.loss)
        self._rebuild_all(step.events)
        if step.loss is Loss.CATALOG:
            self._make_again()

    # ---- losing

    def _lose(self, step: does.Disaster) -> list[list[SentEvent]]:
        """Lose it; answers the events of each workspace that are lost."""
        lost = _half(step.part)
        if step.loss is Loss.EVENTS:
            return self._lose_events(lost)
        if step.loss is Loss.USAGE:
            self.world.door.bursts += 1
            self.world.memory.remove("UsageTable", lambda key, _: lost(key))
        if step.loss is Loss.CATALOG:
            self.world.memory.remove("CatalogTable", lambda _key, _item: True)
        return [[] for _ in self.clients]

    def _lose_events(self, lost: Callable[[Key], bool]) -> list[list[SentEvent]]:
        """Those that are as they were: a void of after the state would have to be made again."""
        before = self.state.tables["EventsTable"].items

        def is_lost(key: Key, item: Item) -> bool:
            return lost(key) and before.get(key, item) == item

        items = self.world.memory.tables["EventsTable"].items
        keys = {key for key, item in items.items() if is_lost(key, item)}
        self.world.memory.remove("EventsTable", is_lost)
        return [[event for event in one.events if _key(one, event) in keys] for one in self.clients]

    # ---- restoring

    def _put_back(self, table: str) -> None:
        name = next(one for one in TABLES if one.lower().startswith(table))
        source = self.state.tables[name]
        self.world.memory.tables[source.name] = source
        for _ in range(TRIES):
            done = self.world.operate("restore", "--table", table, "--from", source.name, "--segments", "3")
            if done is not None and done.code == 0:
                return
        raise AssertionError(f"{table} cannot be restored")

    def _send_again(self, gone: list[list[SentEvent]]) -> None:
        """Clients send what is in no backup. A void of it is gone, too."""
        before = self.state.tables["EventsTable"].items
        for one, events in zip(self.clients, gone, strict=True):
            new = [event for event in events if _key(one, event) not in before]
            for event in new:
                event.voided = False
            one.send_again(new)

    def _know_definitions(self, loss: Loss) -> None:
        """Clients learn which meters there are: those that came back are as they were in the restored state."""
        for one in self.clients:
            before = [replace(meter) for meter in self.state.meters[one.workspace]]
            if loss is Loss.CATALOG:
                kept = self.state.void_ids[one.workspace]
                one.voids = [(ids, events) for ids, events in one.voids if kept.issuperset(ids)]
                one.lost_meters = [meter for meter in one.meters if meter.slug not in {made.slug for made in before}]
                one.meters = []
            taken = {meter.slug for meter in one.meters}
            back = [meter for meter in before if meter.slug not in taken]
            listed = {meter["id"] for meter in one.ask(f"GET {METERS}").json()}
            unsure = {slug for slug, _ in one.unmade}
            missing = [meter for meter in back if meter.id not in listed and meter.slug not in unsure]
            assert not missing, missing
            back = [meter for meter in back if meter.id in listed]
            one.meters += back
            one.unmade = [(slug, made) for slug, made in one.unmade if slug not in {meter.slug for meter in back}]

    def _rebuild_all(self, events: list[does.EventParts]) -> None:
        """Have every meter counted anew, and let life go on meanwhile."""
        for one in self.clients:
            for meter in one.ask(f"GET {METERS}").json():
                path = {"workspace_id": one.workspace, "slug": meter["slug"]}
                answer = one.ask(REBUILD, path=path, body={"restart": True})
                assert answer.status == 202, answer.text
                one.take(does.Emit(events[:2]))
                for table in ("EventsTable", "EventsTable", "CatalogTable"):
                    self.world.deliver(table, self.world.random.randrange(4), 12)

    def _make_again(self) -> None:
        for one in self.clients:
            for meter in one.lost_meters:
                one.make(meter.slug, does.Create(meter.aggregation, meter.type, meter.groups), patient=True)
            one.lost_meters = []


def _half(part: int) -> Callable[[Key], bool]:
    return lambda key: part == 0 or hash_of(key) % 2 == part - 1


def _key(clients: Clients, event: SentEvent) -> Key:
    return event_store.partition_key(clients.workspace, event.source, event.id), ""
