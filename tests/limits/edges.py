"""Requests that stand at a limit and one past it, and how their refusals are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import WORKSPACE
from tests.limits.table import LIMITS
from tests.simulation.world import Answer
from tests.unit.http.conftest import Settled
from tests.unit.http.house import Ask, dialect_of

Place = tuple[str | int, ...]
Asking = Callable[[Settled, int], Ask]


@dataclass(frozen=True)
class Outcome:
    """An answer, and the keys of what the request has changed; the buckets of the workspace's rate aside."""

    answer: Answer
    changed: list[object]


@dataclass(frozen=True)
class Edge:
    """A request of any size: of the limit's it is served, a larger one by ``step`` is refused.

    ``names`` is the field as the dialect names it, "" where the refusal is about the whole; ``why`` stands in the
    refusal's text, the limit itself unless told.
    """

    constant: str
    route: str
    ask: Asking
    names: str
    status: int = 400
    why: str = ""
    at: int | None = None
    step: int = 1
    headers: Callable[[int], Mapping[str, str]] = field(default=lambda _: {})
    path: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.constant.rpartition(':')[2]} {self.route} {self.names}".strip()

    @property
    def size(self) -> int:
        """The greatest size that is served."""
        return LIMITS[self.constant].value if self.at is None else self.at

    @property
    def reason(self) -> str:
        """What the refusal must say."""
        return self.why or str(LIMITS[self.constant].value)

    def send(self, settled: Settled, size: int) -> Outcome:
        """The request of that size."""
        return send(settled, self.route, self.ask(settled, size), self.headers(size))


@dataclass(frozen=True)
class Lowered:
    """A request that is served where the limit is ``holds`` and refused where it is less by one.

    For what cannot be made a thousand times in a test; ``where`` are the modules that use the constant.
    """

    constant: str
    holds: int | Callable[[Settled], int]
    route: str
    names: str = ""
    status: int = 409
    why: str = ""
    where: Sequence[str] = ()
    ask: Callable[[Settled], Ask] | None = None

    def __str__(self) -> str:
        return f"{self.constant} {self.route}"

    def size(self, settled: Settled) -> int:
        """The least limit at which the request is served."""
        return self.holds if isinstance(self.holds, int) else self.holds(settled)

    def modules(self) -> list[str]:
        """The modules that use the constant."""
        return [f"dynameter.{one}" for one in self.where] or [LIMITS[self.constant].module]

    def send(self, settled: Settled) -> Outcome:
        """The request."""
        return send(settled, self.route, settled.asks[self.route] if self.ask is None else self.ask(settled))


def send(settled: Settled, route: str, ask: Ask, headers: Mapping[str, str] | None = None) -> Outcome:
    """A request of the tenant's, after what must come before it."""
    for step, first in ask.before:
        assert send(settled, step, first).answer.status < 300
    before = deepcopy(settled.house.state())
    path = settled.tenant.path(route, **ask.path)
    answer = settled.house.send(route, ask, WORKSPACE, path, headers=headers)
    now = settled.house.state()
    changed = (key for key in {*before, *now} if before.get(key) != now.get(key))
    return Outcome(answer, [key for key in changed if "!limit" not in str(key)])


# ---- making requests


def letters(count: int) -> str:
    """A text of so many characters and bytes."""
    return "a" * count


def items(count: int) -> list[str]:
    """Texts that differ."""
    return [f"i{number}" for number in range(count)]


def entries(count: int) -> dict[str, str]:
    """A map with so many entries."""
    return dict.fromkeys(items(count), "v")


def body(place: str, make: Callable[[int], Any] = letters, route: str = "", **also: Any) -> Asking:
    """The route's usual body with what was made at the dotted place; ``also`` are other fields of the body."""

    def ask(settled: Settled, size: int) -> Ask:
        usual = settled.asks[route]
        made = put(usual.body, place, make(size))
        if also:
            made = {**made, **also}
        return Ask(made, usual.query, usual.path, usual.before, usual.media_type)

    return ask


def put(value: Any, place: str, made: Any) -> Any:
    """A copy of the value with what was made at the dotted place; objects on the way come into being."""
    whole = deepcopy(value)
    at = whole
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    for step in way:
        at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
    at[last] = made
    return whole


def query(name: str, make: Callable[[int], str], route: str, *also: tuple[str, str]) -> Asking:
    """The route's usual request with a parameter."""

    def ask(settled: Settled, size: int) -> Ask:
        usual = settled.asks[route]
        kept = [one for one in usual.query if one[0] != name and one[0] not in dict(also)]
        return Ask(usual.body, (*kept, *also, (name, make(size))), usual.path)

    return ask


def repeated(name: str, make: Callable[[int], list[str]], route: str, *also: tuple[str, str]) -> Asking:
    """The route's usual request with a parameter so many times."""

    def ask(settled: Settled, size: int) -> Ask:
        usual = settled.asks[route]
        kept = [one for one in usual.query if one[0] != name and one[0] not in dict(also)]
        return Ask(usual.body, (*kept, *also, *((name, one) for one in make(size))), usual.path)

    return ask


def padded(route: str) -> Asking:
    """The route's usual body with spaces after it up to so many bytes."""

    def ask(settled: Settled, size: int) -> Ask:
        usual = settled.asks[route]
        return Ask(json.dumps(usual.body).ljust(size), usual.query, usual.path, usual.before, usual.media_type)

    return ask


def body_edges(
    constant: str, places: Mapping[str, str], make: Callable[[int], Any] = letters, **told: Any
) -> list[Edge]:
    """An edge for each route, ``places`` having the place in its body."""
    also = told.pop("also", {})
    return [
        Edge(constant, route, body(place, make, route, **also), told.get("names") or place, **without(told, "names"))
        for route, place in places.items()
    ]


def without(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The arguments but for one."""
    return {key: value for key, value in told.items() if key != name}


# ---- reading refusals


def wrong_fields(route: str, answer: Answer) -> list[str]:
    """The fields that a refusal names, in its dialect's own form and words."""
    told, dialect = answer.json(), dialect_of(route)
    if dialect == "apigate":
        assert answer.headers["content-type"] == "application/vnd.api+json"
        sources = [one.get("source", {}) for one in told["errors"]]
        return [one.get("pointer", "").lstrip("/").replace("/", ".") or one.get("parameter", "") for one in sources]
    if dialect == "amigo":
        assert answer.headers["content-type"] == "application/json"
        found = told["detail"]
        return [".".join(map(str, one["loc"][1:])) for one in found] if isinstance(found, list) else []
    assert answer.headers["content-type"] == "application/problem+json"
    if dialect == "openmeter_v3":
        return [one["field"] for one in told.get("invalid_parameters", ())]
    return [one["field"] for one in told.get("extensions", {}).get("validationErrors", ())]
