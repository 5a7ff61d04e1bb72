"""Tumbling windows of a minute, hour, day or month in any IANA time zone. Pure.

Windows of a size lie edge to edge and never overlap, whatever the zone's clocks do:
a DAY or MONTH begins at the first instant of its local date. Where the date before comes back after that, since the
clocks go back over midnight, it begins when that is over;
an HOUR is an hour of the local clock, cut where the clock is put forward or back inside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynameter.clock import HOUR_US, MICROSECONDS, MINUTE_US, from_datetime, render, to_datetime

MAX_ZONE_CHARACTERS = 64

_MICROSECOND = timedelta(microseconds=1)


class WindowSize(Enum):
    """The sizes that usage can be asked for."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, its end excluded."""

    start_us: int
    end_us: int


class UnknownZone(ValueError):
    """There is no time zone of that name."""


@lru_cache(maxsize=1_024)
def load_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ``UnknownZone`` for anything else."""
    if not 0 < len(name) <= MAX_ZONE_CHARACTERS:
        raise UnknownZone(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A name such as "Europe" is a directory, "../x" a forbidden path: neither is a zone.
        raise UnknownZone(name) from None


class Calendar:
    """The windows of one size in one zone."""

    def __init__(self, size: WindowSize, zone: ZoneInfo) -> None:
        self._zone = zone
        self._find = {
            WindowSize.MINUTE: _minute,
            WindowSize.HOUR: self._hour,
            WindowSize.DAY: self._day,
            WindowSize.MONTH: self._month,
        }[size]
        self._last = Window(0, 0)

    def containing(self, instant_us: int) -> Window:
        """The window that the instant lies in."""
        # Usage is read in the order of time, so the window is mostly the one before. Threads may share a calendar.
        window = self._last
        if not window.start_us <= instant_us < window.end_us:
            self._last = window = self._find(instant_us)
        return window

    def _hour(self, instant_us: int) -> Window:
        offset_us = _offset_us(self._zone, instant_us)
        start_us = instant_us - (instant_us + offset_us) % HOUR_US
        end_us = start_us + HOUR_US
        if _offset_us(self._zone, start_us) != offset_us:
            start_us = _clock_change(self._zone, start_us, instant_us)
        if _offset_us(self._zone, end_us - 1) != offset_us:
            end_us = _clock_change(self._zone, instant_us, end_us - 1)
        return Window(start_us, end_us)

    def _day(self, instant_us: int) -> Window:
        return self._between(instant_us, _local_date(self._zone, instant_us), _day_after)

    def _month(self, instant_us: int) -> Window:
        return self._between(instant_us, _local_date(self._zone, instant_us).replace(day=1), _month_after)

    def _between(self, instant_us: int, first: date, after: Callable[[date], date]) -> Window:
        start_us = _start_of(self._zone, first)
        if instant_us < start_us:
            # The clocks went back over midnight: this is the date's short first coming.
            return self._find(start_us - 1)
        return Window(start_us, _start_of(self._zone, after(first)))


def keeps_whole_hours(zone: ZoneInfo, instant_us: int) -> bool:
    """Whether the zone's clocks then differ from UTC by whole hours."""
    return _offset_us(zone, instant_us) % HOUR_US == 0


def render_in_zone(instant_us: int, zone: ZoneInfo) -> str:
    """RFC 3339 with the zone's offset, ``Z`` for an offset of zero (as Go prints it)."""
    offset_us = _offset_us(zone, instant_us)
    # RFC 3339 has no seconds in an offset; zones had some before 1972.
    if offset_us == 0 or offset_us % MINUTE_US:
        return render(instant_us)
    sign, minutes = ("-" if offset_us < 0 else "+"), abs(offset_us) // MINUTE_US
    return f"{render(instant_us + offset_us)[:-1]}{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _minute(instant_us: int) -> Window:
    start_us = instant_us - instant_us % MINUTE_US
    return Window(start_us, start_us + MINUTE_US)


def _offset_us(zone: ZoneInfo, instant_us: int) -> int:
    offset = to_datetime(instant_us).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // _MICROSECOND


def _local_date(zone: ZoneInfo, instant_us: int) -> date:
    return to_datetime(instant_us).astimezone(zone).date()


def _day_after(day: date) -> date:
    return day + timedelta(days=1)


def _month_after(day: date) -> date:
    return day.replace(year=day.year + 1, month=1) if day.month == 12 else day.replace(month=day.month + 1)


def _start_of(zone: ZoneInfo, day: date) -> int:
    """The instant at which the zone's clocks come to the date, for the last time if they come from the date before."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    early_us, late_us = from_datetime(midnight), from_datetime(midnight.replace(fold=1))
    if early_us > late_us:
        # The clocks skipped midnight (PEP 495: then the two readings come in reverse order).
        return _clock_change(zone, late_us, early_us)
    # Put back to midnight itself, as from 1:00 in Havana and the Azores, they show one date all the time.
    stays = _local_date(zone, late_us - 1) == day
    return early_us if stays else late_us


def _clock_change(zone: ZoneInfo, before_us: int, after_us: int) -> int:
    """The first instant with another offset than at ``before_us``, to the second; there is one up to ``after_us``."""
    offset_us = _offset_us(zone, before_us)
    low, high = before_us // MICROSECONDS, -(-after_us // MICROSECONDS)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_us(zone, middle * MICROSECONDS) == offset_us:
            low = middle
        else:
            high = middle
    return high * MICROSECONDS
