"""Goal: whatever is killed, lost or sent twice, the book equals what was used and held, and no unit leaks.

Method: random programs of reserve, commit, release and check on a DynamoDB in memory. Every storage call may meet a
fault: the process dies before or after it, its answer is lost, or it is sent a second time after its answer was lost.
After each step the book must add up; when all reservations have expired it must hold exactly the stored events.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from dynameter import codec
from dynameter.errors import DynameterError
from dynameter.events.history import EventHistory
from dynameter.events.intake import Intake
from dynameter.events.store import EventStore, decode_item
from dynameter.gateway.plan import MeterType, Plan
from dynameter.gateway.quotas.books import BookStore
from dynameter.gateway.quotas.meters import LiveUsage
from dynameter.gateway.quotas.quota import month_of
from dynameter.gateway.quotas.reservation import SOURCE, Book, BookKey, Hold
from dynameter.gateway.quotas.service import Actual, QuotaService
from dynameter.runtime.settings import EventWrites, Settings
from dynameter.usage.windows import Window
from local.template import Template
from tests.conftest import WORKSPACE, ManualClock
from tests.simulation.dynamodb import MemoryDynamoDB

LIMIT = 10
USER = "user-1"
TTL_S = 60
DEADLINE_US = 2**60
PLAN = Plan(workspace=WORKSPACE, id="p", name="P", requests_per_month=LIMIT)
NAMES = Settings("EventsTable", "UsageTable", "CatalogTable", EventWrites.PUT, 0, 0, None)
DEFINITIONS = Template.load().table_definitions()
PROGRAMS, STEPS = 150, 40
ACTIONS = ("reserve", "reserve", "commit", "commit", "release", "check", "wait")
FAULTS = ("none", "none", "none", "none", "killed before", "killed after", "answer lost", "sent twice")


class Killed(BaseException):
    """The process dies here."""


@dataclass
class World:
    """The service on a storage that fails as the program says."""

    faults: list[str] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)
    acknowledged: dict[str, Decimal] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.storage = MemoryDynamoDB(DEFINITIONS)
        self.storage.intercept = self.intercept
        client = cast("Any", self.storage)
        nonces = itertools.count()
        self.books = BookStore(client, NAMES.usage_table)
        self.quotas = QuotaService(
            self,
            self,
            self.books,
            Intake(EventStore(client, NAMES, self.clock, lambda: 0.5), self.clock),
            EventHistory(client, NAMES),
            self.clock,
            lambda: f"{next(nonces):011d}",
        )

    def intercept(self, call: Any, apply: Callable[[], Any]) -> Any:
        fault = self.faults.pop() if self.faults else "none"
        if fault == "killed before":
            raise Killed
        if fault == "none":
            return apply()
        answer = apply()
        if fault == "sent twice":
            return apply()
        if fault == "answer lost":
            raise ReadTimeoutError(endpoint_url="memory")
        del answer
        raise Killed

    def plan_of(self, workspace: str, user_id: str) -> Plan:
        return PLAN

    def usage(self, workspace: str, user_id: str, meter_type: MeterType, month: Window) -> LiveUsage:
        """The meter has every stored event already: the book may not count one of them again."""
        return LiveUsage(Decimal(0), self.used())

    def used(self) -> Decimal:
        events = [decode_item(item) for item in self.storage.tables["EventsTable"].items.values()]
        return sum((Decimal(codec.decode(one.data or "")["requests"]) for one in events), Decimal(0))

    def book(self) -> Book | None:
        key = BookKey(WORKSPACE, USER, PLAN.meter_type, month_of(PLAN, self.clock.now_us()))
        faults, self.faults = self.faults, []
        found = self.books.read(WORKSPACE, key.digest)
        self.faults = faults
        return found

    # ---- steps

    def step(self, action: str, number: int) -> None:
        """One request; what becomes of it is the caller's to find out by asking again."""
        try:
            if action == "reserve":
                reservation = self.quotas.reserve(WORKSPACE, USER, Decimal(number), TTL_S, DEADLINE_US)
                if reservation.id is not None:
                    self.ids.append(reservation.id)
            elif action == "check":
                self.quotas.check(WORKSPACE, USER, DEADLINE_US)
            elif action == "wait":
                self.clock.advance(number * 10)
            elif self.ids:
                id_ = self.ids[-1 - number % min(2, len(self.ids))]
                if action == "commit":
                    done = self.quotas.commit(WORKSPACE, id_, Actual(Decimal(1)), DEADLINE_US)
                    self.acknowledged[id_] = done.units
                else:
                    self.quotas.release(WORKSPACE, id_)
        except (Killed, DynameterError):
            return

    def check_book(self) -> None:
        book = self.book()
        if book is None:
            return
        held = sum((one.units for one in book.entries.values() if isinstance(one, Hold)), Decimal(0))
        assert book.taken == book.committed + held
        assert book.taken <= LIMIT
        assert self.used() <= book.committed

    def settle(self) -> None:
        """Long after everything has expired, somebody asks."""
        self.faults.clear()
        self.clock.advance(600)
        for _ in range(10):
            self.quotas.check(WORKSPACE, USER, DEADLINE_US)


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_no_fault_makes_a_book_wrong_or_leaks_a_unit(seed: int) -> None:
    chance = random.Random(seed)
    world = World()

    for _ in range(STEPS):
        world.faults = chance.choices(FAULTS, k=6)
        world.step(chance.choice(ACTIONS), chance.randint(1, 6))
        world.check_book()
    world.settle()

    book = world.book()
    if book is not None:
        assert book.entries == {}
        assert book.taken == book.committed == world.used()
    stored = EventHistory(cast("Any", world.storage), NAMES)
    for id_, units in world.acknowledged.items():
        event = stored.get(WORKSPACE, SOURCE, id_)
        assert event is not None
        assert Decimal(codec.decode(event.data or "")["requests"]) == units
