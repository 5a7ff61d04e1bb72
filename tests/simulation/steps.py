"""What may happen to the world, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
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
class Flood:
    """Send batch after batch to a world with a limit, whatever becomes of them: each has a few of the events."""

    events: list[EventParts]
    count: int


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
class Delete:
    """Delete a meter; another one may have its slug afterwards."""

    meter: int


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


@dataclass
class Neighbour:
    """What ``step`` says is done by the clients of the other workspace, who have the same names for everything."""

    step: Any


@dataclass
class Deploy:
    """Other code is deployed: it cannot read half of the events (``unknown`` 1 or 2), all (3), or none (0)."""

    unknown: int


@dataclass
class GiveUp:
    """Lambda gives up a batch that failed and puts it into the bucket."""

    table: str
    lane: int


@dataclass
class Redrive:
    """An operator has counted what was put aside."""


@dataclass
class Purge:
    """An operator has deleted what nobody reads; it takes long enough for other things to happen meanwhile."""


@dataclass
class BackUp:
    """A state of all tables that they can be restored to. ``quiet``: nothing was under way then."""

    quiet: bool


class Loss(Enum):
    """What is lost, and restored from the last state that was backed up."""

    EVENTS = "events"
    USAGE = "usage rows, which are not put back but counted anew"
    CATALOG = "all definitions"
    METERS = "the meters that somebody deleted"


@dataclass
class Disaster:
    """Something is lost, and an operator restores it; ``part`` 0 all of it, 1 or 2 a half.

    Meanwhile clients send ``events``, and some that were lost.
    """

    loss: Loss
    part: int
    events: list[EventParts]
