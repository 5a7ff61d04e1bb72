"""Histories of steps at random."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.faults import Fault
from tests.simulation.steps import (
    AGGREGATIONS,
    FUNCTIONS,
    GROUP_KEYS,
    MINUTES,
    NUMBERS,
    PAUSES_MS,
    SUBJECTS,
    TYPES,
    BackUp,
    CatchUp,
    Create,
    Delete,
    Deliver,
    Deploy,
    Disaster,
    Emit,
    EventParts,
    Fail,
    Flood,
    GiveUp,
    Lose,
    Loss,
    Neighbour,
    Purge,
    Rebuild,
    Redrive,
    Refuse,
    Regroup,
    Repair,
    Resend,
    Resume,
    Silence,
    Split,
    Unvoid,
    Void,
    VoidFilter,
    Wait,
    Zombie,
)

Move = Callable[[Random], list[Any]]
"""Makes steps that belong together."""
OFTEN = 0.1


def random_steps(seed: int, *, often: Move | None = None) -> list[Any]:
    """The history of the seed, always the same; ``often`` is a move that comes about every ``1 / OFTEN`` steps."""
    random = Random(seed)
    steps: list[Any] = [_random_create(random) for _ in range(random.choice((0, 1, 1, 2)))]
    for _ in range(random.randint(15, 45)):
        steps += often(random) if often and random.random() < OFTEN else _random_move(random)
    return steps


_KINDS: tuple[tuple[Any, int], ...] = (
    (Emit, 20),
    (Create, 8),
    (Deliver, 28),
    (Regroup, 2),
    (Zombie, 8),
    (Void, 7),
    (VoidFilter, 1),
    (Unvoid, 4),
    (Repair, 2),
    (Rebuild, 2),
    (CatchUp, 4),
    (Fail, 18),
    (Resume, 8),
    (Split, 4),
    (Lose, 2),
    (Wait, 6),
    (Refuse, 2),
    (Resend, 3),
    (Silence, 1),
    (Delete, 1),
    (Deploy, 2),
    (GiveUp, 3),
    (Redrive, 1),
    (Purge, 1),
    (BackUp, 1),
    (Disaster, 1),
)
OF_CLIENTS = (Emit, Create, Regroup, Void, VoidFilter, Unvoid, Repair, Rebuild, Refuse, Resend, Flood, Delete)
OTHER_CLIENTS = 0.2
"""How many of the clients' steps are those of the other workspace."""


def _random_move(random: Random) -> list[Any]:
    """One step, or several that belong together."""
    chance = random.random()
    for likely, move in _MOVES:
        if chance < likely:
            return move(random)
        chance -= likely
    kinds, weights = zip(*_KINDS, strict=True)
    step = _random_step(random, random.choices(kinds, weights)[0])
    return [Neighbour(step) if isinstance(step, OF_CLIENTS) and random.random() < OTHER_CLIENTS else step]


def _slow_definition(random: Random) -> list[Any]:
    """A definition's commit takes its time while events are sent and folded by who cannot know it."""
    fault = random.choice((Fault.STALLED_BEFORE, Fault.STALLED_BEFORE, Fault.STALLED_AFTER, Fault.LATE))
    end = random.choice((None, None, Fault.KILLED_BEFORE, Fault.UNHEARD))
    return [
        Fail(fault, 0),
        _random_create(random, patient=False),
        Wait(random.choice((1, 100, 200, 300, 400, 2_000))),
        Emit([_random_event(random) for _ in range(random.randint(1, 4))]),
        *[Deliver("EventsTable", lane, 8, 0) for lane in range(random.randint(1, 4))],
        *([Fail(end, 0)] if end else []),
        Resume(0),
    ]


def _torn_batch(random: Random) -> list[Any]:
    """A batch fails in its midst, is brought again and followed by others, and may go on after all."""
    lane = random.randrange(4)
    return [
        Emit([_random_event(random) for _ in range(random.randint(3, 8))]),
        Fail(random.choice(list(Fault)), random.randint(2, 16)),
        *[_random_deliver(random, "EventsTable", lane) for _ in range(random.randint(2, 4))],
        Emit([_random_event(random) for _ in range(random.randint(1, 4))]),
        *[_random_deliver(random, "EventsTable", lane) for _ in range(random.randint(1, 3))],
        Resume(0),
    ]


