"""Everything that an answer may depend on beside the request, kept and put back: storage, time, chance, processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulation.tables import Index, Key, Table
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a table held. Items are replaced and never changed, so they need no copy."""

    items: dict[Key, Any]
    order: dict[str, list[str]]
    indexes: dict[str, Index]


@dataclass(frozen=True, slots=True)
class Moment:
    """A world at rest, all streams delivered."""

    tables: dict[str, _Stored]
    now: int
    sequence: int
    random: Any

    @classmethod
    def of(cls, world: World) -> Moment:
        """The moment that is now."""
        memory = world.memory
        tables = {name: _stored(one.items, one.order, one.indexes) for name, one in memory.tables.items()}
        return cls(tables, world.clock.now, memory._sequence, world.random.getstate())

    def put_back(self, world: World) -> None:
        """Let it be this moment again. Processes start anew: they may remember what is no more."""
        for name, then in self.tables.items():
            _fill(world.memory.tables[name], _stored(then.items, then.order, then.indexes))
        for delivery in world.deliveries.values():
            delivery._made, delivery._read = {}, {}
        for function in world.fleet.idle:
            world.fleet.lose(function)
        world.memory._sequence = self.sequence
        world.clock.now = self.now
        world.random.setstate(self.random)


def _stored(items: dict[Key, Any], order: dict[str, list[str]], indexes: dict[str, Index]) -> _Stored:
    return _Stored(
        dict(items),
        {partition: list(keys) for partition, keys in order.items()},
        {
            name: Index(
                one.partition, one.sort, {key: list(rows) for key, rows in one.entries.items()}, dict(one.items)
            )
            for name, one in indexes.items()
        },
    )


def _fill(table: Table, then: _Stored) -> None:
    table.items, table.order, table.indexes = then.items, then.order, then.indexes
    if table.stream is not None:
        for shard in table.stream.shards:
            shard.records.clear()
