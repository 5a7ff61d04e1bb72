"""Times. The clock is what the caller of the evaluation says it is."""

from __future__ import annotations

from typing import Any, Final

from dynameter.gateway.expression.dates import (
    MAX_DATE_CHARACTERS,
    Instant,
    Span,
    Zone,
    instant_of,
    parse_instant,
    parse_span,
    zone_of,
)
from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions.function import Function, text
from dynameter.gateway.expression.values import within

_DATE_STEPS = 50  # layouts are turned into patterns and tried one after the other
_US_PER_S = 1_000_000


def _now_us(frame: Frame) -> int:
    if frame.now_us is None:
        raise Fault("the time is not known here")
    return within(frame.now_us)


def now(frame: Frame) -> int:
    return _now_us(frame) // _US_PER_S


def now_rfc3339(frame: Frame) -> str:
    return str(instant_of(now(frame) * _US_PER_S))


def duration(_: Frame, value: Any) -> Span:
    if len(text(value)) > MAX_DATE_CHARACTERS:
        raise Fault(f"a duration of more than {MAX_DATE_CHARACTERS} characters")
    return parse_span(text(value))


def zone(_: Frame, name: Any) -> Zone:
    return zone_of(text(name))


def date(frame: Frame, *arguments: Any) -> Instant:
    frame.spend_steps(_DATE_STEPS)
    where = None
    if isinstance(arguments[0], Zone):
        where, arguments = arguments[0], arguments[1:]
        if not arguments:
            raise Fault("date takes a text after the time zone")
    if len(arguments) == 3:
        where = zone(frame, arguments[2])
    return parse_instant(text(arguments[0]), text(arguments[1]) if len(arguments) > 1 else None, where)


FUNCTIONS: Final = {
    "now": Function(now, 0, 0, "int"),
    "nowRFC3339": Function(now_rfc3339, 0, 0, "string"),
    "duration": Function(duration, 1, 1),
    "timezone": Function(zone, 1, 1),
    "date": Function(date, 1, 3),
}
