"""The service in one process with its jobs brought to their function as a stream does, killed now and then."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import Any

from dynameter import codec
from dynameter.clock import MINUTE_US
from dynameter.events.event import Event
from dynameter.events.store import decode_item, encode_item
from dynameter.rebuild.store import read_job
from tests.conftest import WORKSPACE
from tests.simulation.dynamodb import Call
from tests.simulation.faults import Killed
from tests.simulation.world import START_US, World
from tests.simulation.world import world as simulated
from tests.unit.usage.builders import make_event

CATALOG, EVENTS = "CatalogTable", "EventsTable"
SUM = {
    "slug": "tokens",
    "eventType": "request",
    "aggregation": "SUM",
    "valueProperty": "$.tokens",
    "groupBy": {"model": "$.model"},
}


@dataclass
class Background:
    """A world, and ways to write events into it and to drive its jobs."""

    world: World
    subjects: int = 5
    written: int = 0
    killed: int = 0
    call_us: int = 2_000
    """Time that each call to storage takes."""
    voids: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.world.memory.intercept = self._calm

    # ---- what people do

    def create(self, **changes: Any) -> dict[str, Any]:
        answer = self.world.ask("meters", "POST /api/v1/meters", body={**SUM, **changes})
        assert answer.status == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def regroup(self, **group_by: str) -> None:
        path = {"meterIdOrSlug": "tokens"}
        answer = self.world.ask(
            "meters", "PUT /api/v1/meters/{meterIdOrSlug}", path=path, body={"groupBy": dict(group_by)}
        )
        assert answer.status == 200, answer.text

    def store(self, count: int, *, spread_hours: int = 12) -> None:
        """Store so many events as the intake does, stamped now, their times spread over the last hours."""
        for number in range(self.written, self.written + count):
            event = make_event(
                number,
                {"tokens": Decimal(number % 7) / 2, "model": f"m{number % 3}", "route": f"r{number % 2}"},
                subject=f"customer-{number % self.subjects}",
                time_us=START_US - (number * 7_919 % (spread_hours * 60)) * MINUTE_US - number,
                ingested_at_us=self.world.clock.now_us(),
            )
            self.world.memory.put_item(TableName=EVENTS, Item=encode_item(event))
        self.written += count

    def void(self, *numbers: int) -> None:
        body = {"events": [{"source": "test", "id": f"event-{number}"} for number in numbers]}
        answer = self.world.ask("meters", "POST /v1/{workspace_id}/voids", path={"workspace_id": WORKSPACE}, body=body)
        assert answer.status in (200, 201, 202), answer.text
        self.voids.append(answer.json()["id"])

    def unvoid(self, place: int = -1) -> None:
        path = {"workspace_id": WORKSPACE, "void_id": self.voids.pop(place)}
        answer = self.world.ask("meters", "DELETE /v1/{workspace_id}/voids/{void_id}", path=path)
        assert answer.status in (202, 204), answer.text

    # ---- what they are answered

    def state(self, slug: str = "tokens") -> dict[str, Any]:
        path = {"workspace_id": WORKSPACE, "slug": slug}
        answer = self.world.ask("meters", "GET /v1/{workspace_id}/meters/{slug}/state", path=path)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def query(self, *parameters: tuple[str, str]) -> Any:
        path = {"meterIdOrSlug": "tokens"}
        return self.world.ask("meters", "GET /api/v1/meters/{meterIdOrSlug}/query", path=path, query=list(parameters))

    def usage(self, *keys: str) -> dict[tuple[str, ...], Decimal]:
        """The sums by these keys, "subject" among them, as the API answers them."""
        answer = self.query(*(("groupBy", key) for key in keys))
        assert answer.status == 200, answer.text
        return {
            tuple(row["subject"] if key == "subject" else row["groupBy"][key] for key in keys): Decimal(row["value"])
            for row in answer.json()["data"]
        }

    def expected(self, *keys: str) -> dict[tuple[str, ...], Decimal]:
        """The same, summed over the events that are not void."""
        sums: dict[tuple[str, ...], Decimal] = {}
        for event in self.events():
            if not event.voided:
                data = codec.decode(event.data or "{}")
                key = tuple(event.subject if name == "subject" else data[name] for name in keys)
                sums[key] = sums.get(key, Decimal(0)) + Decimal(data["tokens"])
        return sums

    def events(self) -> list[Event]:
        return [decode_item(item) for item in self.world.memory.tables[EVENTS].items.values()]

    def jobs(self) -> list[Any]:
        items = self.world.memory.tables[CATALOG].items
        return [read_job(item) for (_, sort_key), item in items.items() if sort_key.startswith("j.")]

    # ---- what AWS does

    def waiting_jobs(self) -> int:
        """How many lanes of the catalog's stream have records that are not done."""
        return len(self.world.backlog(CATALOG))

    def run_jobs(self, most: int = 10_000) -> None:
        """Bring the next records of the catalog's stream, each alone, until none are left."""
        for _ in range(most):
            if not self.waiting_jobs():
                return
            self.world.deliver(CATALOG, 0, 1)

    def run_one_and_kill(self, chance: random.Random, calls: int) -> None:
        """Bring a record to a process that dies at the storage call of that number; the record comes again later."""
        waiting = self.waiting_jobs()
        if not waiting:
            return
        left = [calls]
        after = chance.random() < 0.5

        def die(call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
            with self._lock:
                left[0] -= 1
                if left[0] == 0:
                    if after:
                        apply()
                    self.killed += 1
                    raise Killed
                return self._timed(apply)

        self.world.memory.intercept = die
        try:
            self.world.deliver(CATALOG, chance.randrange(waiting), 1)
        finally:
            self.world.memory.intercept = self._calm

    def bring_again(self, chance: random.Random) -> None:
        """Bring a record of the catalog's stream that was done before, as a zombie would."""
        self.world.redeliver(CATALOG, chance.randrange(4), chance.randrange(1_000), 1)

    def stream(self, count: int = 1_000_000) -> None:
        """Bring the next records of the events stream."""
        for number in range(len(self.world.backlog(EVENTS))):
            self.world.deliver(EVENTS, number, count)

    def settle(self) -> None:
        """Bring everything until all is at rest."""
        while self.waiting_jobs() or self.world.backlog(EVENTS):
            self.stream()
            self.run_jobs()

    def _calm(self, call: Call, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            return self._timed(apply)

    def _timed(self, apply: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.world.clock.now += self.call_us
        return apply()


@contextmanager
def background() -> Iterator[Background]:
    """An empty world."""
    with simulated(shards=2, skew_ms=0, index_lags=False) as found:
        yield Background(found)
