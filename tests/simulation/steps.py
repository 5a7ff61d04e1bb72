"""What may happen to the world, step by step, and histories of such steps at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from tests.simulation.faults import Fault

AGGREGATIONS = ("SUM", "COUNT", "AVG", "MIN", "MAX", "LATEST", "UNIQUE_COUNT")
MINUTES = (-130, -64, -2, 0, 1, 1, 1, 39, 130)
NUMBERS = (Decimal("0.1"), Decimal("12345678901234567890.123456789"), "0.4567890123456789", "7", "x", None)
GROUP_KEYS: tuple[tuple[str, ...], ...] = ((), ("g",), ("g", "h"))
TYPES, SUBJECTS = "ab", ("s1", "s2")
FUNCTIONS = ("emit", "meters", "aggregate", "rebuild")
PAUSES_MS = (1, 30, 200, 400, 700, 5_000, 40_000)
LONG_S = 50 * 3_600
"""Longer than a stream keeps records, and than a row keeps the watermarks of silent shards."""

EventParts = tuple[str, str, int, int, dict[str, Any]]
"""Type, subject, minutes and microseconds from the present, data."""


@dataclass
class Emit:
    """Send new events, some of them twice, with known ones among them, and others under ids that are taken.

    ``again`` and ``conflicts`` number known events. A client that is not ``patient`` gives up after one try.
    """

    events: list[EventParts]
    again: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)
    twice: bool = False
    patient: bool = True


@dataclass
class Resend:
    """A client that gave up sends its events again after all."""

    number: int


@dataclass
class Refuse:
    """Send a batch with a bad event in it: it is refused, unless the client takes what is good (``lenient``)."""

    events: list[EventParts]
    lenient: bool


@dataclass
class Create:
    """Make a meter. A client that is not ``patient`` tries once now and again at the end."""

    aggregation: str
    type: str
    groups: list[str]
    patient: bool = True


@dataclass
class Regroup:
    meter: int
    groups: list[str]


@dataclass
class Repair:
    """Have a meter's rows recounted in the midst of all."""

    meter: int


@dataclass
class Rebuild:
    """Have a meter counted anew; ``restart`` gives up a rebuild that is under way."""

    meter: int
    restart: bool


@dataclass
class Deliver:
    """Bring a batch of a stream; where it fails, it comes again as it was or (``bisect``) in halves."""

    table: str
    lane: int
    count: int
    again: int
    bisect: bool = True


@dataclass
class Zombie:
    """Bring old records again, whatever came since."""

    table: str
    lane: int
    start: int
    count: int


@dataclass
class Split:
    """A shard closes and one or two others take over."""

    table: str
    shard: int
    children: int


@dataclass
class Void:
    first: int
    count: int


@dataclass
class VoidFilter:
    type: str
    subject: str | None


@dataclass
class Unvoid:
    number: int


@dataclass
class Fail:
    """A fault comes after some more calls of storage, whoever makes them."""

    fault: Fault
    calls: int


@dataclass
class Resume:
    """A run that stands still goes on, beside whatever took its place."""

    number: int


@dataclass
class Lose:
    """Lambda ends a function's idle processes."""

    function: str


@dataclass
class CatchUp:
    """The index sees what was written so far, or (``part`` 1 or 2) half of the items do."""

    part: int


@dataclass
class Wait:
    milliseconds: int


@dataclass
class Silence:
    """Nothing happens for two days."""


def random_steps(seed: int) -> list[Any]:
    """The history of the seed, always the same."""
    random = Random(seed)
    steps: list[Any] = [_random_create(random) for _ in range(random.choice((0, 1, 1, 2)))]
    for _ in range(random.randint(15, 45)):
        steps += _random_move(random)
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
)


def _random_move(random: Random) -> list[Any]:
    """One step, or several that belong together."""
    chance = random.random()
    if chance < 0.08:
        return (_slow_definition if chance < 0.02 else _torn_batch if chance < 0.05 else _torn_job)(random)
    kinds, weights = zip(*_KINDS, strict=True)
    return [_random_step(random, random.choices(kinds, weights)[0])]


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
    return kind() if kind is Silence else kind(random.randint(0, 3))


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


_MAKERS: dict[Any, Any] = {
    Emit: _random_emit,
    Refuse: _random_refuse,
    Create: _random_create,
    Deliver: _random_deliver,
    Zombie: _random_zombie,
    Split: _random_split,
    Fail: _random_fail,
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
