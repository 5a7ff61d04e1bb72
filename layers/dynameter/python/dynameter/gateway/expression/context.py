"""The variables an expression sees of an exchange, by how the response travels. Pure.

Names are APIGate's. Where its code leaves a variable out of streams that its documentation promises (``sseEvents``,
``path``, ``method``, ``requestBytes``), it is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dynameter.gateway.exchange import ABSENT
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.values import as_float


@dataclass(frozen=True, slots=True)
class Variable:
    """How a variable is read, and its kind."""

    read: Callable[[Frame], Any]
    kind: str


def _body(frame: Frame) -> Any:
    body = frame.exchange.response_body
    return None if body is ABSENT else as_float(body)


def _count_events(frame: Frame) -> int:
    counted = frame.exchange.sse_events
    return len(frame.events(frame.exchange.all_data)) if counted is None else counted


_ALWAYS: Final = {
    "status": Variable(lambda frame: frame.exchange.status, "int"),
    "requestBytes": Variable(lambda frame: frame.exchange.request_bytes, "int"),
    "responseBytes": Variable(lambda frame: frame.exchange.response_bytes, "int"),
    "path": Variable(lambda frame: frame.exchange.path, "string"),
    "method": Variable(lambda frame: frame.exchange.method, "string"),
    "userID": Variable(lambda frame: frame.exchange.user_id, "string"),
    "planID": Variable(lambda frame: frame.exchange.plan_id, "string"),
    "keyID": Variable(lambda frame: frame.exchange.key_id, "string"),
}
RESPONSE: Final[dict[str, Variable]] = {**_ALWAYS, "respBody": Variable(_body, "any")}
STREAM: Final[dict[str, Variable]] = {
    **_ALWAYS,
    "sseEvents": Variable(_count_events, "int"),
    "allData": Variable(lambda frame: frame.exchange.all_data, "bytes"),
    "lastChunk": Variable(lambda frame: frame.exchange.last_chunk, "bytes"),
}
BODY_VARIABLES: Final = frozenset(["respBody", "sseEvents", "allData", "lastChunk"])
"""Variables for which a response's body, or a stream's data, must be kept."""


def variables(*, streaming: bool) -> dict[str, Variable]:
    """The variables of a response's context, or of a stream's."""
    return STREAM if streaming else RESPONSE
