"""Times and durations inside expressions: expr-lang's ``date``, ``duration`` and ``timezone``. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final

from dynameter.gateway.expression.errors import Fault
from dynameter.gateway.expression.limits import MAX_INTEGER
from dynameter.gateway.expression.values import ARITHMETIC, cut
from dynameter.usage.windows import UnknownZone, load_zone

MAX_DATE_CHARACTERS: Final = 100
"""Of a date's text and of a layout."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_US = 1_000
_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(ns|us|µs|μs|ms|s|m|h)")
# Go's layouts are written as the time Mon Jan 2 15:04:05 MST 2006; longer parts are tried first.
_LAYOUT = re.compile(
    r"2006|January|Jan|Monday|Mon|Z07:00|-07:00|-0700|MST|\.0{1,9}|\.9{1,9}|01|02|15|03|04|05|06|PM|_2|[^A-Za-z0-9_]"
)
_LAYOUT_PARTS = {
    "2006": r"(?P<Y>\d{4})",
    "06": r"(?P<y>\d{2})",
    "01": r"(?P<m>\d{2})",
    "Jan": r"(?P<b>[A-Za-z]{3})",
    "January": r"(?P<b>[A-Za-z]{3,9})",
    "02": r"(?P<d>\d{2})",
    "_2": r" ?(?P<d>\d{1,2})",
    "Mon": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "Monday": r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
    "15": r"(?P<H>\d{2})",
    "03": r"(?P<I>\d{2})",
    "PM": r"(?P<p>AM|PM)",
    "04": r"(?P<M>\d{2})",
    "05": r"(?P<S>\d{2})(?:\.(?P<f>\d{1,9}))?",
    "Z07:00": r"(?P<z>Z|[+-]\d{2}:\d{2})",
    "-07:00": r"(?P<z>[+-]\d{2}:\d{2})",
    "-0700": r"(?P<z>[+-]\d{4})",
    "MST": r"(?P<z>UTC|GMT)",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_COMMON_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A duration in nanoseconds."""

    ns: int
    kind: ClassVar[str] = "duration"

    def __post_init__(self) -> None:
        if abs(self.ns) > MAX_INTEGER:
            raise Fault("the duration is too long")

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Span):
            return Span(self.ns + other.ns)
        if isinstance(other, Instant):
            return other.later(self.ns)
        raise Fault("a duration adds to a time or a duration")

    def __sub__(self, other: Any) -> Span:
        if isinstance(other, Span):
            return Span(self.ns - other.ns)
        raise Fault("only a duration can be taken from a duration")

    def times(self, factor: int | Decimal) -> Span:
        """A multiple."""
        return Span(cut(ARITHMETIC.multiply(Decimal(self.ns), factor)))

    def __str__(self) -> str:
        return f"{self.ns}ns"


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone."""

    info: tzinfo
    kind: ClassVar[str] = "timezone"


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment, seen in a time zone; times compare by the moment alone."""

    at: datetime
    kind: ClassVar[str] = "time"

    def later(self, ns: int) -> Instant:
        """The moment so much later."""
        try:
            moved = self.at.astimezone(UTC) + timedelta(microseconds=ns // _NS_PER_US)
            return Instant(moved.astimezone(self.at.tzinfo))
        except (OverflowError, ValueError):
            raise Fault("the time is out of range") from None

    def __add__(self, other: Any) -> Instant:
        if isinstance(other, Span):
            return self.later(other.ns)
        raise Fault("only a duration adds to a time")

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Span):
            return self.later(-other.ns)
        if isinstance(other, Instant):
            return Span((self.at - other.at) // timedelta(microseconds=1) * _NS_PER_US)
        raise Fault("a time or a duration can be taken from a time")

    def __lt__(self, other: Instant) -> bool:
        return self.at < other.at

    def __le__(self, other: Instant) -> bool:
        return self.at <= other.at

    def __gt__(self, other: Instant) -> bool:
        return self.at > other.at

    def __ge__(self, other: Instant) -> bool:
        return self.at >= other.at

    def __str__(self) -> str:
        return self.at.isoformat().replace("+00:00", "Z")


def instant_of(us: int) -> Instant:
    """The moment so many microseconds after 1970."""
    return Instant(_EPOCH).later(us * _NS_PER_US)


def parse_span(text: str) -> Span:
    """Go's durations: ``1h30m``, ``-1.5s``, ``250ms``. Raises ``Fault``."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in "+-" else text
    if rest == "0":
        return Span(0)
    total, end = Decimal(0), 0
    while end < len(rest) and (found := _DURATION.match(rest, end)):
        total = ARITHMETIC.fma(Decimal(found.group(1)), _UNITS_NS[found.group(2)], total)
        end = found.end()
        if total > MAX_INTEGER:
            raise Fault("the duration is too long")
    if not rest or end < len(rest):
        raise Fault("the text is no duration")
    return Span(sign * int(total))


def zone_of(name: str) -> Zone:
    """An IANA time zone. Raises ``Fault``."""
    try:
        return Zone(load_zone(name))
    except UnknownZone:
        raise Fault("unknown time zone") from None


def parse_instant(text: str, layout: str | None, zone: Zone | None) -> Instant:
    """A date in a layout of Go's, or in one of the common ones; ``zone`` where the text has none (UTC)."""
    if len(text) > MAX_DATE_CHARACTERS or (layout is not None and len(layout) > MAX_DATE_CHARACTERS):
        raise Fault(f"a date or layout of more than {MAX_DATE_CHARACTERS} characters")
    for wanted in _COMMON_LAYOUTS if layout is None else (layout,):
        if found := _layout_pattern(wanted).fullmatch(text):
            try:
                return Instant(_moment(found.groupdict(), UTC if zone is None else zone.info))
            except (ValueError, OverflowError):
                break
    raise Fault("the text is no date in that layout" if layout is not None else "the text is no date")


def _layout_pattern(layout: str) -> re.Pattern[str]:
    parts, end = [], 0
    while end < len(layout):
        found = _LAYOUT.match(layout, end)
        text = found.group() if found else layout[end]
        end += len(text)
        if text[0] == "." and len(text) > 1:
            continue  # a fraction of the seconds is read where there is one
        parts.append(_LAYOUT_PARTS.get(text) or re.escape(text))
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error:
        raise Fault("the layout names a part twice") from None


def _moment(parts: dict[str, str | None], zone: tzinfo) -> datetime:
    def number(name: str, default: int) -> int:
        found = parts.get(name)
        return default if found is None else int(found)

    short_year = number("y", -1)
    year = number("Y", 1 if short_year < 0 else short_year + (1900 if short_year >= 69 else 2000))
    month = number("m", 1)
    if name := parts.get("b"):
        month = _MONTHS.index(name[:3].lower()) + 1
    hour = number("H", number("I", 0) % 12 + (12 if parts.get("p") == "PM" else 0))
    fraction_us = int((parts.get("f") or "0").ljust(6, "0")[:6])
    offset = parts.get("z")
    return datetime(
        year,
        month,
        number("d", 1),
        hour,
        number("M", 0),
        number("S", 0),
        fraction_us,
        tzinfo=zone if offset is None else _offset(offset),
    )


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _per(unit_ns: int) -> Callable[[Span], Decimal]:
    return lambda span: ARITHMETIC.divide(Decimal(span.ns), unit_ns)


def _whole(ns: int, unit_ns: int) -> int:
    whole = abs(ns) // unit_ns
    return -whole if ns < 0 else whole


INSTANT_METHODS: Final[dict[str, Callable[[Instant], Any]]] = {
    "Unix": lambda time: (time.at - _EPOCH) // timedelta(seconds=1),
    "UnixMilli": lambda time: (time.at - _EPOCH) // timedelta(milliseconds=1),
    "Year": lambda time: time.at.year,
    "Month": lambda time: time.at.month,
    "Day": lambda time: time.at.day,
    "Hour": lambda time: time.at.hour,
    "Minute": lambda time: time.at.minute,
    "Second": lambda time: time.at.second,
    "Weekday": lambda time: time.at.isoweekday() % 7,
    "YearDay": lambda time: time.at.timetuple().tm_yday,
}
SPAN_METHODS: Final[dict[str, Callable[[Span], Any]]] = {
    "Hours": _per(_UNITS_NS["h"]),
    "Minutes": _per(_UNITS_NS["m"]),
    "Seconds": _per(_UNITS_NS["s"]),
    "Milliseconds": lambda span: _whole(span.ns, _UNITS_NS["ms"]),
    "Microseconds": lambda span: _whole(span.ns, _UNITS_NS["us"]),
    "Nanoseconds": lambda span: span.ns,
}
METHODS: Final = frozenset([*INSTANT_METHODS, *SPAN_METHODS])


def call_method(target: Any, name: str) -> Any:
    """What a time or a duration answers; raises ``Fault`` for everything else."""
    if isinstance(target, Instant) and name in INSTANT_METHODS:
        return INSTANT_METHODS[name](target)
    if isinstance(target, Span) and name in SPAN_METHODS:
        return SPAN_METHODS[name](target)
    raise Fault(f"no {name}() here")
