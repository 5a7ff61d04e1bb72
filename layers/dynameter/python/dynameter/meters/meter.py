"""What a meter is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Aggregation(Enum):
    """How values become usage."""

    SUM = "SUM"
    COUNT = "COUNT"
    UNIQUE_COUNT = "UNIQUE_COUNT"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    LATEST = "LATEST"


@dataclass(frozen=True, slots=True)
class Generation:
    """One way of counting a meter's events; a change of ``group_by`` starts the next.

    Events ingested at or after ``live_from_us`` are folded from the stream, earlier ones by the rebuild.
    ``group_by`` maps each key to its JSONPath; its order is the sorted order of keys. ``complete`` says that the
    rebuild has folded everything before ``live_from_us``, ``confirmed`` that the definition is known to have been there
    before anything that the stream folds (see ``dynameter.meters.going_live``).
    """

    number: int
    group_by: Mapping[str, str]
    live_from_us: int
    complete: bool
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of a workspace.

    ``generations`` are those still folded, oldest first; ``active`` is the number of the one that queries read.
    ``group_by`` is the newest definition. ``version`` counts the changes (optimistic locking).
    """

    workspace: str
    id: str
    slug: str
    name: str
    description: str | None
    event_type: str
    aggregation: Aggregation
    value_property: str | None
    group_by: Mapping[str, str]
    event_from_us: int | None
    metadata: Mapping[str, str]
    created_at_us: int
    updated_at_us: int
    deleted_at_us: int | None
    generations: tuple[Generation, ...]
    active: int
    version: int = 1

    def generation(self, number: int) -> Generation:
        """The generation of that number; KeyError where it is gone."""
        for one in self.generations:
            if one.number == number:
                return one
        raise KeyError(number)

    @property
    def active_generation(self) -> Generation:
        """The generation that queries read."""
        return self.generation(self.active)


@dataclass(frozen=True, slots=True)
class MeterDraft:
    """A meter to be created, its wire form checked by a dialect, its rules not yet."""

    slug: str
    event_type: str
    aggregation: Aggregation
    name: str | None = None
    description: str | None = None
    value_property: str | None = None
    group_by: Mapping[str, str] = field(default_factory=dict)
    event_from_us: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeterChange:
    """A full replacement of what may change; a None description leaves the old one, as OpenMeter does."""

    name: str | None
    description: str | None
    metadata: Mapping[str, str]
    group_by: Mapping[str, str]