def _torn_job(random: Random) -> list[Any]:
    """A job fails in its midst, is brought again while others go on, and may go on after all."""
    return [
        random.choice((_random_create(random), Regroup(random.randint(0, 3), list(random.choice(GROUP_KEYS))))),
        _random_deliver(random, "CatalogTable"),
        Fail(random.choice(list(Fault)), random.randint(0, 20)),
        *[_random_deliver(random, "CatalogTable") for _ in range(random.randint(2, 5))],
        _random_deliver(random, "EventsTable"),
        Resume(0),
    ]


def _two_workspaces(random: Random) -> list[Any]:
    """The same is sent to both workspaces, and counted there, or defined in one of them."""
    events = [_random_event(random) for _ in range(random.randint(2, 5))]
    return [
        Neighbour(_random_create(random)),
        Emit(events),
        Neighbour(Emit([_random_event(random) for _ in events])),
        *[_random_deliver(random, "EventsTable") for _ in range(random.randint(0, 3))],
        Neighbour(_random_step(random, random.choice((Void, Regroup, Rebuild, Delete)))),
    ]


def _put_aside(random: Random) -> list[Any]:
    """Records cannot be read, or their batch is given up, while others are folded; then they are redriven."""
    given_up = random.random() < 0.5
    fault = random.choice((Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.STALLED_BEFORE, Fault.STALLED_AFTER))
    lane = random.randint(0, 3)
    return [
        *([] if given_up else [Deploy(random.choice((1, 2, 3)))]),
        Emit([_random_event(random) for _ in range(random.randint(2, 6))]),
        *([Fail(fault, random.randint(0, 8))] if given_up or random.random() < 0.4 else []),
        *[_random_deliver(random, "EventsTable", lane) for _ in range(random.randint(1, 3))],
        *([GiveUp("EventsTable", lane), _random_deliver(random, "EventsTable", lane)] if given_up else []),
        *([GiveUp("EventsTable", lane)] if given_up else []),
        *([_random_step(random, random.choice((Void, Unvoid, Regroup, Rebuild)))] if random.random() < 0.4 else []),
        *([Deploy(0)] if random.random() < 0.8 else []),
        *([Fail(random.choice(list(Fault)), random.randint(0, 8))] if random.random() < 0.5 else []),
        Redrive(),
        *[_random_deliver(random) for _ in range(random.randint(0, 4))],
        _random_zombie(random),
        Resume(0),
    ]


def _crowd(random: Random) -> list[Any]:
    """One workspace sends more than it may, and the other a little."""
    flood, emit = _random_flood(random), _random_emit(random)
    return [Neighbour(flood), emit] if random.random() < 0.5 else [flood, Neighbour(emit)]


def _long_purge(random: Random) -> list[Any]:
    """A meter gets another generation while an operator purges, before it, between the looks, or after them."""
    change = (Regroup, Rebuild, Rebuild, Delete, Create)
    return [
        _random_step(random, random.choice(change)),
        *[_random_deliver(random) for _ in range(random.randint(0, 6))],
        Emit([_random_event(random) for _ in range(random.randint(1, 4))]),
        *[_random_deliver(random) for _ in range(random.randint(0, 6))],
        Purge(),
        *([_random_step(random, random.choice(change))] if random.random() < 0.5 else []),
        Emit([_random_event(random) for _ in range(random.randint(1, 4))]),
        *[_random_deliver(random) for _ in range(random.randint(0, 4))],
        *([Fail(random.choice(list(Fault)), random.randint(0, 4))] if random.random() < 0.3 else []),
        Resume(0),
        *[_random_deliver(random) for _ in range(random.randint(0, 3))],
    ]


def lost_and_restored(random: Random) -> list[Any]:
    """Something is lost some time after a state that was backed up."""
    changes = (Emit, Void, Void, Unvoid, Regroup, Rebuild, Create, Delete, Deliver)
    between = [_random_step(random, random.choice(changes)) for _ in range(random.randint(1, 4))]
    return [
        BackUp(random.random() < 0.8),
        *between,
        *([Fail(random.choice(list(Fault)), random.randint(0, 40))] if random.random() < 0.5 else []),
        _random_disaster(random),
        *([_random_emit(random)] if random.random() < 0.5 else []),
    ]


