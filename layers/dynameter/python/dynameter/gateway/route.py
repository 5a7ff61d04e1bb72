"""Routes: which requests they match and how an exchange on them counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

DEFAULT_EXPRESSION = "1"
"""APIGate's default; where bytes are counted there is none, so that the response's bytes count."""

_T = TypeVar("_T")


class MatchType(Enum):
    """How ``path_pattern`` is held against a path."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


class MeteringMode(Enum):
    """What an exchange counts.

    REQUEST: 1. BYTES: the response's bytes, or what the expression makes of them. RESPONSE_FIELD: an expression or a
    bare path (``usage.total_tokens``) into the response body. CUSTOM: what the expression says.
    """

    REQUEST = "request"
    RESPONSE_FIELD = "response_field"
    BYTES = "bytes"
    CUSTOM = "custom"


class MeteringUnit(Enum):
    """What the units are called; for display."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    DATA_POINTS = "data_points"
    BYTES = "bytes"


class Protocol(Enum):
    """How the route's responses travel; all but HTTP are measured as streams."""

    HTTP = "http"
    HTTP_STREAM = "http_stream"
    SSE = "sse"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True)
class Metering:
    """How an exchange on a route counts; ``expression`` is "" where there is none."""

    mode: MeteringMode = MeteringMode.REQUEST
    expression: str = ""
    unit: MeteringUnit = MeteringUnit.REQUESTS
    protocol: Protocol = Protocol.HTTP

    @property
    def streaming(self) -> bool:
        """Whether the expression sees a stream instead of a body."""
        return self.protocol is not Protocol.HTTP


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a workspace. No ``methods`` means every method; of two that match, the higher ``priority`` wins."""

    workspace: str
    id: str
    name: str
    path_pattern: str
    match_type: MatchType
    methods: tuple[str, ...]
    priority: int
    enabled: bool
    metering: Metering
    created_at_us: int
    updated_at_us: int
    version: int = 1
    description: str = ""


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Attributes to set on a route; None leaves one as it is."""

    name: str | None = None
    description: str | None = None
    path_pattern: str | None = None
    match_type: MatchType | None = None
    methods: tuple[str, ...] | None = None
    priority: int | None = None
    enabled: bool | None = None
    metering_mode: MeteringMode | None = None
    metering_expr: str | None = None
    metering_unit: MeteringUnit | None = None
    protocol: Protocol | None = None

    def apply(self, route: Route, now_us: int) -> Route:
        """The route's next version."""
        return replace(
            route,
            name=_or(self.name, route.name),
            description=_or(self.description, route.description),
            path_pattern=_or(self.path_pattern, route.path_pattern),
            match_type=_or(self.match_type, route.match_type),
            methods=_or(self.methods, route.methods),
            priority=_or(self.priority, route.priority),
            enabled=_or(self.enabled, route.enabled),
            metering=self._metering(route.metering),
            updated_at_us=now_us,
            version=route.version + 1,
        )

    def _metering(self, before: Metering) -> Metering:
        mode = _or(self.metering_mode, before.mode)
        kept = before.expression
        if mode is MeteringMode.BYTES and before.mode is not mode and kept == DEFAULT_EXPRESSION:
            # Nobody chose that expression, and to keep it would count 1 for every response.
            kept = ""
        return Metering(
            mode=mode,
            expression=_or(self.metering_expr, kept),
            unit=_or(self.metering_unit, before.unit),
            protocol=_or(self.protocol, before.protocol),
        )


def blank_route(workspace: str, route_id: str, now_us: int) -> Route:
    """What a new route is before its maker's attributes are set: APIGate's defaults."""
    return Route(
        workspace=workspace,
        id=route_id,
        name="",
        path_pattern="",
        match_type=MatchType.PREFIX,
        methods=(),
        priority=0,
        enabled=True,
        metering=Metering(expression=DEFAULT_EXPRESSION),
        created_at_us=now_us,
        updated_at_us=now_us,
        version=0,
    )


def _or(given: _T | None, kept: _T) -> _T:
    return kept if given is None else given
