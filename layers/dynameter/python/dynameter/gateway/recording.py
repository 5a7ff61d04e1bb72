"""Exchanges that callers report: measured as their routes say, and stored as usage events. No I/O of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dynameter.clock import MICROSECONDS, Clock
from dynameter.errors import TooLarge
from dynameter.events.event import EventDraft, Outcome, Status
from dynameter.gateway.exchange import Exchange, Measurement
from dynameter.gateway.matching import RouteTable
from dynameter.gateway.measurement import measure
from dynameter.gateway.route import Metering, Route
from dynameter.gateway.usage import SOURCE, draft_exchange

ROUTES_LIFE_US = 5 * MICROSECONDS
"""How long a process measures by the routes that it has read."""
STORE_RESERVE_US = 8 * MICROSECONDS
"""Time kept back from measuring: expressions are bounded, but a thousand slow ones outlast a request."""
MAX_WORKSPACES = 1_000
"""Workspaces whose routes a process remembers."""

_UNKNOWN_ROUTE = "the route does not exist"


class Routes(Protocol):
    """What is needed of ``dynameter.gateway.store.RouteStore``."""

    def list(self, workspace: str) -> tuple[Route, ...]:
        """Every route of the workspace."""


class Intake(Protocol):
    """What is needed of ``dynameter.events.intake.Intake``."""

    def accept(self, workspace: str, drafts: Sequence[tuple[int, EventDraft]], deadline_us: int) -> list[Outcome]:
        """Store the drafts, each once."""


@dataclass(frozen=True, slots=True)
class ExchangeReport:
    """An exchange as a caller reports it; ``route_id`` is None where it is to be found by method and path."""

    id: str
    time_us: int | None
    exchange: Exchange
    route_id: str | None = None
    latency_ms: int | None = None
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Measured:
    """An exchange that has been measured, and the event that it becomes."""

    measurement: Measurement
    draft: EventDraft


@dataclass(frozen=True, slots=True)
class _Known:
    """A workspace's routes as they were read."""

    read_at_us: int
    table: RouteTable
    by_id: Mapping[str, Route]


class ExchangeRecorder:
    """Measures and stores exchanges, in all workspaces."""

    def __init__(self, routes: Routes, intake: Intake, clock: Clock) -> None:
        self._routes = routes
        self._intake = intake
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def measure(self, workspace: str, report: ExchangeReport, deadline_us: int) -> Measured:
        """What the exchange counts. On no route it counts 1; named is a route whether or not it is enabled.

        Raises TooLarge where too little time is left to store what has been measured.
        """
        if self._clock.now_us() > deadline_us - STORE_RESERVE_US:
            raise TooLarge("the exchanges take too long to be measured; send fewer at once", code="too_slow")
        known = self._load(workspace)
        exchange = report.exchange
        error = None
        if report.route_id is None:
            route = known.table.match(exchange.method, exchange.path)
        else:
            route = known.by_id.get(report.route_id)
            error = None if route else _UNKNOWN_ROUTE
        metering = route.metering if route else Metering()
        if route is not None:
            exchange = replace(exchange, streaming=metering.streaming)
        now_us = self._clock.now_us() if report.time_us is None else report.time_us
        found = measure(metering, exchange, now_us=now_us)
        measurement = Measurement(found.units, error) if error else found
        draft = draft_exchange(
            exchange,
            measurement,
            route,
            id_=report.id,
            time_us=report.time_us,
            source=report.source,
            latency_ms=report.latency_ms,
        )
        return Measured(measurement, draft)

    def store(self, workspace: str, measured: Sequence[tuple[int, Measured]], deadline_us: int) -> dict[int, Status]:
        """Store the events, each with its index in the request; what became of each, by index."""
        drafts = [(index, one.draft) for index, one in measured]
        return {one.index: one.status for one in self._intake.accept(workspace, drafts, deadline_us)}

    def _load(self, workspace: str) -> _Known:
        known = self._known.get(workspace)
        now_us = self._clock.now_us()
        if known is None or not 0 <= now_us - known.read_at_us < ROUTES_LIFE_US:
            routes = self._routes.list(workspace)
            known = _Known(now_us, RouteTable(routes), {route.id: route for route in routes})
            if len(self._known) >= MAX_WORKSPACES:
                self._known.clear()
            self._known[workspace] = known
        return known