_MOVES: tuple[tuple[float, Move], ...] = (
    (0.02, _slow_definition),
    (0.03, _torn_batch),
    (0.03, _torn_job),
    (0.01, _two_workspaces),
    (0.025, _put_aside),
    (0.02, _crowd),
    (0.01, _long_purge),
    (0.015, lost_and_restored),
)


def _random_step(random: Random, kind: Any) -> Any:
    make = _MAKERS.get(kind)
    if make is not None:
        return make(random)
    if kind is Regroup:
        return Regroup(random.randint(0, 3), list(random.choice(GROUP_KEYS)))
    if kind is Rebuild:
        return Rebuild(random.randint(0, 3), random.random() < 0.5)
    if kind is Void:
        return Void(random.randint(0, 20), random.randint(1, 4))
    if kind is VoidFilter:
        return VoidFilter(random.choice(TYPES), random.choice((None, *SUBJECTS)))
    if kind is Lose:
        return Lose(random.choice(FUNCTIONS))
    if kind is CatchUp:
        return CatchUp(random.randint(0, 2))
    if kind is Wait:
        return Wait(random.choice(PAUSES_MS))
    if kind in (Silence, Redrive, Purge):
        return kind()
    return kind(random.randint(0, 3))


def _random_emit(random: Random) -> Emit:
    return Emit(
        [_random_event(random) for _ in range(random.randint(1, 6))],
        [random.randrange(20) for _ in range(random.choice((0, 0, 1, 3)))],
        [random.randrange(20) for _ in range(random.choice((0, 0, 0, 1)))],
        random.random() < 0.1,
        random.random() < 0.85,
    )


def _random_refuse(random: Random) -> Refuse:
    return Refuse([_random_event(random) for _ in range(random.randint(1, 3))], random.random() < 0.5)


def _random_create(random: Random, *, patient: bool | None = None) -> Create:
    return Create(
        random.choice(AGGREGATIONS),
        random.choice(TYPES),
        list(random.choice(GROUP_KEYS)),
        random.random() < 0.9 if patient is None else patient,
    )


def _random_table(random: Random) -> str:
    return random.choice(("EventsTable", "EventsTable", "CatalogTable"))


def _random_deliver(random: Random, table: str | None = None, lane: int | None = None) -> Deliver:
    return Deliver(
        table or _random_table(random),
        random.randrange(8) if lane is None else lane,
        random.randint(1, 12),
        random.choice((0, 0, 1, 4)),
        random.random() < 0.7,
    )


def _random_zombie(random: Random) -> Zombie:
    return Zombie(_random_table(random), random.randrange(8), random.randint(0, 20), random.randint(1, 8))


def _random_split(random: Random) -> Split:
    return Split(_random_table(random), random.randrange(8), random.choice((1, 2, 2)))


def _random_fail(random: Random) -> Fail:
    return Fail(random.choice(list(Fault)), random.randint(0, 14))


def _random_flood(random: Random) -> Flood:
    return Flood([_random_event(random) for _ in range(random.randint(2, 5))], random.randint(6, 14))


def _random_disaster(random: Random) -> Disaster:
    events = [_random_event(random) for _ in range(random.randint(1, 3))]
    return Disaster(random.choice((*Loss, Loss.CATALOG)), random.choice((0, 1, 2)), events)


_MAKERS: dict[Any, Any] = {
    Emit: _random_emit,
    Refuse: _random_refuse,
    Create: _random_create,
    Deliver: _random_deliver,
    Zombie: _random_zombie,
    Split: _random_split,
    Fail: _random_fail,
    Flood: _random_flood,
    Deploy: lambda random: Deploy(random.choice((0, 0, 0, 1, 2, 3))),
    GiveUp: lambda random: GiveUp(_random_table(random), random.randint(0, 3)),
    BackUp: lambda random: BackUp(random.random() < 0.5),
    Disaster: _random_disaster,
}


def _random_event(random: Random) -> EventParts:
    data: dict[str, Any] = {}
    if random.random() < 0.85:
        data["v"] = random.choice((random.randint(-3, 3), *NUMBERS))
    if random.random() < 0.7:
        data["g"] = random.choice(("x", "y", 1, None))
    if random.random() < 0.3:
        data["h"] = random.random() < 0.5
    return random.choice(TYPES), random.choice(SUBJECTS), random.choice(MINUTES), random.randint(0, 3), data
