"""Routes: which requests they match and how an exchange on them counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
