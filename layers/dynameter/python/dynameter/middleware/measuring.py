"""From what passed to the event that is sent. Pure, and whatever passed becomes an event."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

from dynameter import codec
from dynameter.clock import render
from dynameter.events.event import EventDraft
from dynameter.events.rules import MAX_SUBJECT_BYTES
from dynameter.gateway.exchange import ABSENT, Exchange, Measurement
from dynameter.gateway.expression import ExpressionError, compile_expression
from dynameter.gateway.expression.context import BODY_VARIABLES
from dynameter.gateway.measurement import measure, needs_body
from dynameter.gateway.route import Metering, MeteringMode, Route
from dynameter.gateway.usage import draft_exchange
from dynameter.middleware.capture import Capture

MAX_PATH_CHARACTERS = 2_048
MAX_METHOD_CHARACTERS = 64
"""What is kept of a path and of a method."""
UNKNOWN_ROUTES = "the routes were not known: counted 1"
NO_ROOM = "there was no room to keep the exchange until it was measured: counted 1"
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47, "zlib": 47}
_GZIP = b"\x1f\x8b"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\n")


class UnreadableBody(ValueError):
    """The body cannot be decoded; the text says why."""


def to_event(capture: Capture, *, source: str, body_bytes: int, known: bool = True, hurried: bool = False) -> bytes:
    """The CloudEvent of an exchange as JSON.

    ``known``: whether the routes are; if not it counts 1 and says so. So does it where it is ``hurried`` and measuring
    could take time.
    """
    exchange, note = to_exchange(capture, body_bytes)
    if not known:
        measurement = Measurement(Decimal(1), UNKNOWN_ROUTES)
    elif capture.route is None:
        measurement = Measurement(Decimal(1))
    elif hurried and capture.route.metering.expression and capture.route.metering.mode is not MeteringMode.REQUEST:
        measurement = Measurement(Decimal(1), NO_ROOM)
    else:
        measurement = _noted(measure(capture.route.metering, exchange), note)
    draft = draft_exchange(
        exchange,
        measurement,
        capture.route,
        id_=capture.id,
        time_us=capture.time_us,
        source=source,
        latency_ms=capture.latency_ms,
    )
    return codec.encode(_cloud_event(draft))


def to_exchange(capture: Capture, body_bytes: int) -> tuple[Exchange, str]:
    """What an expression sees, and what it does not see of the response, "" where it sees all."""
    exchange = Exchange(
        status=capture.status,
        method=_text(capture.method, MAX_METHOD_CHARACTERS),
        path=_text(capture.path, MAX_PATH_CHARACTERS),
        request_bytes=capture.request_bytes,
        response_bytes=capture.response_bytes,
        user_id=capture.caller.user_id,
        plan_id=_text(capture.caller.plan_id, MAX_SUBJECT_BYTES),
        key_id=_text(capture.caller.key_id, MAX_SUBJECT_BYTES),
    )
    route = capture.route
    if route is None or not needs_body(route.metering):
        return replace(exchange, streaming=_streams(route)), ""
    try:
        body = decompress(capture.body, capture.encoding, body_bytes, whole=not capture.lost)
    except UnreadableBody as error:
        return replace(exchange, streaming=_streams(route)), str(error)
    if _streams(route):
        data = _from_first_boundary(body) if capture.lost else body
        events = None if capture.head is None else capture.head.finish(body)
        stream = replace(exchange, streaming=True, all_data=data, last_chunk=capture.last_chunk, sse_events=events)
        return stream, "" if events is not None and counts_events(route.metering) else capture.lost
    if capture.lost:
        return exchange, capture.lost
    return replace(exchange, response_body=read_json(body)), ""


def decompress(body: bytes, encoding: str, most: int, *, whole: bool = True) -> bytes:
    """The body without its content encoding. Raises ``UnreadableBody``, also past ``most`` bytes."""
    if encoding in ("", "identity") or not body:
        return body
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        raise UnreadableBody(f"a body encoded as {encoding[:32]} is not read")
    if not whole:
        raise UnreadableBody("the beginning of an encoded body was not kept")
    found, rest = b"", body
    try:
        while rest and len(found) <= most:
            inflater = zlib.decompressobj(bits)
            found += inflater.decompress(rest, most + 1 - len(found))
            # gzip may be of several members, one after the other (RFC 1952, section 2.2); other rests are padding.
            rest = inflater.unused_data if inflater.unused_data.startswith(_GZIP) else b""
    except zlib.error:
        raise UnreadableBody(f"the body is not {encoding}, though its header says so") from None
    if len(found) > most:
        raise UnreadableBody(f"the decoded body has more than {most} bytes")
    return found


def counts_events(metering: Metering) -> bool:
    """Whether all that the expression asks of the stream is the number of its events."""
    if metering.mode is MeteringMode.RESPONSE_FIELD:
        return False
    try:
        names = compile_expression(metering.expression, streaming=metering.streaming).names
    except ExpressionError:
        return False
    return names.isdisjoint(BODY_VARIABLES - {"sseEvents"})


def read_json(body: bytes) -> Any:
    """The decoded JSON; ABSENT for what is none."""
    if not body:
        return ABSENT
    try:
        return codec.decode(body)
    except codec.MalformedJson:
        return ABSENT


def _text(text: str, most: int) -> str:
    """The text as JSON can carry it, without halves of surrogate pairs."""
    return text[:most].encode("utf-8", "replace").decode()


def _streams(route: Route | None) -> bool:
    return route is not None and route.metering.streaming


def _noted(measurement: Measurement, note: str) -> Measurement:
    """The measurement with what it could not see: a count of part of a stream must not look like one of all of it."""
    if not note:
        return measurement
    return replace(measurement, error=f"{measurement.error}; {note}" if measurement.error else note)


def _from_first_boundary(data: bytes) -> bytes:
    """What was kept begins in the middle of something, which is dropped."""
    found = _BLANK_LINE.search(data) or _LINE_END.search(data)
    return data[found.end() :] if found else data


def _cloud_event(draft: EventDraft) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": draft.id,
        "source": draft.source,
        "type": draft.type,
        "subject": draft.subject,
        "time": None if draft.time_us is None else render(draft.time_us),
        "data": draft.data,
    }
