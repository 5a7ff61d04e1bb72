"""Measuring reports: by the routes as they are, within the request's time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from dynameter.errors import TooLarge
from dynameter.gateway.exchange import Exchange
from dynameter.gateway.recording import ROUTES_LIFE_US, STORE_RESERVE_US, ExchangeRecorder, ExchangeReport
from dynameter.gateway.route import Metering, MeteringMode, Route, blank_route
from tests.conftest import WORKSPACE, ManualClock

DEADLINE_US = 2**60
REPORT = ExchangeReport("e-1", None, Exchange(status=200, path="/x", response_bytes=7))


@dataclass
class Shelf:
    """The workspace's routes, and how often they were read."""

    routes: tuple[Route, ...] = ()
    reads: int = 0

    def list(self, workspace: str) -> tuple[Route, ...]:
        self.reads += 1
        return self.routes


@dataclass
class Bench:
    clock: ManualClock = field(default_factory=ManualClock)
    shelf: Shelf = field(default_factory=Shelf)

    def __post_init__(self) -> None:
        nothing: Any = None
        self.recorder = ExchangeRecorder(self.shelf, nothing, self.clock)

    def units(self, report: ExchangeReport = REPORT) -> Decimal:
        return self.recorder.measure(WORKSPACE, report, DEADLINE_US).measurement.units


def route(**changes: Any) -> Route:
    bytes_mode = Metering(MeteringMode.BYTES)
    return replace(blank_route(WORKSPACE, "r-1", 0), path_pattern="/x", metering=bytes_mode, **changes)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_routes_are_read_once_in_a_while(bench: Bench) -> None:
    bench.units()
    bench.units()

    assert bench.shelf.reads == 1


def test_a_new_route_measures_moments_later(bench: Bench) -> None:
    before = bench.units()
    bench.shelf.routes = (route(),)
    bench.clock.advance(ROUTES_LIFE_US / 1_000_000)

    assert (before, bench.units()) == (Decimal(1), Decimal(7))


def test_a_disabled_route_matches_nothing(bench: Bench) -> None:
    bench.shelf.routes = (route(enabled=False),)

    assert bench.units() == 1


def test_a_disabled_route_measures_what_names_it(bench: Bench) -> None:
    bench.shelf.routes = (route(enabled=False),)

    assert bench.units(replace(REPORT, route_id="r-1")) == 7


def test_now_is_the_exchanges_own_time(bench: Bench) -> None:
    metering = Metering(MeteringMode.CUSTOM, "now()")
    bench.shelf.routes = (replace(route(), metering=metering),)

    assert bench.units(replace(REPORT, time_us=12_000_000)) == 12


def test_measuring_leaves_time_to_store(bench: Bench) -> None:
    deadline_us = bench.clock.now_us() + STORE_RESERVE_US - 1

    with pytest.raises(TooLarge):
        bench.recorder.measure(WORKSPACE, REPORT, deadline_us)
